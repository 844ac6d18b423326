//! Keeping dead letters, as far as there is room for them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pintle_model::{KeyOrigin, Role, Value};
use pintle_query::pipeline::Record;
use pintle_query::request::{Comparison, Conflict, Filter, ReadShape, Returning, SelectItem, Target, Test, WriteShape};
use pintle_query::rest::Asker;
use pintle_query::{Fault, Read, WritePlan};
use pintle_store::Error as StoreError;
use serde::Deserialize;

use super::{ATTEMPTS, CODE, Dead, DeadLetters, FIELDS, ID, PIPELINE, as_json, hashed};
use crate::door::Error;
use crate::letter::{Sender, reason};
use crate::storing::{SOUGHT_MAX, write};

/// How long a count of letters is believed: others keep and remove some too.
const BELIEVED: Duration = Duration::from_secs(5);
/// The same where it says that there is no room.
const FULL_BELIEVED: Duration = Duration::from_secs(1);
/// How often it is logged that there is no room.
const TOLD: Duration = Duration::from_secs(60);

/// What becomes of a letter that is there already.
#[derive(Debug, Clone, Copy)]
pub(super) enum Again {
    /// Its record was sent again: it came now, and this is why it cannot be stored.
    Newer,
    /// It stays as it is.
    Older,
}

impl DeadLetters {
    /// Keeps records with their reasons, and tells whether each is kept: it is durable then.
    pub(crate) async fn keep<'r>(
        self: &Arc<Self>,
        dead: impl IntoIterator<Item = Dead<'r>>,
        asker: &Asker,
    ) -> Result<Vec<bool>, Error> {
        let sender = serde_json::to_string(&Sender::of(&asker.caller)).unwrap_or_default();
        let rows = dead.into_iter().map(|Dead { values, counted, filled, error }| {
            let record = Record { values: values.to_vec(), counted, filled: filled.to_vec() };
            let id = self.letter_id(&record, &sender, asker);
            let json = self.planner.pipeline_json(self.id, &record);
            self.row(id, json, sender.clone(), error, asker)
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        self.add(rows, asker).await
    }

    /// Keeps the JSON of a record that cannot be read any more.
    pub(crate) async fn keep_unread(
        self: &Arc<Self>,
        json: &str,
        error: &StoreError,
        asker: &Asker,
    ) -> Result<(), Error> {
        let sender = serde_json::to_string(&Sender::of(&asker.caller)).unwrap_or_default();
        let counted = self.planner.model().collection(self.pipeline().into).key.origin == KeyOrigin::Counted;
        let id = if counted { (asker.new_uuid)().to_string() } else { hashed([&sender, "\0", json].concat()) };
        let row = self.row(id, json.to_owned(), sender, error, asker);
        self.add(vec![row], asker).await?;
        Ok(())
    }

    /// Keeps rows as far as there is room for them: whether each is kept. What is kept already needs no room, and counts as come now.
    async fn add(self: &Arc<Self>, mut rows: Vec<Vec<Value>>, asker: &Asker) -> Result<Vec<bool>, Error> {
        let known = self.known_ids(&rows, asker).await?;
        let ids = rows.iter().map(|row| id_of(row));
        let new: HashSet<&str> = ids.filter(|id| !known.contains(*id)).collect();
        let mut left = self.room(new.len() as u64, asker).await?;
        // Of the same several times one is written.
        let mut decided = HashMap::new();
        let mut kept = Vec::with_capacity(rows.len());
        rows.retain(|row| {
            let id = id_of(row);
            if let Some(is) = decided.get(id) {
                kept.push(*is);
                return false;
            }
            let is = known.contains(id) || left > 0;
            left -= u64::from(is && !known.contains(id));
            decided.insert(id.to_owned(), is);
            kept.push(is);
            is
        });
        if !rows.is_empty()
            && let Err(error) = self.store.write(write(self.insert(Again::Newer)?, rows, asker)).await
        {
            // Nobody knows whether they are there.
            self.known.lock().await.at = None;
            return Err(error.into());
        }
        if kept.contains(&false) {
            self.tell_of_no_room().await;
        }
        Ok(kept)
    }

    async fn tell_of_no_room(&self) {
        let mut known = self.known.lock().await;
        if known.told.is_none_or(|at| at.elapsed() > TOLD) {
            known.told = Some(Instant::now());
            let (pipeline, most) = (&self.pipeline().name, self.pipeline().dead_letters.records);
            tracing::warn!(pipeline, most, "no more dead letters are kept: store those that are there, or remove them");
        }
    }

    /// Which of the ids of these rows are there.
    async fn known_ids(&self, rows: &[Vec<Value>], asker: &Asker) -> Result<HashSet<String>, Error> {
        #[derive(Deserialize)]
        struct Known {
            id: String,
        }

        let mut known = HashSet::new();
        for rows in rows.chunks(SOUGHT_MAX) {
            let is = |slot| Filter::Test(Target::field(ID), Test::Compare(Comparison::Eq, slot));
            let any = Filter::Or((1..=rows.len()).map(is).collect());
            let shape = ReadShape {
                select: Some(vec![SelectItem { target: Target::field(ID), name: "id".to_owned(), cast: None }]),
                filter: Filter::And(vec![self.mine(), any]),
                order: Vec::new(),
                limit: None,
                offset: None,
                count: false,
                strip_nulls: false,
            };
            let plan = self.planner.plan_read(self.collection, Role::ServiceRole, shape)?;
            let ids = rows.iter().filter_map(|row| row.get(ID).cloned());
            let inputs = asker.inputs([self.name()].into_iter().chain(ids).collect());
            let found = self.store.read(Read { plan, inputs }).await?;
            let found: Vec<Known> =
                serde_json::from_slice(&found.json).map_err(|error| StoreError::Internal(error.into()))?;
            known.extend(found.into_iter().map(|known| known.id));
        }
        Ok(known)
    }

    /// Whether there is no room, as far as is known: nobody waits for the store, which is asked meanwhile.
    pub(crate) fn is_full(self: &Arc<Self>, asker: &Asker) -> bool {
        // Who holds it is asking.
        let Ok(known) = self.known.try_lock() else { return self.full.load(Ordering::Relaxed) };
        let full = known.count >= self.pipeline().dead_letters.records;
        self.full.store(full, Ordering::Relaxed);
        let believed = if full { FULL_BELIEVED } else { BELIEVED };
        if known.at.is_none_or(|at| at.elapsed() > believed) {
            self.count_meanwhile(asker);
        }
        full
    }

    /// Has them counted, and nobody waits for it.
    fn count_meanwhile(self: &Arc<Self>, asker: &Asker) {
        if self.asking.swap(true, Ordering::Relaxed) {
            return;
        }
        let (letters, asker) = (Arc::clone(self), asker.clone());
        tokio::spawn(async move {
            // A store that is away does not refuse what can wait for it.
            if let Ok((count, _)) = letters.counted(&asker).await {
                let mut known = letters.known.lock().await;
                (known.count, known.at) = (count, Some(Instant::now()));
            }
            letters.asking.store(false, Ordering::Relaxed);
        });
    }

    fn row(&self, id: String, record: String, sender: String, error: &StoreError, asker: &Asker) -> Vec<Value> {
        let mut row = vec![self.name(), Value::Text(id), as_json(record), as_json(sender)];
        row.extend(reason(error));
        row.extend([Value::Timestamp(asker.now), Value::Timestamp(asker.now), Value::Integer(1)]);
        row
    }

    /// The id of a record's letter: another one for each record without an id, and where it or its sender is another one. What the door
    /// fills in by the clock or by chance tells nothing, since it is another one each time that the record is sent.
    fn letter_id(&self, record: &Record, sender: &str, asker: &Asker) -> String {
        let pipeline = self.pipeline();
        let has_id = |field: &usize| record.value(*field).is_some_and(|value| *value != Value::Null);
        if !pipeline.id.iter().all(has_id) {
            return (asker.new_uuid)().to_string();
        }
        let mut text = sender.as_bytes().to_vec();
        for at in 0..self.planner.model().collection(pipeline.into).fields.len() {
            text.push(0);
            if let Some(value) = record.value(at).filter(|_| !record.filled.contains(&at) || pipeline.id.contains(&at))
            {
                value.write_json(&mut text);
            }
        }
        hashed(text)
    }

    pub(super) fn insert(&self, again: Again) -> Result<Arc<WritePlan>, Fault> {
        let set = match again {
            Again::Newer => Some((CODE..ATTEMPTS).collect()),
            Again::Older => None,
        };
        let shape = WriteShape::Insert {
            fields: (0..FIELDS).collect(),
            conflict: Some(Conflict { target: vec![PIPELINE, ID], set, asked: false }),
            returning: Returning::default(),
        };
        self.planner.plan_write(self.collection, Role::ServiceRole, shape)
    }

    /// Takes room for more letters, as far as there is some: for how many. With several servers there may be some more at the end:
    /// each counts now and then.
    async fn room(self: &Arc<Self>, more: u64, asker: &Asker) -> Result<u64, Error> {
        let most = self.pipeline().dead_letters.records;
        let mut known = self.known.lock().await;
        match known.at.map(|at| at.elapsed()) {
            Some(age) if known.count + more <= most => {
                if age > BELIEVED {
                    self.count_meanwhile(asker);
                }
            }
            Some(age) if age <= FULL_BELIEVED => {}
            _ => (known.count, known.at) = (self.counted(asker).await?.0, Some(Instant::now())),
        }
        let room = if self.bounded { more.min(most.saturating_sub(known.count)) } else { more };
        known.count += room;
        self.gauge.set(known.count as f64);
        Ok(room)
    }
}

fn id_of(row: &[Value]) -> &str {
    match row.get(ID) {
        Some(Value::Text(id)) => id,
        _ => "",
    }
}
