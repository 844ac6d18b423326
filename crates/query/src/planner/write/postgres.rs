//! Writes on PostgreSQL: there are many writers, so all that must hold stands in the one statement, which fails by itself
//! through `_pintle_deny` ([`crate::sql::POSTGRES_FUNCTIONS`]) where a policy forbids it.
//!
//! `CASE WHEN … IS TRUE THEN TRUE ELSE _pintle_deny('table') END` is true or fails: null counts as not satisfied. `CASE` is
//! what PostgreSQL evaluates in its order; the parts of an `AND` it may turn round.
//!
//! Who writes many rows locks them in one order, whatever order they come in or are found in: else two would wait for each other.
//! Rows that are brought are put in the order of what must be unique ([`Planner::locks`]), those that are found in that of their keys
//! ([`Planner::in_order`]).

use super::{Answers, Insert, Place, Statements, Update};
use crate::expr::{Column, Expr};
use crate::plan::{Apart, Param, Sort};
use crate::planner::Planner;
use crate::planner::filter::is_point;
use crate::request::Filter;
use crate::sql::{Rows, Scope, Sql};

/// What RETURNING is made of.
struct Returned<'a> {
    answers: &'a Answers,
    /// Whether each row is new.
    tells_new: bool,
    /// The statement sorts by itself.
    sorts: bool,
    /// The count goes on behind the key of this place, once the row stands.
    counts: Option<Place>,
    /// What tells each row apart.
    apart: Vec<Expr>,
}

impl Planner {
    pub(super) fn postgres_insert(&self, place: Place, insert: Insert<'_>, answers: &Answers) -> Statements {
        let check = Expr::all([insert.new_row.clone()].into_iter().chain(insert.on_key.iter().cloned()));
        let one = self.insert_sql(place, &insert, &check, answers, false);
        let bulk = self.is_same_in_bulk(place, &insert, &check);
        let apart = bulk.then(|| self.apart(place, &insert)).flatten();
        let locks = if bulk { self.locks(place, &insert) } else { Vec::new() };
        let bulk = bulk.then(|| self.insert_sql(place, &insert, &check, answers, true).write);
        Statements { bulk, apart, locks, ..one }
    }

    /// The given values that must be unique: what a conflict is looked for by comes first, then the key.
    fn locks(&self, place: Place, insert: &Insert<'_>) -> Vec<usize> {
        let collection = self.model.collection(place.collection);
        let target = insert.conflict.iter().flat_map(|conflict| conflict.target.iter().copied());
        let alone = (0..collection.fields.len()).filter(|field| collection.fields[*field].unique);
        let indexes = collection.indexes.iter().filter(|index| index.unique);
        let indexed = indexes.flat_map(|index| index.parts.iter().map(|part| part.field));
        let mut locks = Vec::new();
        for field in target.chain(0..collection.key.len).chain(alone).chain(indexed) {
            let given = insert.fields.iter().position(|given| *given == field);
            locks.extend(given.filter(|at| !locks.contains(at)));
        }
        locks
    }

    /// Whether keys are counted in the order of the rows, which then must not be another one.
    fn is_ranked(&self, place: Place, insert: &Insert<'_>) -> bool {
        self.is_counted(place) && !insert.fields.contains(&0) && !self.locks(place, insert).is_empty()
    }

    /// What tells rows from those that are there and are left as they are. A row without all of it is always new.
    fn apart(&self, place: Place, insert: &Insert<'_>) -> Option<Vec<Apart>> {
        let Some(conflict) = insert.conflict else { return Some(Vec::new()) };
        if conflict.set.is_some() {
            return None;
        }
        let place_of = |field: &usize| insert.fields.iter().position(|given| given == field);
        let apart = |field: &usize| Some(Apart { at: place_of(field)?, ty: self.field_type(place, *field) });
        let all: Option<Vec<Apart>> = conflict.target.iter().map(apart).collect();
        Some(all.unwrap_or_default())
    }

    /// Whether many rows at once become what they become one after the other: not where a row may depend on one before
    /// it, by a policy or a reference.
    fn is_same_in_bulk(&self, place: Place, insert: &Insert<'_>, check: &Expr) -> bool {
        let fields = &self.model.collection(place.collection).fields;
        let refers =
            fields.iter().filter_map(|field| field.reference.as_ref()).any(|r| r.collection == place.collection);
        let asks = [check, &insert.old_row].iter().any(|expr| expr.sought().contains(&place.collection));
        !insert.fields.is_empty() && insert.on_key.is_empty() && !refers && !asks
    }

    /// The row is selected before it is inserted, and the check is the selection's: so a policy speaks before any
    /// constraint tells something of other rows, as with PostgreSQL's own row security. With `bulk`, so are all rows.
    fn insert_sql(&self, place: Place, insert: &Insert<'_>, check: &Expr, answers: &Answers, bulk: bool) -> Statements {
        let collection = self.model.collection(place.collection);
        let checked = !check.is_true();
        // A check that reads the counted key needs it before the row is inserted.
        let ahead = !insert.on_key.is_empty();
        let ranked = bulk && self.is_ranked(place, insert);
        let mut names = insert.fields.to_vec();
        if ahead || names.is_empty() || ranked {
            names.insert(0, 0);
        }
        let mut sql = Sql::new(self.dialect);
        sql.rows(if bulk { Rows::Unnested } else { Rows::Bound });
        sql.word("INSERT INTO ").name(&collection.name).word(" (");
        sql.list(&names, ", ", |sql, field| _ = sql.name(&collection.fields[*field].name));
        sql.word(if checked || bulk { ") SELECT " } else { ") VALUES (" });
        sql.list(&names, ", ", |sql, field| match insert.fields.iter().position(|f| f == field) {
            _ if *field == 0 && ranked => _ = sql.word("\"_pintle_rows\".\"key\""),
            Some(n) if *field == 0 && self.is_counted(place) => self.counted(sql, place, Some(n)),
            Some(n) => _ = sql.bind(Param::Row(n), collection.fields[*field].ty),
            None if ahead => _ = sql.name(&collection.fields[0].name),
            None if !checked => _ = sql.word("DEFAULT"),
            None if self.is_counted(place) => self.counted(sql, place, None),
            None => _ = sql.word("NULL"),
        });
        if ahead {
            sql.word(" FROM (SELECT ");
            self.counted(&mut sql, place, None);
            sql.word(" AS ").name(&collection.fields[0].name).word(") AS ").name(&collection.name);
        }
        if bulk {
            let types: Vec<_> = insert.fields.iter().map(|field| collection.fields[*field].ty).collect();
            sql.word(" FROM ");
            if ranked {
                sql.word("(SELECT *, ");
                self.counted(&mut sql, place, None);
                sql.word(" AS \"key\" FROM ").unnested(&types, true).word(") AS \"_pintle_rows\"");
            } else {
                sql.unnested(&types, false);
            }
        }
        if checked {
            sql.word(" WHERE ");
            self.hold(&mut sql, place, self.scope(), check);
        } else if !bulk {
            sql.word(")");
        }
        sql.word(if ranked { " ORDER BY \"_pintle_rows\".\"rank\"" } else { "" });
        if let Some(conflict) = insert.conflict {
            if bulk {
                let name = |field: &usize| collection.fields[*field].name.clone();
                sql.rows(Rows::Excluded(insert.fields.iter().map(name).collect()));
            }
            self.on_conflict(&mut sql, place, conflict);
            if conflict.set.is_some() && !insert.old_row.is_true() {
                sql.word(" WHERE ");
                self.hold(&mut sql, place, Scope { qualified: true, ..self.scope() }, &insert.old_row);
            }
        }
        // Rows are told in the order that they came in: the store sorts.
        let counts = (insert.fields.contains(&0) && self.is_counted(place)).then_some(place);
        let apart = if bulk { self.apart(place, insert) } else { None };
        let field = |Apart { at, ty }| {
            Expr::Column(Column { depth: 0, collection: place.collection, field: insert.fields[at], ty })
        };
        let apart = apart.unwrap_or_default().into_iter().map(field).collect();
        self.answered(sql, Returned { answers, tells_new: insert.conflict.is_some(), sorts: false, counts, apart })
    }

    /// The check is asked of rows that pass the condition only, so the condition stands in it again; by itself it is what
    /// indexes serve. A row that another has changed meanwhile is asked all of it once more, as it is then. If it was
    /// refused as it was before, this request simply came first.
    pub(super) fn postgres_update(
        &self,
        place: Place,
        update: Update<'_>,
        filter: &Filter,
        answers: &Answers,
    ) -> Statements {
        let mut sql = begin(self.dialect, answers);
        self.set(&mut sql, place, update.set);
        self.only(&mut sql, &update.condition);
        let several = self.in_order(&mut sql, place, &update.condition, filter, " FOR NO KEY UPDATE)");
        if !update.check.is_true() {
            sql.word(if update.condition.is_true() && !several { " WHERE " } else { " AND " });
            if !update.condition.is_true() {
                sql.word("CASE WHEN ");
                sql.expr(self.scope(), &update.condition);
                sql.word(" IS NOT TRUE THEN FALSE ELSE ");
            }
            self.hold(&mut sql, place, self.scope(), &update.check);
            sql.word(if update.condition.is_true() { "" } else { " END" });
        }
        self.answered(sql, Returned { answers, tells_new: false, sorts: true, counts: None, apart: Vec::new() })
    }

    pub(super) fn postgres_delete(
        &self,
        place: Place,
        condition: &Expr,
        filter: &Filter,
        answers: &Answers,
    ) -> Statements {
        let mut sql = begin(self.dialect, answers);
        sql.word("DELETE");
        self.source(&mut sql, place.collection, condition);
        self.in_order(&mut sql, place, condition, filter, " FOR UPDATE)");
        self.answered(sql, Returned { answers, tells_new: false, sorts: true, counts: None, apart: Vec::new() })
    }

    /// Where it may be several rows, locks them in the order of their keys before the first is touched; whether that is so.
    fn in_order(&self, sql: &mut Sql, place: Place, condition: &Expr, filter: &Filter, lock: &'static str) -> bool {
        let collection = self.model.collection(place.collection);
        let key = &collection.fields[..collection.key.len];
        if key.is_empty() || is_point(collection, filter) || *condition == Expr::FALSE {
            return false;
        }
        let names = |sql: &mut Sql| _ = sql.list(key, ", ", |sql, field| _ = sql.name(&field.name));
        sql.word(if condition.is_true() { " WHERE (" } else { " AND (" });
        names(sql);
        sql.word(") IN (SELECT ");
        names(sql);
        self.source(sql, place.collection, condition);
        sql.word(" ORDER BY ");
        names(sql);
        sql.word(lock);
        true
    }

    /// What is true or fails the statement.
    fn hold(&self, sql: &mut Sql, place: Place, scope: Scope<'_>, expr: &Expr) {
        sql.word("CASE WHEN ");
        sql.expr(scope, expr);
        sql.word(" IS TRUE THEN TRUE ELSE _pintle_deny(").quoted(&self.model.collection(place.collection).name);
        sql.word(") END");
    }

    /// A counted key: the row's nth value, or the next one.
    fn counted(&self, sql: &mut Sql, place: Place, given: Option<usize>) {
        if let Some(n) = given {
            sql.word("coalesce(").bind(Param::Row(n), self.field_type(place, 0)).word(", ");
        }
        sql.word("nextval(pg_get_serial_sequence(");
        self.key_named(sql, place);
        sql.word(")::regclass)").word(if given.is_some() { ")" } else { "" });
    }

    /// Its table and its name, as texts.
    fn key_named(&self, sql: &mut Sql, place: Place) {
        let collection = self.model.collection(place.collection);
        sql.quoted(&format!("\"{}\"", collection.name)).word(", ").quoted(&collection.fields[0].name);
    }

    /// Adds RETURNING. Where an order was asked for, the statement sorts what it returns, or the store does by the keys.
    fn answered(&self, mut sql: Sql, returned: Returned<'_>) -> Statements {
        let Returned { answers, tells_new, sorts, counts, apart } = returned;
        let sorted = sorts && !answers.keys.is_empty();
        let mut count = 0;
        let mut next = |sql: &mut Sql| {
            sql.word(if count == 0 { " RETURNING " } else { ", " });
            count += 1;
            count
        };
        let name = |sql: &mut Sql, n| _ = sql.word("\"c").number(n).word("\"");
        let named = |sql: &mut Sql, n| {
            if sorted {
                sql.word(" AS ");
                name(sql, n);
            }
        };
        if tells_new {
            let n = next(&mut sql);
            sql.word("(xmax = 0)");
            named(&mut sql, n);
        }
        for shown in answers.shown.iter() {
            let n = next(&mut sql);
            sql.expr(self.shown(), shown);
            named(&mut sql, n);
        }
        for key in &answers.keys {
            let n = next(&mut sql);
            sql.sort_key(self.scope(), key);
            named(&mut sql, n);
        }
        for field in &apart {
            next(&mut sql);
            sql.expr(self.shown(), field);
        }
        if let Some(place) = counts {
            let collection = self.model.collection(place.collection);
            next(&mut sql);
            sql.word("_pintle_count_past(");
            self.key_named(&mut sql, place);
            sql.word(", ").name(&collection.name).word(".").name(&collection.fields[0].name).word(")");
        }
        if sorted {
            let first = count - answers.keys.len() + 1;
            sql.word(") SELECT ").list(1..first, ", ", name).word(" FROM w ORDER BY ");
            sql.list(answers.sort.iter().enumerate(), ", ", |sql, (n, Sort { descending, nulls_first })| {
                name(sql, first + n);
                sql.word(if *descending { " DESC" } else { "" });
                sql.word(if *nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            });
        }
        Statements {
            check: None,
            probe: None,
            write: sql.finish(),
            bulk: None,
            apart: None,
            locks: Vec::new(),
            tells_new,
            verdicts: 0,
            sorts,
        }
    }
}

/// The statement's beginning: rows that are to be sorted are returned through a query around it.
fn begin(dialect: crate::Dialect, answers: &Answers) -> Sql {
    let mut sql = Sql::new(dialect);
    sql.word(if answers.keys.is_empty() { "" } else { "WITH w AS (" });
    sql
}
