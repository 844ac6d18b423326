//! The request, the answer, and what is asked of the host.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rquickjs::function::Opt;
use rquickjs::{Array, Ctx, Exception, Object, Result, Value};

use super::{Octets, bytes, json, rows, set};
use crate::failure::Failure;
use crate::state::{Asked, Shared, State};
use crate::{Body, DbRequest, FetchRequest, Level, Request, Response};

pub(super) fn add<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    request(native, shared)?;
    data(native, shared)?;
    elsewhere(native, shared)?;
    outcome(native, shared)?;
    let state = Arc::clone(shared);
    set(native, "late", move || state.clock.is_over())
}

/// The parts of the request, each asked for when it is first needed.
fn request<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    let state = Arc::clone(shared);
    set(native, "text", move |ctx: Ctx<'js>, name: String| -> Result<String> {
        let request = asked(&ctx, &state)?;
        Ok(match name.as_str() {
            "method" => request.method.to_owned(),
            "path" => request.path.clone(),
            "query" => request.query.clone(),
            "remote" => request.remote.clone(),
            _ => request.id.clone(),
        })
    })?;
    let state = Arc::clone(shared);
    set(native, "params", move |ctx: Ctx<'js>| object(&ctx, &asked(&ctx, &state)?.params))?;
    let state = Arc::clone(shared);
    set(native, "headers", move |ctx: Ctx<'js>| -> Result<Vec<String>> {
        let request = asked(&ctx, &state)?;
        let flat = request.headers.iter().flat_map(|(name, value)| [name.clone(), value.clone()]);
        Ok(flat.collect())
    })?;
    let state = Arc::clone(shared);
    set(native, "body", move |ctx: Ctx<'js>| match &asked(&ctx, &state)?.body {
        Body::None => Ok(Value::new_undefined(ctx)),
        Body::Json(text) => json(&ctx, text),
        Body::Text(text) => rquickjs::String::from_str(ctx, text).map(rquickjs::String::into_value),
        Body::Bytes(bytes) => Octets::new_copy(ctx, bytes).map(Octets::into_value),
    })?;
    let state = Arc::clone(shared);
    set(native, "isJson", move |ctx: Ctx<'js>| -> Result<bool> {
        Ok(matches!(asked(&ctx, &state)?.body, Body::Json(_)))
    })?;
    let state = Arc::clone(shared);
    set(native, "caller", move |ctx: Ctx<'js>| -> Result<Object<'js>> {
        let request = asked(&ctx, &state)?;
        let caller = Object::new(ctx.clone())?;
        caller.set("role", request.caller.role)?;
        caller.set("user", Null(request.caller.user.as_deref()))?;
        caller.set("claims", object(&ctx, &request.caller.claims)?)?;
        Ok(caller)
    })
}

/// What is null in JavaScript where there is nothing.
struct Null<'a>(Option<&'a str>);

impl<'js> rquickjs::IntoJs<'js> for Null<'_> {
    fn into_js(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        self.0.map_or_else(|| Ok(Value::new_null(ctx.clone())), |text| text.into_js(ctx))
    }
}

fn asked(ctx: &Ctx<'_>, shared: &Shared) -> Result<Arc<Request>> {
    let request = shared.state.lock().request.clone();
    request.ok_or_else(|| Exception::throw_type(ctx, "there is no request here"))
}

fn object<'js>(ctx: &Ctx<'js>, text: &[u8]) -> Result<Value<'js>> {
    json(ctx, if text.is_empty() { b"{}" } else { text })
}

/// The app's data.
fn data<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    let state = Arc::clone(shared);
    let database =
        move |ctx: Ctx<'js>, id: u32, parts: Vec<Option<String>>, single: bool, picture: Opt<Option<String>>| {
            let mut parts = parts.into_iter();
            let mut next = || parts.next().flatten().unwrap_or_default();
            let (method, collection, query, prefer) = (next(), next(), next(), next());
            let method = ["GET", "HEAD", "POST", "PATCH", "DELETE"].into_iter().find(|known| *known == method);
            let method = method.ok_or_else(|| Exception::throw_type(&ctx, "no such method"))?;
            let mut pieces: Vec<String> = parts.flatten().collect();
            let body = match pieces.len() {
                0 | 1 => pieces.pop().map(Bytes::from),
                _ => Some(around(&pieces, &asked(&ctx, &state)?.body)),
            };
            let request = DbRequest { method, collection, query, prefer, single, body };
            ask(&ctx, &state, Asked::Database { id, request, picture: picture.0.flatten() })
        };
    set(native, "database", database)?;
    let state = Arc::clone(shared);
    set(native, "columns", move |ctx: Ctx<'js>, rows: Array<'js>| rows::columns(&ctx, &rows, &state.clock))?;
    let state = Arc::clone(shared);
    set(native, "rows", move |ctx: Ctx<'js>, rows: Array<'js>, columns: Vec<rquickjs::String<'js>>| {
        rows::json(&ctx, &rows, &columns, &state)
    })?;
    let state = Arc::clone(shared);
    set(native, "sql", move |ctx: Ctx<'js>, id: u32, text: String, params: String, picture: Opt<Option<String>>| {
        ask(&ctx, &state, Asked::Sql { id, text, params: Bytes::from(params), picture: picture.0.flatten() })
    })?;
    let state = Arc::clone(shared);
    set(native, "picture", move |ctx: Ctx<'js>, id: u32, options: String, rows: Option<String>| {
        let rows = rows.ok_or_else(|| Exception::throw_type(&ctx, "a picture needs `rows`"))?;
        ask(&ctx, &state, Asked::Picture { id, options, rows })
    })?;
    let state = Arc::clone(shared);
    set(native, "batch", move |ctx: Ctx<'js>, id: u32, rows: Option<String>| {
        let rows = rows.ok_or_else(|| Exception::throw_type(&ctx, "what is yielded is something that JSON has"))?;
        ask(&ctx, &state, Asked::Batch { id, rows: Bytes::from(rows) })
    })
}

/// What is written: between each two of its pieces stands the request's JSON body as it came.
fn around(pieces: &[String], body: &Body) -> Bytes {
    let json = if let Body::Json(json) = body { &json[..] } else { b"null" };
    let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
    Bytes::from(pieces.join(json))
}

/// The network and the log.
fn elsewhere<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    let state = Arc::clone(shared);
    let fetch = move |ctx: Ctx<'js>,
                      id: u32,
                      method: String,
                      url: String,
                      headers: Vec<String>,
                      body: Value<'js>,
                      timeout: Option<f64>| {
        let body = sent(&body)?;
        let timeout = match timeout.map(|ms| Duration::try_from_secs_f64(ms / 1000.0)) {
            Some(Err(_)) => return Err(Exception::throw_range(&ctx, "the timeout of a fetch is milliseconds")),
            Some(Ok(time)) => Some(time),
            None => None,
        };
        let request = FetchRequest { method, url, headers: pairs(headers), body, timeout };
        ask(&ctx, &state, Asked::Fetch { id, request })
    };
    set(native, "fetch", fetch)?;
    let state = Arc::clone(shared);
    set(native, "log", move |level: String, text: String| {
        let level = match level.as_str() {
            "debug" => Level::Debug,
            "warn" => Level::Warn,
            "error" => Level::Error,
            _ => Level::Info,
        };
        state.state.lock().log(level, text);
    })
}

/// How the call ended, as the script sees it.
fn outcome<'js>(native: &Object<'js>, shared: &Arc<Shared>) -> Result<()> {
    let state = Arc::clone(shared);
    let answer =
        move |status: u16, content_type: Option<String>, headers: Vec<String>, body: Value<'js>| -> Result<()> {
            let body = sent(&body)?.unwrap_or_default();
            end(&mut state.state.lock(), |state| {
                if body.len() > state.output_bytes_max {
                    return Err(Failure::Output { limit_bytes: state.output_bytes_max });
                }
                Ok(Response { status, headers: pairs(headers), content_type, body })
            });
            Ok(())
        };
    set(native, "answer", answer)?;
    let state = Arc::clone(shared);
    set(native, "failed", move |parts: Vec<Value<'js>>| -> Result<()> {
        let failure = failure(&parts)?;
        end(&mut state.state.lock(), |_| Err(failure));
        Ok(())
    })
}

/// The first end counts.
fn end(state: &mut State, outcome: impl FnOnce(&State) -> std::result::Result<Response, Failure>) {
    if state.outcome.is_none() {
        state.outcome = Some(outcome(state));
    }
}

/// What `describe` of the library says of what was thrown.
pub(crate) fn failure(parts: &[Value<'_>]) -> Result<Failure> {
    let text = |at: usize| parts.get(at).and_then(Value::as_string).map(rquickjs::String::to_string).transpose();
    let Some(status) = parts.first().and_then(Value::as_int) else {
        let (message, stack) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
        return Ok(Failure::Thrown { message, at: None, stack });
    };
    let status = u16::try_from(status).unwrap_or(500);
    Ok(Failure::Failed {
        status,
        code: text(1)?,
        message: text(2)?.unwrap_or_default(),
        details: text(3)?,
        hint: text(4)?,
    })
}

fn ask(ctx: &Ctx<'_>, shared: &Shared, asked: Asked) -> Result<()> {
    let done = shared.state.lock().ask(asked);
    done.map_err(|message| Exception::throw_message(ctx, &message))
}

/// A string or a `Uint8Array`, as bytes.
fn sent(body: &Value<'_>) -> Result<Option<Bytes>> {
    if let Some(text) = body.as_string() {
        return Ok(Some(Bytes::from(text.to_string()?)));
    }
    let Some(object) = body.as_object() else { return Ok(None) };
    let array = Octets::from_object(object.clone())?;
    Ok(Some(Bytes::from(bytes(&array)?)))
}

fn pairs(flat: Vec<String>) -> Vec<(String, String)> {
    let mut flat = flat.into_iter();
    std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
}
