//! What is told of those that are near.

use pintle_model::{CollectionId, Embedded, Field, ProximityShape, Type};

use super::{EMBEDDED, FOUND, MINE, Near, OTHER};
use crate::expr::{self, Expr};
use crate::functions::name;
use crate::plan::Column;
use crate::planner::Right;
use crate::sql::{Fragment, Piece, Scope, Sql};
use crate::{Dialect, Fault};

/// What an answer holds, and what it reads beside the places.
pub(super) struct Told {
    pub(super) columns: Vec<Column>,
    pub(super) reads: Vec<CollectionId>,
}

/// A name of what is found, beside the fields of the places.
const METRES: &str = "metres";
const SECONDS: &str = "seconds";

impl Near<'_> {
    /// Writes the whole statement.
    pub(super) fn told(&self, sql: &mut Sql) -> Result<Told, Fault> {
        let mut told = Told { columns: Vec::new(), reads: Vec::new() };
        let joins = self.joins(&mut told.reads)?;
        self.with(sql);
        sql.word("SELECT ");
        match self.answer.shape {
            ProximityShape::Places => self.places(sql, &mut told.columns),
            ProximityShape::Pairs => self.both(sql, &mut told.columns),
            ProximityShape::Subjects => self.others(sql, &mut told.columns),
        }
        sql.word(" FROM (SELECT ");
        self.found(sql);
        if self.by_runs() {
            self.places_near(sql)
        } else {
            self.pairs(sql)
        }
        self.grouped(sql);
        sql.word(") AS \"r").number(FOUND).word("\"");
        for (n, (join, _)) in joins.iter().enumerate() {
            // PostgreSQL cannot know how few there are: apart, and of one row, each is found by its key.
            let apart = self.planner.dialect == Dialect::Postgres;
            sql.word(if apart { " LEFT JOIN LATERAL (SELECT * FROM " } else { " LEFT JOIN " });
            sql.fragment(self.planner.scope(), join);
            sql.word(if apart { " WHERE \"r" } else { " ON \"r" }).number(EMBEDDED + n).word("\".");
            let (_, (field, key)) = &joins[n];
            sql.name(key).word(" = ");
            self.found_field(sql, OTHER, *field);
            if apart {
                sql.word(" LIMIT 1) AS \"r").number(EMBEDDED + n).word("\" ON true");
            }
        }
        self.ordered(sql);
        sql.word(" LIMIT ");
        let sqlite = self.planner.dialect == Dialect::Sqlite;
        sql.word(if sqlite { "coalesce(" } else { "" });
        self.param(sql, self.answer.limit);
        sql.word(if sqlite { ", -1)" } else { "" });
        sql.word(" OFFSET ");
        self.param(sql, self.answer.offset);
        Ok(told)
    }

    /// `WITH` what the statement looks at more than once.
    fn with(&self, sql: &mut Sql) {
        match self.planner.dialect {
            Dialect::Sqlite => self.sqlite_days(sql),
            Dialect::Postgres if self.answer.apart.is_none() => self.postgres_days(sql.word("WITH RECURSIVE ")),
            Dialect::Postgres => {}
        }
        if self.by_runs() {
            let is_first = self.planner.dialect == Dialect::Postgres && self.answer.apart.is_some();
            sql.word(if is_first { "WITH " } else { ", " });
            self.runs(sql);
        }
        sql.word(" ");
    }

    /// The embedded records: the rows that the role sees, the field that refers to them and their key.
    #[expect(clippy::type_complexity, reason = "one use")]
    fn joins(&self, reads: &mut Vec<CollectionId>) -> Result<Vec<(Fragment, (usize, String))>, Fault> {
        let mut joins = Vec::new();
        for (_, field, to) in self.refs() {
            let policy = self.planner.right(to, self.role, Right::Select)?;
            reads.extend(policy.sought());
            reads.push(to);
            let target = self.planner.model.collection(to);
            let table = Fragment::of(Piece::Table(to, policy, EMBEDDED + joins.len()));
            joins.push((table, (field, target.fields[0].name.clone())));
        }
        Ok(joins)
    }

    /// What is embedded of other collections: the name, the field that refers to it, and to which.
    fn refs(&self) -> impl Iterator<Item = (&str, usize, CollectionId)> {
        self.answer.embed.iter().filter_map(|(name, embedded)| match embedded {
            Embedded::Ref(field) => {
                let to = self.collection.fields[*field].reference.as_ref()?.collection;
                Some((name.as_str(), *field, to))
            }
            Embedded::Place => None,
        })
    }

    /// What the pairs are found with: the fields of both places, or of the other alone.
    fn found(&self, sql: &mut Sql) {
        match self.answer.shape {
            ProximityShape::Places => self.place_found(sql),
            ProximityShape::Pairs => {
                self.named_fields(sql, MINE);
                sql.word(", ");
                self.named_fields(sql, OTHER);
                sql.word(", ");
                self.distance(sql);
                sql.word(" AS ").name(METRES).word(", ");
                self.seconds_between(sql);
                sql.word(" AS ").name(SECONDS);
            }
            ProximityShape::Subjects => {
                if self.answer.subject.is_none() {
                    self.named_field(sql, MINE, self.answer.who);
                    sql.word(", ");
                }
                self.named_field(sql, OTHER, self.answer.who);
                sql.word(", count(*) AS \"count\", ");
                let ends = match self.planner.dialect {
                    Dialect::Sqlite => ["min(min(", "max(max("],
                    Dialect::Postgres => ["min(least(", "max(greatest("],
                };
                for (end, named) in ends.into_iter().zip([")) AS \"first\", ", ")) AS \"last\", min("]) {
                    sql.word(end);
                    self.time(sql, MINE);
                    sql.word(", ");
                    self.time(sql, OTHER);
                    sql.word(named);
                }
                self.distance(sql);
                sql.word(") AS ").name(METRES);
            }
        }
    }

    /// Each place once, or each other once.
    fn grouped(&self, sql: &mut Sql) {
        match self.answer.shape {
            ProximityShape::Places => self.places_grouped(sql),
            ProximityShape::Pairs => {}
            ProximityShape::Subjects => {
                sql.word(" GROUP BY ");
                if self.answer.subject.is_none() {
                    self.field(sql, MINE, self.answer.who);
                    sql.word(", ");
                }
                self.field(sql, OTHER, self.answer.who);
            }
        }
    }

    pub(super) fn key(&self, sql: &mut Sql, row: usize) {
        sql.list(0..self.collection.key.len, ", ", |sql, field| self.field(sql, row, field));
    }

    /// ` ORDER BY` what never changes: by time, then by key; others by who they are.
    fn ordered(&self, sql: &mut Sql) {
        sql.word(" ORDER BY ");
        let mut parts = Vec::new();
        let keys = 0..self.collection.key.len;
        match self.answer.shape {
            ProximityShape::Places => {
                parts.push((OTHER, self.answer.time));
                parts.extend(keys.map(|key| (OTHER, key)));
            }
            ProximityShape::Pairs => {
                for row in [MINE, OTHER] {
                    parts.push((row, self.answer.time));
                    parts.extend(keys.clone().map(|key| (row, key)));
                }
            }
            ProximityShape::Subjects => {
                parts.extend(self.answer.subject.is_none().then_some((MINE, self.answer.who)));
                parts.push((OTHER, self.answer.who));
            }
        }
        sql.list(parts, ", ", |sql, (row, field)| self.found_field(sql, row, field));
    }

    fn named_fields(&self, sql: &mut Sql, row: usize) {
        sql.list(0..self.collection.fields.len(), ", ", |sql, field| self.named_field(sql, row, field));
    }

    /// `"r1"."name" AS "c1_3"`, since both places have the same names.
    fn named_field(&self, sql: &mut Sql, row: usize, field: usize) {
        self.field(sql, row, field);
        self.name_of(sql, row, field);
    }

    pub(super) fn name_of(&self, sql: &mut Sql, row: usize, field: usize) {
        sql.word(" AS \"c").number(row).word("_").number(field).word("\"");
    }

    fn found_field(&self, sql: &mut Sql, row: usize, field: usize) {
        sql.word("\"r").number(FOUND).word("\".\"c").number(row).word("_").number(field).word("\"");
    }

    /// A field of a place as it was found, as a piece.
    fn found_fields(&self, row: usize) -> Vec<Fragment> {
        let column = |field: usize| {
            Fragment::word("\"r")
                .with(Piece::Number(FOUND))
                .then("\".\"c")
                .with(Piece::Number(row))
                .then("_")
                .with(Piece::Number(field))
                .then("\"")
        };
        (0..self.collection.fields.len()).map(column).collect()
    }

    /// The places' fields, and the embedded records.
    fn places(&self, sql: &mut Sql, columns: &mut Vec<Column>) {
        let place = self.answer.embed.iter().position(|(_, embedded)| *embedded == Embedded::Place);
        let mut embedded = 0;
        if place.is_none() {
            self.shown_place(sql, OTHER, None, columns);
        }
        for (name, what) in &self.answer.embed {
            match what {
                Embedded::Place => self.shown_place(sql, OTHER, Some(name), columns),
                Embedded::Ref(_) => {
                    self.shown_embedded(sql, embedded, columns);
                    embedded += 1;
                }
            }
        }
    }

    fn both(&self, sql: &mut Sql, columns: &mut Vec<Column>) {
        self.shown_place(sql, MINE, Some("subject"), columns);
        self.shown_place(sql, OTHER, Some("other"), columns);
        self.all_embedded(sql, columns);
        sql.word(", ");
        self.rounded(sql, METRES);
        columns.push(Column::new(METRES, Type::Number));
        sql.word(", \"r").number(FOUND).word("\".").name(SECONDS);
        columns.push(Column::new(SECONDS, Type::Number));
    }

    fn others(&self, sql: &mut Sql, columns: &mut Vec<Column>) {
        let who = self.collection.fields[self.answer.who].ty;
        if self.answer.subject.is_none() {
            self.found_field(sql, MINE, self.answer.who);
            sql.word(", ");
            columns.push(Column::new("subject", who));
        }
        self.found_field(sql, OTHER, self.answer.who);
        columns.push(Column::new("other", who));
        self.all_embedded(sql, columns);
        for (name, ty) in [("count", Type::Integer), ("first", Type::Timestamp), ("last", Type::Timestamp)] {
            sql.word(", \"r").number(FOUND).word("\".").name(name);
            columns.push(Column::new(name, ty));
        }
        sql.word(", ");
        self.rounded(sql, METRES);
        columns.push(Column::new("nearest", Type::Number));
    }

    /// To a millimetre: the stores do not agree in less, and no phone does.
    fn rounded(&self, sql: &mut Sql, name: &str) {
        let (before, after) = match self.planner.dialect {
            Dialect::Sqlite => ("round(\"r", ", 3)"),
            Dialect::Postgres => ("round((\"r", ")::numeric, 3)::float8"),
        };
        sql.word(before).number(FOUND).word("\".").name(name).word(after);
    }

    fn all_embedded(&self, sql: &mut Sql, columns: &mut Vec<Column>) {
        for n in 0..self.refs().count() {
            self.shown_embedded(sql, n, columns);
        }
    }

    /// A place as its collection's rows are shown.
    fn shown_place(&self, sql: &mut Sql, row: usize, within: Option<&str>, columns: &mut Vec<Column>) {
        let fields = self.found_fields(row);
        self.shown(sql, self.answer.collection, &fields, within, columns);
    }

    fn shown_embedded(&self, sql: &mut Sql, n: usize, columns: &mut Vec<Column>) {
        let Some((name, _, to)) = self.refs().nth(n) else { return };
        let fields = &self.planner.model.collection(to).fields;
        let column = |field: &Field| Fragment::column(EMBEDDED + n, Piece::Name(field.name.clone()));
        let fields: Vec<Fragment> = fields.iter().map(column).collect();
        self.shown(sql, to, &fields, Some(name), columns);
    }

    fn shown(
        &self,
        sql: &mut Sql,
        of: CollectionId,
        row: &[Fragment],
        within: Option<&str>,
        columns: &mut Vec<Column>,
    ) {
        let scope = Scope { row: Some(row), shown: true, ..self.planner.scope() };
        for (at, field) in self.planner.model.collection(of).fields.iter().enumerate() {
            sql.word(if columns.is_empty() { "" } else { ", " });
            sql.expr(scope, &Expr::Column(expr::Column { depth: 0, collection: of, field: at, ty: field.ty }));
            let column = Column::new(field.name.as_str(), field.ty);
            columns.push(match within {
                Some(name) => column.within(name),
                None => column,
            });
        }
    }

    /// The metres between the two places.
    pub(super) fn distance(&self, sql: &mut Sql) {
        match self.planner.dialect {
            Dialect::Sqlite => {
                sql.word(name::DISTANCE);
                self.point(sql, MINE);
                sql.word(", ");
                self.point(sql, OTHER);
                sql.word(")");
            }
            Dialect::Postgres => {
                sql.word("ST_Distance(");
                self.point(sql, MINE);
                sql.word(", ");
                self.point(sql, OTHER);
                sql.word(")");
            }
        }
    }

    /// The seconds between them, never less than 0.
    pub(super) fn seconds_between(&self, sql: &mut Sql) {
        self.seconds_of(sql, |sql| self.time(sql, MINE), |sql| self.time(sql, OTHER));
    }

    /// The seconds between two times, never less than 0.
    pub(super) fn seconds_of(&self, sql: &mut Sql, one: impl FnOnce(&mut Sql), other: impl FnOnce(&mut Sql)) {
        let (before, between, after) = match self.planner.dialect {
            Dialect::Sqlite => (name::SECONDS_BETWEEN, ", ", ")"),
            Dialect::Postgres => ("abs(extract(epoch FROM (", " - ", ")))::float8"),
        };
        sql.word(before);
        one(sql);
        sql.word(between);
        other(sql);
        sql.word(after);
    }
}
