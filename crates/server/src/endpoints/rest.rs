//! `/rest/v1/COLLECTION`: PostgREST's wire contract.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::Role;
use pintle_query::rest::{RestRead, RestWrite, Return};
use pintle_store::{Rows, Written};

use super::{Call, Outcome};
use crate::answer::{self, Answer, Failure, header_value};
use crate::body;
use crate::prefer::Wishes;
use crate::state::State;
use crate::status::{self, Surface};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");
const ACCEPT_PROFILE: HeaderName = HeaderName::from_static("accept-profile");
/// The one schema there is.
const SCHEMA: &str = "public";
const VARY: HeaderValue = HeaderValue::from_static("Accept, Prefer, Range");
const ALLOW: &str = "OPTIONS, GET, HEAD, POST, PUT, PATCH, DELETE";

/// Answers it.
pub(crate) async fn handle(state: &State, call: Call<'_>, method: &Method, incoming: Incoming) -> Outcome {
    if method == Method::OPTIONS {
        return Ok(super::records::options(ALLOW));
    }
    profile(&call, method)?;
    let wishes = Wishes::of(call.headers, method, state.settings.allow_rollback)?;
    let mut answer = match method.as_str() {
        "GET" | "HEAD" => read(state, call, &wishes).await?,
        "POST" | "PATCH" | "PUT" | "DELETE" => write(state, call, &wishes, method, incoming).await?,
        _ => return Err(Failure::method_not_allowed(method, ALLOW).code("PGRST117")),
    };
    answer.headers_mut().insert(header::VARY, VARY);
    if let Some(applied) = wishes.applied(method) {
        answer.headers_mut().insert(PREFERENCE_APPLIED, header_value(applied));
    }
    Ok(answer)
}

/// What is not built yet, by name.
pub(crate) fn later(path: &str) -> Failure {
    let what = if path.starts_with("/rest/v1/rpc") { "functions (`/rest/v1/rpc`)" } else { "the root document" };
    Failure::bad_request(format!("{what} are not supported yet"))
        .code("PGRST127")
        .hint("`/openapi.json` describes what is answered")
}

/// Holds the schema that is asked for to the one there is.
fn profile(call: &Call<'_>, method: &Method) -> Result<(), Failure> {
    let name = if crate::router::is_read(method) { ACCEPT_PROFILE } else { CONTENT_PROFILE };
    match call.headers.get(name) {
        Some(value) if value != SCHEMA => Err(Failure::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("Invalid schema: {}", value.to_str().unwrap_or_default()),
        )
        .code("PGRST106")
        .hint(format!("Only the following schemas are exposed: {SCHEMA}"))),
        _ => Ok(()),
    }
}

async fn read(state: &State, call: Call<'_>, wishes: &Wishes) -> Outcome {
    let role = call.caller.role;
    let asker = state.asker(call.caller);
    let planned = state.planner.rest_read(call.collection, call.query, &wishes.preferences, &asker);
    let RestRead { read, offset, limit: _ } = planned.map_err(|fault| status::fault(fault, Surface::Rest, role))?;
    let rows = state.store.read(read).await.map_err(|error| status::store(error, Surface::Rest, role))?;
    if let Some(total) = rows.total
        && offset > total
    {
        return Err(Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "Requested range not satisfiable")
            .code("PGRST103")
            .details(format!("An offset of {offset} was requested, but there are only {total} rows."))
            .header(header::CONTENT_RANGE, header_value(format!("*/{total}"))));
    }
    let body = whole_or_single(&rows, wishes)?;
    let partial = rows.total.is_some_and(|total| rows.len < total);
    let mut answer = answer::json_bytes(if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }, body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, wishes.content_type());
    headers.insert(header::CONTENT_RANGE, content_range(offset, rows.len, rows.total));
    Ok(answer)
}

fn content_range(offset: u64, len: u64, total: Option<u64>) -> HeaderValue {
    let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    header_value(if len == 0 { format!("*/{total}") } else { format!("{offset}-{}/{total}", offset + len - 1) })
}

fn whole_or_single(rows: &Rows, wishes: &Wishes) -> Result<Bytes, Failure> {
    if !wishes.preferences.single {
        return Ok(rows.json.clone());
    }
    if rows.len != 1 {
        return Err(Failure::new(StatusCode::NOT_ACCEPTABLE, "Cannot coerce the result to a single JSON object")
            .code("PGRST116")
            .details(format!("The result contains {} rows", rows.len)));
    }
    Ok(super::records::single(rows))
}

async fn write(state: &State, call: Call<'_>, wishes: &Wishes, method: &Method, incoming: Incoming) -> Outcome {
    let role = call.caller.role;
    let fault = |fault| status::fault(fault, Surface::Rest, role);
    let given = if method == Method::DELETE {
        Bytes::new()
    } else {
        body::must_be(call.headers, method, &["application/json", "application/vnd.pgrst.object+json"])
            .map_err(|failure| failure.code("PGRST102"))?;
        body::read(incoming, state.planner.model().limits.body_bytes).await?
    };
    let asker = state.asker(call.caller);
    let (collection, query, prefer) = (call.collection, call.query, &wishes.preferences);
    let planned = match method.as_str() {
        "POST" => state.planner.rest_insert(collection, query, &given, prefer, &asker),
        "PUT" => state.planner.rest_put(collection, query, &given, prefer, &asker),
        "PATCH" => state.planner.rest_update(collection, query, &given, prefer, &asker),
        _ => state.planner.rest_delete(collection, query, prefer, &asker),
    };
    let RestWrite { write, location } = planned.map_err(fault)?;
    let written = match write {
        Some(write) => state.store.write(write).await.map_err(|error| status::store(error, Surface::Rest, role))?,
        None => Written::default(),
    };
    written_answer(state, wishes, method, &written, location.then_some(collection))
}

fn written_answer(
    state: &State,
    wishes: &Wishes,
    method: &Method,
    written: &Written,
    location: Option<pintle_model::CollectionId>,
) -> Result<Answer, Failure> {
    let representation = wishes.preferences.returning == Return::Representation;
    let added = match method.as_str() {
        "POST" => wishes.preferences.resolution.is_none() || written.inserted > 0 || written.affected == 0,
        _ => method == Method::PUT && written.inserted > 0,
    };
    let mut answer = if representation {
        let rows =
            if written.rows.json.is_empty() { &Rows { json: "[]".into(), ..Rows::default() } } else { &written.rows };
        let body = whole_or_single(rows, wishes)?;
        let status = if added { StatusCode::CREATED } else { StatusCode::OK };
        let mut answer = answer::json_bytes(status, body);
        answer.headers_mut().insert(header::CONTENT_TYPE, wishes.content_type());
        answer
    } else if method == Method::POST {
        answer::empty(if added { StatusCode::CREATED } else { StatusCode::OK })
    } else {
        answer::empty(if added { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
    };
    let total = if wishes.preferences.count { written.affected.to_string() } else { "*".to_owned() };
    let range = match method.as_str() {
        "PATCH" if written.affected > 0 => Some(format!("0-{}/{total}", written.affected - 1)),
        "PUT" => None,
        _ => Some(format!("*/{total}")),
    };
    if let Some(range) = range {
        answer.headers_mut().insert(header::CONTENT_RANGE, header_value(range));
    }
    if let Some(collection) = location
        && let Some(location) = location_of(&state.planner.model().collection(collection).name, &written.rows)
    {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    Ok(answer)
}

/// `/rest/v1/COLLECTION?key=eq.value` of the one row that was added.
fn location_of(collection: &str, rows: &Rows) -> Option<HeaderValue> {
    if rows.len != 1 {
        return None;
    }
    let key: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&super::records::single(rows)).ok()?;
    let mut location = format!("/rest/v1/{collection}");
    for (at, (name, value)) in key.iter().enumerate() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        location.push(if at == 0 { '?' } else { '&' });
        location.push_str(&format!("{name}=eq.{}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
    }
    Some(header_value(location))
}

/// No such collection.
pub(crate) fn unknown(name: &str, role: Role) -> Failure {
    let fault = pintle_query::Fault::new(
        pintle_query::FaultKind::UnknownCollection,
        format!("Could not find the table 'public.{name}' in the schema cache"),
    );
    status::fault(fault, Surface::Rest, role)
}
