//! What of a model matters to tables, in a form that is kept in the database and compared with the next model's.

use pintle_model::{Collection, DefaultValue, Field, KeyOrigin, Model, OnDelete, Type, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The tables of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
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
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The manifest's name of the type.
    #[serde(rename = "type")]
    pub(crate) ty: String,
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
}

impl Snapshot {
    /// The tables of a model; `part` writes a part of an index as SQL.
    pub(crate) fn of(model: &Model, part: &dyn Fn(&Collection, &pintle_model::IndexPart) -> String) -> Snapshot {
        Snapshot { tables: model.collections.iter().map(|collection| Table::of(model, collection, part)).collect() }
    }

    /// Finds a table by name.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// As it is kept.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What tells one model's tables from another's.
    pub(crate) fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_json().as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Table {
    fn of(
        model: &Model,
        collection: &Collection,
        part: &dyn Fn(&Collection, &pintle_model::IndexPart) -> String,
    ) -> Table {
        Table {
            name: collection.name.clone(),
            columns: collection
                .fields
                .iter()
                .enumerate()
                .map(|(at, field)| Column::of(model, field, collection.is_key(at)))
                .collect(),
            key: collection.fields[..collection.key.len].iter().map(|field| field.name.clone()).collect(),
            counted: collection.key.origin == KeyOrigin::Counted,
            indexes: indexes(collection, part),
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
    fn of(model: &Model, field: &Field, is_key: bool) -> Column {
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
            required: field.required || is_key,
            default,
            choices: field.choices.iter().map(Value::to_text).collect(),
            minimum: field.minimum.as_ref().map(Value::to_text),
            maximum: field.maximum.as_ref().map(Value::to_text),
            min_length: field.min_length,
            max_length: field.max_length,
            reference,
        }
    }

    /// The type. A name that is not known can only come from a newer Pintle.
    pub(crate) fn ty(&self) -> Option<Type> {
        Type::ALL.into_iter().find(|ty| ty.name() == self.ty)
    }
}

/// The indexes that unique fields and refs bring, and those that the collection declares, each with a name of its own.
fn indexes(collection: &Collection, part: &dyn Fn(&Collection, &pintle_model::IndexPart) -> String) -> Vec<Index> {
    let mut found: Vec<Index> = Vec::new();
    let mut add = |words: &[&str], parts: Vec<String>, unique: bool| {
        if found.iter().any(|index| index.parts == parts && (index.unique || !unique)) {
            return;
        }
        let words: Vec<String> = words.iter().map(|word| plain(word)).collect();
        let base = format!("{}_{}_{}", collection.name, words.join("_"), if unique { "key" } else { "idx" });
        let mut name = base.clone();
        let mut number = 1;
        while found.iter().any(|index| index.name == name) {
            name = format!("{base}{number}");
            number += 1;
        }
        found.push(Index { name, parts, unique });
    };
    let whole = |field: usize| pintle_model::IndexPart { field, path: Vec::new(), descending: false };
    for (at, field) in collection.fields.iter().enumerate() {
        let is_the_key = collection.key.len == 1 && at == 0;
        if field.unique && !is_the_key {
            add(&[&field.name], vec![part(collection, &whole(at))], true);
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
        add(&words, parts.collect(), index.unique);
    }
    for (at, field) in collection.fields.iter().enumerate() {
        let leads = at == 0 || collection.indexes.iter().any(|index| index.parts.first() == Some(&whole(at)));
        if field.reference.as_ref().is_some_and(|reference| reference.indexed) && !leads && !field.unique {
            add(&[&field.name], vec![part(collection, &whole(at))], false);
        }
    }
    found
}

/// A word that can be part of a name.
fn plain(word: &str) -> String {
    word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
