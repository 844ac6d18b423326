//! Dead letters: records that were taken and could not be stored, kept with the reason until somebody tries again.
//!
//! They are rows of a collection of Pintle's own, `_pintle_dead_letters`, told apart by their pipeline and their id. A second one
//! with the same id is the same record, so the first stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use pintle_model::{Caller, CollectionId, PipelineId, Role, Value};
use pintle_query::request::{Comparison, Conflict, Filter, Order, ReadShape, Returning, Target, Test, WriteShape};
use pintle_query::rest::Asker;
use pintle_query::{Fault, Planner, Read, WritePlan};
use pintle_store::{Error as StoreError, Rows, Store};
use serde::{Deserialize, Serialize};

use crate::door::Error;
use crate::storing::write;

/// The collection's name, and the places of its fields.
const COLLECTION: &str = "_pintle_dead_letters";
const PIPELINE: usize = 0;
const ID: usize = 1;
const CODE: usize = 4;
const RECEIVED_AT: usize = 7;
const FIELDS: usize = 10;

/// The dead letters of one pipeline.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    id: PipelineId,
    planner: Arc<Planner>,
    store: Store,
    collection: CollectionId,
}

/// A record that could not be stored.
#[derive(Debug)]
pub(crate) struct Dead<'r> {
    pub(crate) values: &'r [Value],
    /// The store would have counted its key.
    pub(crate) counted: bool,
    pub(crate) error: &'r StoreError,
}

/// What trying again came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Stored now, or there already.
    pub stored: u64,
    /// Still there, with the reason of the last attempt.
    pub dead: u64,
}

/// Who a record came from, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    role: String,
    user: Option<String>,
    claims: BTreeMap<String, String>,
}

/// A dead letter, as it is read again.
#[derive(Debug, Deserialize)]
pub(crate) struct Letter {
    pub(crate) id: String,
    pub(crate) record: Box<serde_json::value::RawValue>,
    pub(crate) caller: Sender,
    pub(crate) attempts: i64,
}

impl DeadLetters {
    pub(crate) fn new(id: PipelineId, planner: &Arc<Planner>, store: &Store) -> Option<DeadLetters> {
        let (collection, _) = planner.model().find(COLLECTION)?;
        Some(DeadLetters { id, planner: Arc::clone(planner), store: store.clone(), collection })
    }

    /// Keeps records with their reasons; they are durable then.
    pub(crate) async fn keep<'r>(&self, dead: impl IntoIterator<Item = Dead<'r>>, asker: &Asker) -> Result<(), Error> {
        let caller = Value::Json(serde_json::to_string(&Sender::of(&asker.caller)).unwrap_or_default());
        let pipeline = self.planner.model().pipeline(self.id);
        let rows = dead.into_iter().map(|Dead { values, counted, error }| {
            let record = pintle_query::pipeline::Record { values: values.to_vec(), counted };
            let part = |field: &usize| record.value(*field).filter(|value| **value != Value::Null).map(Value::to_text);
            let id = match pipeline.id.iter().map(part).collect::<Option<Vec<String>>>().as_deref() {
                // What has no id is a record of its own each time.
                None => (asker.new_uuid)().to_string(),
                Some([id]) => id.clone(),
                Some(parts) => serde_json::to_string(parts).unwrap_or_default(),
            };
            let mut row = vec![
                Value::Text(pipeline.name.clone()),
                Value::Text(id),
                Value::Json(self.planner.pipeline_json(self.id, &record)),
                caller.clone(),
            ];
            row.extend(reason(error));
            row.extend([Value::Timestamp(asker.now), Value::Timestamp(asker.now), Value::Integer(1)]);
            row
        });
        let rows = rows.collect();
        self.store.write(write(self.insert()?, rows, asker)).await?;
        Ok(())
    }

    /// Keeps the JSON of a record that cannot be read any more.
    pub(crate) async fn keep_unread(&self, json: &str, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        let mut row = vec![
            self.name(),
            Value::Text((asker.new_uuid)().to_string()),
            Value::Json(json.to_owned()),
            Value::Json(serde_json::to_string(&Sender::of(&asker.caller)).unwrap_or_default()),
        ];
        row.extend(reason(error));
        row.extend([Value::Timestamp(asker.now), Value::Timestamp(asker.now), Value::Integer(1)]);
        self.store.write(write(self.insert()?, vec![row], asker)).await?;
        Ok(())
    }

    fn insert(&self) -> Result<Arc<WritePlan>, Fault> {
        let shape = WriteShape::Insert {
            fields: (0..FIELDS).collect(),
            conflict: Some(Conflict { target: vec![PIPELINE, ID], set: None, asked: false }),
            returning: Returning::default(),
        };
        self.planner.plan_write(self.collection, Role::ServiceRole, shape)
    }

    /// So many of them, the earliest first, behind `offset`.
    pub(crate) async fn page(&self, limit: u64, offset: u64, asker: &Asker) -> Result<Vec<Letter>, Error> {
        let by = |field| Order { target: Target::field(field), descending: false, nulls_first: None };
        let shape = ReadShape {
            select: None,
            filter: Filter::Test(Target::field(PIPELINE), Test::Compare(Comparison::Eq, 0)),
            order: vec![by(RECEIVED_AT), by(ID)],
            limit: Some(1),
            offset: Some(2),
            count: false,
            strip_nulls: false,
        };
        let count = |rows: u64| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX));
        let values = vec![self.name(), count(limit), count(offset)];
        let plan = self.planner.plan_read(self.collection, Role::ServiceRole, shape)?;
        let Rows { json, .. } = self.store.read(Read { plan, inputs: asker.inputs(values) }).await?;
        serde_json::from_slice(&json).map_err(|error| Error::Store(StoreError::Internal(error.into())))
    }

    /// Notes why another attempt failed.
    pub(crate) async fn failed(&self, letter: &Letter, error: &StoreError, asker: &Asker) -> Result<(), Error> {
        let mut values = vec![self.name(), Value::Text(letter.id.clone())];
        values.extend(reason(error));
        values.extend([Value::Timestamp(asker.now), Value::Integer(letter.attempts.saturating_add(1))]);
        // Slots from 2 on are for: code, message, details; then when it failed, and how often.
        let set = [CODE, CODE + 1, CODE + 2, RECEIVED_AT + 1, RECEIVED_AT + 2].into_iter().zip(2..).collect();
        let shape = WriteShape::Update { set, filter: by_key(), returning: Returning::default() };
        self.change(shape, values, asker).await
    }

    /// Removes one that was stored.
    pub(crate) async fn done(&self, letter: &Letter, asker: &Asker) -> Result<(), Error> {
        let shape = WriteShape::Delete { filter: by_key(), returning: Returning::default() };
        self.change(shape, vec![self.name(), Value::Text(letter.id.clone())], asker).await
    }

    async fn change(&self, shape: WriteShape, values: Vec<Value>, asker: &Asker) -> Result<(), Error> {
        let plan = self.planner.plan_write(self.collection, Role::ServiceRole, shape)?;
        let mut write = write(plan, Vec::new(), asker);
        write.inputs.values = values;
        self.store.write(write).await?;
        Ok(())
    }

    fn name(&self) -> Value {
        Value::Text(self.planner.model().pipeline(self.id).name.clone())
    }
}

impl Sender {
    pub(crate) fn of(caller: &Caller) -> Sender {
        Sender { role: caller.role.name().to_owned(), user: caller.user.clone(), claims: caller.claims.clone() }
    }

    /// The caller, as it was.
    pub(crate) fn caller(self) -> Caller {
        Caller { role: Role::parse(&self.role).unwrap_or(Role::Anon), user: self.user, claims: self.claims }
    }
}

fn by_key() -> Filter {
    let is = |field, slot| Filter::Test(Target::field(field), Test::Compare(Comparison::Eq, slot));
    Filter::And(vec![is(PIPELINE, 0), is(ID, 1)])
}

/// Code, message and details of an error.
fn reason(error: &StoreError) -> [Value; 3] {
    let (code, details) = match error {
        StoreError::Unique { details, .. } => ("23505", details.clone()),
        StoreError::ForeignKey { details, .. } => ("23503", details.clone()),
        StoreError::Constraint { code, .. } => (*code, None),
        StoreError::Policy(_) => ("42501", None),
        StoreError::TooLarge(_) => ("54000", None),
        _ => ("XX000", None),
    };
    [Value::Text(code.to_owned()), Value::Text(error.to_string()), details.map_or(Value::Null, Value::Text)]
}
