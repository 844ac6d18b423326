//! The HTTP server of an app: authenticate, route, call, answer. The only place that knows status codes.
//!
//! 1. [`run()`] is the life of the process: it takes connections from a listener until it is told to stop, and then ends
//!    what it has begun. The [`Server`] may be given a newer app meanwhile.
//! 2. `handle` is the life of a request: its id, who asks (`auth`), where to (`routes`), the answer, and what is counted
//!    and logged of it.
//! 3. A route is one file or folder: `rest` and `mount` for collections, `pipeline` for records at volume, `route` for those of the app's own (`script` where a
//!    script answers), `health`, `metrics`, `docs`, `pages`.
//! 4. A [`gateway`] passes requests on to servers of one service each; both take their connections by `connections`.
//! 5. What goes wrong is a `failure`; `status` says which status and code each has.

mod answer;
mod app;
mod auth;
mod body;
mod compress;
mod connections;
mod cors;
mod dev;
mod docs;
mod environment;
mod etag;
mod exposure;
mod failure;
pub mod gateway;
pub mod grpc;
mod handle;
mod health;
mod idempotency;
mod ids;
pub mod metrics;
mod mount;
pub mod openapi;
mod pages;
mod passed;
mod patience;
mod percent;
mod pipeline;
mod rest;
mod route;
mod routes;
mod run;
mod script;
mod state;
mod status;
mod table;
mod tls;

pub use app::{App, Error, Scripts, Settings};
pub use environment::Environment;
pub use exposure::{Exposes, Exposure};
pub use run::{Prepared, Server, run};
pub use table::Table;
