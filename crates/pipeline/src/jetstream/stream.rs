//! The stream of a pipeline: made, brought to what the manifest says, and looked at.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Gauge, Unit};
use parking_lot::Mutex;
use pintle_model::Pipeline;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use super::message::{PARTITIONS, RECORDS_MAX};
use super::{Connection, JetStream, QueueError};

/// How often it is looked at, and how often where there was no room.
const LOOK: Duration = Duration::from_millis(500);
const LOOK_FULL: Duration = Duration::from_millis(50);
/// How long it may not have answered while all counts as well.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// JetStream's numbers for a stream that is not there, and for copies where there is one server.
const NOT_FOUND: u64 = 10059;
const ALONE: u64 = 10074;

const PENDING: &str = "pintle_queue_pending";
const ANSWERS: &str = "pintle_queue_answers";

/// What a stream is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// What its subjects begin with; behind it stand the partition and the number of records.
    pub(super) subject: String,
    /// Records that may wait.
    queue: u64,
    replicas: u64,
    pipeline: String,
}

impl Wanted {
    pub(super) fn of(queue: &JetStream, pipeline: &Pipeline) -> Wanted {
        let (prefix, app) = &queue.0.name;
        Wanted {
            name: format!("{prefix}-{app}-{}", pipeline.name),
            subject: format!("{prefix}.{app}.{}", pipeline.name),
            queue: pipeline.queue,
            replicas: queue.0.url.replicas,
            pipeline: pipeline.name.clone(),
        }
    }

    /// What JetStream is told. Messages have one record at least, so the number of messages is the last bound of the number of records.
    fn config(&self) -> Json {
        json!({
            "name": self.name,
            "subjects": (0..PARTITIONS).map(|at| filter(self, at)).collect::<Vec<_>>(),
            "retention": "workqueue",
            "storage": "file",
            "discard": "new",
            "max_msgs": self.queue,
            "max_msgs_per_subject": -1,
            "max_bytes": -1,
            "max_age": 0,
            "max_consumers": -1,
            "num_replicas": self.replicas,
        })
    }

    /// Copies were asked for where there can be none.
    fn alone(&self) -> QueueError {
        let what = format!(
            "the stream `{}` cannot have `replicas={}`: the NATS server is in no cluster, and keeps one copy",
            self.name, self.replicas
        );
        QueueError::told(what).help("name servers of a cluster of three or more, or leave `replicas` away")
    }
}

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Stream {
    connection: Weak<Connection>,
    wanted: Mutex<Wanted>,
    name: String,
    /// Records that waited when it was looked at last, what it took from this process since, and what is on its way to it.
    waiting: AtomicU64,
    since: AtomicU64,
    flying: AtomicU64,
    /// How the last look ended, and when it last went well.
    seen: Mutex<(Option<QueueError>, tokio::time::Instant)>,
    /// Somebody finds no room.
    full: Notify,
    /// Nothing is published into a stream before it was seen to be what it is to be.
    good: AtomicBool,
    /// What it was made, or found to be.
    ensured: tokio::sync::Mutex<Option<Wanted>>,
}

#[derive(Debug, Deserialize)]
struct Info {
    config: Json,
    state: State,
    /// Where it is: a server that is in no cluster says nothing, or nothing of a name.
    #[serde(default)]
    cluster: Json,
}

#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    messages: u64,
    /// Messages of each subject.
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

impl Stream {
    pub(super) fn new(connection: Weak<Connection>, wanted: Wanted) -> Stream {
        Stream {
            connection,
            name: wanted.name.clone(),
            wanted: Mutex::new(wanted),
            waiting: AtomicU64::new(0),
            since: AtomicU64::new(0),
            flying: AtomicU64::new(0),
            seen: Mutex::new((None, tokio::time::Instant::now())),
            full: Notify::new(),
            good: AtomicBool::new(false),
            ensured: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// It is to be another one from the next look on.
    pub(super) fn want(&self, wanted: Wanted) {
        *self.wanted.lock() = wanted;
    }

    pub(super) fn wanted(&self) -> Wanted {
        self.wanted.lock().clone()
    }

    fn queue(&self) -> Result<JetStream, QueueError> {
        self.connection.upgrade().map(JetStream).ok_or_else(|| QueueError::away("the queue was left"))
    }

    /// Whether it answered of late.
    pub(super) fn ready(&self) -> Result<(), QueueError> {
        match &*self.seen.lock() {
            (Some(error), when) if error.told || when.elapsed() > SILENCE_MAX => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Room for so many records, which are on their way then.
    ///
    /// # Errors
    /// How many wait already.
    pub(super) fn room(&self, records: u64) -> Result<Flying<'_>, u64> {
        let flying = self.flying.fetch_add(records, Ordering::Relaxed);
        let guard = Flying { stream: self, records };
        let before = flying + self.since.load(Ordering::Relaxed) + self.waiting.load(Ordering::Relaxed);
        // What is larger than all the room there is may pass alone.
        if before > 0 && before + records > self.wanted.lock().queue {
            self.full.notify_one();
            return Err(before);
        }
        Ok(guard)
    }

    /// Makes it, or brings it to what it is to be, unless that was done.
    pub(super) async fn ensure(&self) -> Result<(), QueueError> {
        let (queue, wanted) = (self.queue()?, self.wanted());
        let mut ensured = self.ensured.lock().await;
        if ensured.as_ref() == Some(&wanted) {
            return Ok(());
        }
        match Stream::bring(&queue, &wanted).await {
            Ok(all) => {
                *ensured = all.then_some(wanted);
                self.good.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                *ensured = None;
                // What is there is another one's; what JetStream refuses to change goes on as it is.
                self.good.fetch_and(!(error.told && error.code == 0), Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Whether it may be published into.
    pub(super) fn good(&self) -> Result<(), QueueError> {
        if self.good.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(self.seen.lock().0.clone().unwrap_or_else(|| QueueError::away("the queue is not ready yet")))
    }

    /// Whether it is all that it is to be: a lower bound waits until little is left.
    async fn bring(queue: &JetStream, wanted: &Wanted) -> Result<bool, QueueError> {
        let mut config = wanted.config();
        let at = |verb: &str| format!("STREAM.{verb}.{}", wanted.name);
        let failed = |error: QueueError| match error.code {
            ALONE => wanted.alone(),
            _ => QueueError { message: format!("the stream `{}`: {}", wanted.name, error.message), ..error },
        };
        let there: Info = match queue.ask(&at("INFO"), &Json::Null).await {
            Ok(there) => there,
            Err(error) if error.code == NOT_FOUND => {
                let _: Json = queue.ask(&at("CREATE"), &config).await.map_err(failed)?;
                tracing::info!(stream = wanted.name, "made the stream of the pipeline `{}`", wanted.pipeline);
                return Ok(true);
            }
            Err(error) => return Err(failed(error)),
        };
        let other = |key: &str| {
            let what = format!(
                "the stream `{}` is there with `{key}: {}`, and must have {}",
                wanted.name, there.config[key], config[key]
            );
            QueueError::told(what).help(
                "it is another app's, or was made by hand: remove it, give the app another `name`, or name another `prefix` in the queue's URL",
            )
        };
        for key in ["retention", "storage", "subjects"] {
            if there.config[key] != config[key] {
                return Err(other(key));
            }
        }
        // Of one that is there a server alone says that it has as many copies as one likes.
        if wanted.replicas > 1 && there.cluster["name"].as_str().is_none_or(str::is_empty) {
            return Err(wanted.alone());
        }
        // JetStream removes the oldest messages above a bound that is lowered, whatever else it is told.
        let before = there.config["max_msgs"].as_u64();
        let late = there.state.messages > wanted.queue / 2 && before.is_none_or(|before| before > wanted.queue);
        if late {
            config["max_msgs"] = there.config["max_msgs"].clone();
        }
        // What the operator sets beside (compression, placement, a description) stays.
        let mut merged = there.config.clone();
        for (key, value) in config.as_object().into_iter().flatten() {
            let is = &there.config[key];
            if is == value {
                continue;
            }
            tracing::info!(stream = wanted.name, key, from = %is, to = %value, "the stream is changed");
            merged[key] = value.clone();
        }
        if merged != there.config {
            let _: Json = queue.ask(&at("UPDATE"), &merged).await.map_err(failed)?;
        }
        Ok(!late)
    }

    /// Looks at it from time to time, as long as anybody holds the connection; makes it again where it is gone.
    pub(super) async fn look_after(stream: std::sync::Arc<Stream>) {
        let (pending, answers) = Stream::gauges(&stream.wanted().pipeline);
        while let Ok(queue) = stream.queue() {
            let wanted = stream.wanted();
            let looked = stream.look(&queue, &wanted).await;
            drop(queue);
            answers.set(f64::from(u8::from(looked.is_ok())));
            match looked {
                Ok(records) => {
                    pending.set(records as f64);
                    *stream.seen.lock() = (None, tokio::time::Instant::now());
                }
                Err(error) => {
                    let mut seen = stream.seen.lock();
                    if seen.0.as_ref().is_none_or(|before| before.message != error.message) {
                        let help = error.hint();
                        tracing::warn!(stream = stream.name, %error, help, "the queue cannot be used: it is tried again");
                    }
                    seen.0 = Some(error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = async { stream.full.notified().await; tokio::time::sleep(LOOK_FULL).await } => {}
            }
        }
    }

    async fn look(&self, queue: &JetStream, wanted: &Wanted) -> Result<u64, QueueError> {
        self.ensure().await?;
        let published = self.since.load(Ordering::Relaxed);
        let filter = json!({ "subjects_filter": ">" });
        let info: Info = match queue.ask(&format!("STREAM.INFO.{}", wanted.name), &filter).await {
            Err(error) if error.code == NOT_FOUND => {
                *self.ensured.lock().await = None;
                return Err(error);
            }
            info => info?,
        };
        let records = info
            .state
            .subjects
            .iter()
            .flatten()
            .map(|(subject, messages)| messages.saturating_mul(records_of(subject)))
            .fold(0, u64::saturating_add);
        self.waiting.store(records, Ordering::Relaxed);
        self.since.fetch_sub(published, Ordering::Relaxed);
        Ok(records)
    }

    fn gauges(pipeline: &str) -> (Gauge, Gauge) {
        metrics::describe_gauge!(PENDING, Unit::Count, "Records that wait in the queue, by pipeline");
        metrics::describe_gauge!(ANSWERS, Unit::Count, "1 while the queue of a pipeline answers, else 0");
        let labels = [("pipeline", pipeline.to_owned())];
        (metrics::gauge!(PENDING, &labels), metrics::gauge!(ANSWERS, &labels))
    }
}

/// Records that are on their way to the stream, while it lives.
pub(super) struct Flying<'s> {
    stream: &'s Stream,
    records: u64,
}

impl Flying<'_> {
    /// The stream has them. Until it is looked at again they are counted here.
    pub(super) fn arrived(self) {
        self.stream.since.fetch_add(self.records, Ordering::Relaxed);
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.stream.flying.fetch_sub(self.records, Ordering::Relaxed);
    }
}

/// How many records a message of this subject has: its last part says it, where Pintle wrote it.
pub(super) fn records_of(subject: &str) -> u64 {
    subject
        .rsplit('.')
        .next()
        .and_then(|records| records.parse().ok())
        .map_or(1, |records: u64| records.clamp(1, RECORDS_MAX as u64))
}

/// The subjects of a partition.
pub(super) fn filter(wanted: &Wanted, partition: usize) -> String {
    debug_assert!(partition < PARTITIONS, "a partition is one of a few");
    format!("{}.{partition}.*", wanted.subject)
}
