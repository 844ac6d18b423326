//! What becomes of a statement, in both dialects.

use super::*;
use crate::FaultKind;
use crate::plan::Action;
use crate::tests::{database, prepare};

fn sql(dialect: Dialect, text: &str, role: Role) -> String {
    match compile(dialect, text, role) {
        Ok(plan) => plan.plan.rows.sql.clone(),
        Err(fault) => panic!("{text}: {fault:?}"),
    }
}

#[test]
fn tables_become_the_rows_that_the_role_sees() {
    let own = "select title from notes where rank > 3";
    let all = "\"id\", \"owner\", \"title\", \"rank\", \"price\", \"done\", \"born\", \"data\", \"code\", \"slug\"";
    for (dialect, text, role, wanted) in [
        (
            Dialect::Sqlite,
            "select x from tiles where y = :n order by 1 limit 2",
            Role::Authenticated,
            "SELECT \"r1\".\"x\" AS \"c1\" FROM \"tiles\" AS \"r1\" WHERE (\"r1\".\"y\" = ?1) ORDER BY 1 LIMIT (2)".to_owned(),
        ),
        (
            Dialect::Postgres,
            "select x from tiles where y = :n order by 1 limit 2",
            Role::Authenticated,
            "SELECT \"r1\".\"x\" AS \"c1\" FROM \"tiles\" AS \"r1\" WHERE (\"r1\".\"y\" = $1::int8) ORDER BY 1 LIMIT (2)::int8"
                .to_owned(),
        ),
        (
            Dialect::Sqlite,
            "select x from tiles",
            Role::Anon,
            "SELECT \"r1\".\"x\" AS \"c1\" FROM (SELECT \"x\", \"y\", \"kind\", \"seen\", \"user\" FROM \"tiles\" WHERE 0) AS \"r1\""
                .to_owned(),
        ),
        (
            Dialect::Sqlite,
            own,
            Role::Authenticated,
            format!(
                "SELECT \"r1\".\"title\" AS \"c1\" FROM (SELECT {all} FROM \"notes\" WHERE ((\"owner\" = ?1) OR \"done\")) AS \"r1\" \
                 WHERE (\"r1\".\"rank\" > (3))"
            ),
        ),
        (
            Dialect::Postgres,
            own,
            Role::ServiceRole,
            "SELECT \"r1\".\"title\" AS \"c1\" FROM \"notes\" AS \"r1\" WHERE (\"r1\".\"rank\" > (3)::int8)".to_owned(),
        ),
        (
            // What may fail on a row is asked of those alone that are seen.
            Dialect::Postgres,
            "select id from notes where cast(title as integer) = 1",
            Role::Authenticated,
            format!(
                "SELECT \"r1\".\"id\" AS \"c1\" FROM (SELECT {all} FROM \"notes\" WHERE ((\"owner\" = $1::text) OR \"done\") OFFSET 0) \
                 AS \"r1\" WHERE (CAST(\"r1\".\"title\" AS int8) = (1)::int8)"
            ),
        ),
    ] {
        assert_eq!(sql(dialect, text, role), wanted);
    }
}

#[test]
fn writes_hold_the_policies_in_the_statement() {
    for (text, wanted) in [
        (
            "insert into notes (title) values ('a')",
            "INSERT INTO \"notes\" AS \"r3\" (\"title\", \"owner\", \"done\") SELECT \"r2\".\"c1\", ?1, ?2 FROM (SELECT \"r1\".\"column1\" AS \
             \"c1\" FROM (VALUES (?3)) AS \"r1\") AS \"r2\" WHERE CASE WHEN ((?1 = ?1)) IS TRUE THEN TRUE ELSE pintle_deny('notes') END",
        ),
        (
            "update notes set rank = 3 where id = 1",
            "UPDATE \"notes\" AS \"r1\" SET \"rank\" = CASE WHEN (((3) < ?1)) IS TRUE THEN (3) WHEN pintle_deny('notes') THEN NULL END \
             WHERE (\"r1\".\"id\" = (1)) AND ((\"r1\".\"owner\" = ?2) AND ((\"r1\".\"owner\" = ?2) OR \"r1\".\"done\"))",
        ),
        (
            "delete from notes where id = 1",
            "DELETE FROM \"notes\" AS \"r1\" WHERE (\"r1\".\"id\" = (1)) AND ((\"r1\".\"owner\" = ?1) AND (NOT \"r1\".\"done\") AND \
             ((\"r1\".\"owner\" = ?1) OR \"r1\".\"done\"))",
        ),
    ] {
        assert_eq!(sql(Dialect::Sqlite, text, Role::Authenticated), wanted);
    }
}

/// Statements of every kind that is known.
pub(super) const ACCEPTED: &[&str] = &[
    "select 1 as a, 'x' as b, null::text as c",
    "select t.*, n.title from tiles t left join notes n on n.rank = t.x order by n.title desc nulls last, 1 limit :n offset 1",
    "select * from tiles join teams on team = kind",
    "select x, y from tiles a join tiles b using (x, y)",
    "with recursive r(i) as (select 1 union all select i + 1 from r where i < 10) select i, count(*) as n from r join tiles on x = i \
     group by i having count(*) > 1 order by 2",
    "with a as (select id from notes), b as (select id from a) select id from b union select x from tiles except select 3 as id",
    "select tiles.x, tiles.y from generate_series(-:n, :n) as columns(dx) join tiles on tiles.x = 3 + columns.dx and \
     tiles.y between 4 + greatest(-:n, -:n - columns.dx) and 4 + least(:n, :n - columns.dx)",
    "select title from notes where born > '2020-01-01' and code <> 'c0ffee00-0000-0000-0000-000000000000' and data @> '{\"a\": 1}'",
    "select data->'a'->>'b' as b, data->0 as c, jsonb_array_length(data) as n from notes where data->>'a' like 'x%'",
    "select owner, count(distinct rank) as n, string_agg(title, ', ' order by title) as titles, bool_or(done) as done from notes group by 1",
    "select title, rank() over (partition by owner order by rank desc rows between 1 preceding and current row) as r from notes",
    "select case owner when auth.uid() then 1 else 2.5 end as v, coalesce(rank, 0) as r, seen::date as d from notes, tiles",
    "select (select count(*) from notes where owner = member) as n from teams where member in (select owner from notes)",
    "select a from (values (1, 'x'), (2, null)) as v(a, b) order by a desc limit 1",
    "select now() as t, auth.role() as r, auth.claim('plan') as p, -x as m, x / 0 as z, x % 2 as o from tiles where kind ilike :t",
    "insert into tiles (x, y, kind) select x + 1, y, kind from tiles where x < 3 on conflict (x, y) do update set kind = excluded.kind",
    "insert into notes (title, born, data) values (:t, '2020-02-29', :j) returning id, title",
    "insert into notes (title, rank) values ('a', 1), ('b', null) on conflict do nothing",
    "with old as (select id from notes where rank < 3) update notes set done = true where id in (select id from old) returning *",
    "update notes set title = upper(title), rank = t.x from tiles as t where t.y = notes.id",
    "with old as (select id from notes where rank < 3) delete from notes where id in (select id from old) returning notes.id",
    "select kind from tiles; -- one statement;",
];

#[test]
fn what_is_known_is_prepared_with_a_value_for_each_placeholder() {
    let db = database(&model());
    for text in ACCEPTED {
        for role in [Role::Authenticated, Role::ServiceRole] {
            let plan = match compile(Dialect::Sqlite, text, role) {
                Ok(plan) => plan,
                Err(fault) if fault.kind == FaultKind::Denied && role != Role::ServiceRole => continue,
                Err(fault) => panic!("{text}: {fault:?}"),
            };
            let prepared = prepare(&db, &plan.plan.rows);
            assert_eq!(prepared.column_count(), plan.plan.columns.len(), "{text}");
            drop(prepared);
            let postgres = compile(Dialect::Postgres, text, role).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(plan.plan.columns, postgres.plan.columns, "{text}");
            assert_eq!(plan.plan.reads, postgres.plan.reads, "{text}");
            assert_eq!(plan.params, postgres.params, "{text}");
        }
    }
}

#[test]
fn a_plan_tells_what_it_reads_and_writes_and_whether_it_hangs_on_the_caller() {
    let id = |name: &str| model().find(name).unwrap().0;
    let plan = compile(Dialect::Sqlite, "select team from teams", Role::Authenticated).unwrap();
    assert_eq!(plan.plan.reads, [id("notes"), id("teams")]);
    assert!(plan.of_user && plan.plan.writes.is_none());
    let plan = compile(Dialect::Sqlite, "select kind from tiles", Role::Authenticated).unwrap();
    assert!(!plan.of_user && plan.plan.reads == [id("tiles")]);
    let plan = compile(Dialect::Sqlite, "delete from tiles", Role::ServiceRole).unwrap();
    assert_eq!(plan.plan.writes, Some((id("tiles"), Action::Delete)));
}

#[test]
fn a_scripts_parameter_is_of_the_type_that_it_meets() {
    let plan = planner(Dialect::Sqlite)
        .own_sql(
            "select id from notes where born = :a and code = :b and rank < :c and data = :d and :e is null and price > :f",
            &[("a", Type::Text), ("b", Type::Text), ("c", Type::Number), ("d", Type::Text), ("e", Type::Boolean), ("f", Type::Integer)]
                .map(|(name, ty)| (name.to_owned(), ty)),
            Role::ServiceRole,
            false,
        )
        .unwrap();
    let types: Vec<(&str, Type)> = plan.params.iter().map(|(name, ty)| (name.as_str(), *ty)).collect();
    assert_eq!(
        types,
        [
            ("a", Type::Date),
            ("b", Type::Uuid),
            ("c", Type::Number),
            ("d", Type::Json),
            ("e", Type::Boolean),
            ("f", Type::Number)
        ]
    );
}
