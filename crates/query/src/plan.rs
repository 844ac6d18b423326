//! Plans: compiled shapes, and what a request brings to them.

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Type, Value};

/// Whose SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, with the functions of [`crate::functions`] registered.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

/// One SQL statement and where each of its values comes from: placeholder n takes `params[n - 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The text, with `?1`… on SQLite and `$1::int8`… on PostgreSQL, where each is written with the type that its value
    /// is to be bound as: what the server tells of a prepared statement's parameters.
    pub sql: String,
    /// One for each placeholder, in order.
    pub params: Vec<Param>,
}

/// Where a bound value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// The request's nth value.
    Value(usize),
    /// The nth value of the row that is written.
    Row(usize),
    /// The nth values of all rows that are written, as an array: in [`WritePlan::bulk`] only.
    Rows(usize),
    /// The place of each row among all in the order of [`WritePlan::locks`], as an array, from 0: in [`WritePlan::bulk`] only. The rows
    /// are then brought as the caller has them, since keys are counted in that order.
    Ranks,
    /// The plan's own (from a policy).
    Literal(Value),
    /// `auth.uid()`
    Uid,
    /// `auth.role()`
    Role,
    /// `auth.claim('x')`
    Claim(String),
    /// `now()`
    Now,
}

/// An answer's column: its JSON name, and how the store's value is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    name: String,
    json_key: String,
    ty: Type,
    within: Option<Within>,
}

/// The object that a column stands in, where that is not the row itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    name: String,
    json_key: String,
}

impl Within {
    /// The object's name in the row.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as it stands in JSON: `"name":`.
    #[must_use]
    pub fn json_key(&self) -> &str {
        &self.json_key
    }
}

fn json_key(name: &str) -> String {
    format!("{}:", serde_json::Value::String(name.to_owned()))
}

impl Column {
    /// A column of an answer.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: Type) -> Column {
        let name = name.into();
        let json_key = json_key(&name);
        Column { name, json_key, ty, within: None }
    }

    /// The same in an object of the answer. Those of one object stand side by side; where the first of them is null, so is the
    /// object.
    #[must_use]
    pub fn within(self, name: &str) -> Column {
        Column { within: Some(Within { name: name.to_owned(), json_key: json_key(name) }), ..self }
    }

    /// The object that it stands in, if not the row itself.
    #[must_use]
    pub fn object(&self) -> Option<&Within> {
        self.within.as_ref()
    }

    /// The key in the answer's objects.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key as it stands in JSON, escaped once for all answers: `"name":`.
    #[must_use]
    pub fn json_key(&self) -> &str {
        &self.json_key
    }

    /// How it is printed.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.ty
    }
}

/// Reads rows.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// The rows, one column of the result for each of `columns`.
    pub rows: Statement,
    /// Their number without limit and offset, if it was asked for: one row with one integer. Read on the same snapshot.
    pub count: Option<Statement>,
    /// What the answer holds.
    pub columns: Vec<Column>,
    /// Leave out keys whose value is null.
    pub strip_nulls: bool,
    /// At most one row, found by a unique key.
    pub point: bool,
    /// The statement is the app's own. Where a database has functions that write, a store runs one that only reads so that it
    /// cannot.
    pub own: bool,
    /// One statement, and it calls no function of ours whose single call may take long: a store that breaks statements
    /// off between their steps may run it where requests are handled. Any other belongs on a thread of its own.
    pub inline: bool,
    /// Every collection that it looks into, also by its policies; each once, in the model's order.
    pub reads: Vec<CollectionId>,
    /// What it writes, and how: nothing unless it is a statement of the app's own that writes. Such a plan runs in a
    /// transaction that may write.
    pub writes: Option<(CollectionId, Action)>,
}

/// Writes rows. One statement, run once for each row (insert) or once (update, delete).
///
/// On SQLite there is one writer, so what is looked at before the write (`check`, `probe`) still holds when it is made. On
/// PostgreSQL there are many: all of it stands in the one statement, which fails by itself where a policy forbids it, with
/// SQLSTATE 42501. So there is no `check`, no `probe`, and `verdicts` is 0.
#[derive(Debug, Clone)]
pub struct WritePlan {
    /// The collection that is written.
    pub collection: CollectionId,
    /// What it does.
    pub action: Action,
    /// Which fields the values of [`Write::rows`] are for: [`Param::Row`]`(n)` is the value of `fields[n]`. So an error
    /// can tell the caller's own values. Empty for updates and deletes.
    pub fields: Vec<usize>,
    /// Answers a row if the policy forbids what is about to be written: then nothing is, and the caller gets 42501.
    /// Run before `write`, for each row on insert.
    pub check: Option<Statement>,
    /// Answers a row if an upsert would change a row that is there (so that "inserted" can be told from "updated").
    pub probe: Option<Statement>,
    /// The write; its RETURNING gives, in order: one boolean if `tells_new`, `verdicts` columns, `columns`, then one for
    /// each of `sort`. What follows is of no interest.
    pub write: Statement,
    /// The same for many rows at once, with what is the same as `write` in its RETURNING: on PostgreSQL, where it is no
    /// other than `write` for one row after the other, unless it fails.
    pub bulk: Option<Statement>,
    /// Fields that tell a row of `bulk` from those that are there, which it leaves as they are: their values, as they are printed, follow
    /// in its RETURNING, so that it is known which rows are new. Nothing where a row that is there is changed; empty where none can be.
    pub apart: Option<Vec<Apart>>,
    /// The values of a row by which the rows of `bulk` are put in order: those that must be unique. Whoever meets others' rows then waits for
    /// them in one order, and nobody for one who waits for them. Empty where nobody can meet.
    pub locks: Vec<usize>,
    /// RETURNING begins with a boolean that says whether the row is new: upserts on PostgreSQL.
    pub tells_new: bool,
    /// How many leading booleans RETURNING gives that must all be true, else the caller gets 42501 (checks that need
    /// the row as it was stored: a counted key, select policies of what is answered).
    pub verdicts: usize,
    /// What the answer holds; empty if no representation was asked for.
    pub columns: Vec<Column>,
    /// The order of the representation, which the store brings it into; on PostgreSQL the statement does by itself, so it
    /// is empty there.
    pub sort: Vec<Sort>,
    /// Leave out keys whose value is null.
    pub strip_nulls: bool,
}

/// A field that tells rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// Its place among a row's values.
    pub at: usize,
    /// Its type.
    pub ty: Type,
}

/// What a write does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds rows.
    Insert,
    /// Adds rows, or changes those that are there, or leaves them.
    Upsert,
    /// Changes rows.
    Update,
    /// Removes rows.
    Delete,
}

/// How to sort by one column, in the store's own order of values (numbers, then texts by code point, then bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// Greatest first.
    pub descending: bool,
    /// Nulls before all else.
    pub nulls_first: bool,
}

/// What one request brings to a plan.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The values in the request's text, in the shape's order.
    pub values: Vec<Value>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// The time of the request, in microseconds since 1970.
    pub now: i64,
}

/// A read, ready to run.
#[derive(Debug, Clone)]
pub struct Read {
    /// The shape.
    pub plan: Arc<ReadPlan>,
    /// What fills it.
    pub inputs: Inputs,
}

/// A write, ready to run.
#[derive(Debug, Clone)]
pub struct Write {
    /// The shape.
    pub plan: Arc<WritePlan>,
    /// What fills it.
    pub inputs: Inputs,
    /// The rows of an insert, each with all columns that the plan names by [`Param::Row`]. Empty for the rest.
    pub rows: Vec<Vec<Value>>,
    /// Roll back unless exactly one row is written.
    pub single: bool,
    /// Roll back if more rows are written.
    pub max_affected: Option<u64>,
    /// Roll back in any case, and answer as if not (`Prefer: tx=rollback`).
    pub rollback: bool,
}

impl Statement {
    /// The values of the placeholders, in order. `row` is the row that is written, or empty.
    pub fn values<'a>(
        &'a self,
        inputs: &'a Inputs,
        row: &'a [Value],
    ) -> impl ExactSizeIterator<Item = ParamValue<'a>> + 'a {
        self.params.iter().map(move |param| match param {
            Param::Value(n) => ParamValue::Value(inputs.values.get(*n).unwrap_or(&Value::Null)),
            Param::Row(n) => ParamValue::Value(row.get(*n).unwrap_or(&Value::Null)),
            // No single value.
            Param::Rows(_) | Param::Ranks => ParamValue::Null,
            Param::Literal(value) => ParamValue::Value(value),
            Param::Uid => inputs.caller.user.as_deref().map_or(ParamValue::Null, ParamValue::Text),
            Param::Role => ParamValue::Text(inputs.caller.role.name()),
            Param::Claim(name) => {
                inputs.caller.claims.get(name).map_or(ParamValue::Null, |claim| ParamValue::Text(claim))
            }
            Param::Now => ParamValue::Timestamp(inputs.now),
        })
    }
}

/// A value to bind, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamValue<'a> {
    /// SQL's null.
    Null,
    /// One of the request's or the plan's.
    Value(&'a Value),
    /// A text of the caller's.
    Text(&'a str),
    /// The time of the request.
    Timestamp(i64),
}
