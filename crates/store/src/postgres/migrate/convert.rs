//! A column's values in another type.

use pintle_model::Type;

use crate::migrate::review::Filling;

/// White space that may stand around a value.
const SPACE: &str = r"[ \t\n\r\v\f]*";

/// From one type to another; `None` if there is no sensible way.
pub(super) fn conversion(from: Type, to: Type, old: &str) -> Option<Filling> {
    let plain = |value: String| Some(Filling { value, unfit: None });
    // What does not fit becomes null.
    let fitting = |value: &str, fits: String| {
        Some(Filling { value: format!("CASE WHEN {fits} THEN {value} END"), unfit: Some(format!("NOT ({fits})")) })
    };
    match (from, to) {
        (from, to) if from == to => plain(old.to_owned()),
        (Type::Integer, Type::Number) => plain(format!("CAST({old} AS double precision)")),
        (Type::Boolean, Type::Integer) => plain(format!("CAST(CAST({old} AS integer) AS bigint)")),
        (Type::Boolean | Type::Integer | Type::Number | Type::Text | Type::Uuid | Type::Date, Type::Json) => {
            plain(format!("to_jsonb({old})"))
        }
        (Type::Timestamp, Type::Json) => {
            plain(format!("to_jsonb(to_char({old} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"))
        }
        (from, Type::Text) if !matches!(from, Type::Bytes | Type::Point) => plain(format!("CAST({old} AS text)")),
        (Type::Date, Type::Timestamp) => plain(format!("CAST({old} AS timestamp) AT TIME ZONE 'UTC'")),
        (Type::Timestamp, Type::Date) => {
            let unfit = format!("CAST({old} AT TIME ZONE 'UTC' AS time) <> '00:00'");
            Some(Filling { value: format!("CAST({old} AT TIME ZONE 'UTC' AS date)"), unfit: Some(unfit) })
        }
        (Type::Number, Type::Integer) => fitting(
            &format!("CAST({old} AS bigint)"),
            format!("{old} = trunc({old}) AND {old} >= -9223372036854775808 AND {old} < 9223372036854775808"),
        ),
        (Type::Integer, Type::Boolean) => fitting(&format!("{old} = 1"), format!("{old} IN (0, 1)")),
        (Type::Text, to) if !matches!(to, Type::Bytes | Type::Point) => {
            let value = format!("{}({old})", reader_name(to));
            let unfit = format!("({old} IS NOT NULL AND {value} IS NULL)");
            Some(Filling { value, unfit: Some(unfit) })
        }
        _ => None,
    }
}

/// The functions that these statements use to read texts, as SQL that makes them for this session.
pub(super) fn readers<'s>(statements: impl IntoIterator<Item = &'s str>) -> Vec<String> {
    let mut used: Vec<Type> = Vec::new();
    for sql in statements {
        used.extend(Type::ALL.into_iter().filter(|ty| sql.contains(&reader_name(*ty))));
    }
    Type::ALL.into_iter().filter(|ty| used.contains(ty)).map(reader).collect()
}

fn reader_name(ty: Type) -> String {
    format!("pg_temp.pintle_read_{}", ty.name())
}

/// A text as a value of the type, or null: as the manifest's types are read, so less than PostgreSQL takes.
fn reader(ty: Type) -> String {
    let date = r"[0-9]{4,9}-[0-9]{1,2}-[0-9]{1,2}";
    let time = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?";
    let zone = r" *(z|utc|[+-][0-9]{1,2}(:?[0-9]{2}(:[0-9]{2})?)?)?";
    let (result, form, value) = match ty {
        Type::Integer => ("bigint", "[+-]?[0-9]+".to_owned(), "CAST(given AS bigint)"),
        // There is no -0.
        Type::Number => (
            "double precision",
            r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?".to_owned(),
            "CAST(given AS double precision) + 0",
        ),
        Type::Boolean => ("boolean", ".*".to_owned(), "CAST(given AS boolean)"),
        Type::Timestamp => (
            "timestamptz",
            format!(r"{date}((t{time}| +{time}){zone}| *(z|utc)?)"),
            "CASE WHEN CAST(given AS timestamptz) BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' \
             THEN CAST(given AS timestamptz) END",
        ),
        Type::Date => (
            "date",
            format!(r"{date}(t{time}{zone}| +{time}{zone}| *(z|utc)?)"),
            "CASE WHEN CAST(given AS date) BETWEEN '0001-01-01' AND '9999-12-31' THEN CAST(given AS date) END",
        ),
        Type::Uuid => ("uuid", ".*".to_owned(), "CAST(given AS uuid)"),
        Type::Json => ("jsonb", ".*".to_owned(), "CAST(given AS jsonb)"),
        Type::Text => ("text", ".*".to_owned(), "given"),
        Type::Point => ("geography", ".*".to_owned(), "CAST(given AS geography)"),
        Type::Bytes => ("bytea", r"\\x.*".to_owned(), "CAST(given AS bytea)"),
    };
    format!(
        "CREATE OR REPLACE FUNCTION {}(given text) RETURNS {result} LANGUAGE plpgsql IMMUTABLE AS $$\nBEGIN\n  \
         RETURN CASE WHEN given ~* '^{SPACE}{form}{SPACE}$' THEN {value} END;\nEXCEPTION WHEN data_exception THEN\n  \
         RETURN NULL;\nEND $$",
        reader_name(ty)
    )
}
