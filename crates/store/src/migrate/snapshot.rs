//! What of a model matters to tables, in a form that is kept in the database and compared with the next model's.

use std::collections::BTreeSet;

use pintle_model::{
    Collection, DefaultValue, Field, IndexPart, KeyOrigin, Model, OnDelete, RouteAnswer, Space, Type, Value,
};
use pintle_query::Dialect;
use pintle_query::near::near_parts;
use pintle_query::sql::{index_part, space_parts};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::names;

/// The tables of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The app's name; empty where an older Pintle did not keep it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) app: String,
    pub(crate) tables: Vec<Table>,
}

/// One collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The names of the key's columns.
    pub(crate) key: Vec<String>,
    /// The store counts the key.
    pub(crate) counted: bool,
    pub(crate) indexes: Vec<Index>,
    /// Where the engine keeps one beside the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The manifest's name of the type.
    #[serde(rename = "type")]
    pub(crate) ty: String,
    /// A point that is kept as a pair of numbers: on PostgreSQL without PostGIS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pair: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<Default>,
    /// Values as text, as [`Value::to_text`] writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) choices: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) minimum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_length: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<Reference>,
    /// Where the engine keeps one beside the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// The value of a row that does not give one. Those that only the server can make are not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Default {
    Literal(String),
    Now,
    Uuid,
}

/// A reference to another table's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) on_delete: Delete,
}

/// What happens to the row when its target goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delete {
    Restrict,
    Cascade,
    SetNull,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) name: String,
    /// What it orders by, as SQL of the engine, with the direction.
    pub(crate) parts: Vec<String>,
    pub(crate) unique: bool,
    /// It finds places.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) space: bool,
    /// Nothing is put behind its parts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) whole: bool,
}

impl Snapshot {
    /// The tables of a model.
    pub(crate) fn of(model: &Model, dialect: Dialect) -> Snapshot {
        // Tables and indexes share their names, and SQLite tells no case.
        let mut names = model.collections.iter().map(|collection| collection.name.to_lowercase()).collect();
        let tables = model.collections.iter().map(|collection| Table::of(model, collection, dialect, &mut names));
        Snapshot { app: model.name.clone(), tables: tables.collect() }
    }

    /// Finds a table by name.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether points stand in it that PostGIS keeps.
    pub(crate) fn has_geographies(&self) -> bool {
        let mut columns = self.tables.iter().flat_map(|table| &table.columns);
        columns.any(|column| column.ty() == Some(Type::Point) && !column.pair)
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What tells one model's tables from another's; descriptions and the app's name do not matter to them.
    pub(crate) fn hash(&self) -> String {
        let tables = self.tables.iter().map(|table| {
            let columns = table.columns.iter().map(Column::without_description).collect();
            Table { columns, description: None, ..table.clone() }
        });
        hash(&Snapshot { app: String::new(), tables: tables.collect() }.to_json())
    }
}

/// A short name for a long text.
pub(crate) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Table {
    fn of(model: &Model, collection: &Collection, dialect: Dialect, names: &mut BTreeSet<String>) -> Table {
        Table {
            name: collection.name.clone(),
            columns: collection
                .fields
                .iter()
                .enumerate()
                .map(|(at, field)| Column::of(model, field, collection.is_key(at), dialect))
                .collect(),
            key: collection.fields[..collection.key.len].iter().map(|field| field.name.clone()).collect(),
            counted: collection.key.origin == KeyOrigin::Counted,
            indexes: indexes(model, collection, dialect, names),
            description: description(collection.description.as_ref(), dialect),
        }
    }

    /// Finds a column by name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether a column is part of the key.
    pub(crate) fn is_key(&self, column: &str) -> bool {
        self.key.iter().any(|name| name == column)
    }
}

impl Column {
    fn of(model: &Model, field: &Field, is_key: bool, dialect: Dialect) -> Column {
        let default = match &field.default {
            Some(DefaultValue::Literal(Value::Null) | DefaultValue::Uid) | None => None,
            Some(DefaultValue::Literal(value)) => Some(Default::Literal(value.to_text())),
            Some(DefaultValue::Now) => Some(Default::Now),
            Some(DefaultValue::Uuid) => Some(Default::Uuid),
        };
        let reference = field.reference.as_ref().map(|reference| {
            let target = model.collection(reference.collection);
            Reference {
                table: target.name.clone(),
                column: target.fields[0].name.clone(),
                on_delete: match reference.on_delete {
                    OnDelete::Restrict => Delete::Restrict,
                    OnDelete::Cascade => Delete::Cascade,
                    OnDelete::SetNull => Delete::SetNull,
                },
            }
        });
        Column {
            name: field.name.clone(),
            ty: field.ty.name().to_owned(),
            pair: false,
            required: field.required || is_key,
            default,
            choices: field.choices.iter().map(Value::to_text).collect(),
            minimum: field.minimum.as_ref().map(Value::to_text),
            maximum: field.maximum.as_ref().map(Value::to_text),
            min_length: field.min_length,
            max_length: field.max_length,
            reference,
            description: description(field.description.as_ref(), dialect),
        }
    }

    /// What of it matters to rows.
    pub(crate) fn without_description(&self) -> Column {
        Column { description: None, ..self.clone() }
    }

    /// The type. A name that is not known can only come from a newer Pintle.
    pub(crate) fn ty(&self) -> Option<Type> {
        Type::ALL.into_iter().find(|ty| ty.name() == self.ty)
    }
}

/// SQLite has no place for descriptions.
fn description(text: Option<&String>, dialect: Dialect) -> Option<String> {
    text.filter(|_| dialect == Dialect::Postgres).cloned()
}

/// Whether a route of proximity asks of a position and a time.
fn asks(model: &Model, collection: &Collection, space: Space) -> bool {
    model.routes.iter().any(|route| match &route.answer {
        RouteAnswer::Proximity(of) => {
            let named = model.collection(of.collection).name == collection.name;
            named && of.position == space.position && Some(of.time) == space.time
        }
        _ => false,
    })
}

/// What an index finds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finds {
    Rows,
    /// One row, since no other may have the same.
    One,
    Space,
    Near,
}

/// The indexes that unique fields and refs bring, and those that the collection declares, each with a name of its own.
fn indexes(model: &Model, collection: &Collection, dialect: Dialect, names: &mut BTreeSet<String>) -> Vec<Index> {
    let part = |collection: &Collection, part: &IndexPart| index_part(dialect, collection, part);
    let mut found: Vec<Index> = Vec::new();
    let mut add = |words: &[&str], parts: Vec<String>, finds: Finds| {
        let unique = finds == Finds::One;
        if found.iter().any(|index| index.parts == parts && (index.unique || !unique)) {
            return;
        }
        let words: Vec<String> = words.iter().map(|word| plain(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let base = names::over(&collection.name, &words, if unique { "key" } else { "idx" });
        let mut name = base.clone();
        let mut number = 1;
        while !names.insert(name.to_lowercase()) {
            name = format!("{base}{number}");
            number += 1;
        }
        found.push(Index { name, parts, unique, space: finds == Finds::Space, whole: finds == Finds::Near });
    };
    let whole = |field: usize| IndexPart { field, path: Vec::new(), descending: false };
    for (at, field) in collection.fields.iter().enumerate() {
        let is_the_key = collection.key.len == 1 && at == 0;
        if field.unique && !is_the_key {
            add(&[&field.name], vec![part(collection, &whole(at))], Finds::One);
        }
    }
    for index in &collection.indexes {
        let mut words = Vec::new();
        for of in &index.parts {
            words.push(collection.fields[of.field].name.as_str());
            words.extend(of.path.iter().map(String::as_str));
        }
        let parts = index.parts.iter().map(|of| {
            let direction = if of.descending { " DESC" } else { "" };
            format!("{}{direction}", part(collection, of))
        });
        add(&words, parts.collect(), if index.unique { Finds::One } else { Finds::Rows });
    }
    for space in &collection.spaces {
        let mut words = vec![collection.positions[space.position].name.as_str()];
        words.extend(space.time.map(|time| collection.fields[time].name.as_str()));
        add(&words, space_parts(dialect, collection, *space), Finds::Space);
        if dialect == Dialect::Postgres && asks(model, collection, *space) {
            words.push("near");
            add(&words, near_parts(collection, *space).unwrap_or_default(), Finds::Near);
        }
    }
    for (at, field) in collection.fields.iter().enumerate() {
        let leads = at == 0 || collection.indexes.iter().any(|index| index.parts.first() == Some(&whole(at)));
        if field.reference.as_ref().is_some_and(|reference| reference.indexed) && !leads && !field.unique {
            add(&[&field.name], vec![part(collection, &whole(at))], Finds::Rows);
        }
    }
    found
}

/// A word that can be part of a name.
fn plain(word: &str) -> String {
    word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
