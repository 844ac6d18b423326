//! What is read is what PostgreSQL 15 reads, and what is printed is what it prints.

use proptest::prelude::*;

use super::print::*;
use super::{Type, Value, ValueError, ValueErrorKind};

fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn json_of(value: &Value) -> String {
    shown(|out| value.write_json(out))
}

/// A text of a type becomes this JSON.
#[track_caller]
fn reads(ty: Type, cases: &[(&str, &str)]) {
    for (text, json) in cases {
        assert_eq!(ty.read_text(text).as_ref().map(json_of), Ok((*json).to_owned()), "{text}");
    }
}

#[track_caller]
fn refuses(ty: Type, cases: &[(&str, ValueErrorKind, &str)]) {
    for (text, kind, message) in cases {
        let error: ValueError = ty.read_text(text).expect_err(text);
        assert_eq!((error.kind, error.message.as_str()), (*kind, *message), "{text}");
    }
}

proptest! {
    #[test]
    fn a_stored_text_is_printed_as_a_json_string_or_is_no_text(bytes in prop_oneof![
        any::<String>().prop_map(String::into_bytes),
        "[ -~]{0,9}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..9),
    ]) {
        let mut out = b"[".to_vec();
        let printed = json_text(&mut out, &bytes);
        let text = std::str::from_utf8(&bytes);
        prop_assert_eq!(printed, text.is_ok());
        out.push(b']');
        let read: Vec<String> = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(read, text.into_iter().map(str::to_owned).collect::<Vec<_>>());
    }
}

#[test]
fn integers() {
    reads(
        Type::Integer,
        &[("17", "17"), (" -5\t", "-5"), ("+9223372036854775807", "9223372036854775807"), ("007", "7")],
    );
    refuses(
        Type::Integer,
        &[
            ("abc", ValueErrorKind::Syntax, r#"invalid input syntax for type bigint: "abc""#),
            ("", ValueErrorKind::Syntax, r#"invalid input syntax for type bigint: """#),
            ("5.5", ValueErrorKind::Syntax, r#"invalid input syntax for type bigint: "5.5""#),
            ("1 2", ValueErrorKind::Syntax, r#"invalid input syntax for type bigint: "1 2""#),
            ("--1", ValueErrorKind::Syntax, r#"invalid input syntax for type bigint: "--1""#),
            (
                "9223372036854775808",
                ValueErrorKind::NumberRange,
                r#"value "9223372036854775808" is out of range for type bigint"#,
            ),
        ],
    );
}

#[test]
fn numbers() {
    reads(
        Type::Number,
        &[
            ("1", "1"),
            ("-1.50", "-1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e5", "100000"),
            ("1e14", "100000000000000"),
            ("1e15", "1e+15"),
            ("123456789012345.6", "123456789012345.6"),
            ("1234567890123456.7", "1.2345678901234568e+15"),
            ("1e20", "1e+20"),
            ("0.0001", "0.0001"),
            ("0.00012345", "0.00012345"),
            ("0.00001", "1e-05"),
            ("1.25e-7", "1.25e-07"),
            ("1e-300", "1e-300"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("5e-324", "5e-324"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("100.25", "100.25"),
            // The shorter 3.089261223363795e16 lies exactly between two doubles.
            ("30892612233637952", "3.0892612233637952e+16"),
            ("-21406127740768002048", "-2.1406127740768002e+19"),
        ],
    );
    refuses(
        Type::Number,
        &[
            ("x", ValueErrorKind::Syntax, r#"invalid input syntax for type double precision: "x""#),
            ("NaN", ValueErrorKind::Syntax, r#"invalid input syntax for type double precision: "NaN""#),
            ("Infinity", ValueErrorKind::Syntax, r#"invalid input syntax for type double precision: "Infinity""#),
            ("1e400", ValueErrorKind::NumberRange, r#""1e400" is out of range for type double precision"#),
            ("1e-400", ValueErrorKind::NumberRange, r#""1e-400" is out of range for type double precision"#),
        ],
    );
}

#[test]
fn booleans() {
    for text in ["true", "t", "TR", "yes", "y", "on", "1", " true "] {
        assert_eq!(Type::Boolean.read_text(text), Ok(Value::Boolean(true)), "{text}");
    }
    for text in ["false", "f", "no", "n", "off", "of", "0"] {
        assert_eq!(Type::Boolean.read_text(text), Ok(Value::Boolean(false)), "{text}");
    }
    for text in ["", "o", "2", "truee", "unknown"] {
        let message = format!("invalid input syntax for type boolean: \"{text}\"");
        refuses(Type::Boolean, &[(text, ValueErrorKind::Syntax, &message)]);
    }
}

#[test]
fn timestamps() {
    reads(
        Type::Timestamp,
        &[
            ("2020-08-15T10:37:06.12Z", r#""2020-08-15T10:37:06.12+00:00""#),
            ("2020-08-15 10:37:06.1234567+02:30", r#""2020-08-15T08:07:06.123457+00:00""#),
            ("2020-08-15 10:37", r#""2020-08-15T10:37:00+00:00""#),
            ("2020-1-5", r#""2020-01-05T00:00:00+00:00""#),
            ("2020-01-01 24:00", r#""2020-01-02T00:00:00+00:00""#),
            ("2020-01-01T10:00:60Z", r#""2020-01-01T10:01:00+00:00""#),
            ("2020-01-01 10:00 +02", r#""2020-01-01T08:00:00+00:00""#),
            ("2020-01-01 10:00:00.5 UTC", r#""2020-01-01T10:00:00.5+00:00""#),
            ("2020-01-01Z", r#""2020-01-01T00:00:00+00:00""#),
            ("2020-01-01 10:00:00+0530", r#""2020-01-01T04:30:00+00:00""#),
            ("2020-01-01 10:00:00-5", r#""2020-01-01T15:00:00+00:00""#),
            ("2020-02-29t23:59:59.9999996z", r#""2020-03-01T00:00:00+00:00""#),
            ("0001-01-01", r#""0001-01-01T00:00:00+00:00""#),
            ("9999-12-31T23:59:59.999999Z", r#""9999-12-31T23:59:59.999999+00:00""#),
        ],
    );
    let syntax = |text: &str| format!("invalid input syntax for type timestamp with time zone: \"{text}\"");
    for text in ["abc", "", "2020-01-01T10", "2020-01-01 10:00:00 00:00", "2020-01-01T10:00:00,5", "now", "2020", "é"]
    {
        refuses(Type::Timestamp, &[(text, ValueErrorKind::DatetimeSyntax, &syntax(text))]);
    }
    // A `+` that a URL made a space.
    let told = |text: &str| Type::Timestamp.read_text(text).unwrap_err().hint.unwrap_or_default();
    assert!(told("2020-01-01T10:00:00 01:00").contains("%2B") && !told("2020-01-01T10").contains("%2B"));
    let range = |text: &str| format!("date/time field value out of range: \"{text}\"");
    for text in [
        "2020-13-01",
        "2020-02-30",
        "1900-02-29",
        "0000-01-01",
        "10000-01-01",
        "2020-01-01 25:00",
        "2020-01-01 10:60",
        "2020-01-01 24:00:01",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59.9999999Z",
    ] {
        refuses(Type::Timestamp, &[(text, ValueErrorKind::DatetimeRange, &range(text))]);
    }
    let zone = "time zone displacement out of range: \"2020-01-01T10:00:00+25\"";
    refuses(Type::Timestamp, &[("2020-01-01T10:00:00+25", ValueErrorKind::DatetimeRange, zone)]);
}

#[test]
fn dates() {
    reads(
        Type::Date,
        &[
            ("2020-02-29", r#""2020-02-29""#),
            ("2020-1-5", r#""2020-01-05""#),
            ("2020-01-05T23:00:00+02:00", r#""2020-01-05""#),
        ],
    );
    refuses(
        Type::Date,
        &[
            ("abc", ValueErrorKind::DatetimeSyntax, r#"invalid input syntax for type date: "abc""#),
            ("2020-2-2-3", ValueErrorKind::DatetimeSyntax, r#"invalid input syntax for type date: "2020-2-2-3""#),
            ("2021-02-29", ValueErrorKind::DatetimeRange, r#"date/time field value out of range: "2021-02-29""#),
        ],
    );
}

#[test]
fn uuids() {
    let plain = r#""a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11""#;
    reads(
        Type::Uuid,
        &[
            ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", plain),
            ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", plain),
            ("{a0eebc999c0b4ef8bb6d6bb9bd380a11}", plain),
            ("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", plain),
        ],
    );
    for text in [
        "",
        "abc",
        "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
        "a0eebc999c0b4ef8bb6d6bb9bd380a111",
        "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
    ] {
        let message = format!("invalid input syntax for type uuid: \"{text}\"");
        refuses(Type::Uuid, &[(text, ValueErrorKind::Syntax, &message)]);
    }
}

#[test]
fn bytes() {
    reads(Type::Bytes, &[("\\x00fF", r#""\\x00ff""#), ("\\x", r#""\\x""#)]);
    refuses(
        Type::Bytes,
        &[
            ("abc", ValueErrorKind::Syntax, r#"invalid input syntax for type bytea: "abc""#),
            ("\\xag", ValueErrorKind::Syntax, r#"invalid hexadecimal digit: "g""#),
            ("\\xa", ValueErrorKind::Syntax, "invalid hexadecimal data: odd number of digits"),
        ],
    );
}

#[test]
fn texts_hold_no_nul() {
    reads(Type::Text, &[("", "\"\""), ("a\"\\\n\u{1}é", "\"a\\\"\\\\\\n\\u0001é\"")]);
    refuses(Type::Text, &[("a\0", ValueErrorKind::Syntax, "invalid byte sequence for encoding \"UTF8\": 0x00")]);
}

#[test]
fn json_types_fit_the_types() {
    for (ty, json, expected) in [
        (Type::Integer, "5", Value::Integer(5)),
        (Type::Integer, r#""5""#, Value::Integer(5)),
        (Type::Number, "1.5", Value::Number(1.5)),
        (Type::Number, r#""1.5""#, Value::Number(1.5)),
        (Type::Boolean, "true", Value::Boolean(true)),
        (Type::Boolean, r#""no""#, Value::Boolean(false)),
        (Type::Text, r#" "a\u00e9\n" "#, Value::Text("aé\n".into())),
        (Type::Text, r#""plain""#, Value::Text("plain".into())),
        (Type::Text, "null", Value::Null),
        (Type::Json, "null", Value::Null),
        (Type::Json, "[null]", Value::Json("[null]".into())),
        (Type::Bytes, r#""\\x00""#, Value::Bytes(vec![0])),
        (Type::Date, r#""1970-01-02""#, Value::Date(1)),
        (Type::Timestamp, r#""1970-01-01T00:00:01Z""#, Value::Timestamp(1_000_000)),
    ] {
        assert_eq!(ty.read_json(json, 8), Ok(expected), "{json} as {}", ty.name());
    }
    for (ty, json, message) in [
        (Type::Integer, "5.5", r#"invalid input syntax for type bigint: "5.5""#),
        (Type::Integer, "1e2", r#"invalid input syntax for type bigint: "1e2""#),
        (Type::Integer, "[5]", r#"invalid input syntax for type bigint: "[5]""#),
        (Type::Integer, "true", r#"invalid input syntax for type bigint: "true""#),
        (Type::Text, "5", r#"invalid input syntax for type text: "5""#),
        (Type::Boolean, "1", r#"invalid input syntax for type boolean: "1""#),
        (Type::Date, "20200101", r#"invalid input syntax for type date: "20200101""#),
        (Type::Text, r#""\u0000""#, "unsupported Unicode escape sequence: \\u0000 cannot be stored"),
        (Type::Text, "\"", "invalid input syntax for type json: a string is not closed at character 2"),
    ] {
        assert_eq!(ty.read_json(json, 8).map_err(|e| e.message), Err(message.to_owned()), "{json}");
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let error = Type::Integer.read_text(&"é".repeat(5000)).expect_err("no integer");
    assert_eq!(error.message, format!("invalid input syntax for type bigint: \"{}…\"", "é".repeat(100)));
}

#[test]
fn stored_forms_are_what_text_order_needs() {
    assert_eq!(&*stored_timestamp(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(&*stored_timestamp(-1), "1969-12-31T23:59:59.999999Z");
    assert_eq!(&*stored_timestamp(i64::MIN), "0001-01-01T00:00:00.000000Z");
    assert_eq!(&*stored_timestamp(i64::MAX), "9999-12-31T23:59:59.999999Z");
    assert_eq!(&*stored_date(-1), "1969-12-31");
    assert_eq!(shown(|out| json_stored_timestamp(out, "what\"ever")), "\"what\\\"ever\"");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,6}|[\\x01-\\x1f\"\\\\]{0,3}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-cé\"\n]{0,3}", inner), 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same JSON, if numbers are compared as doubles.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value as J;
    match (a, b) {
        (J::Number(a), J::Number(b)) => a.as_f64() == b.as_f64(),
        (J::Array(a), J::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (J::Object(a), J::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,12}|[-+0-9eE.:TZ {}\\[\\]\",\\\\xu]{0,24}", depth in 0_u32..10) {
        for ty in Type::ALL {
            let _ = ty.read_text(&text);
            let _ = ty.read_json(&text, depth);
        }
    }

    #[test]
    fn integers_round_trip(n: i64) {
        let value = Value::Integer(n);
        prop_assert_eq!(Type::Integer.read_text(&value.to_text()), Ok(value.clone()));
        prop_assert_eq!(Type::Integer.read_json(&json_of(&value), 1), Ok(value));
    }

    #[test]
    fn numbers_round_trip(bits: u64, small in -1_000_000_i32..1_000_000, places in 0_i32..8) {
        for n in [f64::from_bits(bits), f64::from(small) / 10_f64.powi(places)] {
            prop_assume!(n.is_finite() && n != 0.0);
            let printed = json_of(&Value::Number(n));
            prop_assert_eq!(Type::Number.read_json(&printed, 1), Ok(Value::Number(n)), "{}", printed);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&printed).is_ok(), "{}", printed);
        }
    }

    #[test]
    fn moments_round_trip_and_sort_as_text(a in -62_135_596_800_000_000_i64..253_402_300_800_000_000, b in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
        let value = Value::Timestamp(a);
        prop_assert_eq!(Type::Timestamp.read_text(&value.to_text()), Ok(value.clone()));
        prop_assert_eq!(Type::Timestamp.read_text(&stored_timestamp(a)), Ok(value.clone()));
        prop_assert_eq!(Type::Timestamp.read_json(&json_of(&value), 1), Ok(value));
        prop_assert_eq!(a.cmp(&b), stored_timestamp(a).cmp(&stored_timestamp(b)));
    }

    #[test]
    fn days_round_trip(days in -719_162_i32..2_932_897) {
        let value = Value::Date(days);
        prop_assert_eq!(Type::Date.read_text(&stored_date(days)), Ok(value.clone()));
        prop_assert_eq!(Type::Date.read_json(&json_of(&value), 1), Ok(value));
    }

    #[test]
    fn texts_and_bytes_round_trip(text in "[^\\x00]{0,20}", bytes: Vec<u8>, id: u128) {
        let text = Value::Text(text);
        prop_assert_eq!(Type::Text.read_json(&json_of(&text), 1), Ok(text));
        let bytes = Value::Bytes(bytes);
        prop_assert_eq!(Type::Bytes.read_text(&bytes.to_text()), Ok(bytes.clone()));
        prop_assert_eq!(Type::Bytes.read_json(&json_of(&bytes), 1), Ok(bytes));
        let id = Value::Uuid(uuid::Uuid::from_u128(id));
        prop_assert_eq!(Type::Uuid.read_text(&id.to_text()), Ok(id));
    }

    #[test]
    fn json_keeps_its_meaning_and_has_one_form(json in any_json()) {
        let text = json.to_string();
        prop_assume!(text != "null");
        let value = Type::Json.read_json(&text, 32).expect("valid JSON");
        let Value::Json(normal) = &value else { panic!("no json: {value:?}") };
        let read: serde_json::Value = serde_json::from_str(normal).expect("the normal form is JSON");
        prop_assert!(same(&json, &read), "{text} became {normal}");
        prop_assert_eq!(Type::Json.read_json(normal, 32), Ok(value.clone()));
    }
}
