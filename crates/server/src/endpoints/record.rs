//! A mount's record: `GET`, `PUT`, `PATCH` and `DELETE /configs/{name}`.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use hyper::body::Incoming;
use pintle_model::Role;
use pintle_query::rest::Asker;
use pintle_query::{Fault, FaultKind, Planner, Write};
use pintle_store::{Mode, Tx, Written};

use super::records::{of_fault, options, single};
use super::{Call, Outcome};
use crate::answer::{self, Failure};
use crate::body;
use crate::etag::{self, Conditions};
use crate::state::State;
use crate::status::{self, Surface};

/// Answers it.
pub(crate) async fn handle(state: &State, call: Call<'_>, key: &str, method: &Method, incoming: Incoming) -> Outcome {
    let mount = state.planner.model().collection(call.collection).mount.as_ref();
    let allowed = |name: &str| mount.is_some_and(|mount| mount.methods.iter().any(|one| one == name));
    match method.as_str() {
        "GET" | "HEAD" if allowed("GET") => get(state, call, key).await,
        "PUT" if allowed("PUT") => {
            body::must_be(call.headers, method, &["application/json"])?;
            change(state, call, key, incoming, Change::Replace).await
        }
        "PATCH" if allowed("PATCH") => {
            body::must_be(call.headers, method, &["application/merge-patch+json", "application/json"])?;
            change(state, call, key, incoming, Change::Patch).await
        }
        "DELETE" if allowed("DELETE") => change(state, call, key, incoming, Change::Remove).await,
        "OPTIONS" => Ok(options(&allow(&allowed))),
        _ => Err(Failure::method_not_allowed(method, &allow(&allowed))),
    }
}

fn allow(allowed: &dyn Fn(&str) -> bool) -> String {
    let mut methods = vec!["OPTIONS"];
    if allowed("GET") {
        methods.extend(["GET", "HEAD"]);
    }
    methods.extend(["PUT", "PATCH", "DELETE"].into_iter().filter(|name| allowed(name)));
    methods.join(", ")
}

async fn get(state: &State, call: Call<'_>, key: &str) -> Outcome {
    let role = call.caller.role;
    if !call.query.is_empty() {
        return Err(Failure::bad_request(format!("a record takes no parameters, but `{}` was given", call.query)));
    }
    let read = state.planner.get(call.collection, key, &state.asker(call.caller));
    let read = read.map_err(|fault| of_key(fault, role, key))?;
    let rows = state.store.read(read).await.map_err(|error| status::store(error, Surface::Mount, role))?;
    if rows.len == 0 {
        return Err(absent(key));
    }
    let record = single(&rows);
    let etag = etag::of(&record);
    let known = Conditions::of(call.headers).map_or(Some(false), |conditions| conditions.known(&etag));
    let mut answer = match known {
        None => return Err(changed()),
        Some(true) => answer::empty(StatusCode::NOT_MODIFIED),
        Some(false) => answer::json_bytes(StatusCode::OK, record),
    };
    answer.headers_mut().insert(header::ETAG, etag);
    Ok(answer)
}

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Replace,
    Patch,
    Remove,
}

/// What a write needs, wherever it runs.
struct Steps {
    planner: Arc<Planner>,
    collection: pintle_model::CollectionId,
    key: String,
    body: Bytes,
    asker: Asker,
    conditions: Conditions,
    change: Change,
}

async fn change(state: &State, call: Call<'_>, key: &str, incoming: Incoming, change: Change) -> Outcome {
    let role = call.caller.role;
    let conditions = Conditions::of(call.headers);
    let body = match change {
        Change::Remove => Bytes::new(),
        _ => body::read(incoming, state.planner.model().limits.body_bytes).await?,
    };
    let steps = Steps {
        planner: Arc::clone(&state.planner),
        collection: call.collection,
        key: key.to_owned(),
        body,
        asker: state.asker(call.caller),
        conditions: conditions.clone().unwrap_or_default(),
        change,
    };
    let written = if conditions.is_none() && change != Change::Patch {
        let write = steps.plan(&[]).map_err(|fault| of_key(fault, role, key))?;
        state.store.write(write).await.map_err(|error| status::store(error, Surface::Mount, role))?
    } else {
        let ran = state.store.transaction(Mode::Write, move |tx| steps.run(tx)).await;
        ran.map_err(|stop| stop.failure(role, key))?
    };
    if written.affected == 0 {
        return Err(absent(key));
    }
    if written.rows.len == 0 {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let record = single(&written.rows);
    let etag = etag::of(&record);
    let mut answer = answer::json_bytes(StatusCode::OK, record);
    answer.headers_mut().insert(header::ETAG, etag);
    Ok(answer)
}

impl Steps {
    fn plan(&self, current: &[u8]) -> Result<Write, Fault> {
        match self.change {
            Change::Replace => self.planner.replace(self.collection, &self.key, &self.body, &self.asker),
            Change::Patch => self.planner.patch(self.collection, &self.key, current, &self.body, &self.asker),
            Change::Remove => self.planner.remove(self.collection, &self.key, &self.asker),
        }
    }

    /// Reads the record, compares it with what the caller knows, and writes, as one.
    fn run(&self, tx: &mut dyn Tx) -> Result<Written, Stop> {
        let read = self.planner.get(self.collection, &self.key, &self.asker).map_err(Stop::Fault)?;
        let rows = tx.read(&read)?;
        let current = (rows.len > 0).then(|| single(&rows));
        if !self.conditions.allow_write(current.as_deref()) {
            return Err(if current.is_none() { Stop::Absent } else { Stop::Changed });
        }
        let Some(current) = current else { return Err(Stop::Absent) };
        let write = self.plan(&current).map_err(Stop::Fault)?;
        Ok(tx.write(&write)?)
    }
}

/// Why the steps ended.
enum Stop {
    Absent,
    Changed,
    Fault(Fault),
    Store(pintle_store::Error),
}

impl From<pintle_store::Error> for Stop {
    fn from(error: pintle_store::Error) -> Stop {
        Stop::Store(error)
    }
}

impl Stop {
    fn failure(self, role: Role, key: &str) -> Failure {
        match self {
            Stop::Absent => absent(key),
            Stop::Changed => changed(),
            Stop::Fault(fault) => of_key(fault, role, key),
            Stop::Store(error) => status::store(error, Surface::Mount, role),
        }
    }
}

/// A key that is no value of its type names no record.
fn of_key(fault: Fault, role: Role, key: &str) -> Failure {
    if matches!(fault.kind, FaultKind::Value(_)) && fault.details == pintle_query::Details::None {
        return absent(key).details(fault.message);
    }
    of_fault(fault, role)
}

fn absent(key: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is no record `{key}` here"))
        .hint("the list says which there are")
}

/// `If-Match` or `If-None-Match` does not hold.
pub(crate) fn changed() -> Failure {
    Failure::new(StatusCode::PRECONDITION_FAILED, "the record is not the one that the request speaks of")
        .hint("fetch it again, and send its `ETag` in `If-Match`")
}
