//! `select=id,title:name,data->a->>b,born::text` and the other lists of fields.

use std::borrow::Cow;

use pintle_model::{Collection, Type};

use super::cursor::Cursor;
use super::filter::{Scope, unsupported};
use super::name::{field_name, json_path, nearest, resolve};
use crate::fault::{NAMED_MAX, shortened};
use crate::functions::type_named;
use crate::request::{SelectItem, Step, Target};
use crate::{Fault, FaultKind};

/// Columns that an answer may have, unless the collection has more fields.
const COLUMNS_MAX: usize = 200;
/// How often an answer may hold the same value: few bytes of a URL could multiply a large record.
const TIMES_MAX: usize = 8;
const AGGREGATES: [&str; 5] = ["avg", "count", "max", "min", "sum"];

/// Every field, as `*` is.
pub(crate) fn all(collection: &Collection) -> Vec<SelectItem> {
    (0..collection.fields.len()).map(|field| plain(collection, field)).collect()
}

/// A field under its own name.
pub(crate) fn plain(collection: &Collection, field: usize) -> SelectItem {
    SelectItem { target: Target::field(field), name: collection.fields[field].name.clone(), cast: None }
}

/// Reads `select`. Of items with the same name the last counts, as it would for a reader of the answer's JSON.
pub(super) fn select(scope: &mut Scope<'_>, text: &str) -> Result<Vec<SelectItem>, Fault> {
    let collection = scope.collection;
    let mut cursor = Cursor::new("select parameter", text);
    let mut items: Vec<SelectItem> = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.eat("*") {
            (0..collection.fields.len()).for_each(|field| put(&mut items, plain(collection, field)));
        } else {
            put(&mut items, item(scope, &mut cursor)?);
        }
        if items.len() > COLUMNS_MAX.max(collection.fields.len()) {
            return Err(Fault::new(FaultKind::Parse, format!("`select` may name at most {COLUMNS_MAX} columns")));
        }
        cursor.skip_space();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect_end("\",\" or end of input")?;
    if let Some(item) = items.iter().find(|item| times(&items, &item.target) > TIMES_MAX) {
        let name = &collection.fields[item.target.field].name;
        let message = format!("`select` may name `{name}`, or one place inside it, at most {TIMES_MAX} times");
        return Err(
            Fault::new(FaultKind::Parse, message).hint("a value that a path leads to is in what it leads through")
        );
    }
    Ok(items)
}

/// How many of the items hold this target: it itself, or what its path leads through.
fn times(items: &[SelectItem], target: &Target) -> usize {
    let holds = |outer: &&SelectItem| {
        let (field, path) = (outer.target.field, &outer.target.path);
        field == target.field
            && outer.target.spot == target.spot
            && path.len() <= target.path.len()
            && path.iter().zip(&target.path).all(same_step)
    };
    items.iter().filter(holds).count()
}

/// Whether two steps may lead to the same: an index from the end may be any.
fn same_step((a, b): (&Step, &Step)) -> bool {
    match (a, b) {
        (Step::Index(a), Step::Index(b)) => a == b || *a < 0 || *b < 0,
        _ => a == b,
    }
}

fn put(items: &mut Vec<SelectItem>, item: SelectItem) {
    match items.iter_mut().find(|known| known.name == item.name) {
        Some(known) => *known = item,
        None => items.push(item),
    }
}

/// `[alias:]field[->path][::cast]`
fn item(scope: &mut Scope<'_>, cursor: &mut Cursor<'_>) -> Result<SelectItem, Fault> {
    let collection = scope.collection;
    if cursor.rest().starts_with("...") {
        return Err(unsupported("spreading an embedded resource (`...`)"));
    }
    let mut name = field_name(cursor)?;
    let mut alias = None;
    if cursor.peek() == Some(':') && !cursor.rest().starts_with("::") {
        cursor.next();
        alias = Some(name);
        name = field_name(cursor)?;
    }
    if cursor.rest().starts_with("()") && name == "count" {
        return Err(unsupported("aggregating (`count()`)"));
    }
    if matches!(cursor.peek(), Some('(' | '!')) {
        return Err(unsupported(&format!("embedding another resource (`{name}(…)`)")));
    }
    if let Some(target) = scope.distance(cursor, &name)? {
        let shown = alias.map_or_else(|| "distance".to_owned(), Cow::into_owned);
        return Ok(SelectItem { target, name: shown, cast: None });
    }
    let (path, text) = json_path(cursor)?;
    let cast = cast(cursor)?;
    aggregate(cursor)?;
    let named = || {
        path.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.clone()),
            Step::Index(_) => None,
        })
    };
    let shown = alias.map(|alias| alias.into_owned()).or_else(named).unwrap_or_else(|| name.clone().into_owned());
    Ok(SelectItem { target: resolve(collection, &name, path, text)?, name: shown, cast })
}

/// `.sum()` and its like are not built yet.
fn aggregate(cursor: &Cursor<'_>) -> Result<(), Fault> {
    let Some(call) = cursor.rest().strip_prefix('.') else { return Ok(()) };
    match AGGREGATES.iter().find(|name| call.strip_prefix(**name).is_some_and(|rest| rest.starts_with("()"))) {
        Some(name) => Err(unsupported(&format!("aggregating (`{name}()`)"))),
        None => Ok(()),
    }
}

fn cast(cursor: &mut Cursor<'_>) -> Result<Option<Type>, Fault> {
    if !cursor.eat("::") {
        return Ok(None);
    }
    let word = cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == ' ').trim();
    if word.is_empty() {
        return Err(cursor.unexpected("a type to cast to"));
    }
    let known = type_named(word).ok_or_else(|| {
        let types: Vec<_> = Type::ALL.iter().map(|ty| ty.name()).collect();
        unsupported(&format!("the cast to `{word}`")).hint(format!("types are {}", types.join(", ")))
    });
    known.map(Some)
}

/// Reads a list of names: `columns=a,"b"`, `on_conflict=a,b`.
pub(super) fn fields(
    collection: &Collection,
    what: &'static str,
    text: &str,
    unknown: impl Fn(&Collection, &str) -> Fault,
) -> Result<Vec<usize>, Fault> {
    let mut cursor = Cursor::new(what, text);
    let mut fields = Vec::new();
    loop {
        let name = field_name(&mut cursor)?;
        let (at, _) = collection.field(&name).ok_or_else(|| unknown(collection, &name))?;
        if !fields.contains(&at) {
            fields.push(at);
        }
        cursor.skip_space();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect_end("\",\" or end of input")?;
    Ok(fields)
}

/// That a body or `columns` names a field that is not there.
pub(crate) fn unknown_column(collection: &Collection, name: &str) -> Fault {
    let name = &*shortened(name, NAMED_MAX);
    let message = format!("Could not find the '{name}' column of '{}' in the schema cache", collection.name);
    let fault = Fault::new(FaultKind::UnknownColumn, message);
    match nearest(collection, name) {
        Some(near) => fault.hint(format!("Perhaps you meant the column '{near}'")),
        None => fault,
    }
}
