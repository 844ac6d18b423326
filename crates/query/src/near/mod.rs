//! Routes of proximity: who or what was near whom, in space and time, as one statement.
//!
//! 1. The subject's places within the range of time are found by who and when, or without a subject all places of the range. Where each
//!    place of others is told once, those that lie together are taken together ([`runs`]).
//! 2. For each of them the index of space and time gives the few rows that may be near ([`sqlite`], [`postgres`]), and each of
//!    these is held against the distance, the range and the caller's policies exactly.
//! 3. What is left is told as the route wants it ([`shape`]): in an order that does not change, so that it can be paged.
//!
//! So a request costs what its answer costs, and not what the collection holds.

mod postgres;
mod runs;
mod shape;
mod sqlite;

pub use postgres::near_parts;

use std::sync::Arc;

use pintle_model::{
    Apart, Collection, CollectionId, Field, Metres, PositionOf, ProximityAnswer, ProximityShape, Role, Route,
    RouteParam, Type, Value,
};

use crate::expr::Expr;
use crate::functions::name;
use crate::own::OwnPlan;
use crate::plan::{Column, Param, ReadPlan};
use crate::planner::{Planner, Right};
use crate::sql::{Fragment, Piece, Scope, Sql};
use crate::{Dialect, Fault};

/// The row of the subject's place.
const MINE: usize = 1;
/// The row of the other's place.
const OTHER: usize = 2;
/// What was found, of which the answer is made.
const FOUND: usize = 3;
/// The first of the embedded records.
const EMBEDDED: usize = 4;

/// A route and the role that asks.
struct Near<'a> {
    planner: &'a Planner,
    answer: &'a ProximityAnswer,
    params: &'a [RouteParam],
    collection: &'a Collection,
    /// What the role sees of the collection.
    policy: Expr,
    role: Role,
}

/// Makes the plan of a route for a role.
///
/// # Errors
/// When the role may not read what the route tells of.
pub(crate) fn compile(
    planner: &Planner,
    route: &Route,
    answer: &ProximityAnswer,
    role: Role,
) -> Result<OwnPlan, Fault> {
    let near = Near {
        planner,
        answer,
        params: &route.params,
        collection: planner.model.collection(answer.collection),
        policy: planner.right(answer.collection, role, Right::Select)?,
        role,
    };
    let mut sql = Sql::new(planner.dialect);
    let told = near.told(&mut sql)?;
    let subject = near.subject()?;
    let mut reads = told.reads;
    reads.extend(near.policy.sought());
    reads.push(answer.collection);
    reads.extend(subject.iter().flat_map(|plan| &plan.reads));
    let plan = plan(sql, told.columns, reads);
    let mut bound = plan.rows.params.iter().chain(subject.iter().flat_map(|plan| &plan.rows.params));
    let of_user = bound.any(|param| matches!(param, Param::Uid | Param::Claim(_)));
    let params = route.params.iter().map(|param| (param.field.name.clone(), param.field.ty)).collect();
    Ok(OwnPlan { plan: Arc::new(plan), of_user, params, subject: subject.map(Arc::new) })
}

fn plan(sql: Sql, columns: Vec<Column>, mut reads: Vec<CollectionId>) -> ReadPlan {
    reads.sort_unstable();
    reads.dedup();
    ReadPlan {
        rows: sql.finish(),
        count: None,
        columns,
        strip_nulls: false,
        point: false,
        own: true,
        inline: true,
        reads,
        writes: None,
    }
}

impl Near<'_> {
    /// Finds the record that the subject is, where the places refer to one.
    fn subject(&self) -> Result<Option<ReadPlan>, Fault> {
        let who = &self.collection.fields[self.answer.who];
        let Some((subject, reference)) = self.answer.subject.zip(who.reference.as_ref()) else { return Ok(None) };
        let policy = self.planner.right(reference.collection, self.role, Right::Select)?;
        let target = self.planner.model.collection(reference.collection);
        let key = &target.fields[0];
        let mut sql = Sql::new(self.planner.dialect);
        sql.word("SELECT ").name(&key.name).word(" FROM ").name(&target.name).word(" WHERE ").name(&key.name);
        sql.word(" = ");
        self.param(&mut sql, subject);
        if !policy.is_true() {
            sql.word(" AND ");
            sql.expr(self.planner.scope(), &policy);
        }
        let mut reads = policy.sought();
        reads.push(reference.collection);
        Ok(Some(plan(sql, vec![Column::new(key.name.as_str(), key.ty)], reads)))
    }

    /// ` FROM` the two places ` WHERE` they are near one another.
    fn pairs(&self, sql: &mut Sql) {
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_from(sql),
            Dialect::Postgres => self.postgres_from(sql),
        }
        sql.word(" WHERE ");
        self.is_subject(sql);
        for row in [MINE, OTHER] {
            self.is_visible(sql, row);
            self.range(sql, row);
        }
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_near(sql),
            Dialect::Postgres => self.postgres_near(sql),
        }
        sql.word(" AND ");
        self.distance(sql);
        sql.word(" <= ");
        self.metres(sql);
    }

    /// The first place is the subject's, and the other another's; without a subject, each two of them stand once.
    fn is_subject(&self, sql: &mut Sql) {
        if self.answer.subject.is_some() {
            self.is_mine(sql);
            sql.word(" AND ");
            self.is_others(sql);
        } else {
            self.field(sql, MINE, self.answer.who);
            sql.word(" < ");
            self.field(sql, OTHER, self.answer.who);
        }
    }

    /// The first place is the subject's.
    fn is_mine(&self, sql: &mut Sql) {
        self.is_whose(sql, MINE, " = ");
    }

    /// The other is another's.
    fn is_others(&self, sql: &mut Sql) {
        self.is_whose(sql, OTHER, " <> ");
    }

    fn is_whose(&self, sql: &mut Sql, row: usize, compared: &'static str) {
        if let Some(subject) = self.answer.subject {
            self.field(sql, row, self.answer.who);
            sql.word(compared);
            match self.planner.dialect {
                Dialect::Sqlite => self.param(sql, subject),
                Dialect::Postgres => postgres::unseen(sql, |sql| self.param(sql, subject)),
            }
        }
    }

    /// The place's time is within the range.
    fn range(&self, sql: &mut Sql, row: usize) {
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_range(sql, row),
            // The index of what is near has looked at the others' times.
            Dialect::Postgres if row == OTHER => {}
            Dialect::Postgres => self.postgres_range(sql, row),
        }
    }

    /// Whether the subject's places are taken together.
    fn by_runs(&self) -> bool {
        self.answer.shape == ProximityShape::Places
    }

    fn is_visible(&self, sql: &mut Sql, row: usize) {
        if !self.policy.is_true() {
            sql.word(" AND ");
            let fields = self.fields(row);
            sql.expr(Scope { row: Some(&fields), qualified: true, ..self.planner.scope() }, &self.policy);
        }
    }

    /// A row's fields.
    fn fields(&self, row: usize) -> Vec<Fragment> {
        let column = |field: &Field| Fragment::column(row, Piece::Name(field.name.clone()));
        self.collection.fields.iter().map(column).collect()
    }

    /// A row's field: `"r1"."name"`.
    fn field(&self, sql: &mut Sql, row: usize, field: usize) {
        sql.word("\"r").number(row).word("\".").name(&self.collection.fields[field].name);
    }

    /// Where a place is, as its index has it.
    fn point(&self, sql: &mut Sql, row: usize) {
        match self.collection.positions[self.answer.position].of {
            PositionOf::Field(field) => self.field(sql, row, field),
            PositionOf::Numbers { longitude, latitude } => {
                let postgres = self.planner.dialect == Dialect::Postgres;
                sql.word(if postgres { "ST_MakePoint(" } else { name::POINT });
                self.field(sql, row, longitude);
                sql.word(", ");
                self.field(sql, row, latitude);
                sql.word(if postgres { ")::geography" } else { ")" });
            }
        }
    }

    /// When a place was.
    fn time(&self, sql: &mut Sql, row: usize) {
        self.field(sql, row, self.answer.time);
    }

    /// What the request says.
    fn param(&self, sql: &mut Sql, at: usize) {
        sql.bind(Param::Value(at), self.params[at].field.ty);
    }

    fn metres(&self, sql: &mut Sql) {
        match self.answer.within {
            Metres::Param(at) => self.param(sql, at),
            Metres::Literal(metres) => _ = sql.bind(Param::Literal(Value::Number(metres)), Type::Number),
        }
    }

    /// The most seconds between two places.
    fn seconds(&self, sql: &mut Sql, apart: Apart) {
        match apart {
            Apart::Param(at) => self.param(sql, at),
            Apart::Literal(time) => {
                _ = sql.bind(Param::Literal(Value::Number(time.as_secs_f64())), Type::Number);
            }
        }
    }
}
