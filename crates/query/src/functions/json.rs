//! JSON texts, walked where they stand: no tree is made of them.
//!
//! Stored json is in jsonb's form, and what is compared with it was brought to that form; texts that are no JSON give
//! no answer, never a panic.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::decimal::Decimal;

/// Up to so many elements or members are looked for one by one.
const FEW: usize = 8;

/// The value at the end of a path. `steps` is a JSON array of keys and indexes.
pub(super) fn get<'a>(json: &'a str, steps: &str) -> Option<&'a str> {
    let mut found = json.trim();
    for step in items(steps) {
        found = match step.parse::<i64>() {
            Ok(index) => nth(found, index)?,
            Err(_) => member(found, step)?,
        };
    }
    Some(found)
}

/// A value as `->>` gives it: a string's characters, nothing for null, else its JSON.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => unquoted(json),
        b'n' => None,
        _ => Some(json.into()),
    }
}

/// Bytes that compare as jsonb does: null, strings, numbers, booleans, arrays, objects; the longer ones last. An empty
/// array by itself stands before all else.
#[must_use]
pub fn sort_key(json: &str) -> Option<Vec<u8>> {
    let json = json.trim();
    let mut key = Vec::with_capacity(json.len() + 16);
    if json.starts_with('[') && items(json).next().is_none() {
        key.push(0);
    } else {
        write_key(json, &mut key)?;
    }
    Some(key)
}

/// jsonb's `@>`.
pub(super) fn contains(outer: &str, inner: &str) -> bool {
    let (outer, inner) = (outer.trim(), inner.trim());
    // An array contains its elements also as they stand alone; this holds at the top only.
    let alone = outer.starts_with('[') && !inner.starts_with(['[', '{']);
    if alone { items(outer).any(|item| same_scalar(item, inner)) } else { contains_inside(outer, inner) }
}

/// Whether any element at the path is the wanted text, or the JSON scalar that this text reads as.
pub(super) fn any_element(json: &str, keys: &str, wanted: &str) -> bool {
    let number = wanted.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| Decimal::parse(wanted)).flatten();
    let whole = is_whole(wanted);
    let keys: Vec<&str> = items(keys).collect();
    let mut test = |value: &str| match value.as_bytes().first() {
        Some(b'"') => unquoted(value).is_some_and(|text| text == wanted),
        // Whole numbers are equal when their digits are, so most numbers need no arithmetic.
        Some(b'-' | b'0'..=b'9') if whole && is_whole(value) => value == wanted,
        Some(b'-' | b'0'..=b'9') => number.is_some() && Decimal::parse(value) == number,
        Some(b't' | b'f' | b'n') => value == wanted,
        _ => false,
    };
    walk(json.trim(), &keys, &mut test)
}

/// Digits alone, without a zero before them.
fn is_whole(number: &str) -> bool {
    number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0')) && !number.is_empty()
}

fn walk(json: &str, keys: &[&str], test: &mut dyn FnMut(&str) -> bool) -> bool {
    if json.starts_with('[') {
        return items(json).any(|item| walk(item, keys, test));
    }
    match keys {
        [] => test(json),
        [key, rest @ ..] => member(json, key).is_some_and(|found| walk(found, rest, test)),
    }
}

fn contains_inside(outer: &str, inner: &str) -> bool {
    match (outer.as_bytes().first(), inner.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) if members(inner).nth(FEW).is_none() => {
            members(inner).all(|(key, value)| member(outer, key).is_some_and(|found| contains_inside(found, value)))
        }
        (Some(b'{'), Some(b'{')) => {
            let known: HashMap<_, _> = members(outer).map(|(key, value)| (unquoted(key), value)).collect();
            members(inner)
                .all(|(key, value)| known.get(&unquoted(key)).is_some_and(|found| contains_inside(found, value)))
        }
        (Some(b'['), Some(b'[')) if items(inner).nth(FEW).is_none() => {
            items(inner).all(|wanted| items(outer).any(|item| contains_inside(item, wanted)))
        }
        (Some(b'['), Some(b'[')) => contains_many(outer, inner),
        _ => same_scalar(outer, inner),
    }
}

/// Of arrays with many elements: scalars are looked up, and only what is nested is held against each other.
fn contains_many(outer: &str, inner: &str) -> bool {
    let nested = |item: &&str| item.starts_with(['[', '{']);
    let scalars: HashSet<_> = items(outer).filter(|item| !nested(item)).map(sort_key).collect();
    let trees: HashSet<&str> = items(outer).filter(nested).collect();
    items(inner).filter(|wanted| !nested(wanted)).all(|wanted| scalars.contains(&sort_key(wanted))) && {
        let wanted: HashSet<&str> = items(inner).filter(nested).collect();
        wanted.iter().all(|wanted| trees.contains(wanted) || trees.iter().any(|item| contains_inside(item, wanted)))
    }
}

fn same_scalar(a: &str, b: &str) -> bool {
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{' | b'['), _) | (_, Some(b'{' | b'[')) => false,
        (Some(b'"'), Some(b'"')) => a == b || unquoted(a) == unquoted(b),
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => a == b || Decimal::parse(a) == Decimal::parse(b),
        _ => a == b,
    }
}

fn write_key(json: &str, key: &mut Vec<u8>) -> Option<()> {
    match json.as_bytes().first()? {
        b'n' => key.push(1),
        b'"' => {
            key.push(2);
            write_text_key(json, key)?;
        }
        b't' => key.extend_from_slice(&[4, 1]),
        b'f' => key.extend_from_slice(&[4, 0]),
        b'[' => {
            key.push(5);
            key.extend_from_slice(&u32::try_from(items(json).count()).ok()?.to_be_bytes());
            for item in items(json) {
                write_key(item, key)?;
            }
        }
        b'{' => {
            key.push(6);
            key.extend_from_slice(&u32::try_from(members(json).count()).ok()?.to_be_bytes());
            for (name, value) in members(json) {
                write_text_key(name, key)?;
                write_key(value, key)?;
            }
        }
        _ => {
            key.push(3);
            Decimal::parse(json)?.write_key(key);
        }
    }
    Some(())
}

fn write_text_key(string: &str, key: &mut Vec<u8>) -> Option<()> {
    key.extend_from_slice(unquoted(string)?.as_bytes());
    key.push(0);
    Some(())
}

/// The value of an object's key; `key` is a JSON string.
fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let escaped = key.contains('\\');
    members(json)
        .find(|(name, _)| *name == key || ((escaped || name.contains('\\')) && unquoted(name) == unquoted(key)))
        .map(|(_, value)| value)
}

/// An array's element, counted from the end when negative.
fn nth(json: &str, index: i64) -> Option<&str> {
    let from_front = |n: u64| items(json).nth(usize::try_from(n).ok()?);
    match u64::try_from(index) {
        Ok(n) => from_front(n),
        Err(_) => from_front((items(json).count() as u64).checked_sub(index.unsigned_abs())?),
    }
}

/// A JSON string's characters.
fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str::<String>(json).ok().map(Cow::Owned) } else { Some(inner.into()) }
}

/// The elements of an array; none of what is no array.
fn items(json: &str) -> impl Iterator<Item = &str> {
    let mut at = open(json, b'[');
    std::iter::from_fn(move || {
        let start = space_end(json, at?);
        let end = value_end(json, start)?;
        at = next(json, end);
        json.get(start..end)
    })
}

/// The members of an object, keys as JSON strings; none of what is no object.
fn members(json: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = open(json, b'{');
    std::iter::from_fn(move || {
        let start = space_end(json, at?);
        let end = string_end(json, start)?;
        let colon = space_end(json, end);
        let value = space_end(json, colon + 1);
        let value_end = value_end(json, value)?;
        at = next(json, value_end);
        Some((json.get(start..end)?, json.get(value..value_end)?))
    })
}

fn open(json: &str, bracket: u8) -> Option<usize> {
    (json.as_bytes().first() == Some(&bracket)).then_some(1)
}

/// Where the next element begins, if there is one.
fn next(json: &str, end: usize) -> Option<usize> {
    let at = space_end(json, end);
    (json.as_bytes().get(at) == Some(&b',')).then_some(at + 1)
}

fn space_end(json: &str, from: usize) -> usize {
    let bytes = json.as_bytes();
    let mut at = from;
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn string_end(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where the value that begins at `start` ends. `None` where none does.
fn value_end(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    match bytes.get(start)? {
        b'"' => string_end(json, start),
        b'{' | b'[' => {
            let (mut at, mut depth) = (start, 0_usize);
            loop {
                match bytes.get(at)? {
                    b'"' => at = string_end(json, at)?,
                    byte => {
                        depth = match byte {
                            b'{' | b'[' => depth + 1,
                            b'}' | b']' => depth - 1,
                            _ => depth,
                        };
                        at += 1;
                        if depth == 0 {
                            return Some(at);
                        }
                    }
                }
            }
        }
        b',' | b']' | b'}' | b':' => None,
        _ => {
            let length =
                bytes[start..].iter().take_while(|b| !matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\t' | b'\r'));
            Some(start + length.count())
        }
    }
}

#[cfg(test)]
mod tests;
