//! Tables: made by migrations, and looked at.

use pintle_model::{CollectionId, Field, Index, IndexPart, Model, OnDelete, Ref, Type};

use super::{Place, field};

/// The same folder with another model.
pub fn with(place: Place, model: Model) -> Place {
    Place { folder: place.folder, model: std::sync::Arc::new(model) }
}

pub fn migrated(model: Model) -> Place {
    let place = Place::new(model);
    place.open().migrate(pintle_store::Consent::Forward).unwrap();
    place
}

/// The SQL of every table and index, in a form that can be compared.
pub fn schema(place: &Place) -> Vec<String> {
    let db = place.by_hand();
    let mut found = db
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> '_pintle_migrations'")
        .unwrap();
    let mut sql: Vec<String> =
        found.query_map([], |row| row.get::<_, String>(0)).unwrap().map(|sql| normal(&sql.unwrap())).collect();
    sql.sort();
    sql
}

/// A statement whatever the order and layout of its columns.
fn normal(sql: &str) -> String {
    let Some((head, rest)) = sql.split_once('(') else { return sql.to_owned() };
    let (body, tail) = rest.rsplit_once(')').unwrap();
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in body.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    let mut parts: Vec<String> = parts.iter().map(|part| part.trim().to_owned()).collect();
    if head.starts_with("CREATE TABLE") {
        parts.sort();
    }
    format!("{}({}){}", head.trim(), parts.join(", "), tail)
}

/// A field that refers to the collection at `to`.
pub fn reference(name: &str, to: usize, on_delete: OnDelete) -> Field {
    let mut field = field(name, Type::Integer);
    field.reference = Some(Ref { collection: CollectionId(to), on_delete, indexed: true });
    field
}

/// An index over fields.
pub fn index(fields: &[usize]) -> Index {
    let parts = fields.iter().map(|&field| IndexPart { field, path: Vec::new(), descending: false }).collect();
    Index { parts, unique: false }
}
