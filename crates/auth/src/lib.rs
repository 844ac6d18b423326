//! Proofs of identity: what a token is, how it is stored, and whom it stands for.
//!
//! Pure: randomness and time are arguments; where tokens are kept and which header carries them is the server's business.

mod gateway;
mod named;

pub use gateway::{AGE_SECONDS_MAX, GatewayKey, Passed, SECRET_CHARS_MIN};
pub use named::named_tokens;

use std::collections::BTreeMap;

use pintle_model::{Caller, Role};
use sha2::{Digest, Sha256};

/// How many random bytes a token has.
pub const RANDOM_BYTES: usize = 32;

/// What every token begins with, so that people and secret scanners know one when they see it.
pub const PREFIX: &str = "pintle_";

/// What is stored of a token.
pub type Hash = [u8; 32];

/// Makes a token's text of randomness: the prefix and 64 hex digits.
#[must_use]
pub fn token(random: [u8; RANDOM_BYTES]) -> String {
    let mut text = String::with_capacity(PREFIX.len() + 2 * RANDOM_BYTES);
    text.push_str(PREFIX);
    push_hex(&mut text, &random);
    text
}

/// What is stored of a token: its SHA-256. A token has 256 random bits, so a slow hash would add nothing; and since rows
/// are found by the hash, how long that takes tells nothing of the token.
#[must_use]
pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// A hash as stores and URLs write bytes: `\x` and hex digits.
#[must_use]
pub fn hash_text(hash: &Hash) -> String {
    let mut text = String::with_capacity(2 + 2 * hash.len());
    text.push_str("\\x");
    push_hex(&mut text, hash);
    text
}

/// Whether two texts are equal, in a time that depends on their lengths alone.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| std::hint::black_box(differs | (a ^ b))) == 0
}

/// What a token grants, as its row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What its bearer may be.
    pub role: Role,
    /// What policies see as `auth.uid()`.
    pub user: Option<String>,
}

impl From<Grant> for Caller {
    fn from(grant: Grant) -> Caller {
        Caller { role: grant.role, user: grant.user, claims: BTreeMap::new() }
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_prefix_and_its_randomness_in_hex() {
        let mut random = [0xab; RANDOM_BYTES];
        random[0] = 0x01;
        let text = token(random);
        assert_eq!(text.len(), 71);
        assert!(text.starts_with("pintle_01abab"), "{text}");
    }

    #[test]
    fn the_hash_is_sha_256() {
        let known = "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_text(&hash("abc")), known);
    }

    #[test]
    fn texts_are_the_same_when_every_byte_is() {
        assert!(same("pintle_ab", "pintle_ab"));
        assert!(!same("pintle_ab", "pintle_aB"));
        assert!(!same("pintle_ab", "pintle_a"));
        assert!(same("", ""));
    }

    #[test]
    fn a_grant_makes_a_caller_without_claims() {
        let caller = Caller::from(Grant { role: Role::Authenticated, user: Some("ann".to_owned()) });
        assert_eq!(caller.role, Role::Authenticated);
        assert_eq!(caller.user.as_deref(), Some("ann"));
        assert!(caller.claims.is_empty());
    }
}
