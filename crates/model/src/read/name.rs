//! Names: what they may be, and which one was meant.

use super::Reader;
use crate::Span;
use crate::likeness::meant_by;
use crate::yaml::Key;

/// What a name is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOf {
    Collection,
    Field,
}

/// Columns that every row has in SQLite or PostgreSQL, under names that a field cannot take.
const SYSTEM_COLUMNS: &[&str] = &["rowid", "oid", "_rowid_", "tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"];
/// Parameters of the API, which a filter of the same name would be taken for.
const PARAMETERS: &[&str] = &["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"];
/// Bytes of a name, as PostgreSQL has it.
const LENGTH_MAX: usize = 63;

/// Whether this is a name: `[A-Za-z_][A-Za-z0-9_]{0,62}`.
pub(super) fn well_formed(name: &str) -> bool {
    name.len() <= LENGTH_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Reader<'_> {
    /// Checks the form of a name, wherever it stands.
    pub(super) fn name_form(&mut self, name: &str, span: Span) -> bool {
        let good = well_formed(name);
        if !good {
            let help = format!(
                "a name has letters, digits and `_`, begins with no digit, and at most {LENGTH_MAX} characters"
            );
            self.error_help(span, format!("`{}` is no name", shorten(name)), help);
        }
        good
    }

    /// Checks the name of a new collection or field.
    pub(super) fn new_name(&mut self, key: &Key, of: NameOf) {
        let (name, span) = (key.text.as_str(), key.span);
        if !self.name_form(name, span) || self.is_system() {
            return;
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("_pintle") {
            self.error_help(span, format!("`{name}` is reserved"), "names that begin with `_pintle` are Pintle's own");
        } else if of == NameOf::Collection && (lower == "rpc" || lower.starts_with("sqlite_")) {
            let help = if lower == "rpc" {
                "`/rest/v1/rpc` is the place of functions"
            } else {
                "SQLite keeps `sqlite_` for itself"
            };
            self.error_help(span, format!("`{name}` is reserved"), help);
        } else if of == NameOf::Field && SYSTEM_COLUMNS.contains(&lower.as_str()) {
            self.error_help(
                span,
                format!("`{name}` is reserved"),
                "databases have a column of this name in every table",
            );
        } else if of == NameOf::Field && PARAMETERS.contains(&name) {
            let message = format!("a filter on `{name}` cannot be written: it is a parameter of the API");
            self.warning(span, message, "another name would be easier for callers");
        }
    }

    /// Reports the second of two names that a database would not tell apart.
    pub(super) fn clash(&mut self, name: &str, span: Span, earlier: &str, what: &str) {
        let (message, help) = if name == earlier {
            (format!("there is a {what} `{name}` already"), "each needs a name of its own".to_owned())
        } else {
            let help = "databases do not tell upper and lower case apart in names".to_owned();
            (format!("`{name}` and `{earlier}` are the same name"), help)
        };
        self.error_help(span, message, help);
    }
}

/// The known word that was probably meant: one that is nearly the same, or what others call it.
pub(super) fn suggest<'k>(word: &str, known: &[&'k str], aliases: &[(&str, &'k str)]) -> Option<&'k str> {
    let same = known.iter().map(|name| (*name, *name));
    let others = aliases.iter().filter(|(_, to)| known.contains(to)).copied();
    meant_by(word, same.chain(others))
}

/// Words in a row: `a`, `b` and `c`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A word for a message, cut if it is long.
pub(super) fn shorten(word: &str) -> String {
    const MAX: usize = 80;
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    match word.char_indices().nth(MAX) {
        Some((end, _)) => word[..end].chars().map(plain).chain(['…']).collect(),
        None => word.chars().map(plain).collect(),
    }
}
