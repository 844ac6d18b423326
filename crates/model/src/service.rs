//! Services: named parts of an app, each of which can be served on its own.

use crate::{CollectionId, PipelineId, RouteId, Span};

/// A service's place in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub usize);

/// A part of an app: what it exposes. Its SQL, scripts and policies reach all collections, as everywhere in the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, a DNS label: `[a-z]([-a-z0-9]{0,38}[a-z0-9])?`.
    pub name: String,
    /// The port that it is served at; `None` is the app's own address.
    pub port: Option<u16>,
    /// The collections that answer there, under `/rest/v1` and at their mounts, in the model's order. Pintle's own are in none.
    pub collections: Vec<CollectionId>,
    /// The routes that answer there, in the model's order: those of a path with all its methods.
    pub routes: Vec<RouteId>,
    /// The pipelines that take records there, in the model's order.
    pub pipelines: Vec<PipelineId>,
    /// Whether the app's pages are served there.
    pub pages: bool,
    /// Where its name stands in the manifest.
    pub span: Span,
}
