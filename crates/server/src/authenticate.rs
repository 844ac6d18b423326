//! Says who asks, before anything else is looked at.
//!
//! 1. The token stands in `Authorization: Bearer TOKEN`, or in `apikey` (header or parameter), as client libraries send it.
//! 2. Its hash finds its row in `_pintle_tokens`, through a plan like everyone's data.
//! 3. What was found is remembered, in memory and bounded, until another process has written: so a token that is revoked
//!    from the command line ends within a second.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use moka::sync::Cache;
use pintle_auth::Grant;
use pintle_model::{Caller, Role};
use pintle_query::rest::Preferences;
use serde::Deserialize;

use crate::answer::Failure;
use crate::state::State;
use crate::status::{self, Surface};

/// The collection that holds tokens.
const TOKENS: &str = "_pintle_tokens";
/// Tokens that are remembered at the most, known and unknown ones together.
const REMEMBERED: u64 = 10_000;

/// What is remembered of tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    callers: Cache<[u8; 32], Option<Arc<Caller>>>,
    version: AtomicU64,
    anon: Arc<Caller>,
    service: Arc<Caller>,
}

#[derive(Deserialize)]
struct Row {
    role: String,
    user: Option<String>,
}

impl Tokens {
    pub(crate) fn new() -> Tokens {
        Tokens {
            callers: Cache::new(REMEMBERED),
            version: AtomicU64::new(0),
            anon: Arc::new(Caller::of(Role::Anon)),
            service: Arc::new(Caller::of(Role::ServiceRole)),
        }
    }
}

/// Who sent these headers and this query.
///
/// # Errors
/// 401 when a token is given that is none; the store's when it cannot be looked up.
pub(crate) async fn caller(state: &State, headers: &HeaderMap, query: &str) -> Result<Arc<Caller>, Failure> {
    let Some(token) = token(headers, query)? else {
        let anon = if state.settings.dev { &state.tokens.service } else { &state.tokens.anon };
        return Ok(Arc::clone(anon));
    };
    let hash = pintle_auth::hash(&token);
    let version = state.store.version();
    if state.tokens.version.swap(version, Ordering::AcqRel) != version {
        state.tokens.callers.invalidate_all();
    }
    let known = match state.tokens.callers.get(&hash) {
        Some(known) => known,
        None => {
            let found = look_up(state, &hash).await?;
            state.tokens.callers.insert(hash, found.clone());
            found
        }
    };
    known.ok_or_else(|| refused("the token is unknown, or was revoked"))
}

/// The token of a request. A client library may send the same one twice.
fn token<'a>(headers: &'a HeaderMap, query: &'a str) -> Result<Option<Cow<'a, str>>, Failure> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| refused("`Authorization` holds characters that no token has"))?;
        return match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
                Ok(Some(Cow::Borrowed(token.trim())))
            }
            _ => Err(refused("`Authorization` is not of the form `Bearer TOKEN`")),
        };
    }
    if let Some(value) = headers.get("apikey") {
        let text = value.to_str().map_err(|_| refused("`apikey` holds characters that no token has"))?;
        return Ok(Some(Cow::Borrowed(text.trim())));
    }
    if !query.contains("apikey=") {
        return Ok(None);
    }
    let value = query.split('&').find_map(|pair| pair.strip_prefix("apikey="));
    Ok(value.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy()))
}

/// The query without `apikey`, which is no filter.
pub(crate) fn without_apikey(query: &str) -> Cow<'_, str> {
    if !query.contains("apikey=") {
        return Cow::Borrowed(query);
    }
    Cow::Owned(query.split('&').filter(|pair| !pair.starts_with("apikey=")).collect::<Vec<_>>().join("&"))
}

async fn look_up(state: &State, hash: &[u8; 32]) -> Result<Option<Arc<Caller>>, Failure> {
    let Some((tokens, _)) = state.planner.model().find(TOKENS) else { return Ok(None) };
    let query = format!("select=role,user&hash=eq.{}", pintle_auth::hash_text(hash).replace('\\', "%5C"));
    let role = Role::ServiceRole;
    let asker = state.asker(Arc::clone(&state.tokens.service));
    let planned = state
        .planner
        .rest_read(tokens, &query, &Preferences::default(), &asker)
        .map_err(|fault| status::fault(fault, Surface::Rest, role))?;
    let rows = state.store.read(planned.read).await.map_err(|error| status::store(error, Surface::Rest, role))?;
    let rows: Vec<Row> = serde_json::from_slice(&rows.json).map_err(|error| {
        tracing::error!(%error, "a token's row does not read");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    })?;
    Ok(rows.into_iter().next().and_then(|row| {
        let role = Role::parse(&row.role)?;
        Some(Arc::new(Caller::from(Grant { role, user: row.user })))
    }))
}

fn refused(message: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, message)
        .code("PGRST301")
        .hint("`pintle token create NAME --role ROLE` makes one; send it as `Authorization: Bearer TOKEN`")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&'static str, &'static str)], query: &str) -> Result<Option<String>, StatusCode> {
        let headers: HeaderMap =
            pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value))).collect();
        token(&headers, query).map(|token| token.map(Cow::into_owned)).map_err(|failure| failure.status)
    }

    #[test]
    fn a_token_is_taken_from_where_clients_put_it() {
        assert_eq!(found(&[], "a=1").unwrap(), None);
        assert_eq!(found(&[("authorization", "Bearer t")], "").unwrap().unwrap(), "t");
        assert_eq!(found(&[("authorization", "bearer  t ")], "").unwrap().unwrap(), "t");
        assert_eq!(found(&[("apikey", "k")], "").unwrap().unwrap(), "k");
        assert_eq!(found(&[("apikey", "k"), ("authorization", "Bearer t")], "").unwrap().unwrap(), "t");
        assert_eq!(found(&[], "a=1&apikey=k").unwrap().unwrap(), "k");
        assert_eq!(found(&[("authorization", "Basic x")], ""), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(found(&[("authorization", "Bearer ")], ""), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn the_key_is_no_filter() {
        assert_eq!(without_apikey("a=1&apikey=k&b=2"), "a=1&b=2");
        assert_eq!(without_apikey("apikey=k"), "");
        assert_eq!(without_apikey("a=1"), "a=1");
    }
}
