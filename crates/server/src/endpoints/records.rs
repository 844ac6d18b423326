//! A mount's list: `GET` and `POST /configs`.

use axum::http::{HeaderValue, Method, StatusCode, header};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::Role;
use pintle_query::Fault;
use pintle_store::Rows;

use super::{Call, Outcome};
use crate::answer::{self, Failure, header_value};
use crate::state::State;
use crate::status::{self, Surface};
use crate::{body, etag};

/// What a path's segment need not escape: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Answers it.
pub(crate) async fn handle(state: &State, call: Call<'_>, method: &Method, incoming: Incoming) -> Outcome {
    let allowed = |name: &str| mount(state, &call).is_some_and(|mount| mount.methods.iter().any(|one| one == name));
    match method.as_str() {
        "GET" | "HEAD" if allowed("GET") => list(state, call).await,
        "POST" if allowed("POST") => create(state, call, incoming).await,
        "OPTIONS" => Ok(options(&allow(&allowed))),
        _ => Err(Failure::method_not_allowed(method, &allow(&allowed))),
    }
}

fn mount<'s>(state: &'s State, call: &Call<'_>) -> Option<&'s pintle_model::Mount> {
    state.planner.model().collection(call.collection).mount.as_ref()
}

fn allow(allowed: &dyn Fn(&str) -> bool) -> String {
    let mut methods = vec!["OPTIONS"];
    if allowed("GET") {
        methods.extend(["GET", "HEAD"]);
    }
    if allowed("POST") {
        methods.push("POST");
    }
    methods.join(", ")
}

/// Which methods an endpoint answers.
pub(crate) fn options(allow: &str) -> answer::Answer {
    let mut answer = answer::empty(StatusCode::OK);
    answer.headers_mut().insert(header::ALLOW, header_value(allow));
    answer
}

async fn list(state: &State, call: Call<'_>) -> Outcome {
    let role = call.caller.role;
    let asker = state.asker(call.caller);
    let list = state.planner.list(call.collection, call.query, &asker).map_err(|fault| of_fault(fault, role))?;
    let rows = state.store.read(list.read).await.map_err(|error| status::store(error, Surface::Mount, role))?;
    let more = list.limit.is_some_and(|limit| rows.len > limit);
    let shown = if more { rows.len - 1 } else { rows.len };
    let json = if more { without_last(&rows) } else { rows.json };
    let mut answer = answer::json_bytes(StatusCode::OK, json);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_RANGE, content_range(list.offset, shown, !more));
    if more {
        let path = state.planner.model().collection(call.collection).mount.as_ref().map_or("", |mount| &mount.path);
        let next = next_page(path, call.query, list.offset + shown);
        headers.insert(header::LINK, header_value(format!("<{next}>; rel=\"next\"")));
    }
    Ok(answer)
}

/// The array without its last row, which was only there to tell that there are more.
fn without_last(rows: &Rows) -> Bytes {
    let end = rows.last_row.saturating_sub(1).max(1);
    let mut json = BytesMut::with_capacity(end + 1);
    json.put_slice(&rows.json[..end]);
    json.put_u8(b']');
    json.freeze()
}

fn content_range(offset: u64, shown: u64, last: bool) -> HeaderValue {
    let total = if last && (shown > 0 || offset == 0) { (offset + shown).to_string() } else { "*".to_owned() };
    header_value(match shown {
        0 => format!("*/{total}"),
        _ => format!("{offset}-{}/{total}", offset + shown - 1),
    })
}

/// The same list from another row on.
fn next_page(path: &str, query: &str, offset: u64) -> String {
    let mut next = format!("{path}?");
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("offset=")) {
        next.push_str(pair);
        next.push('&');
    }
    next.push_str(&format!("offset={offset}"));
    next
}

async fn create(state: &State, call: Call<'_>, incoming: Incoming) -> Outcome {
    body::must_be(call.headers, &Method::POST, &["application/json"])?;
    let conditions = etag::Conditions::of(call.headers);
    if conditions.is_some_and(|conditions| !conditions.allow_write(None)) {
        return Err(super::record::changed());
    }
    let given = body::read(incoming, state.planner.model().limits.body_bytes).await?;
    let role = call.caller.role;
    let asker = state.asker(call.caller);
    let write = state.planner.create(call.collection, &given, &asker).map_err(|fault| of_fault(fault, role))?;
    let key = write.rows.first().and_then(|row| row.first()).and_then(key_text);
    let written = state.store.write(write).await.map_err(|error| status::store(error, Surface::Mount, role))?;
    let collection = state.planner.model().collection(call.collection);
    let path = collection.mount.as_ref().map_or("", |mount| mount.path.as_str());
    if written.rows.len == 0 {
        // The caller may add, but not read what it added.
        let mut answer = answer::empty(StatusCode::CREATED);
        if let Some(key) = key {
            answer.headers_mut().insert(header::LOCATION, location(path, &key));
        }
        return Ok(answer);
    }
    let record = single(&written.rows);
    let key = key.or_else(|| key_of(&record, &collection.fields[0].name));
    let mut answer = answer::json_bytes(StatusCode::CREATED, record.clone());
    answer.headers_mut().insert(header::ETAG, etag::of(&record));
    if let Some(key) = key {
        answer.headers_mut().insert(header::LOCATION, location(path, &key));
    }
    Ok(answer)
}

/// The only row as an object.
pub(crate) fn single(rows: &Rows) -> Bytes {
    rows.json.slice(1..rows.json.len().saturating_sub(1).max(1))
}

fn location(path: &str, key: &str) -> HeaderValue {
    header_value(format!("{path}/{}", utf8_percent_encode(key, SEGMENT)))
}

fn key_text(value: &pintle_model::Value) -> Option<String> {
    use pintle_model::Value;
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Uuid(uuid) => Some(uuid.to_string()),
        _ => None,
    }
}

/// The key in a record that the store made, when the store made the key.
fn key_of(record: &[u8], field: &str) -> Option<String> {
    let record: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(record).ok()?;
    match record.get(field)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A request's mistake, as mounts tell it.
pub(crate) fn of_fault(fault: Fault, role: Role) -> Failure {
    status::fault(fault, Surface::Mount, role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_too_many_is_cut_off() {
        let rows = |json: &'static str, last_row, len| Rows {
            json: Bytes::from_static(json.as_bytes()),
            last_row,
            len,
            total: None,
        };
        assert_eq!(without_last(&rows(r#"[{"a":1},{"a":2}]"#, 9, 2)), &br#"[{"a":1}]"#[..]);
        assert_eq!(without_last(&rows(r#"[{"a":1}]"#, 1, 1)), &b"[]"[..]);
    }

    #[test]
    fn a_page_says_where_it_stands() {
        assert_eq!(content_range(0, 3, true), "0-2/3");
        assert_eq!(content_range(10, 5, false), "10-14/*");
        assert_eq!(content_range(0, 0, true), "*/0");
        assert_eq!(content_range(10, 0, true), "*/*");
        assert_eq!(next_page("/configs", "a=1&offset=3&limit=2", 5), "/configs?a=1&limit=2&offset=5");
    }
}
