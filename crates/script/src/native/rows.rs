//! Rows that a script writes.

use std::collections::HashSet;
use std::io::Write;

use rquickjs::{Array, Atom, Ctx, Error, Exception, Object, Result, String as Text, Value};

use crate::state::{Clock, Shared};

/// Integers below this are written with all their digits.
const EXACT: f64 = (1_u64 << 53) as f64;

/// The names that rows have, each once. Most rows have those of the one before, in its order.
pub(super) fn columns<'js>(ctx: &Ctx<'js>, rows: &Array<'js>, clock: &Clock) -> Result<Vec<Value<'js>>> {
    countable(ctx, rows)?;
    let (mut known, mut names, mut last) = (HashSet::new(), Vec::new(), Vec::new());
    for row in rows.iter::<Value<'js>>() {
        in_time(ctx, clock)?;
        let row = row?;
        let Some(row) = row.as_object() else { continue };
        let keys: Vec<Atom<'js>> = row.keys().collect::<Result<_>>()?;
        if keys == last {
            continue;
        }
        for key in &keys {
            if known.insert(key.clone()) {
                names.push(key.to_value()?);
            }
        }
        last = keys;
    }
    Ok(names)
}

/// These columns of rows, as JSON: what `JSON.stringify` would make of them. What a row lacks is left out.
pub(super) fn json<'js>(ctx: &Ctx<'js>, rows: &Array<'js>, columns: &[Text<'js>], shared: &Shared) -> Result<String> {
    countable(ctx, rows)?;
    let most = shared.state.lock().asked_bytes_max;
    let mut keys = Vec::with_capacity(columns.len());
    for column in columns {
        let mut written = Vec::new();
        text(ctx, &mut written, column)?;
        keys.push((Atom::from_value(ctx.clone(), column.as_value())?, written));
    }
    let own = Atom::from_str(ctx.clone(), "toJSON")?;
    let mut out = vec![b'['];
    for row in rows.iter::<Value<'js>>() {
        in_time(ctx, &shared.clock)?;
        if out.len() > 1 {
            out.push(b',');
        }
        let row = row?;
        match row.as_object() {
            Some(row) if is_plain(row, &own)? => members(ctx, &mut out, row, &keys, most)?,
            // What is no row is told as what it is.
            _ if whole(ctx, &mut out, row.clone())? => {}
            _ => out.extend_from_slice(b"null"),
        }
        bounded(ctx, &out, most)?;
    }
    out.push(b']');
    String::from_utf8(out).map_err(|error| Error::Utf8(error.utf8_error()))
}

/// Whether an object is a row by its members: it says nothing else of itself in `toJSON`.
fn is_plain<'js>(row: &Object<'js>, own: &Atom<'js>) -> Result<bool> {
    Ok(!row.is_array() && !row.is_function() && !row.get::<_, Value<'js>>(own.clone())?.is_function())
}

fn bounded(ctx: &Ctx<'_>, out: &[u8], most: usize) -> Result<()> {
    if out.len() > most { Err(too_much(ctx)) } else { Ok(()) }
}

/// Refuses arrays of more places than `rquickjs` counts: it panics.
fn countable<'js>(ctx: &Ctx<'js>, rows: &Array<'js>) -> Result<()> {
    if rows.as_object().get::<_, f64>("length")? > f64::from(i32::MAX) { Err(too_much(ctx)) } else { Ok(()) }
}

fn too_much(ctx: &Ctx<'_>) -> Error {
    Exception::throw_message(ctx, "too much is asked for at once: write fewer rows")
}

fn members<'js>(
    ctx: &Ctx<'js>,
    out: &mut Vec<u8>,
    row: &Object<'js>,
    keys: &[(Atom<'js>, Vec<u8>)],
    most: usize,
) -> Result<()> {
    out.push(b'{');
    let first = out.len();
    for (key, written) in keys {
        let value: Value<'js> = row.get(key.clone())?;
        let before = out.len();
        if before > first {
            out.push(b',');
        }
        out.extend_from_slice(written);
        out.push(b':');
        if !one(ctx, out, value)? {
            out.truncate(before);
        }
        bounded(ctx, out, most)?;
    }
    out.push(b'}');
    Ok(())
}

/// Writes a value, or nothing and `false` where JSON has nothing for it.
fn one<'js>(ctx: &Ctx<'js>, out: &mut Vec<u8>, value: Value<'js>) -> Result<bool> {
    if let Some(string) = value.as_string() {
        text(ctx, out, string)?;
        return Ok(true);
    }
    match value.as_number() {
        // Writing to a vector cannot fail.
        Some(number) if number.fract() == 0.0 && number.abs() < EXACT => _ = write!(out, "{}", number as i64),
        None if value.is_null() => out.extend_from_slice(b"null"),
        None if value.is_undefined() => return Ok(false),
        _ => return whole(ctx, out, value),
    }
    Ok(true)
}

fn text<'js>(ctx: &Ctx<'js>, out: &mut Vec<u8>, string: &Text<'js>) -> Result<()> {
    match string.to_string() {
        Ok(text) => {
            serde_json::to_writer(out, &text).map_err(|error| Exception::throw_message(ctx, &error.to_string()))
        }
        // Half a surrogate pair.
        Err(Error::Utf8(_)) => whole(ctx, out, string.as_value().clone()).map(drop),
        Err(_) => Err(Error::Exception),
    }
}

/// A value as the engine writes it; as [`one`].
fn whole<'js>(ctx: &Ctx<'js>, out: &mut Vec<u8>, value: Value<'js>) -> Result<bool> {
    let Some(json) = ctx.json_stringify(value)? else { return Ok(false) };
    // The engine has thrown that there is no memory.
    out.extend_from_slice(json.to_string().map_err(|_| Error::Exception)?.as_bytes());
    Ok(true)
}

fn in_time(ctx: &Ctx<'_>, clock: &Clock) -> Result<()> {
    if clock.is_over() { Err(Exception::throw_message(ctx, "the time is over")) } else { Ok(()) }
}
