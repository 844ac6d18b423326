//! What a seed yields: batches of rows, held against the model and stored.

use pintle_model::likeness::meant;
use pintle_model::{Collection, CollectionId, KeyOrigin};
use pintle_query::rest::{Preferences, Resolution};
use pintle_query::{Details, Fault, Planner, Write};
use pintle_store::{Error, Mode, Store};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Handle;

use crate::intake::asker;

/// Faults of rows that are told at once.
const FAULTS_MAX: usize = 5;

/// What a seed yields at once: collections and rows, in its order; rows as they stand there, since they are read as a request's are.
pub(crate) struct Batch {
    rows: Vec<(String, Box<RawValue>)>,
}

impl Batch {
    pub(crate) fn read(json: &[u8]) -> Result<Batch, String> {
        serde_json::from_slice(json)
            .map_err(|_| "no object of collections and rows, such as { places: [{ name: \"a\" }] }".to_owned())
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Batch, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Batch;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
                let mut rows = Vec::new();
                while let Some(member) = map.next_entry()? {
                    rows.push(member);
                }
                Ok(Batch { rows })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// How many rows of which collections there were, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) rows: Vec<(String, u64)>,
    /// Collections that have rows of their own.
    pub(crate) taken: Vec<String>,
}

impl Told {
    pub(crate) fn add(&mut self, other: &Told) {
        for (name, count) in &other.rows {
            match self.rows.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += count,
                None => self.rows.push((name.clone(), *count)),
            }
        }
        for name in &other.taken {
            if !self.taken.contains(name) {
                self.taken.push(name.clone());
            }
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.rows.iter().map(|(_, count)| count).sum()
    }
}

/// Where rows are stored.
pub(crate) struct Sower<'a> {
    pub(crate) planner: &'a Planner,
    pub(crate) store: &'a Store,
    pub(crate) runtime: &'a Handle,
    /// Rows that are there are written over.
    pub(crate) again: bool,
}

impl Sower<'_> {
    /// Holds a batch against the model, and looks whether its collections have rows.
    pub(crate) fn look(&self, batch: &Batch) -> Result<Told, String> {
        let mut told = Told::default();
        for (name, rows) in &batch.rows {
            let (id, collection) = self.collection(name)?;
            let write = self.planned(id, collection, rows)?;
            told.rows.push((name.clone(), write.map_or(0, |write| count(&write))));
            if self.has_rows(id, collection)? {
                if self.again && tells(collection, rows).is_none() {
                    return Err(format!(
                        "`{name}` has rows already, and nothing tells whether these are among them: give them keys, or what an index makes unique"
                    ));
                }
                told.taken.push(name.clone());
            }
        }
        Ok(told)
    }

    /// Stores a batch, all of it or nothing.
    pub(crate) fn store(&self, batch: &Batch) -> Result<Told, String> {
        let mut told = Told::default();
        let mut writes = Vec::with_capacity(batch.rows.len());
        for (name, rows) in &batch.rows {
            let (id, collection) = self.collection(name)?;
            let Some(write) = self.planned(id, collection, rows)? else { continue };
            told.rows.push((name.clone(), count(&write)));
            writes.push(write);
        }
        let names: Vec<&str> = batch.rows.iter().map(|(name, _)| name.as_str()).collect();
        let stored = self.runtime.block_on(
            self.store
                .transaction(Mode::Write, move |tx| writes.iter().try_for_each(|write| tx.write(write).map(|_| ()))),
        );
        stored.map_err(|error: Error| format!("{}: {}", names.join(", "), reason(&error)))?;
        Ok(told)
    }

    fn collection(&self, name: &str) -> Result<(CollectionId, &Collection), String> {
        let model = self.planner.model();
        if let Some(found) = model.find(name).filter(|(_, collection)| !collection.system) {
            return Ok(found);
        }
        let known = model.collections.iter().filter(|c| !c.system).map(|c| c.name.as_str());
        let help = meant(name, known).map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default();
        Err(format!("the app has no collection `{name}`{help}"))
    }

    /// The write of rows; nothing where there are none.
    fn planned(&self, id: CollectionId, collection: &Collection, rows: &RawValue) -> Result<Option<Write>, String> {
        if !rows.get().starts_with('[') {
            return Err(format!("`{}` is an array of rows", collection.name));
        }
        let resolution = self.again.then_some(Resolution::MergeDuplicates);
        let prefer = Preferences { resolution, ..Preferences::default() };
        let target = if self.again { tells(collection, rows).flatten() } else { None };
        let query = target.map(|fields| format!("on_conflict={}", fields.join(","))).unwrap_or_default();
        let planned = self.planner.rest_insert(id, &query, rows.get().as_bytes(), &prefer, &asker());
        planned.map(|planned| planned.write).map_err(|fault| told(collection, &fault))
    }

    fn has_rows(&self, id: CollectionId, collection: &Collection) -> Result<bool, String> {
        let query = format!("select={}&limit=1", collection.fields[0].name);
        let planned = self.planner.rest_read(id, &query, &Preferences::default(), &asker());
        let read = planned.map_err(|fault| told(collection, &fault))?.read;
        let rows = self.runtime.block_on(self.store.read(read));
        Ok(rows.map_err(|error| format!("{}: {}", collection.name, reason(&error)))?.len > 0)
    }
}

fn count(write: &Write) -> u64 {
    u64::try_from(write.rows.len()).unwrap_or(u64::MAX)
}

/// What tells the rows from others: their key (`Some(None)`), or the fields of a unique index; nothing where they have neither.
fn tells<'c>(collection: &'c Collection, rows: &RawValue) -> Option<Option<Vec<&'c str>>> {
    let rows: Option<Vec<Value>> = serde_json::from_str(rows.get()).ok();
    let first = rows.as_ref().and_then(|rows| rows.first()).and_then(Value::as_object);
    let Some(first) = first else { return Some(None) };
    let given = |at: usize| first.get(&collection.fields[at].name).is_some_and(|value| !value.is_null());
    let key: Vec<usize> = (0..collection.key.len).collect();
    if collection.key.origin == KeyOrigin::Given || key.iter().all(|at| given(*at)) {
        return Some(None);
    }
    let fields = (0..collection.fields.len()).filter(|at| collection.fields[*at].unique).map(|at| vec![at]);
    let indexes =
        collection.indexes.iter().filter(|index| index.unique && index.parts.iter().all(|p| p.path.is_empty()));
    let indexes = indexes.map(|index| index.parts.iter().map(|part| part.field).collect());
    let found = fields.chain(indexes).find(|unique: &Vec<usize>| unique.iter().all(|at| given(*at)))?;
    Some(Some(found.into_iter().map(|at| collection.fields[at].name.as_str()).collect()))
}

/// What the model does not allow, with the place of each fault.
fn told(collection: &Collection, fault: &Fault) -> String {
    let name = &collection.name;
    match &fault.details {
        Details::List(faults) if !faults.is_empty() => {
            let each = faults.iter().take(FAULTS_MAX).map(|(path, message)| format!("{name}/{path}: {message}"));
            let mut each: Vec<String> = each.collect();
            if faults.len() > FAULTS_MAX {
                each.push(format!("and {} more", faults.len() - FAULTS_MAX));
            }
            each.join("; ")
        }
        _ => format!("{name}: {}", fault.message),
    }
}

/// What the store does not allow.
fn reason(error: &Error) -> String {
    match error {
        Error::Unique { details: Some(details), .. } | Error::ForeignKey { details: Some(details), .. } => {
            format!("{error}: {details}")
        }
        _ => error.to_string(),
    }
}
