//! Names of fields, and paths into json fields: `name`, `"a name"`, `data->items->0->>id`.

use std::borrow::Cow;

use pintle_model::likeness::meant;
use pintle_model::{Collection, Type};

use super::cursor::Cursor;
use crate::fault::{NAMED_MAX, shortened};
use crate::request::{Step, Target};
use crate::{Fault, FaultKind};

const FIELD_NAME: &str = "field name (* or [a..z0..9_$])";
const JSON_STEP: &str = "a JSON key or an array's index";
/// Steps that a path may have.
const STEPS_MAX: usize = 64;

/// A field's name, quoted or plain, without the space around it.
pub(super) fn field_name<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Fault> {
    cursor.skip_space();
    if cursor.peek() == Some('"') {
        let name = cursor.quoted().ok_or_else(|| cursor.unexpected("a name in quotes that are closed"))?;
        cursor.skip_space();
        return Ok(Cow::Owned(name));
    }
    let name = dashed(cursor, |c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$')).trim_end();
    if name.is_empty() { Err(cursor.unexpected(FIELD_NAME)) } else { Ok(Cow::Borrowed(name)) }
}

/// Takes such characters, and hyphens between them that are not the beginning of an arrow.
fn dashed<'a>(cursor: &mut Cursor<'a>, wanted: impl Fn(char) -> bool) -> &'a str {
    let start = cursor.rest();
    loop {
        cursor.take_while(&wanted);
        let dash = cursor.rest().strip_prefix('-').is_some_and(|after| after.starts_with(&wanted));
        if !dash {
            return &start[..start.len() - cursor.rest().len()];
        }
        cursor.next();
    }
}

/// The arrows behind a field's name, and whether the last of them is `->>`.
pub(super) fn json_path(cursor: &mut Cursor<'_>) -> Result<(Vec<Step>, bool), Fault> {
    let mut steps = Vec::new();
    while cursor.eat("->") {
        let text = cursor.eat(">");
        if steps.len() == STEPS_MAX {
            return Err(cursor.unexpected(&format!("at most {STEPS_MAX} steps into a json")));
        }
        steps.push(step(cursor)?);
        if text {
            return Ok((steps, true));
        }
    }
    Ok((steps, false))
}

fn step(cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
    if let Some(key) = cursor.quoted() {
        return Ok(Step::Key(key));
    }
    let mut ahead = cursor.clone();
    let negative = ahead.eat("-");
    let signed = negative || ahead.eat("+");
    let digits = ahead.take_while(|c| c.is_ascii_digit());
    if signed && digits.is_empty() {
        return Err(ahead.unexpected("digit"));
    }
    let ends =
        ahead.peek().is_none_or(|c| matches!(c, '.' | ',' | ':' | ')' | '=' | '(')) || ahead.rest().starts_with("->");
    if !digits.is_empty() && ends {
        let index: i64 = digits.parse().map_err(|_| cursor.unexpected("an index of at most 18 digits"))?;
        *cursor = ahead;
        return Ok(Step::Index(if negative { -index } else { index }));
    }
    let key = dashed(cursor, |c| !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')'));
    if key.is_empty() { Err(cursor.unexpected(JSON_STEP)) } else { Ok(Step::Key(key.to_owned())) }
}

/// The field of this name and the path into it.
pub(super) fn resolve(collection: &Collection, name: &str, path: Vec<Step>, text: bool) -> Result<Target, Fault> {
    let Some((at, field)) = collection.field(name) else {
        let found = collection.position(name).filter(|_| path.is_empty());
        return match found {
            Some((position, _)) => Ok(Target::spot(position, None)),
            None => Err(undefined(collection, name)),
        };
    };
    if !path.is_empty() && field.ty != Type::Json {
        let operator = if text && path.len() == 1 { "->>" } else { "->" };
        let message = format!("operator does not exist: {} {operator} unknown", field.ty.pg_name());
        return Err(Fault::new(FaultKind::UndefinedOperator, message)
            .hint(format!("`{name}` is no json field, so there is no path into it")));
    }
    Ok(Target { path, text, ..Target::field(at) })
}

/// That there is no such field, in PostgreSQL's words.
pub(crate) fn undefined(collection: &Collection, name: &str) -> Fault {
    let name = &*shortened(name, NAMED_MAX);
    let fault = Fault::new(FaultKind::UndefinedColumn, format!("column {}.{name} does not exist", collection.name));
    match nearest(collection, name) {
        Some(near) => fault.hint(format!("Perhaps you meant to reference the column \"{}.{near}\".", collection.name)),
        None => fault,
    }
}

/// The field whose name is the most like this one, if any is.
pub(crate) fn nearest<'a>(collection: &'a Collection, name: &str) -> Option<&'a str> {
    meant(name, collection.fields.iter().map(|field| field.name.as_str()))
}
