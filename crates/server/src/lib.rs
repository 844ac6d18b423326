//! The HTTP server of an app: the only place that knows status codes.
//!
//! The life of a request:
//!
//! 1. [`life`] accepts connections, up to a bound, and ends them in order when told to.
//! 2. `edge` gives the request its id, refuses what is too long or foreign, says who asks (`authenticate`), and afterwards
//!    counts and logs it.
//! 3. `router` says which endpoint is meant.
//! 4. The endpoint's file under `endpoints` reads what it needs, has `pintle-query` plan it and the store run it.
//! 5. `status` maps what went wrong to a status, `answer` writes it.

mod answer;
mod authenticate;
mod body;
mod cors;
mod dev;
mod edge;
mod endpoints;
mod etag;
mod life;
mod metrics;
pub mod openapi;
mod prefer;
mod router;
mod state;
mod status;

pub use life::{Error, run};
pub use state::{App, Settings};
