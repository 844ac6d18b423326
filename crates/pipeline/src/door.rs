//! A pipeline's door: what comes is read, and taken when it is durable.

use std::sync::Arc;
use std::time::Duration;

use pintle_model::{Pipeline, PipelineId, Role, Value};
use pintle_query::pipeline::Record;
use pintle_query::rest::Asker;
use pintle_query::{Fault, Planner};
use pintle_store::{Rows, Store};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use crate::dead::DeadLetters;
use crate::jetstream::{JetStream, Publisher, QueueError};
use crate::metrics::Metrics;
use crate::replay::Replayed;
use crate::storing::Storing;

/// How long a stream waits for room, which is not read from any further meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long others wait for room, in turn, so that they come in between streams.
const MOMENT: Duration = Duration::from_secs(1);
/// Single records that wait at the most: each is held in memory, with its connection.
const SINGLES_MAX: usize = 256;

/// One pipeline of an app.
#[derive(Debug)]
pub struct Door {
    id: PipelineId,
    planner: Arc<Planner>,
    storing: Storing,
    /// The way into the queue; nothing where the store itself is the queue.
    publisher: Option<Publisher>,
    /// Room for records on their way; who waits gets it in turn.
    room: Semaphore,
    /// Places for single records to wait for room.
    singles: Semaphore,
    /// Held by whoever waits with several records, so that few are held in memory.
    several: Mutex<()>,
    metrics: Arc<Metrics>,
}

/// What became of a record of several. It is durable, unless it was turned away.
#[derive(Debug)]
pub enum Taken {
    /// It is in the queue, and is stored by a worker.
    Accepted,
    /// It is in the store: it is new there, or one with its id was there already.
    Stored,
    /// It could not be stored: it is kept with this reason, to be tried again.
    Dead(pintle_store::Error),
    /// It could not be stored, and there is no room to keep it: it alone is to be sent again later.
    TurnedAway(Error),
}

/// What became of a single record.
#[derive(Debug)]
pub enum Answered {
    /// It is in the queue, and is stored by a worker.
    Accepted,
    /// It is new. The row, where the store counted its key and whoever posts may read what it adds.
    New(Rows),
    /// One with its id was there already.
    Seen,
    /// It could not be stored: it is kept with this reason, to be tried again.
    Dead(pintle_store::Error),
}

/// Why records were not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// So many are on their way already: try again later.
    #[error("as many records are on their way already as may be: {0}")]
    Full(u64),
    /// Some could not be stored, and so many such are kept already: try again once there are fewer.
    #[error("there is no room for another dead letter: at most {0} may be kept")]
    Letters(u64),
    /// Who posts may not.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The queue cannot keep anything now. Some records may be in it.
    #[error("the queue does not answer")]
    Queue(#[source] QueueError),
    /// The store cannot keep anything now. Some records may have been stored.
    #[error(transparent)]
    Store(#[from] pintle_store::Error),
}

impl Door {
    /// The door of a pipeline, into the queue if there is one beside the store; nothing where the model lacks what every model has.
    #[must_use]
    pub fn new(id: PipelineId, planner: &Arc<Planner>, store: &Store, queue: Option<&JetStream>) -> Option<Door> {
        let metrics = Arc::new(Metrics::new(&planner.model().pipeline(id).name));
        let storing = Storing::new(id, planner, store, &metrics)?;
        Some(Door {
            id,
            planner: Arc::clone(planner),
            publisher: queue.map(|queue| Publisher::new(queue, &storing, &metrics)),
            storing,
            room: Semaphore::new(usize::try_from(planner.model().pipeline(id).queue).unwrap_or(Semaphore::MAX_PERMITS)),
            singles: Semaphore::new(SINGLES_MAX),
            several: Mutex::default(),
            metrics,
        })
    }

    /// What the manifest says of it.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        self.planner.model().pipeline(self.id)
    }

    /// Whether callers of this role may add records at all.
    ///
    /// # Errors
    /// Why not.
    pub fn open(&self, role: Role) -> Result<(), Fault> {
        self.planner.pipeline_open(self.id, role)
    }

    /// Reads a record; what is not given is filled in, so that it is whole.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn read(&self, json: &[u8], asker: &Asker) -> Result<Record, Fault> {
        let mut read = self.planner.pipeline_record(self.id, json, asker);
        if let (Ok(record), Some(publisher)) = (&read, &self.publisher)
            && let Err(fault) = publisher.fits(record, json.len())
        {
            read = Err(fault);
        }
        if read.is_err() {
            self.metrics.refused.increment(1);
        }
        read
    }

    /// Counts a record that was refused before it could be read.
    pub fn refused(&self) {
        self.metrics.refused.increment(1);
    }

    /// The record as JSON, as it was taken.
    #[must_use]
    pub fn json(&self, record: &Record) -> String {
        self.planner.pipeline_json(self.id, record)
    }

    /// Writes the id that tells the record apart, as JSON; nothing where the store is yet to count it.
    pub fn write_id(&self, record: &Record, out: &mut Vec<u8>) -> bool {
        let (pipeline, start) = (self.pipeline(), out.len());
        let values: Option<Vec<&Value>> = pipeline.id.iter().map(|field| record.value(*field)).collect();
        let Some(values) = values else { return false };
        if let [value] = values.as_slice() {
            value.write_json(out);
            return true;
        }
        let collection = self.planner.model().collection(pipeline.into);
        for (field, value) in pipeline.id.iter().zip(values) {
            out.push(if out.len() == start { b'{' } else { b',' });
            pintle_model::value::print::json_string(out, &collection.fields[*field].name);
            out.push(b':');
            value.write_json(out);
        }
        out.push(b'}');
        true
    }

    /// Takes one record.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn one(&self, record: &Record, asker: &Asker) -> Result<Answered, Error> {
        let _waiting = match self.room(1) {
            Some(room) => room,
            None => self.room_for_one().await.ok_or_else(|| self.full(1))?,
        };
        match &self.publisher {
            None => self.storing.one(record, asker).await,
            Some(publisher) => {
                publisher.take(std::slice::from_ref(record), asker, false).await.map(|()| Answered::Accepted)
            }
        }
    }

    /// Takes records; what became of each, in their order.
    ///
    /// # Errors
    /// When they were not taken. Some may have been stored all the same; those with an id are stored once if they come again.
    pub async fn take(&self, records: Vec<Record>, asker: &Asker) -> Result<Vec<Taken>, Error> {
        let count = records.len() as u64;
        let _waiting = match self.room(count) {
            Some(room) => room,
            None => self.room_between(count).await.ok_or_else(|| self.full(count))?,
        };
        self.queued(records, asker, false).await
    }

    /// The same, for who can wait until there is room: a stream, which is not read from any further meanwhile.
    ///
    /// # Errors
    /// As [`Door::take`]; [`Error::Full`] when there was no room for half a minute.
    pub async fn take_patiently(&self, records: Vec<Record>, asker: &Asker) -> Result<Vec<Taken>, Error> {
        let count = records.len() as u64;
        let _waiting = self.room_within(count, PATIENCE).await.ok_or_else(|| self.full(count))?;
        self.queued(records, asker, true).await
    }

    /// Hands records to the queue, be it the store itself or another one.
    async fn queued(&self, records: Vec<Record>, asker: &Asker, patient: bool) -> Result<Vec<Taken>, Error> {
        let Some(publisher) = &self.publisher else { return self.storing.all(records, asker).await };
        publisher.take(&records, asker, patient).await?;
        Ok(records.iter().map(|_| Taken::Accepted).collect())
    }

    /// Tries again what could not be stored before, each as who sent it: one of them, or all.
    ///
    /// # Errors
    /// When the store cannot keep anything now.
    pub async fn replay(&self, only: Option<&str>, asker: &Asker) -> Result<Replayed, Error> {
        self.storing.replay(only, asker).await
    }

    /// What could not be stored.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.storing.dead
    }

    /// Room for records, if it is there now.
    fn room(&self, records: u64) -> Option<Waiting<'_>> {
        let room = self.room.try_acquire_many(self.share(records)).ok()?;
        Some(self.waiting(records, room))
    }

    /// Room for records, in turn.
    async fn room_within(&self, records: u64, patience: Duration) -> Option<Waiting<'_>> {
        let room = tokio::time::timeout(patience, self.room.acquire_many(self.share(records))).await.ok()?.ok()?;
        Some(self.waiting(records, room))
    }

    /// Room for a single record: some wait for a moment, others are turned away at once.
    async fn room_for_one(&self) -> Option<Waiting<'_>> {
        let _place = self.singles.try_acquire().ok()?;
        self.room_within(1, MOMENT).await
    }

    /// Room for several records, for one lot at a time: it waits for a moment, so that none is turned away for ever, be it behind streams
    /// or since it is more than there ever is room for.
    async fn room_between(&self, records: u64) -> Option<Waiting<'_>> {
        let _first = self.several.try_lock().ok()?;
        self.room_within(records, MOMENT).await
    }

    /// The room that records take: what is more than all of it passes alone.
    fn share(&self, records: u64) -> u32 {
        u32::try_from(records.min(self.pipeline().queue)).unwrap_or(u32::MAX)
    }

    fn waiting<'d>(&'d self, records: u64, room: SemaphorePermit<'d>) -> Waiting<'d> {
        self.metrics.waiting.increment(records as f64);
        Waiting { door: self, records, _room: room }
    }

    fn full(&self, records: u64) -> Error {
        self.metrics.turned_away.increment(records);
        Error::Full(self.pipeline().queue.saturating_sub(self.room.available_permits() as u64))
    }
}

/// Records that are on their way, while it lives.
struct Waiting<'d> {
    door: &'d Door,
    records: u64,
    _room: SemaphorePermit<'d>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.door.metrics.waiting.decrement(self.records as f64);
    }
}
