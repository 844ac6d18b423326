//! Who asks: the credential in a request, and whom it stands for.
//!
//! Tokens are rows of a system collection, found by their hash through the same plans as everyone's data. What was found
//! is kept, also that there was nothing, until a token is written. Those of the environment are known from the start, by
//! their hashes too.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use parking_lot::RwLock;
use percent_encoding::percent_decode_str;
use pintle_auth::{Grant, Hash};
use pintle_model::{Caller, CollectionId, Model, Role};
use pintle_query::Planner;
use pintle_query::rest::{Asker, Preferences};
use pintle_store::Store;
use serde::Deserialize;

use crate::answer;
use crate::failure::Failure;
use crate::status::{self, Surface};
use crate::{Environment, Error};

/// The collection of tokens.
const COLLECTION: &str = "_pintle_tokens";

/// Tokens that are remembered, known or not; each is about 200 bytes. When there is no more room all are looked up again,
/// which costs a read of one row each.
const KEPT_MAX: usize = 10_000;

/// Finds callers.
#[derive(Debug)]
pub(crate) struct Tokens {
    collection: CollectionId,
    kept: RwLock<HashMap<Hash, Kept>>,
    /// Those of the environment.
    named: HashMap<Hash, Arc<Caller>>,
    /// Whether `Authorization: Basic TOKEN` is taken too.
    basic: bool,
    /// Whom a request without a credential comes from.
    nobody: Arc<Caller>,
    service: Arc<Caller>,
}

/// Whom a token stands for, as of the store's number of changes.
#[derive(Debug, Clone)]
struct Kept {
    changes: u64,
    caller: Option<Arc<Caller>>,
}

/// A token's row.
#[derive(Deserialize)]
struct Row {
    role: String,
    user: Option<String>,
}

impl Tokens {
    /// Reads the tokens of a model and of the environment; `nobody` is the role of callers without one.
    pub(crate) fn new(model: &Model, environment: &Environment, nobody: Role) -> Result<Tokens, Error> {
        let (collection, _) = model.find(COLLECTION).ok_or(Error::Model(COLLECTION))?;
        Ok(Tokens {
            collection,
            kept: RwLock::default(),
            named: named(model, environment)?,
            basic: model.credentials.basic,
            nobody: Arc::new(Caller::of(nobody)),
            service: Arc::new(Caller::of(Role::ServiceRole)),
        })
    }

    /// Whom a request comes from. A credential that is not known is an error, also where none is needed.
    pub(crate) async fn caller(
        &self,
        head: &Parts,
        surface: Surface,
        planner: &Planner,
        store: &Store,
    ) -> Result<Arc<Caller>, Failure> {
        let bearer = authorization(head, surface, self.basic)?;
        let key = apikey(head);
        let Some(token) = bearer.or(key.as_deref()) else { return Ok(Arc::clone(&self.nobody)) };
        let caller = self.known(token, surface, planner, store).await?;
        // Clients send the app's key beside a user's: it says nothing more of who asks, but it must be one.
        if let (Some(bearer), Some(key)) = (bearer, key.as_deref())
            && !pintle_auth::same(bearer, key)
        {
            self.known(key, surface, planner, store).await.map_err(|mut failure| {
                if failure.status == StatusCode::UNAUTHORIZED {
                    failure.message =
                        "the token of `apikey` is not known, which is another than that of `Authorization`".to_owned();
                    failure.hint = Some("send one token".to_owned());
                }
                failure
            })?;
        }
        Ok(caller)
    }

    async fn known(
        &self,
        token: &str,
        surface: Surface,
        planner: &Planner,
        store: &Store,
    ) -> Result<Arc<Caller>, Failure> {
        let hash = pintle_auth::hash(token);
        if let Some(caller) = self.named.get(&hash) {
            return Ok(Arc::clone(caller));
        }
        // Asked before the row is read: what is written meanwhile is seen by the next request.
        let changes = store.changes(self.collection);
        let kept = self.kept.read().get(&hash).filter(|kept| kept.changes == changes).cloned();
        let caller = match kept {
            Some(kept) => kept.caller,
            None => {
                // In a box, since its room would be every request's.
                let caller = Box::pin(self.look_up(&hash, surface, planner, store)).await?;
                let mut all = self.kept.write();
                if all.len() >= KEPT_MAX {
                    all.clear();
                }
                all.insert(hash, Kept { changes, caller: caller.clone() });
                caller
            }
        };
        caller.ok_or_else(|| unknown(surface))
    }

    async fn look_up(
        &self,
        hash: &Hash,
        surface: Surface,
        planner: &Planner,
        store: &Store,
    ) -> Result<Option<Arc<Caller>>, Failure> {
        let query = format!("select=role,user&hash=eq.{}", pintle_auth::hash_text(hash).replace('\\', "%5C"));
        let asker = Asker { caller: Arc::clone(&self.service), now: 0, new_uuid: uuid::Uuid::now_v7 };
        let planned = planner.rest_read(self.collection, &query, &Preferences::default(), &asker);
        let read = planned.map_err(|fault| broken(&fault))?.read;
        let rows = store.read(read).await.map_err(|error| status::error(error, surface, Role::Anon))?;
        let rows: Vec<Row> = serde_json::from_slice(&rows.json).map_err(|error| broken(&error))?;
        let grant =
            rows.into_iter().next().and_then(|row| Some(Grant { role: Role::parse(&row.role)?, user: row.user }));
        Ok(grant.map(|grant| Arc::new(Caller::from(grant))))
    }
}

/// The tokens of the environment, if the manifest names a variable that is set.
fn named(model: &Model, environment: &Environment) -> Result<HashMap<Hash, Arc<Caller>>, Error> {
    let Some(variable) = &model.credentials.tokens else { return Ok(HashMap::new()) };
    let list = environment.get(variable).unwrap_or("{}");
    let tokens =
        pintle_auth::named_tokens(list).map_err(|reason| Error::Tokens { variable: variable.clone(), reason })?;
    let caller = |user| Arc::new(Caller::from(Grant { role: Role::Authenticated, user: Some(user) }));
    Ok(tokens.into_iter().map(|(hash, user)| (hash, caller(user))).collect())
}

/// The token of `Authorization: Bearer TOKEN`, and of `Authorization: Basic TOKEN` where that is taken.
fn authorization(head: &Parts, surface: Surface, basic: bool) -> Result<Option<&str>, Failure> {
    let Some(given) = head.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    if head.headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        return Err(refused("the request has several headers `Authorization`", surface).hint("send one token"));
    }
    let token = given.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let taken = scheme.eq_ignore_ascii_case("bearer") || (basic && scheme.eq_ignore_ascii_case("basic"));
        taken.then(|| token.trim())
    });
    token.filter(|token| !token.is_empty()).map(Some).ok_or_else(|| {
        let also = if basic { ", or as `Authorization: Basic TOKEN`" } else { "" };
        refused("the header `Authorization` holds no token", surface)
            .hint(format!("send a token as `Authorization: Bearer TOKEN`{also}"))
    })
}

/// The token of the header `apikey`, or of the parameter.
fn apikey(head: &Parts) -> Option<std::borrow::Cow<'_, str>> {
    if let Some(key) = head.headers.get("apikey") {
        return Some(key.to_str().unwrap_or_default().into());
    }
    let given = head.uri.query()?.split('&').find_map(|part| part.strip_prefix("apikey="))?;
    Some(percent_decode_str(given).decode_utf8_lossy())
}

/// How to say who asks, as `WWW-Authenticate` has it.
pub(crate) fn challenge(model: &Model) -> HeaderValue {
    if model.credentials.basic {
        answer::value(format!("Bearer, Basic realm=\"{}\"", model.name))
    } else {
        HeaderValue::from_static("Bearer")
    }
}

fn unknown(surface: Surface) -> Failure {
    refused("this token is not known", surface)
        .hint("it may have been revoked; make one: pintle token create NAME --role ROLE")
}

fn refused(message: &str, surface: Surface) -> Failure {
    let failure = Failure::new(StatusCode::UNAUTHORIZED, message).challenge();
    if surface == Surface::Rest { failure.code("PGRST301") } else { failure }
}

/// The collection of tokens is ours: what goes wrong there is nobody's mistake but ours.
fn broken(error: &dyn std::error::Error) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").because(error)
}

/// The parameters of a request without `apikey`, which is no filter.
pub(crate) fn query(head: &Parts) -> std::borrow::Cow<'_, str> {
    let query = head.uri.query().unwrap_or_default();
    if !query.contains("apikey=") {
        return query.into();
    }
    let rest: Vec<&str> = query.split('&').filter(|part| !part.starts_with("apikey=")).collect();
    rest.join("&").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_bearer_s_token_is_found_whatever_the_scheme_s_case() {
        let found = |value| {
            let head = head("/", &[("authorization", value)]);
            authorization(&head, Surface::Rest, false).map(|token| token.map(str::to_owned))
        };
        assert_eq!(found("Bearer abc").unwrap().as_deref(), Some("abc"));
        assert_eq!(found("bearer  abc").unwrap().as_deref(), Some("abc"));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc"] {
            let failure = found(wrong).unwrap_err();
            assert_eq!((failure.status.as_u16(), failure.code), (401, Some("PGRST301")), "{wrong}");
        }
        assert!(authorization(&head("/", &[]), Surface::Rest, false).unwrap().is_none());
    }

    #[test]
    fn basic_carries_the_token_itself_where_that_is_taken() {
        let head = head("/", &[("authorization", "basic  abc")]);
        assert_eq!(authorization(&head, Surface::Plain, true).unwrap(), Some("abc"));
        assert_eq!(authorization(&head, Surface::Plain, false).unwrap_err().status, 401);
    }

    #[test]
    fn a_key_is_taken_from_the_header_or_the_parameters_and_is_no_filter() {
        assert_eq!(apikey(&head("/", &[("apikey", "k")])).unwrap(), "k");
        let asked = head("/configs?a=1&apikey=k%2B&b=2", &[]);
        assert_eq!(apikey(&asked).unwrap(), "k+");
        assert_eq!(query(&asked), "a=1&b=2");
        assert_eq!(query(&head("/configs?a=1", &[])), "a=1");
    }
}
