//! The HTTP server of an app: authenticate, route, call, answer. The only place that knows status codes.

pub mod openapi;
