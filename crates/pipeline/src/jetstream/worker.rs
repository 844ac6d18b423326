//! A worker: takes what waits in an app's queues, and stores it.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Unit};
use pintle_model::PipelineId;
use pintle_query::Planner;
use pintle_store::{Error as StoreError, Store};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::JetStream;
use super::message::PARTITIONS;
use super::partition::Partition;
use super::presence::{Presence, Share};
use super::stream::Stream;
use crate::metrics::Metrics;
use crate::storing::Storing;

const HELD: &str = "pintle_worker_partitions";
const AGAIN: &str = "pintle_queue_redelivered_total";
const UNREADABLE: &str = "pintle_queue_unreadable_total";

/// How long the tables are taken to be what they were.
const FITS: Duration = Duration::from_secs(1);

/// What the partitions of a pipeline share.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) queue: JetStream,
    pub(super) stream: Arc<Stream>,
    pub(super) planner: Arc<Planner>,
    pub(super) id: PipelineId,
    pub(super) storing: Storing,
    pub(super) store: Store,
    pub(super) share: Share,
    pub(super) presence: Arc<Presence>,
    pub(super) again: Counter,
    pub(super) unreadable: Counter,
    /// When the tables were seen to be the model's.
    pub(super) looked: parking_lot::Mutex<Option<Instant>>,
}

impl Work {
    /// Whether the tables are those of this worker's model: where they are not, it would take for faults what another one can store.
    pub(super) async fn fits(&self) -> Result<(), crate::door::Error> {
        if self.looked.lock().is_some_and(|at| at.elapsed() < FITS) {
            return Ok(());
        }
        match self.store.ready().await {
            Err(error @ StoreError::Migration(_)) => return Err(error.into()),
            // A store that does not answer is noticed by what is stored.
            Err(_) => {}
            Ok(()) => *self.looked.lock() = Some(Instant::now()),
        }
        Ok(())
    }
}

/// What stores the records of some pipelines. There may be any number of them, in any number of processes.
#[derive(Debug)]
pub struct Worker {
    queue: JetStream,
    work: Vec<Arc<Work>>,
}

impl Worker {
    /// A worker for these pipelines; nothing where the model lacks what every model has.
    #[must_use]
    pub fn new(queue: &JetStream, planner: &Arc<Planner>, store: &Store, pipelines: &[PipelineId]) -> Option<Worker> {
        metrics::describe_gauge!(HELD, Unit::Count, "Partitions of which this worker takes, by pipeline");
        metrics::describe_counter!(AGAIN, Unit::Count, "Messages that came again from the queue, by pipeline");
        metrics::describe_counter!(
            UNREADABLE,
            Unit::Count,
            "Messages of the queue that are none of Pintle's, by pipeline"
        );
        let work = pipelines.iter().map(|id| {
            let name = &planner.model().pipeline(*id).name;
            let metrics = Arc::new(Metrics::new(name));
            let presence = Arc::new(Presence::new());
            let labels = [("pipeline", name.clone())];
            Some(Arc::new(Work {
                queue: queue.clone(),
                stream: queue.stream(planner.model(), *id),
                planner: Arc::clone(planner),
                id: *id,
                storing: Storing::of_worker(*id, planner, store, &metrics)?,
                store: store.clone(),
                share: Share::new(&presence, metrics::gauge!(HELD, &labels)),
                presence,
                again: metrics::counter!(AGAIN, &labels),
                unreadable: metrics::counter!(UNREADABLE, &labels),
                looked: parking_lot::Mutex::default(),
            }))
        });
        Some(Worker { queue: queue.clone(), work: work.collect::<Option<_>>()? })
    }

    /// Works until `shutdown` ends; what was begun is stored then.
    ///
    /// # Errors
    /// When a part of it panicked: whoever starts it again has all partitions taken from.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), JoinError> {
        let (stop, stopped) = watch::channel(false);
        let (mut telling, mut partitions) = (JoinSet::new(), JoinSet::new());
        for work in &self.work {
            let pipeline = work.planner.model().pipeline(work.id).name.clone();
            telling.spawn(Arc::clone(&work.presence).keep(self.queue.clone(), pipeline));
            for at in 0..PARTITIONS {
                partitions.spawn(Partition::new(work, at, stopped.clone()).run());
            }
        }
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            // None ends before it is told to.
            Some(ended) = partitions.join_next() => ended,
        };
        // Nobody is left to hear it where all have ended.
        let _ = stop.send(true);
        while partitions.join_next().await.is_some() {}
        // Nothing of it is heard any more, and it has let go of everything.
        telling.shutdown().await;
        for work in &self.work {
            work.presence.leave(&self.queue, &work.planner.model().pipeline(work.id).name).await;
        }
        outcome
    }
}
