//! Whatever is planned is SQL that the database accepts, with as many parameters as placeholders: shapes of every form,
//! for every role.

use pintle_model::{CollectionId, Type};
use proptest::prelude::*;

use super::postgres::agree;
use super::*;
use crate::request::*;

const MANIFEST: &str = "
pintle: 1
name: sample
collections:
  things:
    key: { id: { type: integer, generated: true } }
    fields:
      t: { type: text, required: true, unique: true }
      n: integer
      x: number
      b: boolean
      s: timestamp
      d: date
      u: uuid
      j: json
      r: bytes
      f: { type: ref, to: groups }
    indexes: [[n, 's desc'], [j->>a], [j->a->0->>b], { fields: [n, t], unique: true }]
    policies:
      select: (b or u = auth.uid() or exists (select 1 from members where members.name = f and members.person = auth.uid()))
        and (id > 3 or exists (select 1 from members where members.name = things.id::text))
      insert: exists (select 1 from members where members.name = f and members.person = auth.uid())
      update: { using: id > 1 and s < now(), check: j->'a'->0->>'b' = auth.claim('b') }
      delete: auth.role() = 'authenticated'
  groups:
    key: { name: text }
    policies: { select: \"true\" }
  members:
    key: { name: text, person: text }
    policies: { select: exists (select 1 from groups where groups.name = members.name) }
";
const FIELDS: usize = 11;
const THINGS: CollectionId = CollectionId(0);

fn target() -> impl Strategy<Value = Target> {
    let key = proptest::sample::select(vec!["a", "b", "0", "é \"' \\ ] ?1", ""]).prop_map(|k| Step::Key(k.to_owned()));
    let step = prop_oneof![3 => key, 1 => (-2i64..3).prop_map(Step::Index)];
    (0..FIELDS, proptest::collection::vec(step, 0..4), any::<bool>()).prop_map(|(field, path, text)| Target {
        field,
        path,
        text,
        spot: None,
    })
}

fn test() -> impl Strategy<Value = Test> {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    prop_oneof![
        (proptest::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge]), 0usize..6).prop_map(|(op, n)| Test::Compare(op, n)),
        (0usize..6).prop_map(Test::Distinct),
        (0usize..6, any::<bool>()).prop_map(|(pattern, fold)| Test::Like { pattern, fold }),
        (0usize..6, any::<bool>()).prop_map(|(pattern, fold)| Test::Match { pattern, fold }),
        proptest::collection::vec(0usize..6, 0..4).prop_map(Test::In),
        proptest::sample::select(vec![Truth::Null, Truth::NotNull, Truth::True, Truth::False, Truth::Unknown])
            .prop_map(Test::Is),
        (0usize..6).prop_map(Test::Contains),
        (0usize..6).prop_map(Test::Contained),
        (0usize..6).prop_map(Test::Element),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = (target(), test()).prop_map(|(target, test)| Filter::Test(target, test));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|part| Filter::Not(Box::new(part))),
        ]
    })
}

fn select() -> impl Strategy<Value = Vec<SelectItem>> {
    let item = (target(), proptest::option::weighted(0.3, proptest::sample::select(Type::ALL.to_vec())))
        .prop_map(|(target, cast)| SelectItem { target, name: "a\"b".to_owned(), cast });
    proptest::collection::vec(item, 1..4)
}

fn order() -> impl Strategy<Value = Vec<Order>> {
    let key = (target(), any::<bool>(), any::<Option<bool>>()).prop_map(|(target, descending, nulls_first)| Order {
        target,
        descending,
        nulls_first,
    });
    proptest::collection::vec(key, 0..3)
}

fn returning() -> impl Strategy<Value = Returning> {
    let some = (select(), order()).prop_map(|(select, order)| Returning { select, order, strip_nulls: false });
    prop_oneof![Just(Returning::default()), some]
}

fn fields() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..FIELDS).collect::<Vec<_>>(), 0..=FIELDS)
}

fn write() -> impl Strategy<Value = WriteShape> {
    let target = proptest::sample::select(vec![vec![0], vec![1], vec![2, 1], vec![3]]);
    let conflict =
        (target, proptest::option::of(fields())).prop_map(|(target, set)| Conflict { target, set, asked: true });
    prop_oneof![
        (fields(), proptest::option::of(conflict), returning()).prop_map(|(fields, conflict, returning)| {
            // What is replaced has a value.
            let conflict = conflict.map(|c| Conflict {
                set: c.set.map(|set| set.into_iter().filter(|f| fields.contains(f)).collect()),
                ..c
            });
            WriteShape::Insert { fields, conflict, returning }
        }),
        (fields(), filter(), returning()).prop_map(|(fields, filter, returning)| WriteShape::Update {
            set: fields.into_iter().enumerate().map(|(slot, field)| (field, slot)).collect(),
            filter,
            returning
        }),
        (filter(), returning()).prop_map(|(filter, returning)| WriteShape::Delete { filter, returning }),
    ]
}

thread_local! {
    static STAGE: (Planner, Connection, Planner) = {
        let planner = planner(MANIFEST);
        let db = database(planner.model());
        let on_postgres = Planner::new(Arc::clone(planner.model()), Dialect::Postgres).unwrap();
        (planner, db, on_postgres)
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_read_that_is_planned_is_accepted(
        (select, filter, order) in (select(), filter(), order()),
        (limit, offset, count) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        STAGE.with(|(planner, db, on_postgres)| for role in ROLES {
            let shape = ReadShape {
                select: Some(select.clone()),
                filter: filter.clone(),
                order: order.clone(),
                limit: limit.then_some(6),
                offset: offset.then_some(7),
                count,
                strip_nulls: false,
            };
            let Ok(plan) = planner.plan_read(THINGS, role, shape.clone()) else { return };
            assert_eq!(prepare(db, &plan.rows).column_count(), plan.columns.len());
            if let Some(count) = &plan.count {
                assert_eq!(prepare(db, count).column_count(), 1);
            }
            let plan = on_postgres.plan_read(THINGS, role, shape).unwrap();
            agree(&plan.rows);
            plan.count.iter().for_each(agree);
        });
    }

    #[test]
    fn every_write_that_is_planned_is_accepted(shape in write()) {
        STAGE.with(|(planner, db, on_postgres)| for role in ROLES {
            let Ok(plan) = planner.plan_write(THINGS, role, shape.clone()) else { return };
            let width = plan.verdicts + plan.columns.len() + plan.sort.len();
            assert_eq!(prepare(db, &plan.write).column_count(), width, "{}", plan.write.sql);
            for statement in plan.check.iter().chain(&plan.probe) {
                prepare(db, statement);
            }
            agree(&on_postgres.plan_write(THINGS, role, shape.clone()).unwrap().write);
        });
    }
}

#[test]
fn many_conditions_are_not_too_deep_for_the_database() {
    STAGE.with(|(planner, db, _)| {
        let one = Filter::Test(Target::field(2), Test::Compare(Comparison::Eq, 0));
        for filter in [Filter::And(vec![one.clone(); 3000]), Filter::Or(vec![one; 3000])] {
            let shape = ReadShape {
                select: Some(vec![SelectItem { target: Target::field(0), name: "id".to_owned(), cast: None }]),
                filter,
                order: vec![],
                limit: None,
                offset: None,
                count: false,
                strip_nulls: false,
            };
            let plan = planner.plan_read(THINGS, pintle_model::Role::Anon, shape).unwrap();
            prepare(db, &plan.rows);
        }
    });
}
