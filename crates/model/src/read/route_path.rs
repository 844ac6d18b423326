//! The path of a route: its parts, and what else answers at the same place.

use super::Reader;
use super::keys::RESERVED;
use super::name::{list, shorten, well_formed};
use crate::yaml::Key;
use crate::{Collection, Span};

/// A path and its parts, in order.
#[derive(Debug, Clone)]
pub(super) struct Template<'t> {
    pub(super) text: &'t str,
    parts: Vec<Part<'t>>,
}

/// What stands between two slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'t> {
    Literal(&'t str),
    /// Its name.
    Param(&'t str),
}

/// Two parts of one list, or of two paths, that a request could not tell apart.
fn meet(a: &[Part<'_>], b: &[Part<'_>]) -> bool {
    let like = |(a, b): (&Part<'_>, &Part<'_>)| match (a, b) {
        (Part::Literal(a), Part::Literal(b)) => a == b,
        _ => true,
    };
    a.len() == b.len() && a.iter().zip(b).all(like)
}

impl<'t> Template<'t> {
    /// The names of its parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &'t str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Param(name) => Some(*name),
            Part::Literal(_) => None,
        })
    }

    /// Whether it is the same place, whatever the parameters are called. `/a/b` and `/a/{x}` are two: the literal goes before.
    fn same_place(&self, other: &Template<'_>) -> bool {
        let same = |(a, b): (&Part<'_>, &Part<'_>)| match (a, b) {
            (Part::Literal(a), Part::Literal(b)) => a == b,
            (Part::Param(_), Part::Param(_)) => true,
            _ => false,
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(same)
    }
}

impl Reader<'_> {
    /// Reads a path; nothing where it is none.
    pub(super) fn route_path<'t>(&mut self, key: &'t Key) -> Option<Template<'t>> {
        let (path, shown, span) = (key.text.as_str(), shorten(&key.text), key.span);
        if !path.starts_with('/') {
            self.error_help(span, format!("the path `{shown}` does not begin with `/`"), format!("write `/{shown}`"));
            return None;
        }
        if path == "/" {
            return Some(Template { text: path, parts: Vec::new() });
        }
        if path.ends_with('/') {
            let help = format!("write `{}`: requests may have the slash or not", shorten(path.trim_end_matches('/')));
            self.error_help(span, format!("the path `{shown}` ends with `/`"), help);
            return None;
        }
        let mut parts = Vec::new();
        for text in path[1..].split('/') {
            match part(text) {
                Ok(Part::Param(name)) if parts.contains(&Part::Param(name)) => {
                    let help = "each parameter needs a name of its own";
                    self.error_help(span, format!("`{{{name}}}` stands twice in `{shown}`"), help);
                    return None;
                }
                Ok(part) => parts.push(part),
                Err(help) => {
                    self.error_help(span, format!("`{shown}` is no path of a route"), help);
                    return None;
                }
            }
        }
        // `/health` itself may be an app's own: it is no more than a name that old clients ask for.
        let reserved = |outer: &&&str| {
            path.strip_prefix(**outer)
                .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && **outer != "/health"))
        };
        if let Some(outer) = RESERVED.iter().find(reserved) {
            let help = format!("Pintle itself answers at {}; a route may take `/health` alone", list(RESERVED));
            self.error_help(span, format!("the path `{shown}` meets `{outer}`, which is reserved"), help);
            return None;
        }
        Some(Template { text: path, parts })
    }

    /// Reports another route or a mount that answers at the same place.
    pub(super) fn place_taken(
        &mut self,
        span: Span,
        path: &Template<'_>,
        earlier: &[Template<'_>],
        collections: &[Collection],
    ) -> bool {
        let shown = shorten(path.text);
        if let Some(other) = earlier.iter().find(|other| other.same_place(path)) {
            let help = "put the methods of both below one of them";
            let message = format!("`{shown}` is the same place as `{}`", shorten(other.text));
            self.error_help(span, message, help);
            return true;
        }
        for collection in collections {
            let Some(mount) = &collection.mount else { continue };
            let list: Vec<Part<'_>> = mount.path.split('/').skip(1).map(Part::Literal).collect();
            let mut record = list.clone();
            record.push(Part::Param("key"));
            let what = if meet(&path.parts, &list) {
                format!("where `{}` answers", collection.name)
            } else if meet(&path.parts, &record) {
                format!("where the records of `{}` answer", collection.name)
            } else {
                continue;
            };
            let message = format!("the path `{shown}` meets `{}`, {what}", mount.path);
            self.error_help(span, message, "give the route or the collection a path of its own");
            return true;
        }
        false
    }
}

/// A part of a path, or what would be one.
fn part(text: &str) -> Result<Part<'_>, &'static str> {
    if text.starts_with(':') {
        return Err("a parameter stands in braces: `{name}`");
    }
    if text.contains('*') {
        return Err("there are no wildcards: a parameter is one part of the path, `{name}`");
    }
    if text.contains(['{', '}']) {
        let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        return match name {
            Some(name) if well_formed(name) => Ok(Part::Param(name)),
            Some(name) if !name.contains(['{', '}']) => {
                Err("the name of a parameter has letters, digits and `_`, and begins with no digit")
            }
            _ => Err("a parameter is a whole part of the path: `/files/{name}`"),
        };
    }
    let good = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    if text.is_empty() || text == "." || text == ".." || !text.bytes().all(good) {
        return Err("parts of a path have letters, digits, `-`, `.`, `_` and `~`, and one `/` between them");
    }
    Ok(Part::Literal(text))
}
