//! Objects as YAML.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::plan::Plan;
use crate::{Error, MARK, Manifest};

/// A file with several objects, made one after the other.
pub(crate) struct Writer {
    path: String,
    text: String,
}

impl Writer {
    /// A file that begins with a comment: what it is for, in lines.
    pub(crate) fn new(path: impl Into<String>, comment: &str) -> Writer {
        let mut text = format!("# {MARK}: change the app or the flags, and make it anew.\n");
        for line in comment.lines() {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        Writer { path: path.into(), text }
    }

    /// Adds an object.
    pub(crate) fn add(&mut self, object: &impl Serialize) -> Result<(), Error> {
        self.explained("", object)
    }

    /// Adds an object, with a comment above it.
    pub(crate) fn explained(&mut self, comment: &str, object: &impl Serialize) -> Result<(), Error> {
        // Long lines stay as they are.
        let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX / 2 };
        self.text.push_str("---\n");
        for line in comment.lines() {
            self.text.push_str(&format!("# {line}\n"));
        }
        self.text.push_str(&serde_saphyr::to_string_with_options(object, options)?);
        Ok(())
    }

    pub(crate) fn done(self) -> Manifest {
        Manifest { path: self.path, text: self.text }
    }
}

/// The namespace, where one is named.
pub(crate) fn namespace(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    let Some(name) = &plan.options.namespace else { return Ok(None) };
    let mut labels = plan.labels(None);
    labels.insert("pod-security.kubernetes.io/enforce".to_owned(), "restricted".to_owned());
    let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() };
    let mut file = Writer::new(
        "00-namespace.yaml",
        "The namespace of all that follows. It takes only pods that give up their rights.",
    );
    file.add(&Namespace { metadata, ..Namespace::default() })?;
    Ok(Some(file.done()))
}
