//! A column's values in another type.

use pintle_model::Type;

use crate::migrate::review::Filling;

/// From one type to another; `None` if there is no sensible way.
pub(super) fn conversion(from: Type, to: Type, old: &str) -> Option<Filling> {
    let plain = |value: String| Some(Filling { value, unfit: None });
    // What does not fit becomes null.
    let fitting = |value: String, unfit: String| {
        Some(Filling { value: format!("CASE WHEN {unfit} THEN NULL ELSE {value} END"), unfit: Some(unfit) })
    };
    match (from, to) {
        (from, to) if from == to => plain(old.to_owned()),
        (Type::Integer, Type::Number) => plain(format!("CAST({old} AS REAL)")),
        (Type::Boolean, Type::Integer) => plain(old.to_owned()),
        (Type::Boolean, Type::Text | Type::Json) => plain(format!("iif({old}, 'true', 'false')")).map(|mut found| {
            found.value = format!("CASE WHEN {old} IS NULL THEN NULL ELSE {} END", found.value);
            found
        }),
        (Type::Integer, Type::Text | Type::Json) => plain(format!("CAST({old} AS TEXT)")),
        (Type::Number, Type::Text) => plain(format!("pintle_number_text({old})")),
        // Json is kept in one form: without exponents, among others.
        (Type::Number, Type::Json) => plain(format!("pintle_read('json', pintle_number_text({old}))")),
        (Type::Uuid | Type::Date | Type::Json, Type::Text) => plain(old.to_owned()),
        (Type::Timestamp, Type::Text) => plain(format!("pintle_timestamp_text({old})")),
        (Type::Text | Type::Uuid | Type::Date | Type::Timestamp, Type::Json) => {
            plain(format!("CASE WHEN {old} IS NULL THEN NULL ELSE pintle_read('json', json_quote({old})) END"))
        }
        (Type::Date, Type::Timestamp) => plain(format!("{old} || 'T00:00:00.000000Z'")),
        (Type::Timestamp, Type::Date) => {
            let unfit = format!("substr({old}, 11) <> 'T00:00:00.000000Z'");
            Some(Filling { value: format!("substr({old}, 1, 10)"), unfit: Some(unfit) })
        }
        (Type::Number, Type::Integer) => {
            let whole = format!("CAST({old} AS INTEGER)");
            fitting(whole.clone(), format!("{whole} <> {old}"))
        }
        (Type::Integer, Type::Boolean) => fitting(old.to_owned(), format!("{old} NOT IN (0, 1)")),
        (Type::Text, to) if !matches!(to, Type::Bytes | Type::Point) => {
            let value = format!("pintle_read('{}', {old})", to.name());
            let unfit = format!("({old} IS NOT NULL AND {value} IS NULL)");
            Some(Filling { value, unfit: Some(unfit) })
        }
        _ => None,
    }
}
