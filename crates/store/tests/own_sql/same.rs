//! What the two databases would each do in another way, and the rows that are found without looking at others.

use pintle_model::{Caller, Role};

use crate::served::{Said, Served};
use crate::support::On;

fn both() -> [Served; 2] {
    [On::Sqlite, On::Postgres].map(Served::new)
}

/// Expressions and what they are as JSON, or how they fail.
const VALUES: &[(&str, &str)] = &[
    ("7 / 2", "3"),
    ("-7 / 2", "-3"),
    ("7 / 0", "null"),
    ("7 % 0", "null"),
    ("7 / 2.0", "3.5"),
    ("1.0 / 0", "null"),
    ("'a' || null", "null"),
    ("'A' like 'a'", "false"),
    ("'Ä' ilike 'ä'", "true"),
    ("lower('ÄΣ')", "\"äσ\""),
    ("upper('straße')", "\"STRASSE\""),
    ("substr('héllo', 0, 3)", "\"hé\""),
    ("substr('héllo', -9)", "\"héllo\""),
    ("strpos('abc', '')", "1"),
    ("strpos('héllo', 'l')", "3"),
    ("round(2.5)", "2"),
    ("round(-0.5)", "0"),
    ("sqrt(-1.0)", "null"),
    ("greatest(1, null, 3)", "3"),
    ("least(null::integer, null)", "null"),
    ("coalesce(null, 'x')", "\"x\""),
    ("nullif(1, 1)", "null"),
    ("true", "true"),
    ("not (1 = 2)", "true"),
    ("null is distinct from 1", "true"),
    ("'2024-02-29'::date::timestamp", "\"2024-02-29T00:00:00+00:00\""),
    ("timestamp '2024-02-29 23:59:59.5+01'", "\"2024-02-29T22:59:59.5+00:00\""),
    ("cast(now() as date)", "\"2023-11-14\""),
    ("cast(now() as text)", "\"2023-11-14 22:13:20+00\""),
    ("cast('{\"b\": 1, \"a\": 2, \"b\": 3}' as json)", "{\"a\": 2, \"b\": 3}"),
    ("cast('{\"a\": {\"b\": \"x\"}}' as json)->'a'->>'b'", "\"x\""),
    ("cast('[1, 2]' as json) -> -1", "2"),
    ("cast(1.0 as text)", "\"1\""),
    ("cast(true as text)", "\"true\""),
    ("cast(2.5 as integer)", "2"),
    ("cast('c0FFee00-0000-0000-0000-000000000000' as uuid)", "\"c0ffee00-0000-0000-0000-000000000000\""),
    ("(select level from people where id > 5)", "null"),
    ("(select count(*) from people where name < 'b')", "1"),
    ("(select string_agg(name, '-' order by name) from people)", "\"a_b-b-Ärger\""),
    ("(select max(name) from people)", "\"Ärger\""),
    ("(select avg(level) from people)", "2"),
    ("(select sum(level) from people where id = 2)", "null"),
    ("(select bool_and(active) from people)", "false"),
    ("(select name from people order by level desc limit 1)", "\"b\""),
    ("(select name from people order by level limit 1)", "\"a_b\""),
    ("(select count(*) from generate_series(3, 1))", "0"),
    ("trim('  x ')", "\"x\""),
    ("jsonb_array_length('{}')", "null"),
    ("9223372036854775807 + 1", "failed 22003"),
    ("(select sum(score * 1e300) from people)", "failed 22003"),
    ("cast('x' || 'y' as integer)", "failed 22P02"),
];

#[tokio::test]
async fn values_are_the_same_on_postgres_and_sqlite() {
    let served = both();
    let service = Caller::of(Role::ServiceRole);
    let fill = "insert into people (id, name, level, score, active) values (1, 'Ärger', 7, 2.5, true), (2, 'b', null, -0.5, false), \
                (3, 'a_b', -3, 1e300, null)";
    for one in &served {
        assert_eq!(one.write(fill, &service).await, Said::Rows(Vec::new()));
    }
    let mut wrong = Vec::new();
    for (expr, wanted) in VALUES {
        for one in &served {
            let said = one.read(&format!("select {expr} as v"), &service).await;
            let said = match said {
                Said::Rows(rows) => rows.join(" ").replace("{\"v\":", ""),
                Said::Failed(code) => format!("failed {code}}}"),
                other => panic!("{expr}: {other:?}"),
            };
            let wanted: String = if wanted.starts_with('{') {
                wanted.replace(": ", ":").replace(", ", ",")
            } else {
                (*wanted).to_owned()
            };
            if said != format!("{wanted}}}") {
                wrong.push(format!("{expr}: {said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_inserted_is_kept_in_the_stores_own_form_on_postgres_and_sqlite() {
    let service = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::ServiceRole) };
    for one in &both() {
        let insert = "insert into posts (person, title, data) values (1, 'x', '{\"b\":1,\"a\":2}'), (2, null, '[1.50]') \
                      returning id, likes, data, made, code is null as bare";
        let Said::Rows(rows) = one.write(insert, &service).await else { panic!("no rows") };
        assert_eq!(
            rows,
            [
                r#"{"id":1,"likes":7,"data":{"a":2,"b":1},"made":"2023-11-14T22:13:20+00:00","bare":false}"#,
                r#"{"id":2,"likes":7,"data":[1.50],"made":"2023-11-14T22:13:20+00:00","bare":false}"#
            ]
            .map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap().to_string())
        );
        let again =
            one.read("select count(distinct code) as n from posts where data->'a' = '2' or title is null", &service);
        assert_eq!(again.await, Said::Rows(vec![r#"{"n":2}"#.to_owned()]));
        // What breaks off leaves nothing.
        let broken = "insert into posts (person, title) select s, repeated from generate_series(1, 9) as g(s), \
                      (select replace('aaaaaaaaaa', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaa') as repeated) as r where s > 8 or s < 4";
        assert_eq!(one.write(broken, &service).await, Said::Failed("23514".to_owned()));
        assert_eq!(
            one.read("select count(*) as n from posts", &service).await,
            Said::Rows(vec![r#"{"n":2}"#.to_owned()])
        );
    }
}

/// Hexes within n steps, as an app asks for them.
const HEXES: &str = "select marks.x, marks.y, marks.kind from generate_series(-:n, :n) as columns(dx) join marks \
                     on marks.x = 100 + columns.dx and marks.y between 100 + greatest(-:n, -:n - columns.dx) and 100 + least(:n, :n - columns.dx)";

#[tokio::test]
async fn a_range_of_the_key_is_found_by_it_on_postgres_and_sqlite() {
    let ann = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::Authenticated) };
    let service = Caller::of(Role::ServiceRole);
    for one in &both() {
        // One whose policy holds for all rows of the role, and one of which each row decides.
        for table in ["marks", "spots"] {
            let fill = format!(
                "insert into {table} (x, y, kind) select a.s, b.s, 'sea' from generate_series(1, 200) as a(s), generate_series(1, 200) as b(s)"
            );
            assert_eq!(one.write(&fill, &service).await, Said::Rows(Vec::new()));
            let hexes = HEXES.replace("marks", table);
            let Said::Rows(rows) = one.read(&hexes, &ann).await else { panic!("no rows") };
            assert_eq!(rows.len(), 37);
            let plan = one.explained(&hexes, &ann);
            let by_key = plan.lines().any(|line| line.contains("SEARCH") && line.contains("(x=? AND y>? AND y<?)"));
            let by_index = plan.contains("Index Cond: ((x = ") && !plan.contains(&format!("Seq Scan on {table}"));
            assert!(by_key || by_index, "{plan}");
        }
        // A policy that the row decides stands beside the index, and not in its way.
        let fill = "insert into people (id, name, team, level) select s, 'x', cast(s % 300 as text), s % 7 from generate_series(1, 6000) as g(s)";
        assert_eq!(one.write(fill, &service).await, Said::Rows(Vec::new()));
        let by_team = "select id from people where team = 'a' and level = 3";
        let plan = one.explained(by_team, &ann);
        assert!(plan.contains("people_team_level_idx"), "{plan}");
    }
}
