//! Routes of the app's own: a path, a method, and SQL, a script or what was near what that answers.
//!
//! 1. The method is one of the path's ([`crate::routes::Own`]), and the caller one of those who may ask ([`access`]).
//! 2. [`params`] and [`body`] read what the route declares; every fault of either is told at once. Both make a [`Call`].
//! 3. [`sql`] runs a statement, [`crate::script`] a script, [`proximity`] looks for what was near; all tell what they have read.
//! 4. An answer to `GET` has a tag; who knows it is told so. With `cache:` it is kept ([`cache`], [`kept`]).

pub(crate) mod access;
mod body;
mod cache;
mod faults;
mod kept;
mod params;
mod proximity;
mod sql;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};
use pintle_model::{Caller, CollectionId, ParamPlace, Route, RouteAnswer, RouteId, Value};
use pintle_query::rest::Asker;

pub(crate) use self::body::Body;
pub(crate) use self::cache::Cache;
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::compress;
use crate::etag::{self, Conditions};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::idempotency::{self, Asked, Repeat};
use crate::routes::{Found, Own};
use crate::script;

/// What a route is asked, read and checked.
pub(crate) struct Call<'r> {
    pub(crate) id: RouteId,
    pub(crate) route: &'r Route,
    /// One for each of the route's parameters, in order; null for those that were not given and have no default.
    pub(crate) params: Vec<Value>,
    pub(crate) body: Body,
    /// Under whose policies the route reads and writes: the caller, who may act as another role.
    pub(crate) acting: Asker,
    /// The request's `Idempotency-Key`: whoever writes looks for an earlier answer first, and keeps this one, in the same transaction.
    pub(crate) repeat: Option<Repeat>,
}

/// What a route answers, and which collections it read for that.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) reads: Vec<CollectionId>,
}

impl Call<'_> {
    /// The parameters as a JSON object, by name.
    pub(crate) fn params_json(&self) -> Vec<u8> {
        let mut json = vec![b'{'];
        for (param, value) in self.route.params.iter().zip(&self.params) {
            if json.len() > 1 {
                json.push(b',');
            }
            pintle_model::value::print::json_string(&mut json, &param.field.name);
            json.push(b':');
            value.write_json(&mut json);
        }
        json.push(b'}');
        json
    }

    /// The headers that a script sees. Where its answer is kept for others, those that it declares: the answer must not depend
    /// on what the cache does not look at.
    pub(crate) fn headers(&self, all: &HeaderMap) -> HeaderMap {
        if self.route.cache.is_none() {
            return all.clone();
        }
        let declared = self.route.params.iter().filter(|param| param.place == ParamPlace::Header);
        let names = declared.filter_map(|param| params::header_name(&param.field.name));
        names.filter_map(|name| Some((name.clone(), all.get(name)?.clone()))).collect()
    }
}

/// Answers at an address of the app's own.
pub(crate) async fn answer(ask: Ask<'_>, own: &Own, found: &Found<'_>, body: Incoming) -> Result<Answer, Failure> {
    let method = &ask.head.method;
    if *method == Method::OPTIONS {
        return Ok(answer::options(own.allow.clone()));
    }
    let id = own.of(method).ok_or_else(|| Failure::method(method, own.allow.clone()))?;
    let route = &ask.state.model().routes[id.0];
    let reads = route.method == "GET";
    access::check("route", route.access, ask.asker.caller.role)?;
    let key = idempotency::key(ask.head)?;
    let conditions = Conditions::of(&ask.head.headers);
    if !reads && conditions.want_one() && matches!(route.answer, RouteAnswer::Sql(_)) {
        return Err(Failure::new(
            StatusCode::PRECONDITION_FAILED,
            "this route has no record that `If-Match` could name",
        )
        .hint("leave `If-Match` out"));
    }
    let params = params::read(route, found, &ask)?;
    let body = if reads { Body::None } else { body::read(route, &ask, body).await? };
    let mut call = Call { id, route, params, body, acting: acting(route, &ask.asker), repeat: None };
    if let Some(key) = key {
        call.repeat = Some(Repeat::begin(&ask, &asked(&ask, &call, key))?);
    }
    if let RouteAnswer::Proximity(question) = &route.answer
        && proximity::wants_lines(&ask.head.headers)
    {
        return proximity::lines(&ask, &call, question).await;
    }
    match route.cache.filter(|_| reads) {
        Some(time) => kept::answer(&ask, &call, time, &conditions).await,
        None if reads => tagged(made(&ask, &call).await?.answer, &conditions),
        None => {
            let made = made(&ask, &call).await;
            if let Some(repeat) = &call.repeat {
                repeat.ended();
            }
            Ok(made?.answer)
        }
    }
}

async fn made(ask: &Ask<'_>, call: &Call<'_>) -> Result<Told, Failure> {
    match &call.route.answer {
        RouteAnswer::Sql(answer) => sql::answer(ask, call, answer.shape).await,
        RouteAnswer::Script(_) => script::answer(ask, call).await,
        RouteAnswer::Proximity(question) => proximity::answer(ask, call, question).await,
    }
}

/// Who asks, in the role that the route acts in.
fn acting(route: &Route, asker: &Asker) -> Asker {
    match route.acts_as {
        Some(role) if role != asker.caller.role => {
            let caller = Caller { role, user: asker.caller.user.clone(), claims: asker.caller.claims.clone() };
            Asker { caller: Arc::new(caller), ..asker.clone() }
        }
        _ => asker.clone(),
    }
}

/// The request as its key remembers it.
fn asked(ask: &Ask<'_>, call: &Call<'_>, key: String) -> Asked {
    let path = ask.head.uri.path().trim_end_matches('/').to_owned();
    let parts: [&[u8]; 3] = [&call.params_json(), ask.query.as_bytes(), call.body.bytes()];
    Asked::new(key, path, &ask.asker.caller, &parts)
}

/// An answer to `GET` with its tag, or that it is the one that the caller knows.
fn tagged(mut answer: Answer, conditions: &Conditions) -> Result<Answer, Failure> {
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let tag = match answer.headers().get(header::ETAG) {
        Some(tag) => tag.clone(),
        None => {
            let tag = etag::of(&answer::whole(&answer));
            answer.headers_mut().insert(header::ETAG, tag.clone());
            tag
        }
    };
    if !conditions.wanted(&tag) {
        return Err(Failure::new(
            StatusCode::PRECONDITION_FAILED,
            "the answer has changed: it is not the one that the condition names",
        ));
    }
    if !conditions.known(&tag) {
        return Ok(answer);
    }
    let mut same = answer::empty(StatusCode::NOT_MODIFIED);
    let coded = compress::may_be_coded(&answer);
    *same.headers_mut() = std::mem::take(answer.headers_mut());
    same.headers_mut().remove(header::CONTENT_TYPE);
    // Caches take the header from here too: it is that of the answer.
    if coded {
        same.headers_mut().append(header::VARY, compress::VARY);
    }
    Ok(same)
}
