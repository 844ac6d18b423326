//! Whatever a query string means, the database takes: random requests, planned and run on a real SQLite.

use std::cell::RefCell;

use pintle_model::Role;
use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::Connection;

use crate::Fault;
use crate::plan::{Inputs, Param, Statement};
use crate::rest::{Preferences, Return};
use crate::testing::{asker, id, model, planner};
use crate::tests::{database, run};

thread_local! {
    static DATABASE: RefCell<Connection> = RefCell::new(filled());
}

/// A database with a few books.
fn filled() -> Connection {
    let db = database(&model());
    for body in [
        r#"{"id":1,"title":"Ant","pages":5,"data":{"a":[{"b":"x"},{"b":2}],"c":null},"born":"2020-01-31"}"#,
        r#"{"id":2,"title":"bee","price":null,"lent":true,"data":[1,"two",{"a":3}]}"#,
        r#"{"id":3,"title":"Éa","pages":7,"data":"x"}"#,
    ] {
        let write =
            planner().create(id(planner(), "books"), body.as_bytes(), &asker(Role::ServiceRole)).expect("a book");
        run(&db, &write.plan.write, &write.inputs, &write.rows[0]);
    }
    db
}

/// Runs a statement, whose values must all be there. How many rows it answers.
fn runs(statement: &Statement, inputs: &Inputs) -> usize {
    let slots = statement.params.iter().filter_map(|param| match param {
        Param::Value(slot) => Some(*slot),
        _ => None,
    });
    assert!(slots.max().is_none_or(|slot| slot < inputs.values.len()), "{}", statement.sql);
    DATABASE.with_borrow(|db| run(db, statement, inputs, &[]).len())
}

fn read(query: &str, role: Role) -> Result<usize, Fault> {
    let prefer = Preferences { count: true, ..Preferences::default() };
    let read = planner().rest_read(id(planner(), "books"), query, &prefer, &asker(role))?.read;
    if let Some(count) = &read.plan.count {
        assert_eq!(runs(count, &read.inputs), 1);
    }
    Ok(runs(&read.plan.rows, &read.inputs))
}

#[track_caller]
fn finds(query: &str, rows: usize) {
    assert_eq!(read(query, Role::ServiceRole), Ok(rows), "{query}");
}

#[test]
fn requests_find_what_they_ask_for() {
    finds("", 3);
    finds("title=like.*e", 1);
    finds("title=ilike.éA", 1);
    finds("title=in.(Ant,bee)&pages=is.null", 1);
    finds("or=(pages.gt.6,lent.is.true)", 2);
    finds("not.and=(pages.gt.6,id.eq.3)", 2);
    finds("data->a->0->>b=eq.x", 1);
    finds("data->a->-1->b=eq.2", 1);
    finds("data=cs.[1]", 1);
    finds("price=isdistinct.9.5", 1);
    finds("pages=gte(all).{5,6}", 1);
    finds("limit=2&offset=2", 1);
    finds("limit=0", 0);
    assert_eq!(read("", Role::Anon), Ok(0));
}

const FIELDS: &[&str] =
    &["id", "title", "pages", "price", "lent", "born", "seen", "data", "data->a", "data->a->0->>b", "data->>c"];
const OPERATORS: &[&str] =
    &["eq", "neq", "lt", "gte", "like", "ilike", "match", "isdistinct", "cs", "cd", "in", "is", "eq(any)", "gt(all)"];
const VALUES: &[&str] =
    &["1", "x", "true", "2020-01-31", "null", "[1]", "{}", "{\"a\":1}", "(1,2)", "(a,\"b,c\")", "{1,2}", "*x*", ""];

fn filter() -> impl Strategy<Value = String> {
    let parts = (select(FIELDS), any::<bool>(), select(OPERATORS), select(VALUES));
    parts.prop_map(|(field, negated, operator, value)| {
        format!("{field}.{}{operator}.{value}", if negated { "not." } else { "" })
    })
}

/// A filter as a parameter, alone or in a tree.
fn parameter() -> impl Strategy<Value = String> {
    let alone = filter().prop_map(|filter| filter.replacen('.', "=", 1));
    let tree = (select(vec!["and", "or", "not.or"]), prop::collection::vec(filter(), 1..4))
        .prop_map(|(word, filters)| format!("{word}=({},or({0}))", filters.join(",")));
    let shape = select(vec![
        "select=id,x:data->a,title::text,data->>c,pages::number",
        "select=*",
        "order=data->a->>b.desc,title.nullsfirst",
        "order=data.asc",
        "limit=2",
        "offset=1",
    ]);
    prop_oneof![4 => alone, 2 => tree, 1 => shape.prop_map(str::to_owned)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_means_something_runs(parameters in prop::collection::vec(parameter(), 1..4), role in select(&Role::ALL[..])) {
        match read(&parameters.join("&"), role) {
            Ok(rows) => prop_assert!(rows <= 3),
            Err(fault) => prop_assert!(!fault.message.is_empty()),
        }
    }

    #[test]
    fn what_finds_rows_changes_and_removes_them(parameter in parameter(), role in select(&Role::ALL[..])) {
        let prefer = Preferences { returning: Return::Representation, ..Preferences::default() };
        let (books, asker) = (id(planner(), "books"), asker(role));
        let found = read(&parameter, role);
        let update = planner().rest_update(books, &parameter, br#"{"price":null}"#, &prefer, &asker);
        let delete = planner().rest_delete(books, &parameter, &prefer, &asker);
        for write in [update, delete].into_iter().flatten().filter_map(|write| write.write) {
            DATABASE.with_borrow(|db| db.execute_batch("BEGIN")).expect("a transaction");
            let written = runs(&write.plan.write, &write.inputs);
            DATABASE.with_borrow(|db| db.execute_batch("ROLLBACK")).expect("its end");
            prop_assert_eq!(found.clone(), if role == Role::Anon { Ok(0) } else { Ok(written) });
        }
    }
}
