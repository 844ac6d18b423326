//! Statements that write, under policies: what they change is what an unrestricted writer changes among the rows that the
//! caller may change, or nothing where a new row would not be allowed.

use pintle_model::{Caller, Role};

use crate::chance::Chance;
use crate::generate;
use crate::served::{Said, Served};
use crate::support::On;
use crate::world::World;

/// Statements in each world.
const STATEMENTS: u64 = 8;
/// All that can be seen of a table.
const PEOPLE: &str = "SELECT id, name, team, level, score, active, seen FROM people";

#[tokio::test]
async fn only_what_the_policies_allow_is_written_on_postgres_and_sqlite() {
    let rounds = crate::setting("PINTLE_ORACLE_ROUNDS").unwrap_or(48);
    let mut seed = crate::setting("PINTLE_ORACLE_SEED").unwrap_or(1) + 1_000_000;
    let (mut done, mut denied, mut wrote) = (0, 0, 0);
    let stores = [On::Sqlite, On::Postgres].map(|on| (on, Served::new(on), Served::new(on)));
    while done < rounds {
        let mut chance = Chance::new(seed);
        let caller = crate::caller(&mut chance);
        let world = World::new(&mut chance, &caller);
        let team = caller.claims.get("team").cloned();
        for _ in 0..STATEMENTS.min(rounds - done) {
            let sql = statement(&mut chance);
            let mut tables = Vec::new();
            for (on, whole, part) in &stores {
                whole.fill(&world).await;
                part.fill(&world.seen_by(&caller)).await;
                let service = Caller { role: Role::ServiceRole, ..caller.clone() };
                let before = whole.read(PEOPLE, &service).await;
                let said = whole.write(&sql, &caller).await;
                let after = whole.read(PEOPLE, &service).await;
                let wanted = part.write(&sql, &service).await;
                let told = || {
                    format!(
                        "seed {seed}, {on:?}, {caller:?}\n{sql}\n{}\n{said:?}\n{wanted:?}",
                        whole.sql(&sql, &caller)
                    )
                };
                match (&said, &wanted) {
                    (Said::Rows(rows), Said::Rows(wanted)) => {
                        assert_eq!(rows, wanted, "{}", told());
                        assert!(allowed(&sql, rows, team.as_deref()), "{}", told());
                        wrote += u64::from(!rows.is_empty());
                        assert_eq!(hidden(&before, &world, &caller), hidden(&after, &world, &caller), "{}", told());
                    }
                    (Said::Failed(reason), Said::Rows(wanted)) if reason == "policy of people" => {
                        let met_hidden =
                            sql.contains("ON CONFLICT") && !hidden(&said_rows(wanted), &world, &caller).is_empty();
                        assert!(met_hidden || !allowed(&sql, wanted, team.as_deref()), "{}", told());
                        assert_eq!(before, after, "{}", told());
                        denied += 1;
                    }
                    (Said::Failed(_), Said::Failed(_)) => assert_eq!(before, after, "{}", told()),
                    // A key of a hidden row is taken.
                    (Said::Failed(reason), Said::Rows(_)) if reason.starts_with("taken") => assert_eq!(before, after),
                    (Said::Refused(_), _) if caller.role == Role::Anon => {}
                    _ => panic!("{}", told()),
                }
                tables.push((said, after));
            }
            assert_eq!(tables[0], tables[1], "seed {seed}, {caller:?}\n{sql}");
            done += 1;
        }
        seed += 1;
    }
    eprintln!("{done} statements, {denied} denied, {wrote} wrote");
    assert!(denied > 0 && wrote > 0);
}

/// Whether each row that was written may be what it is now, as the answer shows it.
fn allowed(sql: &str, rows: &[String], team: Option<&str>) -> bool {
    sql.starts_with("DELETE")
        || rows.iter().all(|row| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            let own = team.is_some() && row["team"].as_str() == team;
            own && row["level"].as_i64().is_some_and(|level| level < 50)
        })
}

/// The rows that the caller does not see.
fn hidden(said: &Said, world: &World, caller: &Caller) -> Vec<String> {
    let Said::Rows(rows) = said else { panic!("{said:?}") };
    let all = world.hidden_from(caller);
    rows.iter()
        .filter(|row| {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            all.contains(&row["id"].as_i64().unwrap())
        })
        .cloned()
        .collect()
}

fn said_rows(rows: &[String]) -> Said {
    Said::Rows(rows.to_vec())
}

fn statement(chance: &mut Chance) -> String {
    let returning = "RETURNING id, name, team, level, score, active, seen";
    let value = |chance: &mut Chance| match chance.below(6) {
        0 => "level = level + 1",
        1 => "level = level + 45",
        2 => "team = 'a'",
        3 => "score = score * 2, active = NOT active",
        4 => "name = upper(name), level = coalesce(level, 3)",
        _ => "level = (SELECT max(y) FROM marks)",
    };
    match chance.below(10) {
        0..=4 => {
            let (set, condition) = (value(chance), generate::condition(chance, "people"));
            format!("UPDATE people SET {set} WHERE {condition} {returning}")
        }
        5 => {
            let set = value(chance);
            format!(
                "UPDATE people SET {set} FROM (SELECT DISTINCT kind FROM marks WHERE kind = 'sea') AS m WHERE people.id < 5 {returning}"
            )
        }
        6 | 7 => format!("DELETE FROM people WHERE {} {returning}", generate::condition(chance, "people")),
        8 => {
            let (id, level) = (chance.below(30), chance.word(&["1", "60", "null"]));
            let team = chance.word(&["'a'", "'b'", "null", "auth.claim('team')"]);
            format!("INSERT INTO people (id, name, team, level) VALUES ({id}, 'new', {team}, {level}) {returning}")
        }
        _ => {
            let (from, set) = (chance.below(8), value(chance).replace("level + ", "people.level + "));
            let set = set.replace("score * ", "people.score * ").replace("NOT active", "NOT people.active");
            let set = set.replace("upper(name)", "upper(people.name)").replace("(level,", "(people.level,");
            format!(
                "INSERT INTO people (id, name, team, level) SELECT s, 'x', auth.claim('team'), 2 FROM generate_series({from}, {}) AS g(s) \
                 ON CONFLICT (id) DO UPDATE SET {set} {returning}",
                from + chance.below(3)
            )
        }
    }
}
