//! What a protocol consists of, as plain data: written as text by `text`, and as bytes for reflection by `descriptor`.

/// A `.proto` file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) package: String,
    /// What it is for.
    pub(super) about: String,
    pub(super) imports: Vec<&'static str>,
    pub(super) services: Vec<Service>,
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Messages, with their packages.
    pub(super) takes: String,
    pub(super) answers: String,
    /// Whether many are taken, and whether many are answered.
    pub(super) streams: (bool, bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) label: Label,
    pub(super) about: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// What is not there is empty.
    Plain,
    /// What is not there is not there.
    Optional,
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Int32,
    Int64,
    Uint64,
    Bool,
    Text,
    Bytes,
    /// With its package.
    Message(String),
    /// With its package.
    Enum(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Enum {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Names, by their numbers, and what they mean.
    pub(super) values: Vec<(&'static str, &'static str)>,
}

impl Field {
    pub(super) fn new(name: impl Into<String>, number: u32, kind: Kind, about: impl Into<String>) -> Field {
        Field { name: name.into(), number, kind, label: Label::Plain, about: about.into() }
    }

    pub(super) fn label(self, label: Label) -> Field {
        Field { label, ..self }
    }
}

impl File {
    /// The full name of what is defined in it.
    pub(super) fn full(&self, name: &str) -> String {
        format!("{}.{name}", self.package)
    }

    /// How something is called within it.
    pub(super) fn short<'n>(&self, full: &'n str) -> &'n str {
        full.strip_prefix(self.package.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(full)
    }

    /// Whether it defines what has this full name: a service or a method, a message or a field, an enum or a value.
    pub(super) fn defines(&self, symbol: &str) -> bool {
        let name = self.short(symbol);
        if name.len() == symbol.len() {
            return false;
        }
        let (whole, part) = name.split_once('.').map_or((name, None), |(whole, part)| (whole, Some(part)));
        let has = |found: bool| part.is_none() || found;
        self.services.iter().any(|s| s.name == whole && has(s.methods.iter().any(|m| Some(m.name) == part)))
            || self
                .messages
                .iter()
                .any(|m| m.name == whole && has(m.fields.iter().any(|f| Some(f.name.as_str()) == part)))
            || self.enums.iter().any(|e| e.name == whole && part.is_none())
            || part.is_none() && self.enums.iter().any(|e| e.values.iter().any(|(value, _)| *value == whole))
    }
}
