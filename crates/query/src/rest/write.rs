//! `/rest/v1`'s writes: `POST`, `PUT`, `PATCH`, `DELETE`.

use pintle_model::{Collection, CollectionId, Value};

use super::filter::unsupported;
use super::query::{Query, query};
use super::{Asker, Preferences, Resolution, RestWrite, Return, select};
use crate::plan::Write;
use crate::planner::Right;
use crate::record::faults::Words;
use crate::record::{self, Fill, Reader, Rows};
use crate::request::{Comparison, Conflict, Filter, Returning, Target, Test, WriteShape};
use crate::{Dialect, Fault, FaultKind, Planner};

impl Planner {
    /// `POST`: one record or an array; an upsert where `resolution` says so.
    ///
    /// # Errors
    /// As [`Planner::rest_read`], and for each fault of the body.
    pub fn rest_insert(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        self.allowed(collection, asker.caller.role, Right::Insert)?;
        let fields = self.model.collection(collection);
        let query = write_query(fields, self.dialect, query, "POST")?;
        let reader =
            Reader { missing_default: prefer.missing_default, ..self.reader(collection, asker, Fill::Defaults) };
        let rows = record::read(Reader { columns: query.columns.as_deref(), ..reader }, body)?;
        if rows.rows.is_empty() {
            return Ok(NOTHING);
        }
        let conflict = conflict(fields, &query, &rows, prefer)?;
        self.insert_rows(collection, query, rows, conflict, prefer, asker)
    }

    /// `PUT`: one record at its key, whole.
    ///
    /// # Errors
    /// As [`Planner::rest_insert`].
    pub fn rest_put(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        self.allowed(collection, asker.caller.role, Right::Insert)?;
        let fields = self.model.collection(collection);
        let query = self::query(fields, self.dialect, query).map_err(|fault| match fault.kind {
            // A filter on what is no field is none on the key either.
            FaultKind::UndefinedColumn => not_the_key(),
            _ => fault,
        })?;
        if query.paged {
            let message = "limit/offset querystring parameters are not allowed for PUT";
            return Err(Fault::new(FaultKind::PutLimit, message));
        }
        let key = key_values(fields, &query).ok_or_else(not_the_key)?;
        let reader = Reader { columns: query.columns.as_deref(), ..self.reader(collection, asker, Fill::All) };
        let mut rows = record::read(reader, body)?;
        if rows.rows.is_empty() || rows.key.iter().zip(&key).any(|(given, wanted)| given.as_ref() != Some(*wanted)) {
            let message = "Payload values do not match URL in primary key column(s)";
            return Err(Fault::new(FaultKind::PutKey, message));
        }
        // As PostgREST does: of several records the first one counts.
        rows.rows.truncate(1);
        let set = (fields.key.len..fields.fields.len()).filter(|at| !fields.fields[*at].readonly).collect();
        let conflict = Conflict { target: (0..fields.key.len).collect(), set: Some(set), asked: true };
        self.insert_rows(collection, query, rows, Some(conflict), prefer, asker)
    }

    /// `PATCH`: the fields given, in every row that the filters find.
    ///
    /// # Errors
    /// As [`Planner::rest_insert`].
    pub fn rest_update(
        &self,
        collection: CollectionId,
        query: &str,
        body: &[u8],
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        self.allowed(collection, asker.caller.role, Right::UpdateUsing)?;
        let fields = self.model.collection(collection);
        let mut query = write_query(fields, self.dialect, query, "PATCH")?;
        let reader = Reader { missing_default: prefer.missing_default, ..self.reader(collection, asker, Fill::Given) };
        let mut rows = record::read(Reader { columns: query.columns.as_deref(), ..reader }, body)?;
        if rows.rows.len() > 1 {
            let fault = Fault::new(FaultKind::Body, "the body of a PATCH must be one object, not several");
            return Err(fault.hint("to change several records to different values, send an upsert"));
        }
        let Some(row) = rows.rows.pop() else { return Ok(NOTHING) };
        let given: Vec<_> = rows.fields.into_iter().zip(row).collect();
        // A key that stays as it is need not be written, unless nothing else is: the record counts as changed.
        let only_key = given.iter().all(|(at, _)| fields.is_key(*at));
        let mut set = Vec::with_capacity(given.len());
        for (at, value) in given {
            if fields.is_key(at) {
                same_key(fields, &query, at, &value)?;
            }
            if only_key || !fields.is_key(at) {
                set.push((at, query.values.len()));
                query.values.push(value);
            }
        }
        if set.is_empty() {
            return Ok(NOTHING);
        }
        let returning = returning(fields, &mut query, prefer);
        let shape = WriteShape::Update { set, filter: query.filter, returning };
        self.rest_write(collection, shape, query.values, Vec::new(), prefer, asker)
    }

    /// `DELETE`: every row that the filters find.
    ///
    /// # Errors
    /// As [`Planner::rest_read`].
    pub fn rest_delete(
        &self,
        collection: CollectionId,
        query: &str,
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        self.allowed(collection, asker.caller.role, Right::Delete)?;
        let fields = self.model.collection(collection);
        let mut query = write_query(fields, self.dialect, query, "DELETE")?;
        let returning = returning(fields, &mut query, prefer);
        let shape = WriteShape::Delete { filter: query.filter, returning };
        self.rest_write(collection, shape, query.values, Vec::new(), prefer, asker)
    }

    fn reader<'a>(&'a self, collection: CollectionId, asker: &'a Asker, fill: Fill) -> Reader<'a> {
        Reader {
            collection: self.model.collection(collection),
            asker,
            depth: self.model.limits.depth,
            words: Words::Postgrest,
            fill,
            columns: None,
            missing_default: false,
            current: None,
        }
    }

    fn insert_rows(
        &self,
        collection: CollectionId,
        mut query: Query,
        rows: Rows,
        conflict: Option<Conflict>,
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let fields = self.model.collection(collection);
        let location = prefer.returning == Return::HeadersOnly && rows.rows.len() == 1;
        let mut returning = returning(fields, &mut query, prefer);
        if location {
            returning.select = (0..fields.key.len).map(|at| select::plain(fields, at)).collect();
        }
        let shape = WriteShape::Insert { fields: rows.fields, conflict, returning };
        let prefer = &Preferences { max_affected: None, ..prefer.clone() };
        let write = self.rest_write(collection, shape, query.values, rows.rows, prefer, asker)?;
        Ok(RestWrite { location, ..write })
    }

    fn rest_write(
        &self,
        collection: CollectionId,
        shape: WriteShape,
        values: Vec<Value>,
        rows: Vec<Vec<Value>>,
        prefer: &Preferences,
        asker: &Asker,
    ) -> Result<RestWrite, Fault> {
        let plan = self.plan_write(collection, asker.caller.role, shape)?;
        let write = Write {
            plan,
            inputs: asker.inputs(values),
            rows,
            single: prefer.single,
            max_affected: prefer.max_affected,
            rollback: prefer.rollback,
        };
        Ok(RestWrite { write: Some(write), location: false })
    }
}

/// There is nothing to write.
const NOTHING: RestWrite = RestWrite { write: None, location: false };

/// The query string of a write, which has no pages.
fn write_query(collection: &Collection, dialect: Dialect, text: &str, method: &str) -> Result<Query, Fault> {
    let query = query(collection, dialect, text)?;
    if query.paged {
        let fault = unsupported(&format!("`limit` or `offset` on {method}"));
        return Err(
            fault.hint("name the rows by filters; `Prefer: handling=strict, max-affected=N` bounds their number")
        );
    }
    Ok(query)
}

/// What the write answers.
fn returning(collection: &Collection, query: &mut Query, prefer: &Preferences) -> Returning {
    if prefer.returning != Return::Representation {
        return Returning::default();
    }
    Returning {
        select: query.select.take().unwrap_or_else(|| select::all(collection)),
        order: std::mem::take(&mut query.order),
        strip_nulls: prefer.strip_nulls,
    }
}

/// What an insert does with rows that are there.
fn conflict(
    collection: &Collection,
    query: &Query,
    rows: &Rows,
    prefer: &Preferences,
) -> Result<Option<Conflict>, Fault> {
    let Some(resolution) = prefer.resolution else { return Ok(None) };
    let is_key = |at: &usize| collection.is_key(*at);
    // A row that does not tell it meets no other (nulls and keys yet to be counted are new each time), but may be written only
    // by who may write an upsert: what a caller may do must not hang on which fields a body has.
    let target = query.on_conflict.clone().unwrap_or_else(|| (0..collection.key.len).collect());
    if resolution == Resolution::IgnoreDuplicates {
        return Ok(Some(Conflict { target, set: None, asked: true }));
    }
    let given = query.columns.as_deref().unwrap_or(&rows.given);
    if let Some(key) = given.iter().find(|at| is_key(at) && !target.contains(at)) {
        let name = &collection.fields[*key].name;
        return Err(unsupported(&format!("an upsert that finds records by other fields and gives the key `{name}`"))
            .hint("the key of a record never changes: leave it out, or name it in `on_conflict`"));
    }
    let changes = |at: &usize| !is_key(at) && !target.contains(at) && !collection.fields[*at].readonly;
    let set = given.iter().copied().filter(changes).collect();
    Ok(Some(Conflict { target, set: Some(set), asked: true }))
}

/// The values of the key, if the filters are exactly `eq` on each of its fields.
fn key_values<'q>(collection: &Collection, query: &'q Query) -> Option<Vec<&'q Value>> {
    let Filter::And(parts) = &query.filter else { return None };
    let slots: Option<Vec<usize>> = (0..collection.key.len).map(|at| pinned(parts, at)).collect();
    let slots = slots.filter(|slots| slots.len() == parts.len())?;
    slots.into_iter().map(|slot| query.values.get(slot)).collect()
}

fn not_the_key() -> Fault {
    let message = "Filters must include all and only primary key columns with 'eq' operators";
    Fault::new(FaultKind::PutFilters, message)
}

/// The slot that this field must equal.
fn pinned(parts: &[Filter], field: usize) -> Option<usize> {
    parts.iter().find_map(|part| match part {
        Filter::Test(target, Test::Compare(Comparison::Eq, slot)) if *target == Target::field(field) => Some(*slot),
        _ => None,
    })
}

/// A key may stand in the body of a `PATCH` if it is the one that the filters ask for.
fn same_key(collection: &Collection, query: &Query, at: usize, value: &Value) -> Result<(), Fault> {
    let Filter::And(parts) = &query.filter else { return Ok(()) };
    let wanted = pinned(parts, at).and_then(|slot| query.values.get(slot));
    if wanted == Some(value) {
        return Ok(());
    }
    let name = &collection.fields[at].name;
    Err(Fault::new(FaultKind::ReadOnly, format!("column \"{name}\" can only be updated to its own value"))
        .details(format!("Column \"{name}\" is part of the key, and the key of a record never changes."))
        .hint(format!("leave `{name}` out of the body, or filter by `{name}=eq.…` with the same value")))
}
