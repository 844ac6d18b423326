//! What is hidden cannot be told by what fails: neither a row nor an error hangs on it.

use pintle_model::{Caller, Role};

use crate::served::{Said, Served};
use crate::support::On;

/// Each would fail on a row with the largest or smallest number, a huge one, or a text without end.
const PROBES: &[&str] = &[
    "select id from notes where secret + 9223372036854775000 > 0",
    "select id from notes where secret - (-9223372036854775000) > 0",
    "select id from notes where secret * 4000000000000000000 > 0",
    "select id from notes where -secret < 0",
    "select id from notes where abs(secret) > 0",
    "select id from notes where weight * 1e300 > 0",
    "select id from notes where weight / 1e-300 > 0",
    "select id from notes where secret between 1 and secret + 9223372036854775000",
    "select id from notes where case secret + 9223372036854775000 when 1 then false else true end",
    "select id from (select id, secret + 9223372036854775000 as far from notes) as n where far > 0",
    "with n as (select id, secret + 9223372036854775000 as far from notes) select id from n where far > 0",
    "select id from notes where (select sum(coalesce(notes.secret, s)) from generate_series(1, 2) as g(s)) > 0",
    "select id from notes where exists (select 1 from generate_series(1, notes.secret) as g(s) where s + 9223372036854775000 > 0)",
    "select n.id from notes as n join marks on marks.x = n.secret + 9223372036854775000",
    "select id from notes order by secret + 9223372036854775000",
    "select id, secret + 9223372036854775000 as far from notes order by far",
    "select id, secret + 9223372036854775000 as far from notes order by id",
    "select distinct secret + 9223372036854775000 as far from notes",
    "select count(*) as n from notes group by secret + 9223372036854775000",
    "select sum(secret + 4000000000000000000) as n from notes",
    "select sum(secret) as n from notes",
    "update notes set body = 'x' where secret + 9223372036854775000 > 0 returning id",
    "update notes set secret = secret + 9223372036854775000 returning id",
    "delete from notes where secret + 9223372036854775000 > 0 returning id",
];

#[tokio::test]
async fn a_failure_tells_nothing_of_hidden_rows_on_postgres_and_sqlite() {
    let ann = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::Authenticated) };
    let service = Caller::of(Role::ServiceRole);
    for on in [On::Postgres, On::Sqlite] {
        let served = Served::new(on);
        let mut told = Vec::new();
        let mut said = Vec::new();
        // The caller sees the first rows only, and what is hidden differs.
        for hidden in ["1, 1.5", "9223372036854775807, 1e300", "-9223372036854775808, -1e300"] {
            for probe in PROBES {
                for fill in [
                    "delete from notes",
                    "insert into notes (id, owner, secret, weight, body) values (1, 99, 1, 1.5, 'a'), (2, 99, 2, 2.5, 'b')",
                    &format!(
                        "insert into notes (id, owner, secret, weight, body) select s, 1, {hidden}, 'c' from generate_series(3, 40) as g(s)"
                    ),
                ] {
                    assert_eq!(served.write(fill, &service).await, Said::Rows(Vec::new()));
                }
                let writes = !probe.starts_with("select") && !probe.starts_with("with");
                let answer = if writes { served.write(probe, &ann).await } else { served.read(probe, &ann).await };
                assert!(!matches!(answer, Said::Refused(_)), "{probe}: {answer:?}");
                said.push((*probe, answer));
            }
        }
        let (first, others) = said.split_at(PROBES.len());
        for (n, (probe, answer)) in others.iter().enumerate() {
            let (_, known) = &first[n % PROBES.len()];
            if answer != known {
                told.push(format!("{on:?} {probe}: {known:?}, then {answer:?}\n{}", served.sql(probe, &ann)));
            }
        }
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
}

#[tokio::test]
async fn what_is_made_of_found_rows_leaves_the_index_its_work_on_postgres_and_sqlite() {
    let ann = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::Authenticated) };
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::new(on);
        for free in [
            "select id, secret + 1 as next, cast(body as integer) as n from notes where id = :n order by id",
            "update notes set secret = secret + 1 where id = :n returning abs(secret) as size",
            "select id from notes where id = abs(:n - 1)",
            "select notes.id from generate_series(1, :n) as g(s) join notes on notes.id = g.s * 2",
            "with g as (select s + 1 as at from generate_series(1, :n) as g(s)) select notes.id from g join notes on notes.id = g.at - 1",
        ] {
            let sql = served.sql(free, &ann);
            assert!(!sql.contains("OFFSET 0") && !sql.contains("CASE WHEN ((\"r"), "{sql}");
        }
        let fenced = served.sql("select id from notes where id = :n and secret * 2 > 1", &ann);
        assert!(fenced.contains("OFFSET 0"), "{fenced}");
    }
}
