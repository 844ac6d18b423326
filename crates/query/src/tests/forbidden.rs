//! A policy never lets out a row that a naive evaluation of it forbids, and never hides one that it allows: random
//! policies, rows, callers and requests, on a real SQLite.

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Role, Value};
use proptest::prelude::*;

use super::naive::World;
use super::*;
use crate::expr::Expr;
use crate::plan::Inputs;
use crate::request::*;

const NOTES: CollectionId = CollectionId(0);
/// `id`, then these.
const FIELDS: &str = "n: integer, t: text, b: boolean, x: number, s: timestamp, j: json, owner: text";
const NOW: i64 = 1_000_000;

#[derive(Debug, Clone)]
struct Case {
    /// select, insert, update's using and check, delete
    policies: [String; 5],
    members: String,
    notes: Vec<Vec<Value>>,
    people: Vec<Vec<Value>>,
    caller: Caller,
    filter: (Filter, Vec<Value>),
    /// A row to write; an update sets some of its fields.
    row: Vec<Value>,
    set: Vec<usize>,
    answered: bool,
}

fn condition() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        6 => proptest::sample::select(vec![
            "owner = auth.uid()", "owner <> auth.uid()", "owner is distinct from auth.uid()", "auth.uid() is not null",
            "auth.role() = 'authenticated'", "auth.role() in ('anon', 'service_role')", "auth.claim('plan') = 'pro'",
            "n > 1", "n + 1 = 2", "n between 0 and 2", "n not between 1 and 1", "n * 2 < x", "n = x", "-n < 0",
            "b", "b is true", "b is not true", "b is unknown", "b = false", "b::text = 'true'", "not b",
            "t like 'a%'", "t not like '%b'", "t ilike '%É%'", "t in ('a', 'É')", "t not in ('a', owner)", "t is null",
            "lower(t) = 'é'", "length(t) > 1", "coalesce(t, owner, 'a') = 'a'", "t || 'x' = 'ax'", "t < owner",
            "x >= 0.5", "x::text = '1'", "n::text = t", "s < now()", "s = '1970-01-01 00:00:01+00'",
            "j->>'k' = '1'", "j->'k' >= '1'", "j->'a'->0 = '1'", "j->>'a' is null", "j = '{\"k\": 1.0}'", "j->'a'->> -1 = 'y'",
        ]).prop_map(str::to_owned),
        2 => proptest::sample::select(vec![
            "exists (select 1 from members where members.note = notes.id and members.person = auth.uid())",
            "exists (select 1 from members where note = n)",
            "exists (select 1 from members m where m.person = owner and (b or m.note = id))",
            "exists (select 1 from members where exists (select 1 from members m where m.note = members.note and m.person = t))",
            "true", "false", "null",
        ]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.clone().prop_map(|part| format!("not ({part})")),
            inner.prop_map(|part| format!("({part}) is not true")),
        ]
    })
}

fn nullable(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 3 => value].boxed()
}

fn text(of: &[&str]) -> BoxedStrategy<Value> {
    let texts: Vec<Value> = of.iter().map(|t| Value::Text((*t).to_owned())).collect();
    nullable(proptest::sample::select(texts))
}

/// A note without its key.
fn note() -> impl Strategy<Value = Vec<Value>> {
    let json =
        ["{\"k\": 1}", "{\"k\": 1.0}", "{\"k\": \"1\"}", "{\"a\": [1, \"y\"]}", "{\"a\": null, \"k\": [true]}", "7"];
    let json: Vec<Value> = json.iter().map(|j| Value::Json((*j).to_owned())).collect();
    (
        nullable((-1i64..4).prop_map(Value::Integer)),
        text(&["a", "b", "ab", "É", "é", "1", "true"]),
        nullable(any::<bool>().prop_map(Value::Boolean)),
        nullable(proptest::sample::select(vec![-0.5, 0.5, 1.0, 2.0]).prop_map(Value::Number)),
        nullable(proptest::sample::select(vec![0, NOW, NOW + 1]).prop_map(Value::Timestamp)),
        nullable(proptest::sample::select(json)),
        text(&["a", "ann", "bob"]),
    )
        .prop_map(|(n, t, b, x, s, j, owner)| vec![n, t, b, x, s, j, owner])
}

fn filter() -> impl Strategy<Value = (Filter, Vec<Value>)> {
    let test = |field, test| Filter::Test(Target::field(field), test);
    proptest::sample::select(vec![
        (Filter::all(), vec![]),
        (test(1, Test::Compare(Comparison::Ge, 0)), vec![Value::Integer(1)]),
        (Filter::Not(Box::new(test(2, Test::Compare(Comparison::Eq, 0)))), vec![Value::Text("a".to_owned())]),
        (
            Filter::Or(vec![test(3, Test::Is(Truth::True)), test(7, Test::In(vec![0]))]),
            vec![Value::Text("bob".to_owned())],
        ),
    ])
}

fn caller() -> impl Strategy<Value = Caller> {
    (
        proptest::sample::select(vec![Role::Anon, Role::Authenticated]),
        proptest::sample::select(vec![None, Some("ann".to_owned()), Some("bob".to_owned())]),
        any::<bool>(),
    )
        .prop_map(|(role, user, pro)| Caller {
            role,
            user,
            claims: if pro { [("plan".to_owned(), "pro".to_owned())].into() } else { Default::default() },
        })
}

fn case() -> impl Strategy<Value = Case> {
    // Few conditions for many policies: what one has in common with another is where a planner might save too much.
    let pool = (condition(), condition(), proptest::array::uniform5(0usize..4));
    let policies = pool.prop_map(|(one, two, picks)| {
        picks.map(|pick| match pick {
            0 => "true".to_owned(),
            1 => one.clone(),
            2 => two.clone(),
            _ => format!("({one}) and ({two})"),
        })
    });
    let member = (0i64..4, proptest::sample::select(vec!["ann", "bob"]))
        .prop_map(|(note, person)| vec![Value::Integer(note), Value::Text(person.to_owned())]);
    let members =
        proptest::sample::select(vec!["true", "person = auth.uid()", "note > 0 or auth.claim('plan') = 'pro'"]);
    (
        (policies, members.prop_map(str::to_owned)),
        proptest::collection::vec(note(), 0..6),
        proptest::collection::vec(member, 0..4),
        caller(),
        filter(),
        note(),
        proptest::collection::vec(1usize..8, 1..3),
        any::<bool>(),
    )
        .prop_map(|((policies, members), notes, mut people, caller, filter, row, mut set, answered)| {
            let keyed = |(id, mut row): (usize, Vec<Value>)| {
                row.insert(0, Value::Integer(id as i64));
                row
            };
            people.sort_by_key(|row| format!("{row:?}"));
            people.dedup();
            set.sort_unstable();
            set.dedup();
            let notes = notes.into_iter().enumerate().map(keyed).collect();
            Case { policies, members, notes, people, caller, filter, row: keyed((100, row)), set, answered }
        })
}

/// A case's planner, database and meaning.
struct Stage {
    planner: Planner,
    db: Connection,
    inputs: Inputs,
    tables: Vec<Vec<Vec<Value>>>,
    filter: Expr,
}

fn stage(case: &Case) -> Stage {
    let quoted: Vec<String> = case.policies.iter().map(|p| serde_json::Value::from(p.as_str()).to_string()).collect();
    let [select, insert, using, check, delete] = &quoted[..] else { unreachable!() };
    let members = serde_json::Value::from(case.members.as_str());
    let planner = planner(&format!(
        "
pintle: 1
name: sample
collections:
  notes:
    key: {{ id: integer }}
    fields: {{ {FIELDS} }}
    indexes: [[t], [n], [j->>k]]
    policies: {{ select: {select}, insert: {insert}, update: {{ using: {using}, check: {check} }}, delete: {delete} }}
  members:
    key: {{ note: integer, person: text }}
    policies: {{ select: {members} }}
"
    ));
    let db = database(planner.model());
    for (table, rows) in [("notes", &case.notes), ("members", &case.people)] {
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let values = rusqlite::params_from_iter(row.iter().map(bound));
            db.execute(&format!("INSERT INTO {table} VALUES ({places})"), values).unwrap();
        }
    }
    let mut values = case.filter.1.clone();
    values.extend(case.set.iter().map(|field| case.row[*field].clone()));
    let inputs = Inputs { values, caller: Arc::new(case.caller.clone()), now: NOW };
    let filter = planner.filter(NOTES, &case.filter.0).unwrap();
    let mut tables = vec![case.notes.clone(), case.people.clone()];
    tables.resize(planner.model().collections.len(), Vec::new());
    Stage { planner, db, inputs, tables, filter }
}

impl Stage {
    fn world(&self) -> World<'_> {
        World {
            caller: &self.inputs.caller,
            now: NOW,
            values: &self.inputs.values,
            rules: &self.planner.rules,
            tables: &self.tables,
        }
    }

    /// Whether each of these policies holds for the row.
    fn holds(&self, policies: &[&Option<Expr>], row: &[Value]) -> bool {
        policies.iter().all(|policy| self.world().holds(policy.as_ref().unwrap(), row))
    }

    /// The keys of the notes that are in the database.
    fn keys(&self) -> Vec<i64> {
        let mut prepared = self.db.prepare("SELECT id FROM notes ORDER BY id").unwrap();
        prepared.query_map([], |row| row.get(0)).unwrap().map(|key| key.unwrap()).collect()
    }

    fn run(&self, statement: &Statement, row: &[Value]) -> Vec<Vec<Sqlite>> {
        run(&self.db, statement, &self.inputs, row)
    }
}

fn ids(rows: &[&Vec<Value>]) -> Vec<i64> {
    rows.iter().map(|row| if let Value::Integer(id) = row[0] { id } else { panic!("no key") }).collect()
}

fn answer(case: &Case) -> Returning {
    let select = vec![SelectItem { target: Target::field(0), name: "id".to_owned(), cast: None }];
    if case.answered { Returning { select, ..Returning::default() } } else { Returning::default() }
}

/// Whether the command reads columns.
fn reads(case: &Case) -> bool {
    case.answered || !case.filter.0.is_all()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_read_answers_the_rows_that_may_be_seen_and_no_others(case in case()) {
        let stage = stage(&case);
        let order = vec![Order { target: Target::field(0), descending: false, nulls_first: None }];
        let shape = ReadShape {
            select: Some(answer(&Case { answered: true, ..case.clone() }).select),
            filter: case.filter.0.clone(),
            order,
            limit: None,
            offset: None,
            count: true,
            strip_nulls: false,
        };
        let plan = stage.planner.plan_read(NOTES, case.caller.role, shape).unwrap();
        let select = &stage.planner.rules[0].select;
        let seen = |row: &&Vec<Value>| stage.world().holds(&stage.filter, row) && stage.holds(&[select], row);
        let expected = ids(&case.notes.iter().filter(seen).collect::<Vec<_>>());
        let found: Vec<i64> = stage.run(&plan.rows, &[]).iter().map(|row| match row[0] {
            Sqlite::Integer(id) => id,
            ref other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(&found, &expected, "{}", &plan.rows.sql);
        let count = stage.run(plan.count.as_ref().unwrap(), &[]);
        prop_assert_eq!(&count[0][0], &Sqlite::Integer(expected.len() as i64));
    }

    #[test]
    fn an_insert_is_refused_when_its_row_is_forbidden_and_only_then(case in case()) {
        let stage = stage(&case);
        let shape = WriteShape::Insert { fields: (0..case.row.len()).collect(), conflict: None, returning: answer(&case) };
        let plan = stage.planner.plan_write(NOTES, case.caller.role, shape).unwrap();
        let rules = &stage.planner.rules[0];
        let allowed = stage.holds(&[&rules.insert], &case.row) && (!case.answered || stage.holds(&[&rules.select], &case.row));
        let refused = plan.check.as_ref().is_some_and(|check| !stage.run(check, &case.row).is_empty());
        prop_assert_eq!(refused, !allowed, "{:?}", &plan.check);
        if allowed {
            prop_assert_eq!(stage.run(&plan.write, &case.row).len(), usize::from(case.answered));
            prop_assert_eq!(stage.keys().last().copied(), Some(100));
        }
    }

    #[test]
    fn an_upsert_changes_what_may_be_changed_and_refuses_all_else(case in case(), id in 0i64..6, merge in any::<bool>()) {
        let stage = stage(&case);
        let mut row = case.row.clone();
        row[0] = Value::Integer(id);
        let set = merge.then(|| case.set.clone());
        let conflict = Some(Conflict { target: vec![0], set, asked: true });
        let shape = WriteShape::Insert { fields: (0..row.len()).collect(), conflict, returning: answer(&case) };
        let plan = stage.planner.plan_write(NOTES, case.caller.role, shape).unwrap();
        let rules = &stage.planner.rules[0];
        let there = case.notes.iter().find(|old| old[0] == row[0]);
        let mut allowed = stage.holds(&[&rules.insert, &rules.select], &row);
        if let (Some(old), true) = (there, merge) {
            let mut merged = old.clone();
            case.set.iter().for_each(|field| merged[*field] = row[*field].clone());
            allowed &= stage.holds(&[&rules.update_using, &rules.select], old)
                && stage.holds(&[&rules.update_check, &rules.select], &merged);
        }
        let refused = plan.check.as_ref().is_some_and(|check| !stage.run(check, &row).is_empty());
        prop_assert_eq!(refused, !allowed, "{:?}", &plan.check);
        // Without a merge each row that is written is new.
        let met = plan.probe.as_ref().map(|probe| !stage.run(probe, &row).is_empty());
        prop_assert_eq!(met, merge.then_some(there.is_some()));
        if allowed {
            stage.run(&plan.write, &row);
            prop_assert_eq!(stage.keys().len(), case.notes.len() + usize::from(there.is_none()));
        }
    }

    #[test]
    fn an_update_changes_what_may_be_changed_and_refuses_what_rows_may_not_become(case in case()) {
        let stage = stage(&case);
        let first = case.filter.1.len();
        let set: Vec<(usize, usize)> = case.set.iter().enumerate().map(|(n, field)| (*field, first + n)).collect();
        let shape = WriteShape::Update { set, filter: case.filter.0.clone(), returning: answer(&case) };
        let plan = stage.planner.plan_write(NOTES, case.caller.role, shape).unwrap();
        let rules = &stage.planner.rules[0];
        let select = if reads(&case) { &rules.select } else { &Some(Expr::TRUE) };
        let touched: Vec<&Vec<Value>> = case.notes.iter().filter(|row| {
            stage.world().holds(&stage.filter, row) && stage.holds(&[&rules.update_using, select], row)
        }).collect();
        let allowed = touched.iter().all(|old| {
            let mut new = (*old).clone();
            case.set.iter().for_each(|field| new[*field] = case.row[*field].clone());
            stage.holds(&[&rules.update_check, select], &new)
        });
        let refused = plan.check.as_ref().is_some_and(|check| !stage.run(check, &[]).is_empty());
        prop_assert_eq!(refused, !allowed, "{:?}", &plan.check);
        if allowed {
            let before = stage.db.total_changes();
            stage.run(&plan.write, &[]);
            prop_assert_eq!(stage.db.total_changes() - before, touched.len() as u64, "{}", &plan.write.sql);
        }
    }

    #[test]
    fn a_delete_removes_what_may_be_removed_and_nothing_else(case in case()) {
        let stage = stage(&case);
        let shape = WriteShape::Delete { filter: case.filter.0.clone(), returning: answer(&case) };
        let plan = stage.planner.plan_write(NOTES, case.caller.role, shape).unwrap();
        let rules = &stage.planner.rules[0];
        let select = if reads(&case) { &rules.select } else { &Some(Expr::TRUE) };
        let stays = |row: &&Vec<Value>| {
            !(stage.world().holds(&stage.filter, row) && stage.holds(&[&rules.delete, select], row))
        };
        let expected = ids(&case.notes.iter().filter(stays).collect::<Vec<_>>());
        stage.run(&plan.write, &[]);
        prop_assert_eq!(stage.keys(), expected, "{}", &plan.write.sql);
    }
}
