//! JSON Schemas: what the form of a JSON value is.

mod plain;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use plain::Plain;

/// A JSON Schema with its compiled form.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The schema, for the documentation.
    pub source: Arc<serde_json::Value>,
    /// Compiled.
    pub validator: Arc<jsonschema::Validator>,
    /// What it says, where that is plain.
    plain: Option<Arc<Plain>>,
}

impl Schema {
    /// A schema of its text and its compiled form.
    #[must_use]
    pub fn new(source: serde_json::Value, validator: jsonschema::Validator) -> Schema {
        let plain = Plain::of(&source).map(Arc::new);
        Schema { source: Arc::new(source), validator: Arc::new(validator), plain }
    }

    /// Whether a text is surely JSON of at most so many levels that satisfies the schema, and holds nothing that is read in several ways:
    /// no numbers beyond what all readers hold, no keys with escapes or with `$` before them. A key may come twice, and then each of its values
    /// satisfies the schema. One pass over the text tells, without values made of it. `false` says nothing: the validator knows, and has the reasons.
    #[must_use]
    pub fn surely_takes(&self, json: &str, levels: u32) -> bool {
        self.plain.as_ref().is_some_and(|plain| plain.takes(json, levels))
    }
}
