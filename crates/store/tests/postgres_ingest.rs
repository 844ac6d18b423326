//! Rows that are stored each on its own, on PostgreSQL: few statements and commits, however many are refused.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use pintle_model::Value;
use pintle_query::plan::{Action, Param, Statement};
use pintle_query::{Write, WritePlan};
use pintle_store::Error;
use support::postgres::{self, CONFIGS, configs, psql};
use support::{Place, write, write_plan};

fn place() -> Place {
    postgres::place(configs(), CONFIGS)
}

/// New configs by their ranks, one after the other or (`bulk`) as one statement too.
fn ranked(ranks: &[i64], bulk: bool) -> Write {
    let sql = "INSERT INTO configs (name, data, rank) VALUES ($1::text, '{}', $2::int8)";
    let many = "INSERT INTO configs (name, data, rank) SELECT name, '{}', rank FROM unnest($1::text[], $2::int8[]) AS r (name, rank)";
    let params = vec![Param::Rows(0), Param::Rows(1)];
    let plan = write_plan(Action::Insert, sql, 2);
    let plan = WritePlan { bulk: bulk.then(|| Statement { sql: many.to_owned(), params }), ..plan };
    let row = |rank: &i64| vec![Value::Text(format!("n{rank}")), Value::Integer(*rank)];
    write(plan, Vec::new(), ranks.iter().map(row).collect())
}

#[tokio::test]
async fn many_refused_rows_share_a_few_transactions_with_their_neighbours() {
    for bulk in [true, false] {
        let place = place();
        psql(&place, "ALTER TABLE configs ADD COLUMN begun timestamptz DEFAULT now()");
        let store = place.open();
        // Every second one is against a check.
        let ranks: Vec<i64> = (0..600).map(|n| if n % 2 == 1 { -1 - n } else { n }).collect();
        let done = store.ingest(ranked(&ranks, bulk)).await.unwrap();
        assert_eq!((done.stored, done.refused.len()), (300, 300));
        for (refused, n) in done.refused.iter().zip((1..).step_by(2)) {
            assert_eq!((refused.at, &refused.row[1]), (n, &Value::Integer(ranks[n])));
            assert!(matches!(refused.error, Error::Constraint { code: "23514", .. }), "{:?}", refused.error);
        }
        assert_eq!(psql(&place, "SELECT count(*) FROM configs"), "300");
        // `now()` is when a transaction began.
        let times = psql(&place, "SELECT count(DISTINCT begun) FROM configs");
        assert!(times.parse::<u32>().unwrap() <= 40, "{times} transactions");
    }
}

#[tokio::test]
async fn a_defect_is_no_fault_of_a_row() {
    for bulk in [true, false] {
        let place = place();
        psql(
            &place,
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.rank = 7 THEN RAISE 'broken'; END IF; RETURN new; END $$; \
             CREATE TRIGGER broken BEFORE INSERT ON configs FOR EACH ROW EXECUTE FUNCTION broken()",
        );
        let store = place.open();
        for ranks in [&[7][..], &[1, 7, 2]] {
            let error = store.ingest(ranked(ranks, bulk)).await.unwrap_err();
            assert!(matches!(error, Error::Internal(_)), "{error:?}");
        }
        // The store goes on.
        let done = store.ingest(ranked(&[3, 4, -5], bulk)).await.unwrap();
        assert_eq!((done.stored, done.refused.len()), (2, 1));
    }
}
