//! Any way to a model leads to the same tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{DefaultValue, KeyOrigin, Model, OnDelete, Type, Value};
use proptest::prelude::*;
use support::tables::{index, migrated, reference, schema, with};
use support::{On, Place, collection, field, model};

#[derive(Debug, Clone)]
struct Part {
    ty: usize,
    required: bool,
    unique: bool,
    bounded: bool,
    defaulted: bool,
    indexed: bool,
}

fn part() -> impl Strategy<Value = Option<Part>> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    prop_oneof![
        1 => Just(None),
        3 => (0..3_usize, flags).prop_map(|(ty, (required, unique, bounded, defaulted, indexed))| {
            Some(Part { ty, required, unique, bounded, defaulted, indexed })
        }),
    ]
}

/// Some of the collections c0 to c2, each with some of the fields f0 to f3, the third referring to the first.
fn models() -> impl Strategy<Value = Model> {
    let collections = prop::collection::vec(prop::option::weighted(0.8, prop::collection::vec(part(), 4)), 3);
    (collections, any::<bool>()).prop_map(|(collections, counted)| {
        let there = collections[0].is_some();
        let made = collections.into_iter().enumerate().filter_map(|(at, parts)| {
            let mut fields = vec![field("id", Type::Integer)];
            let mut indexes = Vec::new();
            for (number, part) in parts?.into_iter().enumerate() {
                let Some(part) = part else { continue };
                let mut made = field(&format!("f{number}"), [Type::Integer, Type::Number, Type::Text][part.ty]);
                made.required = part.required;
                made.unique = part.unique;
                if part.bounded && part.ty == 0 {
                    made.minimum = Some(Value::Integer(0));
                }
                if part.defaulted && part.ty == 2 {
                    made.default = Some(DefaultValue::Literal(Value::Text("d".to_owned())));
                }
                if part.indexed {
                    indexes.push(index(&[fields.len()]));
                }
                fields.push(made);
            }
            if at == 2 && there {
                fields.push(reference("to", 0, OnDelete::SetNull));
            }
            let mut made = collection(&format!("c{at}"), fields);
            made.indexes = indexes;
            if counted {
                made.key.origin = KeyOrigin::Counted;
            }
            Some(made)
        });
        model(made.collect())
    })
}

fn step_by_step_is_the_same_as_anew(on: On, steps: Vec<Model>) -> Result<(), TestCaseError> {
    let last = steps.last().unwrap().clone();
    let mut place = Place::on(on, model(vec![]));
    for step in steps {
        place = with(place, step);
        place.open().migrate(pintle_store::Consent::Loss).unwrap();
    }
    let anew = migrated(on, last);
    prop_assert_eq!(schema(&place), schema(&anew));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn on_sqlite_step_by_step_is_the_same_as_anew(steps in prop::collection::vec(models(), 1..5)) {
        step_by_step_is_the_same_as_anew(On::Sqlite, steps)?;
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn on_postgres_step_by_step_is_the_same_as_anew(steps in prop::collection::vec(models(), 1..5)) {
        step_by_step_is_the_same_as_anew(On::Postgres, steps)?;
    }
}
