//! The manifest of an app, read once and checked into a typed [`Model`].
//!
//! 1. [`load`] takes the text of `pintle.yaml` and returns a model *and* every mistake in it ([`Diagnostic`]).
//! 2. The model is plain data: collections, fields, keys, indexes, the texts of policies, mounts, limits.
//! 3. The [`catalogue`](value) of types says how each type is read from text and from JSON and how it is printed;
//!    it is the same on every store.
//!
//! This crate knows no database, no HTTP, no clock and no environment.

pub mod caller;
pub mod collection;
mod constraint;
pub mod diagnostic;
mod json_schema;
pub mod likeness;
pub mod pipeline;
mod protocol;
mod proximity;
mod read;
pub mod route;
pub mod schema;
pub mod service;
pub mod settings;
pub mod value;
mod yaml;

pub use caller::{Caller, Role};
pub use collection::{
    COUNTED_KEY_MAX, Collection, CollectionId, DefaultValue, Field, Index, IndexPart, Key, KeyOrigin, Mount, OnDelete,
    Pattern, Policies, Policy, Position, PositionOf, Ref, Space, UpdatePolicy,
};
pub use diagnostic::{Diagnostic, Severity, SourceFile, Span};
pub use pipeline::{Pipeline, PipelineId};
pub use protocol::{field_number, json_name};
pub use proximity::{Apart, Embedded, Metres, ProximityAnswer, ProximityShape};
pub use route::{
    Credentials, FetchTarget, Pages, ParamPlace, ResultShape, Route, RouteAccess, RouteAnswer, RouteId, RouteParam,
    ScriptFile, ScriptLimits, Scripts, SqlAnswer, SqlText,
};
pub use schema::Schema;
pub use service::{Service, ServiceId};
pub use settings::{Cors, Durability, Limits};
pub use value::{Point, Type, Value, ValueError, ValueErrorKind};

use std::sync::Arc;

/// An app, as its manifest describes it: checked, typed, immutable.
#[derive(Debug, Clone)]
pub struct Model {
    /// The app's name.
    pub name: String,
    /// What the app is for; the documentation's first paragraph.
    pub description: Option<String>,
    /// The version of the app that its documentation shows.
    pub version: String,
    /// The app's collections in the manifest's order, then Pintle's own (`system`).
    pub collections: Vec<Collection>,
    /// Endpoints of the app's own, in the manifest's order.
    pub routes: Vec<Route>,
    /// Durable ways in for many records, in the manifest's order.
    pub pipelines: Vec<Pipeline>,
    /// The app's services, in the manifest's order. Never empty: where the manifest names none, one with all of the app.
    pub services: Vec<Service>,
    /// Whether the manifest names them.
    pub services_named: bool,
    /// What scripts may do beyond the app's data.
    pub scripts: Scripts,
    /// The folder of pages: as the manifest says, or as usual; `None` where it says `none`.
    pub pages: Option<Pages>,
    /// The script that makes the app's sample data.
    pub seed: Option<ScriptFile>,
    /// Credentials beside Pintle's own tokens.
    pub credentials: Credentials,
    /// Which web pages of other origins may call.
    pub cors: Cors,
    /// What a request may ask for at the most.
    pub limits: Limits,
    /// When a write is answered.
    pub durability: Durability,
    /// The manifest that this was read from; spans point into it.
    pub source: Arc<SourceFile>,
}

impl Model {
    /// The collection of this id. Ids are made by this model, so they always exist.
    #[must_use]
    pub fn collection(&self, id: CollectionId) -> &Collection {
        &self.collections[id.0]
    }

    /// The pipeline of this id. Ids are made by this model, so they always exist.
    #[must_use]
    pub fn pipeline(&self, id: PipelineId) -> &Pipeline {
        &self.pipelines[id.0]
    }

    /// The service of this id. Ids are made by this model, so they always exist.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.services[id.0]
    }

    /// Finds a service by its name.
    #[must_use]
    pub fn find_service(&self, name: &str) -> Option<(ServiceId, &Service)> {
        let at = self.services.iter().position(|service| service.name == name)?;
        Some((ServiceId(at), &self.services[at]))
    }

    /// Finds a collection by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(CollectionId, &Collection)> {
        let at = self.collections.iter().position(|c| c.name == name)?;
        Some((CollectionId(at), &self.collections[at]))
    }
}

/// Reads a manifest. Every mistake is in the list, in the text's order. `None` when there is nothing to go on with.
/// With an error in the list, a model is only good for further checks and must not be served.
///
/// Pintle's own collections (`_pintle_tokens` and the like) are appended to those of the manifest.
///
/// `path` is how the user would name the manifest. `file` reads a file that the manifest names; its path is relative to
/// the app's folder and never leaves it, and its error is a reason that completes "cannot read FILE: …".
#[must_use]
pub fn load(path: &str, text: &str, file: &dyn Fn(&str) -> Result<String, String>) -> (Option<Model>, Vec<Diagnostic>) {
    let (mut model, diagnostics) = read::read(path, text, file, read::Origin::App);
    if let Some(model) = &mut model {
        model.collections.extend(read::system_collections());
    }
    (model, diagnostics)
}

/// The JSON Schema of the manifest, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    json_schema::manifest()
}
