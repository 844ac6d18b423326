//! Whatever the models and the rows: both stores tell the same of a migration, refuse the same, and keep the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use pintle_model::{DefaultValue, Field, Model, OnDelete, Type, Value};
use pintle_store::Consent;
use proptest::prelude::*;
use support::tables::{people, reference, refused, rows, with};
use support::{On, Place, collection, field};

/// Texts that are another type's values, nearly or in truth.
const TEXTS: [&str; 39] = [
    "",
    "1",
    "one",
    " 7 ",
    "+7",
    "1.5",
    ".5",
    "5.",
    "-0",
    "1e3",
    "1e400",
    "0x10",
    "1_000",
    "NaN",
    "infinity",
    "true",
    "F",
    "of",
    "o",
    "2020-01-02",
    "2020-1-2",
    "2020-02-30",
    "20200102",
    "2020-01-02T03:04:05Z",
    "2020-01-02 3:04",
    "2020-01-02t03:04:05.5",
    "2020-01-02 03:04:05-05:30",
    "2020-01-02 03:04+16",
    "2020-01-02Z",
    "2020-01-02+01",
    "0001-01-01 BC",
    "10000-01-01",
    "today",
    "0190163d-8694-739b-aea5-966c26f8ad91",
    "{0190163D8694739BAEA5966C26F8AD91}",
    "{\"b\":2, \"a\":[]}",
    "\"x\"",
    "null",
    "é\u{1}\t/\u{7f}",
];

/// Values that every store keeps, as SQL of both.
fn literals(ty: Type) -> Vec<(String, String)> {
    let same = |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect();
    match ty {
        Type::Integer => same(&["0", "1", "-5", "9223372036854775807"]),
        Type::Number => same(&["0.0", "1.0", "1.5", "-2.0", "3e15", "1e-7", "1e300"]),
        Type::Boolean => vec![("0".to_owned(), "false".to_owned()), ("1".to_owned(), "true".to_owned())],
        Type::Timestamp => same(&["'2020-01-02T00:00:00.000000Z'", "'1999-12-31T23:59:59.500000Z'"]),
        Type::Date => same(&["'2020-01-02'", "'0001-01-01'", "'9999-12-31'"]),
        Type::Uuid => same(&["'0190163d-8694-739b-aea5-966c26f8ad91'"]),
        Type::Json => same(&["'{\"a\": 1}'", "'\"x\"'", "'1'", "'[]'"]),
        Type::Point => {
            vec![("'{\"type\":\"Point\",\"coordinates\":[1,2]}'".to_owned(), "'SRID=4326;POINT(1 2)'".to_owned())]
        }
        Type::Bytes => vec![("x'00ff'".to_owned(), "'\\x00ff'".to_owned())],
        Type::Text => TEXTS.iter().map(|text| (format!("'{text}'"), format!("'{text}'"))).collect(),
    }
}

/// People with a field for each of these types, each of which was or becomes another.
fn typed(types: &[(usize, Type)]) -> Model {
    people(types.iter().map(|(at, ty)| field(&format!("f{at}"), *ty)).collect())
}

#[test]
fn every_type_becomes_every_other_alike() {
    for from in Type::ALL {
        let all: Vec<(usize, Type)> = Type::ALL.into_iter().enumerate().collect();
        let places = [On::Sqlite, On::Postgres].map(|on| {
            let before: Vec<_> = all.iter().map(|(at, _)| (*at, from)).collect();
            let place = Place::on(on, typed(&before));
            place.open().migrate(Consent::Loss).unwrap();
            let fields: Vec<String> = all.iter().map(|(at, _)| format!("f{at}")).collect();
            for (sqlite, postgres) in literals(from) {
                let value = if on == On::Sqlite { sqlite } else { postgres };
                let values = vec![value; all.len()].join(", ");
                place.run(&format!("INSERT INTO people ({}) VALUES ({values})", fields.join(", ")));
            }
            place.run("INSERT INTO people (f0) VALUES (NULL)");
            with(place, typed(&all))
        });
        let [one, other] = places.each_ref().map(|place| place.open().plan().unwrap());
        assert_eq!(one.to_string(), other.to_string(), "from {from:?}");
        // What there is a way to.
        let ways: Vec<(usize, Type)> = all
            .iter()
            .map(|(at, to)| {
                (*at, if one.refusals.iter().any(|no| no.contains(&format!("`f{at}`"))) { from } else { *to })
            })
            .collect();
        let places = places.map(|place| with(place, typed(&ways)));
        let [one, other] = places.each_ref().map(|place| {
            let plan = place.open().migrate(Consent::Loss).unwrap();
            (plan.to_string(), kept(place, &place.model))
        });
        assert_eq!(one, other, "from {from:?}");
    }
}

/// A field in one of the models.
fn part() -> impl Strategy<Value = Option<Field>> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.3), 0..4_usize);
    let some =
        (0..Type::ALL.len(), any::<bool>(), flags).prop_map(|(ty, is_text, (required, unique, bounded, other))| {
            let ty = if is_text { Type::Text } else { Type::ALL[ty] };
            let mut made =
                if other == 3 && ty == Type::Integer { reference("f", 1, OnDelete::SetNull) } else { field("f", ty) };
            made.required = required;
            made.unique = unique && ty != Type::Point;
            if bounded {
                made.minimum = (ty == Type::Integer).then_some(Value::Integer(0));
                made.max_length = (ty == Type::Text).then_some(7);
                made.default = match ty {
                    Type::Uuid => Some(DefaultValue::Uuid),
                    Type::Boolean => Some(DefaultValue::Literal(Value::Boolean(true))),
                    Type::Number => Some(DefaultValue::Literal(Value::Number(0.5))),
                    _ => None,
                };
            }
            Some(made)
        });
    prop_oneof![1 => Just(None), 6 => some]
}

/// People, of whom each field may change, come, go, or take the next one's name; and towns.
fn models() -> impl Strategy<Value = Model> {
    (prop::collection::vec(part(), 3), prop::bool::weighted(0.2)).prop_map(|(parts, renamed)| {
        let mut fields = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            let Some(mut part) = part else { continue };
            part.name = if renamed { format!("g{at}") } else { format!("f{at}") };
            part.renamed_from = Some(if renamed { format!("f{at}") } else { format!("g{at}") });
            fields.push(part);
        }
        let mut made = people(fields);
        made.collections.push(collection("towns", vec![field("id", Type::Integer)]));
        made
    })
}

/// Which of its literals each field of a row gets; beyond the last it is null.
fn picks() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0..64_usize, 3), 4)
}

fn insert(place: &Place, picks: &[usize]) -> bool {
    let fields = &place.model.collections[0].fields[1..];
    let mut names = vec!["id".to_owned()];
    let mut values = vec!["(SELECT coalesce(max(id), 0) + 1 FROM people)".to_owned()];
    for (field, pick) in fields.iter().zip(picks) {
        let literals = literals(field.ty);
        let (sqlite, postgres) =
            literals.get(pick % (literals.len() + 1)).cloned().unwrap_or_else(|| ("NULL".into(), "NULL".into()));
        names.push(field.name.clone());
        values.push(if place.database.is_some() { postgres } else { sqlite });
    }
    !refused(place, &format!("INSERT INTO people ({}) VALUES ({})", names.join(", "), values.join(", ")))
}

/// What is there, in words of both.
fn kept(place: &Place, model: &Model) -> Vec<String> {
    let columns = model.collections[0].fields.iter().map(|field| {
        let name = &field.name;
        match (field.ty, place.database.is_some(), &field.default) {
            // Each store makes its own.
            (_, _, Some(DefaultValue::Uuid)) => format!("{name} IS NULL AS {name}"),
            (Type::Boolean, true, _) => format!("CAST({name} AS integer) AS {name}"),
            (Type::Json, true, _) => format!("CAST({name} AS text) AS {name}"),
            (Type::Timestamp, true, _) => {
                format!("to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS {name}")
            }
            (Type::Number, true, _) => format!("CAST(CAST({name} AS text) AS numeric) AS {name}"),
            (Type::Text, _, _) => format!("'<' || {name} || '>' AS {name}"),
            (Type::Bytes | Type::Point, _, _) => format!("{name} IS NULL AS {name}"),
            _ => name.clone(),
        }
    });
    let sql = format!("SELECT {} FROM people ORDER BY id", columns.collect::<Vec<_>>().join(", "));
    let bools = |line: String| line.replace("true", "1").replace("false", "0").replace(".000000Z", "+00:00");
    rows(place, &sql).into_iter().map(bools).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, max_shrink_iters: 24, ..ProptestConfig::default() })]
    #[test]
    fn both_stores_migrate_alike(first in models(), steps in prop::collection::vec((picks(), models()), 1..4)) {
        let mut places = [On::Sqlite, On::Postgres].map(|on| Place::on(on, first.clone()));
        for place in &places {
            place.open().migrate(Consent::Loss).unwrap();
            place.run("INSERT INTO towns VALUES (0), (1)");
        }
        let mut applied = first;
        for (picks, model) in steps {
            for pick in &picks {
                let [one, other] = places.each_ref().map(|place| insert(place, pick));
                prop_assert_eq!(one, other, "a row is refused by one store alone");
            }
            let [one, other] = places.each_ref().map(|place| kept(place, &applied));
            prop_assert_eq!(one, other, "before");
            places = places.map(|place| with(place, model.clone()));
            let [one, other] = places.each_ref().map(|place| place.open().plan().unwrap().to_string());
            prop_assert_eq!(one, other);
            let [one, other] = places.each_ref().map(|place| place.open().migrate(Consent::Loss));
            prop_assert_eq!(one.is_ok(), other.is_ok());
            if let (Err(one), Err(other)) = (&one, &other) {
                prop_assert_eq!(one.to_string(), other.to_string());
                places = places.map(|place| with(place, applied.clone()));
            } else {
                applied = model;
            }
            let [one, other] = places.each_ref().map(|place| kept(place, &applied));
            prop_assert_eq!(one, other, "after");
        }
    }
}
