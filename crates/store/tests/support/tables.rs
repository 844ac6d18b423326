//! Tables: made by migrations, and looked at.

use pintle_model::{CollectionId, DefaultValue, Field, Index, IndexPart, KeyOrigin, Model, OnDelete, Ref, Type, Value};

use super::{On, Place, collection, field, model};

/// The same place with another model.
pub fn with(place: Place, model: Model) -> Place {
    Place { model: std::sync::Arc::new(model), ..place }
}

pub fn migrated(on: On, model: Model) -> Place {
    let place = Place::on(on, model);
    place.open().migrate(pintle_store::Consent::Forward).unwrap();
    place
}

/// Rows as text: values apart by blanks, null as `null`, the same from both stores.
pub fn rows(place: &Place, sql: &str) -> Vec<String> {
    if let Some(database) = &place.database {
        let each = "json_each_text(row_to_json(r)) WITH ORDINALITY AS e(key, value, n)";
        let line = format!("SELECT string_agg(coalesce(value, 'null'), ' ' ORDER BY n) FROM {each}");
        let found = database.psql(&format!("SET TimeZone = 'UTC'; SELECT ({line}) FROM ({sql}) AS r"));
        return found.lines().map(str::to_owned).collect();
    }
    let db = place.by_hand();
    let mut found = db.prepare(sql).unwrap();
    let columns = found.column_count();
    found
        .query_map([], |row| {
            let values: Vec<String> = (0..columns)
                .map(|at| match row.get(at).unwrap() {
                    rusqlite::types::Value::Null => "null".to_owned(),
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Real(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text.replace(".000000Z", "+00:00"),
                    rusqlite::types::Value::Blob(bytes) => format!("{bytes:?}"),
                })
                .collect();
            Ok(values.join(" "))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Whether a constraint keeps a statement from being run.
pub fn refused(place: &Place, sql: &str) -> bool {
    if let Some(database) = &place.database {
        let tried = format!(
            "CREATE FUNCTION pg_temp.tried() RETURNS text LANGUAGE plpgsql AS $$ BEGIN {sql}; RETURN 'done'; EXCEPTION \
             WHEN integrity_constraint_violation THEN RETURN 'refused'; END $$; SELECT pg_temp.tried()"
        );
        return database.psql(&tried) == "refused";
    }
    let db = place.by_hand();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    db.execute(sql, []).is_err()
}

/// Every table and index, in a form that can be compared.
pub fn schema(place: &Place) -> Vec<String> {
    match &place.database {
        Some(database) => database.psql(CATALOGUE).lines().map(str::to_owned).collect(),
        None => sqlite_schema(place),
    }
}

/// What `psql \d` says of the tables that are not Pintle's own, a line a fact.
const CATALOGUE: &str = "
WITH tables AS (SELECT oid, relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                AND relname NOT LIKE '\\_pintle%')
SELECT fact FROM (
  SELECT 'table ' || relname || coalesce(' -- ' || obj_description(oid, 'pg_class'), '') AS fact FROM tables
  UNION ALL
  SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
      || coalesce(' collate ' || (SELECT collname FROM pg_collation c WHERE c.oid = attcollation AND collname <> 'default'), '')
      || CASE WHEN attnotnull THEN ' not null' ELSE '' END
      || CASE attidentity WHEN 'd' THEN ' identity' ELSE '' END
      || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
      || coalesce(' -- ' || col_description(attrelid, attnum), '')
  FROM tables t JOIN pg_attribute a ON attrelid = t.oid AND attnum > 0 AND NOT attisdropped
  LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  SELECT relname || ' ' || conname || ' ' || pg_get_constraintdef(c.oid) FROM tables t JOIN pg_constraint c ON conrelid = t.oid
  UNION ALL
  SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
  FROM tables t JOIN pg_index ON indrelid = t.oid
) AS facts ORDER BY fact COLLATE \"C\"";

fn sqlite_schema(place: &Place) -> Vec<String> {
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

/// People with a counted key and what the test adds.
pub fn people(fields: Vec<Field>) -> Model {
    let mut all = vec![field("id", Type::Integer)];
    all.extend(fields);
    let mut people = collection("people", all);
    people.key.origin = KeyOrigin::Counted;
    model(vec![people])
}

/// Places, with constraints and indexes of several kinds.
pub fn places() -> Model {
    let mut level = field("level", Type::Integer);
    level.required = true;
    level.minimum = Some(Value::Integer(0));
    let mut kind = field("kind", Type::Text);
    kind.choices = vec![Value::Text("inn".to_owned()), Value::Text("o'r".to_owned())];
    kind.default = Some(DefaultValue::Literal(Value::Text("inn".to_owned())));
    let mut name = field("name", Type::Text);
    name.unique = true;
    name.max_length = Some(40);
    let mut places = collection(
        "places",
        vec![field("id", Type::Integer), name, level, kind, field("open", Type::Boolean), field("data", Type::Json)],
    );
    places.key.origin = KeyOrigin::Counted;
    places.indexes = vec![
        index(&[2, 3]),
        Index {
            parts: vec![IndexPart { field: 5, path: vec!["a".to_owned(), "b".to_owned()], descending: true }],
            unique: false,
        },
    ];
    model(vec![places])
}
