//! Dead letters: records that were taken and could not be stored, kept with the reason until somebody tries again.
//!
//! They are rows of a collection of Pintle's own, `_pintle_dead_letters`, told apart by their pipeline and an id, which is made of who
//! sent the record and of all that it says: so what is sent again is kept once, and what is not the same is kept too. There are so many
//! of a pipeline at the most as its manifest says; of one more nothing is kept, and who sent it is told to wait.

mod keeping;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use metrics::Gauge;
use pintle_model::{CollectionId, Pipeline, PipelineId, Role, Type, Value};
use pintle_query::request::{Comparison, Filter, Order, ReadShape, Returning, Target, Test, WriteShape};
use pintle_query::rest::Asker;
use pintle_query::{Fault, Planner, Read, Write};
use pintle_store::{Error as StoreError, Mode, Rows, Store};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use self::keeping::Again;
use crate::door::Error;
use crate::letter::{Letter, reason};
use crate::storing::write;

/// The collection's name, and the places of its fields.
const COLLECTION: &str = "_pintle_dead_letters";
const PIPELINE: usize = 0;
const ID: usize = 1;
const CODE: usize = 4;
const RECEIVED_AT: usize = 7;
const ATTEMPTS: usize = 9;
const FIELDS: usize = 10;

/// Letters that are removed at once, so that others do not wait for it long.
const REMOVED_MAX: u64 = 500;

/// The dead letters of one pipeline.
#[derive(Debug)]
pub struct DeadLetters {
    id: PipelineId,
    planner: Arc<Planner>,
    store: Store,
    collection: CollectionId,
    /// Of one that cannot be kept its sender can be told to wait.
    bounded: bool,
    /// How many there are, once somebody has looked.
    known: Mutex<Known>,
    /// Whether there was no room, and whether the store is asked.
    full: AtomicBool,
    asking: AtomicBool,
    gauge: Gauge,
}

/// How many letters there are.
#[derive(Debug, Default)]
struct Known {
    count: u64,
    /// When they were counted.
    at: Option<Instant>,
    /// When it was logged that there is no room.
    told: Option<Instant>,
}

/// Which letters come first.
#[derive(Debug, Clone, Copy)]
enum First {
    Earliest,
    Last,
}
use First::{Earliest, Last};

/// A record that could not be stored.
#[derive(Debug)]
pub(crate) struct Dead<'r> {
    pub(crate) values: &'r [Value],
    /// The store would have counted its key.
    pub(crate) counted: bool,
    /// Which of them the door filled in by the clock or by chance.
    pub(crate) filled: &'r [usize],
    pub(crate) error: &'r StoreError,
}

impl DeadLetters {
    pub(crate) fn new(
        id: PipelineId,
        planner: &Arc<Planner>,
        store: &Store,
        gauge: Gauge,
        bounded: bool,
    ) -> Option<DeadLetters> {
        let (collection, _) = planner.model().find(COLLECTION)?;
        let (planner, store, known) = (Arc::clone(planner), store.clone(), Mutex::default());
        Some(DeadLetters {
            id,
            planner,
            store,
            collection,
            bounded,
            known,
            full: AtomicBool::new(false),
            asking: AtomicBool::new(false),
            gauge,
        })
    }

    fn pipeline(&self) -> &Pipeline {
        self.planner.model().pipeline(self.id)
    }

    /// Removes letters that are too old, and counts those that are left.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn look_after(&self, asker: &Asker) -> Result<(), Error> {
        let (mut count, oldest) = self.counted(asker).await?;
        if let (Some(keep), Some(oldest)) = (self.pipeline().dead_letters.keep, oldest) {
            let until = asker.now.saturating_sub(i64::try_from(keep.as_micros()).unwrap_or(i64::MAX));
            if matches!(oldest, Value::Timestamp(oldest) if oldest <= until) {
                let removed = self.remove_until(until, asker).await?;
                let pipeline = &self.pipeline().name;
                tracing::warn!(pipeline, removed, "dead letters were too old: they are removed");
                count = count.saturating_sub(removed);
            }
        }
        let mut known = self.known.lock().await;
        (known.count, known.at) = (count, Some(Instant::now()));
        self.gauge.set(count as f64);
        Ok(())
    }

    /// How many there are, and when the oldest one's record came.
    async fn counted(&self, asker: &Asker) -> Result<(u64, Option<Value>), Error> {
        let rows = self.rows(self.mine(), Earliest, (1, 0), true, vec![self.name()], asker).await?;
        let oldest = letters(&rows)?.first().and_then(|letter| letter.came());
        Ok((rows.total.unwrap_or(0), oldest))
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count(&self, asker: &Asker) -> Result<u64, Error> {
        Ok(self.counted(asker).await?.0)
    }

    /// When the record of the newest one came, in microseconds since 1970, and now at the least: clocks differ.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn newest(&self, asker: &Asker) -> Result<i64, Error> {
        let rows = self.rows(self.mine(), Last, (1, 0), false, vec![self.name()], asker).await?;
        Ok(match letters(&rows)?.first().and_then(Letter::came) {
            Some(Value::Timestamp(came)) => came.max(asker.now),
            _ => asker.now,
        })
    }

    /// So many of them, the earliest first, behind one of them, of those whose records came until a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn page(
        &self,
        limit: u64,
        behind: Option<&Letter>,
        until: i64,
        asker: &Asker,
    ) -> Result<Vec<Letter>, Error> {
        let is = |field, comparison, slot| Filter::Test(Target::field(field), Test::Compare(comparison, slot));
        let mut values = vec![self.name(), Value::Timestamp(until)];
        let mut filter = vec![self.mine(), is(RECEIVED_AT, Comparison::Le, 1)];
        if let Some((letter, came)) = behind.and_then(|letter| Some((letter, letter.came()?))) {
            values.extend([came, Value::Text(letter.id.clone())]);
            let later = is(RECEIVED_AT, Comparison::Gt, 2);
            let beside = Filter::And(vec![is(RECEIVED_AT, Comparison::Eq, 2), is(ID, Comparison::Gt, 3)]);
            filter.push(Filter::Or(vec![later, beside]));
        }
        letters(&self.rows(Filter::And(filter), Earliest, (limit, 0), false, values, asker).await?)
    }

    /// The one with this id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn find(&self, id: &str, asker: &Asker) -> Result<Option<Letter>, Error> {
        let values = vec![self.name(), Value::Text(id.to_owned())];
        Ok(letters(&self.rows(by_key(), Earliest, (1, 0), false, values, asker).await?)?.pop())
    }

    /// Removes those with these ids, all or none: which of them is not there, if one is not.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove(&self, ids: &BTreeSet<String>, asker: &Asker) -> Result<Option<String>, Error> {
        /// What leaves all as it was.
        enum Not {
            There(String),
            Removed(StoreError),
        }
        impl From<StoreError> for Not {
            fn from(error: StoreError) -> Not {
                Not::Removed(error)
            }
        }

        let removals = ids.iter().map(|id| Ok((id.clone(), self.removal(id, asker)?)));
        let removals = removals.collect::<Result<Vec<_>, Fault>>()?;
        let removed = self.store.transaction(Mode::Write, move |tx| {
            for (id, removal) in &removals {
                if tx.write(removal)?.affected == 0 {
                    return Err(Not::There(id.clone()));
                }
            }
            Ok(())
        });
        match removed.await {
            Ok(()) => Ok(None),
            Err(Not::There(id)) => Ok(Some(id)),
            Err(Not::Removed(error)) => Err(error.into()),
        }
    }

    /// Removes those whose records came until this time, in microseconds since 1970; how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_until(&self, until: i64, asker: &Asker) -> Result<u64, Error> {
        let old = Filter::Test(Target::field(RECEIVED_AT), Test::Compare(Comparison::Le, 1));
        let filter = Filter::And(vec![self.mine(), old]);
        let shape = WriteShape::Delete { filter: filter.clone(), returning: Returning::default() };
        let plan = self.planner.plan_write(self.collection, Role::ServiceRole, shape)?;
        let mut removed = 0;
        loop {
            let values = |until| vec![self.name(), until];
            let page = (1, REMOVED_MAX - 1);
            let rows = self.rows(filter.clone(), Earliest, page, false, values(Value::Timestamp(until)), asker).await?;
            let next = letters(&rows)?.first().and_then(Letter::came);
            let more = next.is_some();
            let mut write = write(Arc::clone(&plan), Vec::new(), asker);
            write.inputs.values = values(next.unwrap_or(Value::Timestamp(until)));
            removed += self.store.write(write).await?.affected;
            if !more {
                return Ok(removed);
            }
        }
    }

    /// What removes one.
    pub(crate) fn removal(&self, id: &str, asker: &Asker) -> Result<Write, Fault> {
        let shape = WriteShape::Delete { filter: by_key(), returning: Returning::default() };
        let plan = self.planner.plan_write(self.collection, Role::ServiceRole, shape)?;
        let mut write = write(plan, Vec::new(), asker);
        write.inputs.values = vec![self.name(), Value::Text(id.to_owned())];
        Ok(write)
    }

    /// What puts one back that was removed, with why another attempt failed.
    pub(crate) fn putting_back(&self, letter: &Letter, error: &StoreError, asker: &Asker) -> Result<Write, Fault> {
        let mut row = vec![
            self.name(),
            Value::Text(letter.id.clone()),
            as_json(letter.record.get().to_owned()),
            as_json(serde_json::to_string(&letter.caller).unwrap_or_default()),
        ];
        row.extend(reason(error));
        let came = letter.came().unwrap_or(Value::Timestamp(asker.now));
        row.extend([came, Value::Timestamp(asker.now), Value::Integer(letter.attempts.saturating_add(1))]);
        Ok(write(self.insert(Again::Older)?, vec![row], asker))
    }

    async fn rows(
        &self,
        filter: Filter,
        first: First,
        (limit, offset): (u64, u64),
        count: bool,
        mut values: Vec<Value>,
        asker: &Asker,
    ) -> Result<Rows, Error> {
        let descending = matches!(first, Last);
        let by = |field| Order { target: Target::field(field), descending, nulls_first: None };
        let slot = values.len();
        values.extend([limit, offset].map(|rows| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX))));
        let shape = ReadShape {
            select: None,
            filter,
            order: vec![by(RECEIVED_AT), by(ID)],
            limit: Some(slot),
            offset: Some(slot + 1),
            count,
            strip_nulls: false,
        };
        let plan = self.planner.plan_read(self.collection, Role::ServiceRole, shape)?;
        Ok(self.store.read(Read { plan, inputs: asker.inputs(values) }).await?)
    }

    /// Those of this pipeline, whose name is the first value.
    fn mine(&self) -> Filter {
        Filter::Test(Target::field(PIPELINE), Test::Compare(Comparison::Eq, 0))
    }

    fn name(&self) -> Value {
        Value::Text(self.pipeline().name.clone())
    }
}

fn letters(rows: &Rows) -> Result<Vec<Letter>, Error> {
    serde_json::from_slice(&rows.json).map_err(|error| Error::Store(StoreError::Internal(error.into())))
}

/// JSON in the one form that both stores have it in.
fn as_json(text: String) -> Value {
    Type::Json.read_json(&text, u32::MAX).unwrap_or(Value::Json(text))
}

/// The same id for the same text, as long as others.
fn hashed(text: impl AsRef<[u8]>) -> String {
    let hash = Sha256::digest(text.as_ref());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn by_key() -> Filter {
    let is = |field, slot| Filter::Test(Target::field(field), Test::Compare(Comparison::Eq, slot));
    Filter::And(vec![is(PIPELINE, 0), is(ID, 1)])
}

impl Letter {
    /// When its record came, as a value.
    fn came(&self) -> Option<Value> {
        Type::Timestamp.read_text(&self.received_at).ok()
    }
}
