//! What becomes of a statement, in both dialects.

use super::*;
use crate::tests::{database, prepare};

fn check(text: &str) {
    let db = database(&model());
    for role in Role::ALL {
        match compile(Dialect::Sqlite, text, role) {
            Ok(plan) => {
                println!("{role:?} {}", plan.plan.rows.sql);
                drop(prepare(&db, &plan.plan.rows));
            }
            Err(fault) => println!("{role:?} {fault:?}"),
        }
        let Ok(plan) = compile(Dialect::Postgres, text, role) else { continue };
        println!("{}", plan.plan.rows.sql);
    }
}

#[test]
fn smoke() {
    for text in [
        "select x, y, kind from tiles where x = :n",
        "select t.*, n.title from tiles t left join notes n on n.rank = t.x order by n.title desc limit 3",
        "with recursive r(i) as (select 1 union all select i + 1 from r where i < 10) select i, count(*) as n from r join tiles on x = i group by i having count(*) > 1 order by 2",
        "select dx, kind from generate_series(-:n, :n) as dx join tiles on tiles.x = 10 + dx and tiles.y between 3 and 4",
        "insert into notes (title, rank) values (:t, :n) returning id, title",
        "insert into notes (code, title) values ('c0ffee00-0000-0000-0000-000000000000', 'x') on conflict (code) do update set title = excluded.title where notes.rank < 5 returning id",
        "update notes set title = upper(title), rank = rank + 1 where id = :n returning *",
        "delete from notes where cast(title as integer) = 4",
        "select count(*) filter (where done) as c, sum(rank) as s, row_number() over (order by owner) as r from notes group by owner",
        "select a from (values (1, 'x'), (2, null)) as v(a, b) union select id from notes where data->'a'->>'b' like 'x%' order by a desc",
        "select team, (select max(price) from notes where owner = member) as p from teams where member in (select owner from notes)",
        "select case when x > 3 then 1.5 else y end as v, substr(kind, 2) as k, greatest(x, y) as g, cast(seen as date) as d from tiles",
    ] {
        println!("-- {text}");
        check(text);
    }
}
