//! Scripts: JavaScript (ES modules) of an app, called one request at a time, with bounds.
//!
//! 1. [`Engine::compile`] reads a script and what it imports, and says every mistake in it. That is done when an app is loaded.
//! 2. [`Engine::call`] runs its default export for one [`Request`] and gives the [`Response`]. It blocks, from whatever thread,
//!    and nothing that a call leaves behind is visible to another. A call that waits for others, long perhaps, stops there
//!    ([`Engine::begin`]) and goes on later ([`Engine::go_on`]), and holds no thread meanwhile.
//! 3. What a script may reach outside itself is a [`Host`]: the app's data, the network, the log. This crate knows neither.
//!
//! The top level of a script runs once, when it is compiled; each call begins with a copy of what that left.

mod call;
mod engine;
mod failure;
mod host;
pub mod image;
mod imports;
mod instance;
mod library;
mod memory;
mod native;
mod pool;
mod random;
mod request;
mod state;

pub use engine::{Engine, Program, Settings, Step, Waiting};
pub use failure::{Failure, Mistake, Place};
pub use host::{Brought, DbAnswer, DbRequest, Ended, FetchAnswer, FetchRequest, Fetched, Host, Level};
pub use request::{Body, Caller, Request, Response};

/// TypeScript declarations of all that a script sees. They are global; an app's own collections come beside them, as more
/// members of the interface `Collections`: `{ NAME: { Row: …; Insert: …; Update: … } }`.
pub const DECLARATIONS: &str = include_str!("library/pintle.d.ts");
