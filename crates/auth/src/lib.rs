//! Proofs of identity: what a token is, how it is stored, and whom it stands for.
//!
//! Pure: randomness and time are arguments; where tokens are kept and which header carries them is the server's business.
