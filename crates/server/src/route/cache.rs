//! Answers that are kept until what they were made of is written.
//!
//! 1. A request says under which key its answer is kept (all that the answer depends on), and which collections may be
//!    read for it. For each of these the store tells a number that changes with every write: asked when the request comes.
//! 2. A kept answer is good while the numbers of what it read are still those that were told before it was made, and its
//!    time has not run out.
//! 3. Else it is made: once for all requests that come meanwhile with the same key *and the same numbers*. So nobody is
//!    answered what was read before a write that had been answered when the request came.
//! 4. What failed is told to all who wait for it, and not kept. When the request that makes an answer is broken off, one of
//!    those who wait makes it. An answer for one request alone is told to nobody else: all who waited make their own, side by side.
//!
//! Bytes are bounded; what is asked for least goes first.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use metrics::{Counter, Gauge};
use parking_lot::Mutex;
use pintle_model::{CollectionId, Model, RouteId};
use tokio::sync::watch;

use super::Told;
use crate::answer;
use crate::compress::Coding;
use crate::etag;
use crate::failure::Failure;

const REQUESTS: &str = "pintle_cache_requests_total";
const BYTES: &str = "pintle_cache_bytes";
/// What an answer takes beside its key, headers and body.
const OVERHEAD_BYTES: usize = 512;

/// All that an answer depends on, as bytes.
pub(super) type Key = Arc<[u8]>;
/// The number of a collection's last change.
type Changes = u64;

/// The answers that are kept.
pub(crate) struct Cache {
    kept: moka::sync::Cache<Key, Arc<Kept>>,
    /// What is being made, for requests that saw these numbers.
    flights: Mutex<HashMap<Flight, watch::Receiver<Option<Landed>>>>,
    /// By route; of those whose answers are kept.
    counts: Vec<Option<Counts>>,
    bytes: Gauge,
    /// All of the app's collections: what a script may read.
    pub(super) all: Vec<CollectionId>,
}

type Flight = (Key, Box<[Changes]>);
/// What came of making an answer.
type Outcome = Result<Arc<Kept>, Failure>;

/// What those who wait are told.
#[derive(Debug, Clone)]
enum Landed {
    Made(Outcome),
    /// The answer was for one request alone: each makes its own.
    Private,
}

/// What is counted of a route.
struct Counts {
    hit: Counter,
    miss: Counter,
    shared: Counter,
}

/// A kept answer.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    /// With its tag.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    coded: Coded,
    read: Vec<(CollectionId, Changes)>,
    until: Instant,
}

/// A body's other forms, made when they are first asked for.
#[derive(Debug, Default)]
struct Coded([OnceLock<Option<Bytes>>; Coding::ALL.len()]);

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It was kept.
    Hit,
    /// It was made for this request.
    Miss,
    /// It was made for another one that came at the same time.
    Shared,
}

/// What is asked of the cache.
pub(super) struct Wanted<'w> {
    pub(super) route: RouteId,
    pub(super) key: Key,
    /// Every collection that may be read.
    pub(super) watched: &'w [CollectionId],
    /// How long an answer is kept.
    pub(super) time: Duration,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("answers", &self.kept.entry_count()).finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache for the routes of an app that keeps so many bytes at the most.
    pub(crate) fn new(model: &Model, bytes_max: u64) -> Cache {
        metrics::describe_counter!(
            REQUESTS,
            "Requests for routes with a cache, by route and where the answer came from"
        );
        metrics::describe_gauge!(BYTES, metrics::Unit::Bytes, "What the cache of routes keeps");
        let weigh = |key: &Key, kept: &Arc<Kept>| u32::try_from(kept.weight(key)).unwrap_or(u32::MAX);
        let counts = model.routes.iter().map(|route| {
            let count = |source| metrics::counter!(REQUESTS, "route" => route.path.clone(), "source" => source);
            route.cache.map(|_| Counts { hit: count("hit"), miss: count("miss"), shared: count("shared") })
        });
        let all = model.collections.iter().enumerate().filter(|(_, collection)| !collection.system);
        Cache {
            all: all.map(|(at, _)| CollectionId(at)).collect(),
            kept: moka::sync::Cache::builder().max_capacity(bytes_max).weigher(weigh).build(),
            flights: Mutex::default(),
            counts: counts.collect(),
            bytes: metrics::gauge!(BYTES),
        }
    }

    /// A kept answer, or one that is made now. `changes` tells the number of a collection's last change.
    ///
    /// # Errors
    /// As `make`.
    pub(super) async fn answer<'m>(
        &self,
        wanted: &Wanted<'_>,
        changes: &impl Fn(CollectionId) -> Changes,
        make: impl FnOnce() -> BoxFuture<'m, Result<Told, Failure>>,
    ) -> Result<(Arc<Kept>, Source), Failure> {
        let (outcome, source) = self.find(wanted, changes, make).await;
        if let Some(Some(counts)) = self.counts.get(wanted.route.0) {
            match source {
                Source::Hit => counts.hit.increment(1),
                Source::Miss => counts.miss.increment(1),
                Source::Shared => counts.shared.increment(1),
            }
        }
        outcome.map(|kept| (kept, source))
    }

    async fn find<'m>(
        &self,
        wanted: &Wanted<'_>,
        changes: &impl Fn(CollectionId) -> Changes,
        make: impl FnOnce() -> BoxFuture<'m, Result<Told, Failure>>,
    ) -> (Outcome, Source) {
        if let Some(kept) = self.good(&wanted.key, changes) {
            return (Ok(kept), Source::Hit);
        }
        let seen: Box<[Changes]> = wanted.watched.iter().map(|collection| changes(*collection)).collect();
        let flight = (Arc::clone(&wanted.key), seen);
        let landing = loop {
            let mut making = match self.join(&flight) {
                Ok(landing) => break Some(landing),
                Err(making) => making,
            };
            // It ends without an outcome when the request that made it was broken off.
            let landed = making.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
            match landed {
                Some(Landed::Made(outcome)) => return (outcome, Source::Shared),
                Some(Landed::Private) => break None,
                None => {}
            }
        };
        // Whoever made it may have ended between our look and our turn.
        if let Some(kept) = self.good(&wanted.key, changes) {
            return (Ok(kept), Source::Hit);
        }
        let outcome = self.made(wanted, &flight.1, changes, make().await);
        if let Some(landing) = landing {
            let is_private = outcome.as_ref().is_ok_and(|kept| is_private(&kept.headers));
            landing.end(if is_private { Landed::Private } else { Landed::Made(outcome.clone()) });
        }
        (outcome, Source::Miss)
    }

    /// The answer that is kept, if it still holds.
    fn good(&self, key: &Key, changes: &impl Fn(CollectionId) -> Changes) -> Option<Arc<Kept>> {
        self.kept.get(key).filter(|kept| kept.holds(changes) && Instant::now() < kept.until)
    }

    /// Makes an answer from now on, or waits for another request that does.
    fn join(&self, flight: &Flight) -> Result<Landing<'_>, watch::Receiver<Option<Landed>>> {
        let mut flights = self.flights.lock();
        if let Some(making) = flights.get(flight) {
            return Err(making.clone());
        }
        let (done, making) = watch::channel(None);
        flights.insert(flight.clone(), making);
        Ok(Landing { cache: self, flight: flight.clone(), done })
    }

    /// An answer that was made, and is kept if it may be.
    fn made(
        &self,
        wanted: &Wanted<'_>,
        seen: &[Changes],
        changes: &impl Fn(CollectionId) -> Changes,
        told: Result<Told, Failure>,
    ) -> Outcome {
        let Told { answer, reads } = told?;
        let body = answer::whole(&answer);
        let (status, mut headers) = (answer.status(), answer.into_parts().0.headers);
        if status == StatusCode::OK && !headers.contains_key(header::ETAG) {
            headers.insert(header::ETAG, etag::of(&body));
        }
        let place = |read: &CollectionId| wanted.watched.iter().position(|watched| watched == read);
        let read: Option<Vec<_>> = reads.iter().map(|read| Some((*read, seen[place(read)?]))).collect();
        let may_be_kept = status == StatusCode::OK && read.is_some() && !is_private(&headers);
        let until = Instant::now() + wanted.time;
        let read = read.unwrap_or_default();
        let kept = Arc::new(Kept { status, headers, body, coded: Coded::default(), read, until });
        // What is outdated already must not take the place of what somebody made since.
        if may_be_kept && kept.holds(changes) {
            self.kept.insert(Arc::clone(&wanted.key), Arc::clone(&kept));
            self.kept.run_pending_tasks();
            #[expect(clippy::cast_precision_loss, reason = "a gauge is no account")]
            self.bytes.set(self.kept.weighted_size() as f64);
        }
        Ok(kept)
    }
}

/// Whether an answer is for one request alone.
fn is_private(headers: &HeaderMap) -> bool {
    let says_no = |value: &header::HeaderValue| value.to_str().is_ok_and(|text| text.contains("no-store"));
    headers.contains_key(header::SET_COOKIE) || headers.get_all(header::CACHE_CONTROL).iter().any(says_no)
}

impl Kept {
    /// Whether nothing that it read has been written since.
    fn holds(&self, changes: &impl Fn(CollectionId) -> Changes) -> bool {
        self.read.iter().all(|(collection, then)| changes(*collection) == *then)
    }

    /// The body in another form; nothing if it cannot be had.
    pub(super) async fn coded(&self, coding: Coding) -> Option<Bytes> {
        let place = &self.coded.0[coding as usize];
        if let Some(coded) = place.get() {
            return coded.clone();
        }
        let coded = coding.encoded(self.body.clone()).await;
        place.get_or_init(|| coded).clone()
    }

    fn weight(&self, key: &Key) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let read = self.read.len() * size_of::<(CollectionId, Changes)>();
        // As much again for the forms that may be made of it.
        OVERHEAD_BYTES + key.len() + headers + read + 2 * self.body.len()
    }
}

/// An answer on its way: when this is dropped without an outcome, one of those who wait goes on.
struct Landing<'c> {
    cache: &'c Cache,
    flight: Flight,
    done: watch::Sender<Option<Landed>>,
}

impl Landing<'_> {
    /// Tells all who wait. Who comes from now on finds it kept, or begins anew.
    fn end(self, landed: Landed) {
        self.done.send_replace(Some(landed));
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.cache.flights.lock().remove(&self.flight);
    }
}

#[cfg(test)]
mod tests;
