//! Records in at volume: the queue, batches, dead letters.
//!
//! 1. A [`Door`] is one pipeline of an app. It reads what comes into records ([`Door::read`]), cut out of a stream by [`lines`].
//! 2. [`Door::take`] takes records, and answers when they are durable. On the embedded queue that is the store's own group commit
//!    ([`mod@storing`]): what is answered is stored. On the queue NATS JetStream ([`mod@jetstream`]) it is in a stream, and a worker
//!    stores it the same way.
//! 3. What was taken and cannot be stored (a reference to nothing, a taken unique value, a policy) is kept with its reason, before
//!    it is answered ([`mod@dead`]), until somebody tries again ([`mod@replay`]).
//! 4. More records than the pipeline may have on their way are refused, before anything of them is stored.
//!
//! This crate knows neither HTTP, nor who posts, nor SQL.

mod dead;
mod door;
pub mod jetstream;
mod letter;
pub mod lines;
mod metrics;
mod replay;
mod storing;

pub use dead::DeadLetters;
pub use door::{Answered, Door, Error, Taken};
pub use jetstream::JetStream;
pub use letter::{Letter, Sender};
pub use replay::Replayed;
