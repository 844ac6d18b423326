//! What is refused, with the words that point at it.

use proptest::prelude::*;

use super::sql::ACCEPTED;
use super::*;
use crate::{Details, FaultKind};

/// The message, and the piece that it points at.
fn refused(text: &str) -> (String, String) {
    match compile(Dialect::Sqlite, text, Role::ServiceRole) {
        Ok(plan) => panic!("{text}: {}", plan.plan.rows.sql),
        Err(fault) => {
            let piece = match fault.details {
                Details::Text(text) => text.split_once(": ").map_or(text.clone(), |(_, piece)| piece.to_owned()),
                _ => String::new(),
            };
            (format!("{} [{}]", fault.message, fault.hint.unwrap_or_default()), piece)
        }
    }
}

#[test]
fn mistakes_say_what_is_wrong_and_where() {
    for (text, message, piece) in [
        ("select knid from tiles", "there is no column `knid` here [did you mean `kind`?]", "knid"),
        ("select t.kin from tiles t", "`t` has no column `kin` [did you mean `kind`?]", "t.kin"),
        ("select tiles.kind from tiles t", "no row of `tiles` is in sight here", "tiles.kind"),
        ("select kind from tile", "there is no collection `tile` [did you mean `tiles`?]", "tile"),
        ("select x from tiles a, tiles b", "`a` and `b` both have `x`", "x"),
        ("select x from tiles where kind = 3", "text and integer cannot be compared", "kind = 3"),
        ("select x from tiles where seen > 'yesterday'", "invalid input syntax for type timestamp", "'yesterday'"),
        ("select x from tiles where x = null", "a comparison with null is never true", "x = null"),
        ("select x from tiles where kind", "a condition must be true or false, and this is text", "kind"),
        ("select x + kind from tiles", "arithmetic needs numbers, and this is text", "kind"),
        ("select count(*) + 1 from tiles", "this column of the answer has no name", "count(*) + 1"),
        ("select x, y as x from tiles", "two columns of the answer are called `x`", "y"),
        ("select x, count(*) from tiles", "`x` is neither grouped by nor inside an aggregate", "x"),
        ("select x from tiles where count(*) > 1", "`count` cannot stand here", "count"),
        ("select sum(max(x)) from tiles", "`max` cannot stand inside another aggregate", "max"),
        (
            "select lenght(kind) as n from tiles",
            "there is no function `lenght` here [did you mean `length`?]",
            "lenght",
        ),
        ("selct x from tiles", "this is no SQL: there is no word `selct` in it [did you mean `SELECT`?]", "selct"),
        ("select x frm tiles", "this is no SQL: there is no word `frm` in it [did you mean `FROM`?]", "frm"),
        ("select x from tiles wher x = 1", "this is no SQL: there is no word `wher` in it", "wher"),
        ("select x from tiles oder by x", "this is no SQL: there is no word `oder` in it", "oder"),
        ("select x from tiles where x = 1 limt 3", "this is no SQL: there is no word `limt` in it", "limt"),
        ("insrt into tiles (x) values (1)", "this is no SQL: there is no word `insrt` in it", "insrt"),
        ("update tiles st kind = 'a'", "this is no SQL: Expected: SET, found: kind", "kind"),
        ("select x from tiles where (x = 1", "this is no SQL: Expected: ), found: EOF", ""),
        ("select :m as m", "there is no parameter `m`", ":m"),
        ("select x from tiles where x = $1", "`$1` is no parameter", "$1"),
        ("select null as n", "nothing says what type this null is of", "null"),
        ("select x from tiles order by 2", "there is no column 2", "2"),
        ("select distinct data from notes", "json cannot be told apart on both stores alike", "data"),
        (
            "with tiles as (select 1 as a) select a from tiles",
            "`tiles` is a collection, and cannot be a name after WITH",
            "tiles",
        ),
        ("insert into tiles (x, y) values (1, 2)", "`kind` is required, and has no value", "insert"),
        ("insert into notes (id, title) values (1, 'a')", "`id` is counted by the store", "id"),
        ("insert into notes (title, slug) values ('a', 'b')", "`slug` has a pattern or a JSON Schema", "slug"),
        ("insert into tiles (x, y, kind) values (1, 2)", "3 fields are named, and 2 values given", "(1, 2)"),
        ("insert into tiles (x, y, kind) values (1, 'a', 'b')", "invalid input syntax for type bigint: \"a\"", "'a'"),
        ("update tiles set x = 3", "a key never changes", "x"),
        (
            "update notes set rank = (select max(rank) from notes)",
            "a new value does not look into `notes` itself",
            "rank",
        ),
        ("delete from notes returning (select 1)", "what is RETURNED is of the row alone", ""),
    ] {
        let (said, at) = refused(text);
        assert!(said.starts_with(message), "{text}\n{said}\n{message}");
        assert!(at.starts_with(piece), "{text}: {at:?}");
    }
}

/// What none of an app's own statements may be.
const HOSTILE: &[&str] = &[
    "",
    "  -- nothing",
    "select 1 as a; drop table tiles",
    "select 1 as a where 1 = 1) union select (1",
    "drop table tiles",
    "create table t (a int)",
    "pragma table_info(tiles)",
    "attach database 'x' as y",
    "vacuum",
    "begin",
    "set role postgres",
    "copy tiles to '/tmp/x'",
    "explain select 1",
    "merge into tiles using notes on true when matched then delete",
    "truncate tiles",
    "call f()",
    "select name from sqlite_master",
    "select relname from pg_class",
    "select * from pg_catalog.pg_authid",
    "select * from information_schema.tables",
    "select * from _pintle_tokens",
    "select * from main.tiles",
    "select pg_sleep(1) as a",
    "select load_extension('x') as a",
    "select pg_read_file('/etc/passwd') as a",
    "select set_config('a', 'b', false) as a",
    "select query_to_xml('select 1', true, true, '') as a",
    "select lo_import('/etc/passwd') as a",
    "select current_user as a",
    "select pg_catalog.now() as a",
    "select randomblob(1000000000) as a",
    "select writefile('x', 'y') as a",
    "select rowid from tiles",
    "select ctid from tiles",
    "select tableoid from tiles",
    "select tiles from tiles",
    "select x from tiles for update",
    "select x into t from tiles",
    "select x from tiles tablesample system (1)",
    "select x from tiles, lateral (select 1 as a) b",
    "select x from json_each('[1]')",
    "select x from pragma_table_info('tiles')",
    "select 1 as a from dblink('host=x', 'select 1') as t(a)",
    "with a as (delete from notes returning id) select id from a",
    "insert into _pintle_tokens (id) values (1)",
    "insert or replace into tiles (x, y, kind) values (1, 2, 'a')",
    "insert into tiles default values",
    "delete from tiles using notes",
    "update tiles set (kind) = ('a')",
    "update tiles set kind = 'a' from notes where tiles.nothing = 1",
    "select x'00' as a",
    "select e'\\x41' as a",
    "select $$a$$ as a",
    "select kind collate nocase as a from tiles",
    "select array[1] as a",
    "select (1, 2) as a",
    "select x from tiles where x = any (select 1)",
    "select \"kind\"\"; drop table tiles\" from tiles",
];

#[test]
fn nothing_hostile_gets_through() {
    for text in HOSTILE {
        refused(text);
    }
    let deep = format!("select {}1{} as a", "(".repeat(3000), ")".repeat(3000));
    let long = format!("select {} as a", vec!["1"; 590].join(" + "));
    let wide = format!("select 1 as a where {}", vec!["x = 1"; 290].join(" or "));
    let many = format!("insert into tiles (x, y, kind) select {}, 1, 'a'", vec!["true"; 280].join(" and "));
    let grouped = format!("select {0} as a from tiles group by {0}, y", vec!["x = 1"; 140].join(" or "));
    let united = format!(
        "select x from tiles union all {} select y as x, x as y from tiles",
        "select 1 as x union all ".repeat(600)
    );
    let nested = format!("select {}1{} as a", "greatest(1, ".repeat(40), ")".repeat(40));
    for text in [
        deep,
        long,
        wide,
        many,
        grouped + " order by z",
        united,
        nested,
        "select '".to_owned() + &"a".repeat(70_000) + "' as a",
    ] {
        refused(&text);
    }
    let words = vec!["true"; 3000].join(" and ");
    assert!(refused(&format!("select {words} as a")).0.contains("operators and words of SQL"));
    let many = vec!["(1, 'a, b')"; 3000].join(", ");
    assert!(compile(Dialect::Sqlite, &format!("select a from (values {many}) as v(a, b)"), Role::Anon).is_ok());
}

#[test]
fn a_role_without_a_policy_is_denied_and_a_get_only_reads() {
    for (text, role, kind) in [
        ("select name from secrets", Role::Authenticated, FaultKind::Denied),
        ("select 1 as a where exists (select 1 from secrets)", Role::Anon, FaultKind::Denied),
        ("insert into tiles (x, y, kind) values (1, 2, 'a')", Role::Authenticated, FaultKind::Denied),
        ("delete from teams", Role::Authenticated, FaultKind::Denied),
        ("insert into tiles (x, y, kind, \"user\") values (1, 2, 'a', 'b')", Role::Authenticated, FaultKind::Statement),
    ] {
        assert_eq!(compile(Dialect::Sqlite, text, role).unwrap_err().kind, kind, "{text}");
    }
    let fault = planner(Dialect::Sqlite).own_sql("delete from tiles", &[], Role::ServiceRole, false).unwrap_err();
    assert!(fault.message.contains("only reads"), "{fault:?}");
    assert!(compile(Dialect::Sqlite, "select name from secrets", Role::ServiceRole).is_ok());
}

const ROUTES: &str = "
routes:
  /near/{x}:
    get:
      params: { x: integer, n: { in: query, type: integer } }
      sql: near.sql
  /mine:
    get: { auth: required, sql: 'select id from notes where owner = auth.uid()' }
";

fn with_routes(sql: &str) -> Result<Planner, Vec<String>> {
    let manifest = format!("{MANIFEST}{ROUTES}");
    let (model, diagnostics) = pintle_model::load("pintle.yaml", &manifest, &|_| Ok(sql.to_owned()));
    assert_eq!(diagnostics, []);
    let planner = Planner::new(Arc::new(model.unwrap()), Dialect::Sqlite);
    planner.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn a_routes_mistake_points_into_its_file() {
    let told = with_routes("select kind\nfrom tiles\nwhere knid = :x and y = :n").unwrap_err();
    assert_eq!(told, ["near.sql:3:7: error: there is no column `knid` here"]);
    let told = with_routes("select kind from tiles where x = :x").unwrap_err();
    assert_eq!(told, ["near.sql:1:1: error: the parameter `n` is not used"]);
    let told = with_routes("delete from tiles where x = :x and y = :n").unwrap_err();
    assert_eq!(told, ["near.sql:1:1: error: this only reads, and the statement writes"]);
}

#[test]
fn a_route_has_a_plan_for_each_role_that_may_call() {
    let planner = with_routes("select value from secrets where :x = :n").unwrap();
    let route = |n| pintle_model::RouteId(n);
    assert_eq!(planner.route_sql(route(0), Role::Anon).unwrap_err().kind, FaultKind::Denied);
    let plan = planner.route_sql(route(0), Role::ServiceRole).unwrap();
    assert_eq!(plan.params, [("x".to_owned(), Type::Integer), ("n".to_owned(), Type::Integer)]);
    assert!(planner.route_sql(route(1), Role::Authenticated).unwrap().of_user);
    assert_eq!(planner.route_sql(route(1), Role::Anon).unwrap_err().kind, FaultKind::Denied);
}

proptest! {
    /// Whatever stands there, it is a statement or a mistake, and never ends the process.
    #[test]
    fn no_text_ends_in_a_panic(text in ".{0,60}") {
        let _ = compile(Dialect::Sqlite, &text, Role::Authenticated);
    }

    #[test]
    fn no_words_of_statements_end_in_a_panic(
        words in proptest::collection::vec((0..ACCEPTED.len(), 0..60_usize), 1..30),
        postgres in any::<bool>(),
    ) {
        let word = |(text, at): &(usize, usize)| ACCEPTED[*text].split_whitespace().cycle().nth(*at).unwrap_or("select");
        let text: Vec<&str> = words.iter().map(word).collect();
        let dialect = if postgres { Dialect::Postgres } else { Dialect::Sqlite };
        let _ = compile(dialect, &text.join(" "), Role::Authenticated);
    }

    /// A statement with one word of it changed for another one's.
    #[test]
    fn no_slip_ends_in_a_panic(text in 0..ACCEPTED.len(), at in 0..60_usize, other in 0..ACCEPTED.len(), from in 0..60_usize) {
        let mut words: Vec<&str> = ACCEPTED[text].split_whitespace().collect();
        let (at, length) = (at % words.len(), words.len());
        words[at % length] = ACCEPTED[other].split_whitespace().cycle().nth(from).unwrap_or("x");
        let _ = compile(Dialect::Postgres, &words.join(" "), Role::Authenticated);
    }
}

#[test]
fn a_mistake_in_a_block_of_the_manifest_is_shown_at_its_word() {
    let manifest = |sql: &str, policy: &str| {
        format!(
            "pintle: 1\nname: map\ncollections:\n  tiles:\n    key: {{ x: integer }}\n    policies:\n      select: {policy}\n\
             routes:\n  /a:\n    get:\n      sql: {sql}\n      summary: A\n"
        )
    };
    let right = "select x from tiles";
    for (text, marked) in [
        (manifest("|\n        select x\n        from tiles\n          where é = 'é' and y > 1\n", "'true'"), "é"),
        (manifest("|-\n\n          select x,\n            y\n\n          from tiles", "'true'"), "y"),
        (manifest("|\n        select x\n        frm tiles", "'true'"), "frm"),
        (manifest("select x, knid from tiles", "'true'"), "knid"),
        (manifest("\"select x, knid from tiles\"", "'true'"), "knid"),
        // Not line by line as it is written.
        (
            manifest(">\n        select x,\n        knid\n        from tiles", "'true'"),
            "select x,\n        knid\n        from tiles",
        ),
        (manifest(right, "|\n        x = 1\n        or y = 2"), "y"),
        (manifest(right, "x = 1 or y = 2"), "y"),
    ] {
        let (model, diagnostics) = pintle_model::load("pintle.yaml", &text, &|_| Err("no files here".to_owned()));
        assert_eq!(diagnostics, [], "{text}");
        let mistakes = Planner::new(Arc::new(model.expect("a model")), Dialect::Sqlite).expect_err(&text);
        let span = mistakes[0].span;
        assert_eq!(&text[span.start..span.end], marked, "{text}");
    }
}

#[test]
fn statements_for_two_stores_answer_the_same_columns() {
    let mistakes = |route: &str| {
        let text = format!(
            "pintle: 1\nname: map\ncollections:\n  tiles:\n    key: {{ x: integer }}\n    fields: {{ kind: text }}\n    policies: {{ select: 'true', delete: 'true' }}\n\
             routes:\n  /a:\n    post: {{ {route} }}\n"
        );
        let (model, diagnostics) = pintle_model::load("pintle.yaml", &text, &|_| Err("no files here".to_owned()));
        assert_eq!(diagnostics, [], "{text}");
        let planner = Planner::new(Arc::new(model.expect("a model")), Dialect::Postgres);
        planner.err().unwrap_or_default().into_iter().map(|mistake| mistake.message).collect::<Vec<_>>()
    };
    let two = |sqlite: &str, postgres: &str| format!("sql: {{ sqlite: '{sqlite}', postgres: '{postgres}' }}");
    let one = "select x, kind from tiles";
    assert_eq!(mistakes(&two(one, "select x, kind from tiles where x > 0")), [""; 0]);
    assert_eq!(
        mistakes(&two(one, "select x, x as kind from tiles")),
        ["this answers `x: integer, kind: integer` and the statement for SQLite `x: integer, kind: text`"]
    );
    assert_eq!(
        mistakes(&two(one, "delete from tiles")),
        ["this answers nothing and the statement for SQLite `x: integer, kind: text`"]
    );
    let (count, named) = ("select count(*) as n from tiles", "select count(*) as tiles from tiles");
    assert_eq!(mistakes(&format!("{}, result: value", two(count, named))), [""; 0], "a value has no name");
    assert_eq!(mistakes(&two(count, named)).len(), 1);
}
