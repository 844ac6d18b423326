//! `Idempotency-Key`: a `POST` that is sent again is answered again, not made again.
//!
//! 1. [`key()`] reads the header. [`Asked`] says under which caller, path and key the answer is kept, and by which
//!    fingerprint the same request is known.
//! 2. [`once`] looks for a kept answer, or else writes and keeps the answer, in one transaction: never one without the
//!    other. A write that failed keeps nothing, so it may be sent again. A [`Repeat`] is the same in steps, for those who write
//!    in a transaction of their own.
//! 3. [`sweep()`] removes what is too old to be asked for.
//!
//! Answers are rows of a system collection, written and read through the same plans as everyone's data. Of a request no more
//! is kept than its SHA-256.

mod kept;
mod key;
mod running;
mod sweep;

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use parking_lot::Mutex;
use pintle_model::{Caller, CollectionId, Model, Role};
use pintle_query::Write;
use pintle_store::{Error, Mode, Tx, Written};
use sha2::{Digest as _, Sha256};

use self::kept::Kept;
use self::running::{Held, Running};
pub(crate) use self::sweep::sweep;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::Surface;

/// The collection of answers.
const COLLECTION: &str = "_pintle_idempotency";
/// How long an answer may be asked for again, in microseconds: 24 hours.
const KEPT: i64 = 24 * 60 * 60 * 1_000_000;
/// Says that an answer is an earlier one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// When to ask again for what is at work, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A SHA-256.
type Digest = [u8; 32];

/// What requests with keys share.
#[derive(Debug)]
pub(crate) struct Idempotency {
    collection: CollectionId,
    service: Arc<Caller>,
    running: Running,
}

/// A request with a key.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Who asks: the role, and the user if there is one. So two tokens of a user are one caller, also when one takes the
    /// other's place.
    caller: String,
    path: String,
    key: String,
    fingerprint: Digest,
}

impl Idempotency {
    /// Reads the collection of a model; `None` if it has none. Keys that `earlier` has at work are so here too.
    pub(crate) fn new(model: &Model, earlier: Option<&Idempotency>) -> Option<Idempotency> {
        let (collection, _) = model.find(COLLECTION)?;
        let running = earlier.map_or_else(Running::default, |earlier| earlier.running.clone());
        Some(Idempotency { collection, service: Arc::new(Caller::of(Role::ServiceRole)), running })
    }
}

/// The key of a request, if it has one.
///
/// # Errors
/// When what is sent is no key, or goes with a method that takes none.
pub(crate) fn key(head: &Parts) -> Result<Option<String>, Failure> {
    key::of(&head.method, &head.headers)
}

impl Asked {
    /// A request with a key for a path. `parts` are what its answer depends on: its parameters, preferences, body.
    pub(crate) fn new(key: String, path: String, caller: &Caller, parts: &[&[u8]]) -> Asked {
        let role = caller.role.name();
        let caller = caller.user.as_ref().map_or_else(|| role.to_owned(), |user| format!("{role}:{user}"));
        Asked { caller, path, key, fingerprint: digest(parts) }
    }

    fn id(&self) -> Digest {
        digest(&[self.caller.as_bytes(), self.path.as_bytes(), self.key.as_bytes()])
    }
}

/// The hash of several texts, each with its length, so that none runs into the next.
fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// A request with a key, at work until it has [`Repeat::ended`] or the last of these is dropped: the steps of a transaction take
/// one along, since who asked may leave before they have ended.
#[derive(Clone)]
pub(crate) struct Repeat(Arc<Work>);

struct Work {
    id: Digest,
    fingerprint: Digest,
    kept: Kept,
    held: Mutex<Option<Held>>,
}

impl Repeat {
    /// Begins with a key.
    ///
    /// # Errors
    /// 409 while the same key is at work in this process.
    pub(crate) fn begin(ask: &Ask<'_>, asked: &Asked) -> Result<Repeat, Failure> {
        let shared = &ask.state.idempotency;
        let id = asked.id();
        let held = shared.running.begin(id).ok_or_else(at_work)?;
        let kept = Kept::new(shared, ask, asked)?;
        Ok(Repeat(Arc::new(Work { id, fingerprint: asked.fingerprint, kept, held: Mutex::new(Some(held)) })))
    }

    /// The earlier answer to this request, or why there is none for it: 422 if the key was used for another one.
    pub(crate) fn earlier(&self, tx: &mut dyn Tx) -> Result<Option<Result<Answer, Failure>>, Error> {
        let Some(row) = self.0.kept.find(tx)? else { return Ok(None) };
        if !row.is_of(&self.0.fingerprint) {
            return Ok(Some(Err(another())));
        }
        let mut answer = row.answer();
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Some(Ok(answer)))
    }

    /// Keeps the answer.
    pub(crate) fn keep(&self, tx: &mut dyn Tx, answer: &Answer) -> Result<(), Error> {
        self.0.kept.keep(tx, answer)
    }

    /// Its transaction is over. Said before the answer goes out: who has got it may send the request again at once, while a
    /// store's thread still holds the steps.
    pub(crate) fn ended(&self) {
        self.0.held.lock().take();
    }

    /// For transactions that are alone with their key, and not with all that they read.
    fn claim(&self) -> Mode {
        let [a, b, c, d, e, f, g, h, ..] = self.0.id;
        Mode::Claim(i64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// Answers from what is kept, or writes, and keeps what `answered` makes of it.
///
/// # Errors
/// 409 while the same key is at work, 422 if it was used for another request, and as the write itself.
pub(crate) async fn once(
    ask: &Ask<'_>,
    surface: Surface,
    asked: Asked,
    write: Option<Write>,
    answered: impl Fn(Written) -> Answer + Send + 'static,
) -> Result<Answer, Failure> {
    let repeat = Repeat::begin(ask, &asked)?;
    let claim = repeat.claim();
    let begun = repeat.clone();
    let steps = move |tx: &mut dyn Tx| {
        if let Some(earlier) = repeat.earlier(tx)? {
            return Ok(earlier);
        }
        let done = match &write {
            Some(write) => tx.write(write)?,
            None => Written::default(),
        };
        let answer = answered(done);
        repeat.keep(tx, &answer)?;
        Ok(Ok(answer))
    };
    let outcome = ask.state.store.transaction(claim, steps).await;
    begun.ended();
    match outcome {
        Ok(outcome) => outcome,
        Err(Error::Claimed) => Err(at_work()),
        Err(error) => Err(ask.error(error, surface)),
    }
}

fn at_work() -> Failure {
    Failure::new(StatusCode::CONFLICT, "a request with this `Idempotency-Key` is at work")
        .hint("send it again when that has ended: it then gets the same answer")
        .header(header::RETRY_AFTER, RETRY_AFTER)
}

fn another() -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "this `Idempotency-Key` was used for another request").hint(
        "a key goes with one body, one set of parameters and one set of preferences; make a new one for a new request",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(user: Option<&str>, path: &str, key: &str) -> Asked {
        let caller = Caller { user: user.map(str::to_owned), ..Caller::of(Role::Authenticated) };
        Asked::new(key.to_owned(), path.to_owned(), &caller, &[])
    }

    #[test]
    fn what_is_kept_is_the_caller_s_for_one_path_and_key() {
        let one = asked(Some("ann"), "/notes", "k");
        assert_eq!(
            (one.caller.as_str(), asked(None, "/notes", "k").caller.as_str()),
            ("authenticated:ann", "authenticated")
        );
        assert_eq!(one.id(), asked(Some("ann"), "/notes", "k").id());
        for other in [asked(None, "/notes", "k"), asked(Some("ann"), "/note", "sk"), asked(Some("ann"), "/notes", "l")]
        {
            assert_ne!(one.id(), other.id(), "{other:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_where_each_part_ends() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a"]), digest(&[b"a", b""]));
    }
}
