//! A worker: takes what waits in an app's queues, and stores it.

use std::sync::Arc;

use metrics::Unit;
use pintle_model::PipelineId;
use pintle_query::Planner;
use pintle_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::JetStream;
use super::message::PARTITIONS;
use super::partition::{Partition, Work};
use super::presence::{Presence, Share};
use crate::metrics::Metrics;
use crate::storing::Storing;

const HELD: &str = "pintle_worker_partitions";
const AGAIN: &str = "pintle_queue_redelivered_total";
const UNREADABLE: &str = "pintle_queue_unreadable_total";

/// What stores the records of some pipelines. There may be any number of them, in any number of processes.
#[derive(Debug)]
pub struct Worker {
    queue: JetStream,
    work: Vec<Arc<Work>>,
    presence: Arc<Presence>,
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
        let presence = Arc::new(Presence::new());
        let work = pipelines.iter().map(|id| {
            let name = &planner.model().pipeline(*id).name;
            let metrics = Arc::new(Metrics::new(name));
            let labels = [("pipeline", name.clone())];
            Some(Arc::new(Work {
                queue: queue.clone(),
                stream: queue.stream(planner.model(), *id),
                planner: Arc::clone(planner),
                id: *id,
                storing: Storing::new(*id, planner, store, &metrics)?,
                store: store.clone(),
                share: Share::new(&presence, metrics::gauge!(HELD, &labels)),
                presence: Arc::clone(&presence),
                again: metrics::counter!(AGAIN, &labels),
                unreadable: metrics::counter!(UNREADABLE, &labels),
            }))
        });
        Some(Worker { queue: queue.clone(), work: work.collect::<Option<_>>()?, presence })
    }

    /// Works until `shutdown` ends; what was begun is stored then.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let telling = tokio::spawn(Arc::clone(&self.presence).keep(self.queue.clone()));
        let mut partitions = JoinSet::new();
        for work in &self.work {
            for at in 0..PARTITIONS {
                partitions.spawn(Partition::new(work, at, stopped.clone()).run());
            }
        }
        shutdown.await;
        // Nobody is left to hear it where all have ended.
        let _ = stop.send(true);
        while partitions.join_next().await.is_some() {}
        telling.abort();
    }
}
