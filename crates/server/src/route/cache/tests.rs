//! What is kept, for how long, and who gets it.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::answer::Answer;

const COLLECTION: CollectionId = CollectionId(0);
const HOUR: Duration = Duration::from_secs(3600);

/// A cache, a collection's number, and how often an answer was made.
struct World {
    cache: Cache,
    number: AtomicU64,
    made: AtomicU64,
    /// Answers are made as far as this lets them.
    leave: Semaphore,
}

impl World {
    fn new(bytes_max: u64) -> World {
        let manifest = "pintle: 1\nname: t\ncollections:\n  c: { key: { id: integer } }\n";
        let (model, _) = pintle_model::load("pintle.yaml", manifest, &|_| Err(String::new()));
        World {
            cache: Cache::new(&model.unwrap(), bytes_max),
            number: AtomicU64::new(1),
            made: AtomicU64::new(0),
            leave: Semaphore::new(0),
        }
    }

    fn open() -> World {
        let world = World::new(1 << 20);
        world.leave.add_permits(1000);
        world
    }

    fn write(&self) {
        self.number.fetch_add(1, Ordering::SeqCst);
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Asks for an answer that tells the number that it saw when it began.
    async fn ask_for(
        &self,
        key: &[u8],
        time: Duration,
        make: impl Fn(u64) -> Result<Answer, Failure> + Sync,
    ) -> (Outcome, Source) {
        let wanted = Wanted { route: RouteId(0), key: key.into(), watched: &[COLLECTION], time };
        let changes = |_| self.number.load(Ordering::SeqCst);
        let make = async {
            self.made.fetch_add(1, Ordering::SeqCst);
            let saw = self.number.load(Ordering::SeqCst);
            self.leave.acquire().await.unwrap().forget();
            Ok(Told { answer: make(saw)?, reads: vec![COLLECTION] })
        };
        self.cache.find(&wanted, &changes, || Box::pin(make)).await
    }

    async fn ask(&self) -> (String, Source) {
        let (outcome, source) =
            self.ask_for(b"k", HOUR, |saw| Ok(answer::json(StatusCode::OK, saw.to_string().into()))).await;
        (String::from_utf8(outcome.unwrap().body.to_vec()).unwrap(), source)
    }
}

/// Lets what can go on go on.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_is_made_once_and_again_after_a_write() {
    let world = World::open();
    assert_eq!(world.ask().await, ("1".to_owned(), Source::Miss));
    assert_eq!(world.ask().await, ("1".to_owned(), Source::Hit));
    world.write();
    assert_eq!(world.ask().await, ("2".to_owned(), Source::Miss));
    assert_eq!(world.ask().await, ("2".to_owned(), Source::Hit));
    assert_eq!(world.made(), 2);
}

#[tokio::test]
async fn requests_that_come_together_share_one_answer() {
    let world = World::new(1 << 20);
    let asks = join_all((0..50).map(|_| world.ask()));
    let go = async {
        settle().await;
        world.leave.add_permits(1);
    };
    let (answers, ()) = tokio::join!(asks, go);
    assert_eq!(world.made(), 1);
    assert_eq!(answers.iter().filter(|(_, source)| *source == Source::Miss).count(), 1);
    assert!(answers.iter().all(|(text, _)| text == "1"));
}

#[tokio::test]
async fn who_comes_after_a_write_does_not_share_what_was_begun_before_it() {
    let world = World::new(1 << 20);
    let early = world.ask();
    let late = async {
        settle().await;
        world.write();
        world.ask().await
    };
    let go = async {
        for _ in 0..3 {
            settle().await;
        }
        world.leave.add_permits(2);
    };
    let (early, late, ()) = tokio::join!(early, late, go);
    assert_eq!((early.0.as_str(), late.0.as_str()), ("1", "2"));
    // What was made of the old rows is not kept for anybody.
    assert_eq!(world.ask().await, ("2".to_owned(), Source::Hit));
}

#[tokio::test]
async fn what_is_written_while_an_answer_is_made_drops_it() {
    let world = World::new(1 << 20);
    let ask = world.ask();
    let write = async {
        settle().await;
        world.write();
        world.leave.add_permits(2);
    };
    let (first, ()) = tokio::join!(ask, write);
    assert_eq!(first.0, "1");
    assert_eq!(world.ask().await, ("2".to_owned(), Source::Miss));
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_not_kept() {
    let world = World::new(1 << 20);
    let fail = |_| Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy"));
    let asks = join_all((0..5).map(|_| world.ask_for(b"k", HOUR, fail)));
    let go = async {
        settle().await;
        world.leave.add_permits(9);
    };
    let (answers, ()) = tokio::join!(asks, go);
    assert!(answers.iter().all(|(outcome, _)| outcome.as_ref().is_err_and(|failure| failure.status == 503)));
    assert_eq!(world.made(), 1);
    assert_eq!(world.ask().await, ("1".to_owned(), Source::Miss));
}

#[tokio::test]
async fn who_waited_for_an_answer_that_is_another_s_alone_makes_an_own_one_beside_the_others() {
    let world = World::new(1 << 20);
    let private = |_| {
        let mut answer = answer::json(StatusCode::OK, Bytes::new());
        answer.headers_mut().insert(header::SET_COOKIE, header::HeaderValue::from_static("a=b"));
        Ok(answer)
    };
    let asks = join_all((0..6).map(|_| world.ask_for(b"k", HOUR, private)));
    let go = async {
        settle().await;
        assert_eq!(world.made(), 1, "nobody knows yet whose it is");
        world.leave.add_permits(1);
        settle().await;
        assert_eq!(world.made(), 6, "all who waited have begun");
        world.leave.add_permits(5);
    };
    let (answers, ()) = tokio::join!(asks, go);
    assert!(answers.iter().all(|(outcome, source)| outcome.is_ok() && *source == Source::Miss));
    assert!(world.cache.flights.lock().is_empty());
}

#[tokio::test]
async fn when_the_first_leaves_another_one_makes_the_answer() {
    let world = Arc::new(World::new(1 << 20));
    let ask = |world: &Arc<World>| {
        let world = Arc::clone(world);
        tokio::spawn(async move { world.ask().await })
    };
    let first = ask(&world);
    settle().await;
    let others = [ask(&world), ask(&world)];
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    settle().await;
    world.leave.add_permits(1);
    let mut sources = Vec::new();
    for other in others {
        let (text, source) = other.await.unwrap();
        assert_eq!(text, "1");
        sources.push(source);
    }
    sources.sort_by_key(|source| *source == Source::Shared);
    assert_eq!(sources, [Source::Miss, Source::Shared]);
    assert_eq!(world.made(), 2);
    assert!(world.cache.flights.lock().is_empty());
}

#[tokio::test]
async fn an_answer_has_its_time() {
    let world = World::open();
    let make = |_| Ok(answer::json(StatusCode::OK, Bytes::new()));
    assert_eq!(world.ask_for(b"k", Duration::ZERO, make).await.1, Source::Miss);
    assert_eq!(world.ask_for(b"k", HOUR, make).await.1, Source::Miss);
    assert_eq!(world.ask_for(b"k", HOUR, make).await.1, Source::Hit);
    assert_eq!(world.ask_for(b"other", HOUR, make).await.1, Source::Miss);
}

#[tokio::test]
async fn only_good_answers_that_are_for_all_are_kept() {
    let world = World::open();
    let plain = |status| answer::json(status, Bytes::new());
    let marked = |name, value| {
        let mut answer = plain(StatusCode::OK);
        answer.headers_mut().insert(name, header::HeaderValue::from_static(value));
        answer
    };
    let answers: [(&[u8], &(dyn Fn() -> Answer + Sync)); 4] = [
        (b"a", &|| plain(StatusCode::NOT_FOUND)),
        (b"b", &|| plain(StatusCode::CREATED)),
        (b"c", &|| marked(header::SET_COOKIE, "a=b")),
        (b"d", &|| marked(header::CACHE_CONTROL, "private, no-store")),
    ];
    for (key, make) in answers {
        for _ in 0..2 {
            assert_eq!(world.ask_for(key, HOUR, |_| Ok(make())).await.1, Source::Miss, "{key:?}");
        }
    }
    assert_eq!(world.cache.kept.entry_count(), 0);
}

#[tokio::test]
async fn bytes_are_bounded() {
    let world = World::new(100_000);
    world.leave.add_permits(1000);
    for n in 0..100_u8 {
        let make = |_| Ok(answer::json(StatusCode::OK, vec![b'1'; 10_000].into()));
        world.ask_for(&[n], HOUR, make).await.0.unwrap();
        world.cache.kept.run_pending_tasks();
        assert!(world.cache.kept.weighted_size() <= 100_000);
    }
    assert!(world.cache.kept.entry_count() > 1);
}
