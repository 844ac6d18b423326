//! The faults of a body, in the words of the place that answers them.

use pintle_model::{Collection, Field};

use crate::fault::{NAMED_MAX, shortened};
use crate::rest::{nearest, unknown_column};
use crate::{Details, Fault, FaultKind};

/// Faults that one answer holds.
const FAULTS_MAX: usize = 100;
/// Faults that one json may bring, so that the others are seen too.
const SCHEMA_FAULTS_MAX: usize = 20;

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// PostgREST's and PostgreSQL's, as clients of `/rest/v1` know them.
    Postgrest,
    /// Plain ones, of a `body` or a `record`.
    Plain(&'static str),
}

impl Words {
    pub(super) fn readonly(self, field: &Field) -> String {
        match self {
            Words::Postgrest => format!("cannot insert a non-DEFAULT value into column \"{}\"", field.name),
            Words::Plain(_) => format!("`{}` is readonly: leave it out", field.name),
        }
    }

    pub(super) fn null(self, collection: &Collection, field: &Field, given: bool) -> String {
        let name = &field.name;
        match (self, given) {
            (Words::Postgrest, _) => {
                format!(
                    "null value in column \"{name}\" of relation \"{}\" violates not-null constraint",
                    collection.name
                )
            }
            (Words::Plain(_), true) => format!("`{name}` must not be null"),
            (Words::Plain(_), false) => format!("`{name}` is required"),
        }
    }

    pub(super) fn check(self, field: &Field, complaint: &str) -> String {
        format!("`{}` {complaint}", field.name)
    }

    pub(super) fn schema(self, field: &Field, inside: &str, error: &str) -> String {
        format!("`{}` does not satisfy its schema: {}{}", field.name, shortened(error, 2 * NAMED_MAX), at(inside))
    }

    pub(super) fn no_tree(self, field: &Field) -> String {
        let name = &field.name;
        format!("`{name}` is nested too deeply for its schema, or has a key that begins with `$serde_json::private::`")
    }

    pub(super) fn unknown(self, collection: &Collection, name: &str) -> (String, Option<String>) {
        match self {
            Words::Postgrest => {
                let fault = unknown_column(collection, name);
                (fault.message, fault.hint)
            }
            Words::Plain(_) => {
                let hint = nearest(collection, name).map(|near| format!("did you mean `{near}`?"));
                (format!("`{name}` is no field of `{}`", collection.name), hint)
            }
        }
    }

    /// That the body is no JSON. `place` ends with the line and the column.
    pub(super) fn no_json(self, place: &str) -> Fault {
        match self {
            Words::Postgrest => Fault::new(FaultKind::Body, "Empty or invalid json").details(place),
            Words::Plain(what) => Fault::new(FaultKind::Body, format!("the {what} is no JSON: {}", within(place))),
        }
    }

    /// That the body is JSON, but no record.
    pub(super) fn no_object(self, many: bool, place: &str) -> Fault {
        match self {
            Words::Postgrest if many => Fault::new(FaultKind::Body, "All object keys must match").details(place),
            Words::Postgrest => {
                Fault::new(FaultKind::Body, format!("the body must be an object or an array of objects: {place}"))
            }
            Words::Plain(what) => {
                Fault::new(FaultKind::Body, format!("the {what} must be an object: {}", within(place)))
            }
        }
    }
}

/// A place without the line where there is one line: that of a stream or a file is told elsewhere.
fn within(place: &str) -> String {
    place.replace(" at line 1 column ", " at column ")
}

fn at(inside: &str) -> String {
    if inside.is_empty() { String::new() } else { format!(" at {}", shortened(inside, NAMED_MAX)) }
}

/// Where in a body: the record's number, if there are several, and the field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'a> {
    pub(super) row: Option<usize>,
    pub(super) field: &'a str,
}

impl Path<'_> {
    fn text(self, inside: &str) -> String {
        let inside = shortened(inside, NAMED_MAX);
        match self.row {
            Some(row) => format!("{row}/{}{inside}", self.field),
            None => format!("{}{inside}", self.field),
        }
    }
}

/// The faults seen so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<(String, String)>,
    kind: Option<FaultKind>,
    hint: Option<String>,
    more: usize,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn add(&mut self, path: &Path<'_>, kind: FaultKind, message: String) {
        self.add_hinted(path, kind, message, None);
    }

    pub(super) fn add_hinted(&mut self, path: &Path<'_>, kind: FaultKind, message: String, hint: Option<String>) {
        self.push(kind, path.text(""), message, hint);
    }

    /// Adds a fault inside a json; false when there are enough of them.
    pub(super) fn add_inside(&mut self, path: &Path<'_>, inside: &str, message: String) -> bool {
        self.push(FaultKind::Check, path.text(inside), message, None);
        let field = path.text("");
        self.list.iter().filter(|(path, _)| path.starts_with(&field)).count() < SCHEMA_FAULTS_MAX
    }

    fn push(&mut self, kind: FaultKind, path: String, message: String, hint: Option<String>) {
        if self.kind.is_none() {
            self.kind = Some(kind);
            self.hint = hint;
        }
        if self.list.len() < FAULTS_MAX {
            self.list.push((path, message));
        } else {
            self.more += 1;
        }
    }

    /// All of them as one: its kind and its message are the first's.
    pub(super) fn into_fault(mut self) -> Option<Fault> {
        let kind = self.kind?;
        let mut message = self.list.first()?.1.clone();
        match self.list.len() + self.more {
            1 => {}
            2 => message.push_str(" (and one more fault: see details)"),
            n => message.push_str(&format!(" (and {} more faults: see details)", n - 1)),
        }
        if self.more > 0 {
            self.list.push((String::new(), format!("{} more faults are not listed", self.more)));
        }
        Some(Fault { kind, message, details: Details::List(self.list), hint: self.hint })
    }
}
