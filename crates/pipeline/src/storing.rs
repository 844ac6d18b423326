//! Storing records: each on its own, many with one commit; what cannot be stored is kept with its reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use pintle_model::{PipelineId, Role, Value};
use pintle_query::pipeline::Record;
use pintle_query::request::{Comparison, Filter, ReadShape, SelectItem, Target, Test};
use pintle_query::rest::Asker;
use pintle_query::{Fault, Planner, Read, Write, WritePlan};
use pintle_store::{Error as StoreError, Refused, Store};
use serde_json::value::RawValue;

use crate::dead::{Dead, DeadLetters};
use crate::door::{Answered, Error, Taken};
use crate::metrics::Metrics;

/// What stores the records of one pipeline.
#[derive(Debug)]
pub(crate) struct Storing {
    pub(crate) id: PipelineId,
    pub(crate) planner: Arc<Planner>,
    pub(crate) store: Store,
    /// For each role, in the order of [`Role::ALL`].
    plans: [Plans; Role::ALL.len()],
    pub(crate) dead: Arc<DeadLetters>,
    metrics: Arc<Metrics>,
}

/// Ids that are looked for by one read.
pub(crate) const SOUGHT_MAX: usize = 100;

/// The plans for one role.
#[derive(Debug)]
pub(crate) struct Plans {
    /// That answers the row, for records whose key the store counts: all else of a record is known when it is taken.
    counted: Result<Arc<WritePlan>, Fault>,
    /// That answer nothing: for records whose key is given, and for those whose key the store counts.
    pub(crate) many: [Result<Arc<WritePlan>, Fault>; 2],
}

impl Storing {
    pub(crate) fn new(
        id: PipelineId,
        planner: &Arc<Planner>,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Option<Storing> {
        Storing::with(id, planner, store, metrics, true)
    }

    /// The same for a worker: what it takes was answered, so it keeps every dead letter, also above their bound.
    pub(crate) fn of_worker(
        id: PipelineId,
        planner: &Arc<Planner>,
        store: &Store,
        metrics: &Arc<Metrics>,
    ) -> Option<Storing> {
        Storing::with(id, planner, store, metrics, false)
    }

    fn with(
        id: PipelineId,
        planner: &Arc<Planner>,
        store: &Store,
        metrics: &Arc<Metrics>,
        bounded: bool,
    ) -> Option<Storing> {
        let plans = Role::ALL.map(|role| {
            let plan = |counted, shown| planner.pipeline_plan(id, role, counted, shown);
            Plans { counted: plan(true, true), many: [false, true].map(|counted| plan(counted, false)) }
        });
        let dead = Arc::new(DeadLetters::new(id, planner, store, metrics.letters.clone(), bounded)?);
        let (planner, store, metrics) = (Arc::clone(planner), store.clone(), Arc::clone(metrics));
        Some(Storing { id, planner, store, plans, dead, metrics })
    }

    /// Stores one record.
    pub(crate) async fn one(&self, record: &Record, asker: &Asker) -> Result<Answered, Error> {
        let plans = self.plans(asker);
        let plan = if record.counted { plans.counted.clone()? } else { plans.many[0].clone()? };
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
        if !error.is_of_a_row() {
            return Err(error.into());
        }
        let refused = vec![Refused { at: 0, row: record.values.clone(), error }];
        Ok(match self.unstored(refused, std::slice::from_ref(&record.filled), record.counted, asker).await?.pop() {
            Some((_, Taken::Dead(error))) => Answered::Dead(error),
            Some((_, Taken::TurnedAway(error))) => return Err(error),
            Some((_, Taken::Accepted | Taken::Stored)) | None => Answered::Seen,
        })
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
        let mut rows = records.into_iter().map(|record| (record.values, record.filled));
        // As many together as the manifest says: what cannot be stored of them is kept before more are tried.
        let most = self.planner.model().pipeline(self.id).batch.records;
        loop {
            let (rows, filled): (Vec<_>, Vec<_>) = rows.by_ref().take(most).unzip();
            let (first, count) = (taken.len(), rows.len());
            if count == 0 {
                return Ok(());
            }
            let done = self.store.ingest(write(Arc::clone(&plan), rows, asker)).await?;
            self.metrics.stored.increment(done.stored);
            self.metrics.seen.increment((count as u64).saturating_sub(done.stored + done.refused.len() as u64));
            taken.extend((0..count).map(|_| Taken::Stored));
            if !done.refused.is_empty() {
                for (at, became) in self.unstored(done.refused, &filled, counted, asker).await? {
                    taken[first + at] = became;
                }
            }
        }
    }

    /// Keeps records that could not be stored, as far as there is room; which they are, and what becomes of each. One whose id is there
    /// already is none of them: it was stored when its sender still had the right to it.
    async fn unstored(
        &self,
        mut refused: Vec<Refused>,
        filled: &[Vec<usize>],
        counted: bool,
        asker: &Asker,
    ) -> Result<Vec<(usize, Taken)>, Error> {
        let all = refused.len();
        self.leave_out_seen(&mut refused, counted, asker).await?;
        self.metrics.seen.increment((all - refused.len()) as u64);
        let dead = refused.iter().map(|Refused { at, row, error }| {
            let filled = filled.get(*at).map_or(&[][..], Vec::as_slice);
            Dead { values: row, counted, filled, error }
        });
        let kept = self.dead.keep(dead, asker).await?;
        let turned_away = kept.iter().filter(|kept| !**kept).count();
        self.metrics.turned_away.increment(turned_away as u64);
        self.metrics.dead.increment((kept.len() - turned_away) as u64);
        let most = self.planner.model().pipeline(self.id).dead_letters.records;
        let became = refused.into_iter().zip(kept).map(|(refused, kept)| {
            let became = if kept { Taken::Dead(refused.error) } else { Taken::TurnedAway(Error::Letters(most)) };
            (refused.at, became)
        });
        Ok(became.collect())
    }

    /// Leaves out records that a policy refused, which is asked before it is known whether a record is new, and whose ids are there.
    async fn leave_out_seen(&self, refused: &mut Vec<Refused>, counted: bool, asker: &Asker) -> Result<(), Error> {
        let key = |row: &[Value]| self.key(row, counted);
        let of_policy = refused.iter().filter(|refused| matches!(refused.error, StoreError::Policy(_)));
        let sought: Vec<Vec<Value>> = of_policy.filter_map(|refused| key(&refused.row)).collect();
        let mut seen = Vec::new();
        for sought in sought.chunks(SOUGHT_MAX) {
            seen.extend(self.seen(sought, asker).await?);
        }
        if !seen.is_empty() {
            let is_seen = |row: &[Value]| key(row).is_some_and(|key| seen.contains(&key));
            refused.retain(|refused| !(matches!(refused.error, StoreError::Policy(_)) && is_seen(&refused.row)));
        }
        Ok(())
    }

    /// The id of a record; nothing where the store counts it.
    pub(crate) fn key(&self, row: &[Value], counted: bool) -> Option<Vec<Value>> {
        let id = &self.planner.model().pipeline(self.id).id;
        id.iter().map(|field| row.get(field.checked_sub(usize::from(counted))?).cloned()).collect()
    }

    /// Which of these ids are in the collection.
    async fn seen(&self, sought: &[Vec<Value>], asker: &Asker) -> Result<Vec<Vec<Value>>, Error> {
        let pipeline = self.planner.model().pipeline(self.id);
        let fields = &self.planner.model().collection(pipeline.into).fields;
        let rows = self.store.read(self.seeking(sought, asker)?).await?;
        let rows: Vec<BTreeMap<String, Box<RawValue>>> =
            serde_json::from_slice(&rows.json).map_err(|error| StoreError::Internal(error.into()))?;
        let key = |row: &BTreeMap<String, Box<RawValue>>| -> Option<Vec<Value>> {
            let value =
                |field: &usize| fields[*field].ty.read_json(row.get(&fields[*field].name)?.get(), u32::MAX).ok();
            pipeline.id.iter().map(value).collect()
        };
        Ok(rows.iter().filter_map(key).collect())
    }

    /// What reads those of these ids that are in the collection.
    pub(crate) fn seeking(&self, sought: &[Vec<Value>], asker: &Asker) -> Result<Read, Fault> {
        let pipeline = self.planner.model().pipeline(self.id);
        let fields = &self.planner.model().collection(pipeline.into).fields;
        let each = pipeline.id.len();
        let is = |(at, field): (usize, &usize)| Filter::Test(Target::field(*field), Test::Compare(Comparison::Eq, at));
        let one =
            |n: usize| Filter::And(pipeline.id.iter().enumerate().map(|(at, f)| is((n * each + at, f))).collect());
        let item =
            |field: &usize| SelectItem { target: Target::field(*field), name: fields[*field].name.clone(), cast: None };
        let shape = ReadShape {
            select: Some(pipeline.id.iter().map(item).collect()),
            filter: Filter::Or((0..sought.len()).map(one).collect()),
            order: Vec::new(),
            limit: None,
            offset: None,
            count: false,
            strip_nulls: false,
        };
        let plan = self.planner.plan_read(pipeline.into, Role::ServiceRole, shape)?;
        Ok(Read { plan, inputs: asker.inputs(sought.concat()) })
    }

    /// Keeps a record that the store cannot keep where it belongs, with the reason.
    pub(crate) async fn keep(&self, record: &Record, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        let Record { values, counted, filled } = record;
        self.dead.keep([Dead { values, counted: *counted, filled, error }], asker).await?;
        self.metrics.dead.increment(1);
        Ok(())
    }

    /// The same for the JSON of one that cannot be read any more.
    pub(crate) async fn keep_unread(&self, json: &str, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        self.dead.keep_unread(json, error, asker).await?;
        self.metrics.dead.increment(1);
        Ok(())
    }

    pub(crate) fn plans(&self, asker: &Asker) -> &Plans {
        &self.plans[asker.caller.role as usize]
    }
}

pub(crate) fn write(plan: Arc<WritePlan>, rows: Vec<Vec<pintle_model::Value>>, asker: &Asker) -> Write {
    Write { plan, inputs: asker.inputs(Vec::new()), rows, single: false, max_affected: None, rollback: false }
}
