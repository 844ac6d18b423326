//! SQLite's values as JSON, written straight into the answer.
//!
//! STRICT tables and their CHECKs keep every value of its type, but a person may have edited the file by hand: a value
//! that is not of its column's type is an error, never a panic and never JSON that does not parse.

use pintle_model::value::print;
use pintle_model::{Point, Type};
use pintle_query::plan::Column;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::Error;
use crate::json::{Array, Cell};

/// Adds a row: the result's columns from `first` on, one for each of `columns`.
///
/// # Errors
/// As [`Array::push`].
pub(super) fn push(
    array: &mut Array,
    row: &Row<'_>,
    first: usize,
    columns: &[Column],
    strip_nulls: bool,
) -> Result<(), Error> {
    array.push(columns, strip_nulls, |out, index, ty| {
        let value = row.get_ref(first + index).map_err(Error::internal)?;
        Ok(match value {
            ValueRef::Null => Cell::Null,
            value if write(out, value, ty) => Cell::Written,
            _ => Cell::Wrong,
        })
    })
}

/// Adds a value as JSON; false if it is not of the type.
fn write(out: &mut Vec<u8>, value: ValueRef<'_>, ty: Type) -> bool {
    match (ty, value) {
        (Type::Text, ValueRef::Text(text)) => return print::json_text(out, text),
        // The table's CHECK (json_valid) holds it to be JSON.
        (Type::Json, ValueRef::Text(text)) if std::str::from_utf8(text).is_ok() => out.extend_from_slice(text),
        (Type::Integer | Type::Number | Type::Json, ValueRef::Integer(number)) => print::json_integer(out, number),
        (Type::Number | Type::Json, ValueRef::Real(number)) => print::json_number(out, number),
        (Type::Boolean, ValueRef::Integer(truth @ (0 | 1))) => print::json_boolean(out, truth == 1),
        (Type::Timestamp, ValueRef::Text(text)) if has_form(text, b"0000-00-00T00:00:00.000000Z") => {
            match std::str::from_utf8(text) {
                Ok(text) => print::json_stored_timestamp(out, text),
                Err(_) => return false,
            }
        }
        (Type::Date, ValueRef::Text(text)) if has_form(text, b"0000-00-00") => quoted(out, text),
        (Type::Uuid, ValueRef::Text(text)) if has_form(text, b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") => {
            quoted(out, text);
        }
        (Type::Bytes, ValueRef::Blob(bytes)) => print::json_bytes(out, bytes),
        (Type::Point, ValueRef::Text(text)) => {
            return point(out, std::str::from_utf8(text).ok().and_then(Point::from_stored));
        }
        (Type::Point, ValueRef::Blob(bytes)) => return point(out, Point::from_bytes(bytes)),
        _ => return false,
    }
    true
}

fn point(out: &mut Vec<u8>, point: Option<Point>) -> bool {
    point.is_some_and(|point| {
        point.write_json(out);
        true
    })
}

fn quoted(out: &mut Vec<u8>, ascii: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(ascii);
    out.push(b'"');
}

/// Whether a text has a digit for each `0`, a lower-case hex digit for each `x`, and the same characters elsewhere.
fn has_form(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text.iter().zip(form).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            _ => byte == wanted,
        })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::json::BYTES_MAX;

    fn rows(sql: &str, columns: &[Column], strip_nulls: bool) -> Result<String, String> {
        let db = Connection::open_in_memory().unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let mut found = statement.query([]).unwrap();
        let mut array = Array::new(16);
        while let Some(row) = found.next().unwrap() {
            push(&mut array, row, 0, columns, strip_nulls).map_err(|error| format!("{error:?}"))?;
        }
        Ok(String::from_utf8(array.finish().json.to_vec()).unwrap())
    }

    fn one(sql: &str, ty: Type) -> Result<String, String> {
        rows(&format!("SELECT {sql}"), &[Column::new("v", ty)], false)
    }

    #[test]
    fn each_type_is_printed_as_postgresql_prints_it() {
        assert_eq!(one("'say \"hi\"\n'", Type::Text).unwrap(), r#"[{"v":"say \"hi\"\n"}]"#);
        assert_eq!(one("-42", Type::Integer).unwrap(), r#"[{"v":-42}]"#);
        assert_eq!(one("1.0", Type::Number).unwrap(), r#"[{"v":1}]"#);
        assert_eq!(one("1", Type::Boolean).unwrap(), r#"[{"v":true}]"#);
        assert_eq!(
            one("'2020-08-15T10:37:06.120000Z'", Type::Timestamp).unwrap(),
            r#"[{"v":"2020-08-15T10:37:06.12+00:00"}]"#
        );
        assert_eq!(one("'2020-08-15'", Type::Date).unwrap(), r#"[{"v":"2020-08-15"}]"#);
        assert_eq!(one(r#"'{"a": [1]}'"#, Type::Json).unwrap(), r#"[{"v":{"a": [1]}}]"#);
        assert_eq!(one("x'00ff'", Type::Bytes).unwrap(), r#"[{"v":"\\x00ff"}]"#);
        assert_eq!(one("NULL", Type::Uuid).unwrap(), r#"[{"v":null}]"#);
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        for (sql, ty) in [
            ("2", Type::Boolean),
            ("'x'", Type::Integer),
            ("1.5", Type::Integer),
            ("x'ff'", Type::Text),
            ("CAST(x'ff' AS TEXT)", Type::Text),
            ("CAST(x'ff' AS TEXT)", Type::Json),
            ("'2020-08-15'", Type::Timestamp),
            ("'2020-08-15\"'", Type::Date),
            ("'0195F1A0-0000-7000-8000-000000000000'", Type::Uuid),
            ("'text'", Type::Bytes),
        ] {
            assert!(one(sql, ty).unwrap_err().contains("edited by hand"), "{sql} as {ty:?}");
        }
    }

    #[test]
    fn an_answer_has_an_end() {
        let text = |bytes: usize| format!("CAST(zeroblob({bytes}) AS TEXT)");
        let told = one(&text(BYTES_MAX), Type::Json).unwrap_err();
        assert!(told.contains("TooLarge") && told.contains("fewer rows"), "{told}");
        one(&text(BYTES_MAX - 100), Type::Json).unwrap();
    }

    #[test]
    fn rows_are_an_array_and_nulls_can_be_left_out() {
        let columns = [Column::new("a", Type::Integer), Column::new("b\"", Type::Text)];
        let sql = "SELECT 1, NULL UNION ALL SELECT NULL, 'x'";
        assert_eq!(rows(sql, &columns, false).unwrap(), r#"[{"a":1,"b\"":null},{"a":null,"b\"":"x"}]"#);
        assert_eq!(rows(sql, &columns, true).unwrap(), r#"[{"a":1},{"b\"":"x"}]"#);
        assert_eq!(rows("SELECT 1, 2 WHERE false", &columns, false).unwrap(), "[]");
    }
}
