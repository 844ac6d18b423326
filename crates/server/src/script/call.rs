//! What a call of a script needs, put together before it begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use pintle_model::{Caller, ScriptLimits};
use pintle_query::Planner;
use pintle_query::rest::Asker;
use pintle_script::{Engine, Program, Request};
use pintle_store::Store;

use super::Habits;
use super::fetch::Fetcher;
use super::outbox::{Outbox, WAITING_BYTES_MAX};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::idempotency::Repeat;
use crate::route::{Body, Call};

/// Headers that prove who asks: not for scripts, which know it already.
const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "apikey"];

/// A call on its way, and all that it needs: it may go on when the request has ended.
pub(super) struct Work {
    pub(super) store: Store,
    pub(super) planner: Arc<Planner>,
    pub(super) engine: Arc<Engine>,
    pub(super) program: Program,
    pub(super) request: Arc<Request>,
    /// The request's, for the log: a script whose answer is kept does not see it.
    pub(super) id: String,
    /// Under whose policies it reads and writes.
    pub(super) acting: Asker,
    pub(super) repeat: Option<Repeat>,
    pub(super) habits: Arc<Habits>,
    pub(super) writes: bool,
    /// How long it may run.
    pub(super) time: Duration,
    /// Bytes that it may have sent after it, in all its requests.
    pub(super) letters_bytes_max: usize,
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) gone: Arc<Gone>,
    /// Whether the caller is told what went wrong in the script.
    pub(super) dev: bool,
}

impl Work {
    pub(super) fn of(ask: &Ask<'_>, call: &Call<'_>) -> Result<Work, Failure> {
        let state = ask.state;
        let Some(program) = state.scripts.programs.get(&call.id) else {
            let mut failure = Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            failure.cause = Some(format!("the script of {} was not compiled", call.route.path));
            return Err(failure);
        };
        let (writes, limits) = (call.route.method != "GET", &state.model().scripts.limits);
        Ok(Work {
            store: state.store.clone(),
            planner: Arc::clone(&state.planner),
            engine: Arc::clone(&state.scripts.engine),
            program: program.clone(),
            request: Arc::new(request(ask, call)),
            id: ask.id.to_str().unwrap_or_default().to_owned(),
            acting: call.acting.clone(),
            repeat: call.repeat.clone(),
            habits: state.habits.get(call.id.0).cloned().unwrap_or_default(),
            writes,
            time: if writes { write_time(limits, &state.store) } else { limits.read_time },
            letters_bytes_max: WAITING_BYTES_MAX.min(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX)),
            fetcher: Arc::clone(&state.fetcher),
            outbox: Arc::clone(&state.outbox),
            gone: Arc::default(),
            dev: state.settings.dev,
        })
    }
}

/// How long a call that writes may run.
fn write_time(limits: &ScriptLimits, store: &Store) -> Duration {
    let usual = match store {
        Store::Sqlite(_) => ScriptLimits::ALONE_TIME,
        Store::Postgres(_) => limits.read_time,
    };
    limits.write_time.unwrap_or(usual)
}

/// The request as the script sees it. Where its answer is kept for others, it is shown nothing that the answer must not depend on.
fn request(ask: &Ask<'_>, call: &Call<'_>) -> Request {
    let (remote, id) = match call.route.cache {
        Some(_) => Default::default(),
        None => (ask.remote.to_string(), ask.id.to_str().unwrap_or_default().to_owned()),
    };
    Request {
        method: call.route.method,
        path: ask.head.uri.path().to_owned(),
        params: call.params_json().into(),
        query: ask.query.clone().into_owned(),
        headers: headers(&call.headers(&ask.head.headers)),
        body: match &call.body {
            Body::None => pintle_script::Body::None,
            Body::Json(json) => pintle_script::Body::Json(json.clone()),
            Body::Text(text) => pintle_script::Body::Text(text.clone()),
            Body::Bytes(bytes) => pintle_script::Body::Bytes(bytes.clone()),
        },
        caller: caller(&ask.asker.caller),
        remote,
        id,
    }
}

fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let shown = all.iter().filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
    shown
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn caller(caller: &Caller) -> pintle_script::Caller {
    let claims = serde_json::to_vec(&caller.claims).unwrap_or_default();
    pintle_script::Caller { role: caller.role.name(), user: caller.user.clone(), claims: Bytes::from(claims) }
}

/// Whether nobody waits for the answer any more.
#[derive(Debug, Default)]
pub(super) struct Gone(AtomicBool);

/// Tells that nobody waits, when it is dropped.
pub(super) struct Asking(Arc<Gone>);

impl Gone {
    pub(super) fn when_dropped(gone: &Arc<Gone>) -> Asking {
        Asking(Arc::clone(gone))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
