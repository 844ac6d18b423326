//! Storing records: each on its own, many with one commit; what cannot be stored is kept with its reason.

use std::sync::Arc;

use pintle_model::{PipelineId, Role};
use pintle_query::pipeline::Record;
use pintle_query::rest::Asker;
use pintle_query::{Fault, Planner, Write, WritePlan};
use pintle_store::{Error as StoreError, Store};

use crate::dead::{Dead, DeadLetters, Replayed};
use crate::door::{Answered, Error, Taken};
use crate::metrics::Metrics;

/// What stores the records of one pipeline.
#[derive(Debug)]
pub(crate) struct Storing {
    store: Store,
    /// For each role, in the order of [`Role::ALL`].
    plans: [Plans; Role::ALL.len()],
    dead: DeadLetters,
    metrics: Arc<Metrics>,
}

/// Dead letters that are tried again before more are read.
const REPLAY_PAGE: u64 = 500;

/// The plans for one role, first for records whose key is given, then for those whose key the store counts.
#[derive(Debug)]
struct Plans {
    /// That answer the row.
    one: [Result<Arc<WritePlan>, Fault>; 2],
    /// That answer nothing.
    many: [Result<Arc<WritePlan>, Fault>; 2],
}

impl Storing {
    pub(crate) fn new(
        id: PipelineId,
        planner: &Arc<Planner>,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Option<Storing> {
        let plans = Role::ALL.map(|role| {
            let of = |shown: bool| [false, true].map(|counted| planner.pipeline_plan(id, role, counted, shown));
            Plans { one: of(true), many: of(false) }
        });
        let dead = DeadLetters::new(id, planner, store)?;
        Some(Storing { store: store.clone(), plans, dead, metrics: Arc::clone(metrics) })
    }

    /// Stores one record.
    pub(crate) async fn one(&self, record: &Record, asker: &Asker) -> Result<Answered, Error> {
        let plan = self.plans(asker).one[usize::from(record.counted)].clone()?;
        let error = match self.store.write(write(plan, vec![record.values.clone()], asker)).await {
            Ok(written) if written.affected == 0 => {
                self.metrics.seen.increment(1);
                return Ok(Answered::Seen);
            }
            Ok(written) => {
                self.metrics.stored.increment(1);
                return Ok(Answered::New(written.rows));
            }
            Err(error) => error,
        };
        if !is_of_the_record(&error) {
            return Err(error.into());
        }
        let dead = Dead { values: &record.values, counted: record.counted, error: &error };
        self.dead.keep([dead], asker).await?;
        self.metrics.dead.increment(1);
        Ok(Answered::Dead(error))
    }

    /// Stores records in their order. Those that are refused do not hold up the others.
    pub(crate) async fn all(&self, mut records: Vec<Record>, asker: &Asker) -> Result<Vec<Taken>, Error> {
        let mut taken = Vec::with_capacity(records.len());
        while let Some(first) = records.first() {
            let counted = first.counted;
            let run = records.iter().position(|record| record.counted != counted).unwrap_or(records.len());
            let rest = records.split_off(run);
            self.run(std::mem::replace(&mut records, rest), counted, asker, &mut taken).await?;
        }
        Ok(taken)
    }

    /// Stores records of one shape.
    async fn run(
        &self,
        records: Vec<Record>,
        counted: bool,
        asker: &Asker,
        taken: &mut Vec<Taken>,
    ) -> Result<(), Error> {
        let plan = self.plans(asker).many[usize::from(counted)].clone()?;
        let (first, count) = (taken.len(), records.len());
        let rows = records.into_iter().map(|record| record.values).collect();
        let done = self.store.ingest(write(plan, rows, asker)).await?;
        if !done.refused.is_empty() {
            let dead = done.refused.iter().map(|refused| Dead { values: &refused.row, counted, error: &refused.error });
            self.dead.keep(dead, asker).await?;
        }
        let refused = done.refused.len() as u64;
        self.metrics.stored.increment(done.stored);
        self.metrics.dead.increment(refused);
        self.metrics.seen.increment((count as u64).saturating_sub(done.stored + refused));
        taken.extend((0..count).map(|_| Taken::Stored));
        for refused in done.refused {
            taken[first + refused.at] = Taken::Dead(refused.error);
        }
        Ok(())
    }

    /// Keeps a record that the store cannot keep where it belongs, with the reason.
    pub(crate) async fn keep(&self, record: &Record, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        self.dead.keep([Dead { values: &record.values, counted: record.counted, error }], asker).await?;
        self.metrics.dead.increment(1);
        Ok(())
    }

    /// The same for the JSON of one that cannot be read any more.
    pub(crate) async fn keep_unread(&self, json: &str, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        self.dead.keep_unread(json, error, asker).await?;
        self.metrics.dead.increment(1);
        Ok(())
    }

    /// Tries again what could not be stored, as who sent it.
    pub(crate) async fn replay(&self, id: PipelineId, planner: &Planner, asker: &Asker) -> Result<Replayed, Error> {
        let mut done = Replayed::default();
        loop {
            // Those that failed again stay in their places.
            let letters = self.dead.page(REPLAY_PAGE, done.dead, asker).await?;
            if letters.is_empty() {
                return Ok(done);
            }
            for letter in letters {
                let sender = Asker { caller: Arc::new(letter.caller.clone().caller()), ..asker.clone() };
                let again = planner.pipeline_again(id, letter.record.get());
                let refused = match again {
                    Ok(record) => self.again(record, &sender).await?,
                    Err(fault) => Some(StoreError::Constraint { code: "22P02", message: fault.to_string() }),
                };
                match refused {
                    None => {
                        self.dead.done(&letter, asker).await?;
                        done.stored += 1;
                    }
                    Some(error) => {
                        self.dead.failed(&letter, &error, asker).await?;
                        done.dead += 1;
                    }
                }
            }
        }
    }

    /// Stores one record that was taken before; why it cannot be.
    async fn again(&self, record: Record, sender: &Asker) -> Result<Option<StoreError>, Error> {
        let plan = match &self.plans(sender).many[usize::from(record.counted)] {
            Ok(plan) => Arc::clone(plan),
            Err(fault) => return Ok(Some(StoreError::Constraint { code: "42501", message: fault.to_string() })),
        };
        let mut done = self.store.ingest(write(plan, vec![record.values], sender)).await?;
        Ok(done.refused.pop().map(|refused| refused.error))
    }

    fn plans(&self, asker: &Asker) -> &Plans {
        &self.plans[asker.caller.role as usize]
    }
}

pub(crate) fn write(plan: Arc<WritePlan>, rows: Vec<Vec<pintle_model::Value>>, asker: &Asker) -> Write {
    Write { plan, inputs: asker.inputs(Vec::new()), rows, single: false, max_affected: None, rollback: false }
}

/// Whether it is the record that cannot be stored, and not the store that can keep nothing.
fn is_of_the_record(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unique { .. }
            | StoreError::ForeignKey { .. }
            | StoreError::Constraint { .. }
            | StoreError::Policy(_)
            | StoreError::TooLarge(_)
    )
}
