//! Collections: what a table is made of.

use crate::{Schema, Span, Type, Value};

/// A collection's place in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionId(pub usize);

/// A table: a key, fields, indexes, policies, and where it answers.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its name, which is the table's name and its place under `/rest/v1`.
    pub name: String,
    /// What it holds, for the documentation.
    pub description: Option<String>,
    /// Its fields: those of the key first, in the key's order, then the manifest's order.
    pub fields: Vec<Field>,
    /// Which fields are the key, and where its values come from.
    pub key: Key,
    /// Its indexes, without those that unique fields and refs bring.
    pub indexes: Vec<Index>,
    /// The places of its rows: its fields of type point, and the points of two numbers.
    pub positions: Vec<Position>,
    /// The indexes over its positions: for each of them at least one.
    pub spaces: Vec<Space>,
    /// Who may do what.
    pub policies: Policies,
    /// The plain resources that it answers at, if it is mounted.
    pub mount: Option<Mount>,
    /// Its name in an earlier model, when it was renamed.
    pub renamed_from: Option<String>,
    /// Pintle's own: never answered under `/rest/v1`, never in the documentation.
    pub system: bool,
    /// Where its name stands in the manifest.
    pub span: Span,
}

impl Collection {
    /// Finds a field by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        let at = self.fields.iter().position(|f| f.name == name)?;
        Some((at, &self.fields[at]))
    }

    /// Finds a position by name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<(usize, &Position)> {
        let at = self.positions.iter().position(|position| position.name == name)?;
        Some((at, &self.positions[at]))
    }

    /// Whether the field at this place is part of the key.
    #[must_use]
    pub fn is_key(&self, field: usize) -> bool {
        field < self.key.len
    }
}

/// The greatest counted key that a caller may give: half of the last integer that JavaScript tells from its neighbours, so that all that
/// are counted from there on are told apart too, and far from the last of 64 bits, so that nobody uses up the count.
pub const COUNTED_KEY_MAX: i64 = (1 << 52) - 1;

/// The key: the first `len` fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// How many fields, from the first on, make the key; at least one.
    pub len: usize,
    /// Where its values come from.
    pub origin: KeyOrigin,
}

/// Where a key's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The caller gives it.
    Given,
    /// The store counts (one integer field) unless the caller gives a number.
    Counted,
    /// A UUID of version 7 is made (one uuid field) unless the caller gives one.
    UuidV7,
}

/// A column: a type and constraints.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name, which is the column's name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// For fields of another collection's key (`ref`): which, and what happens on its delete. `ty` is that key's type.
    pub reference: Option<Ref>,
    /// Null is refused. Fields of the key always are.
    pub required: bool,
    /// No two rows may hold the same value (nulls may repeat).
    pub unique: bool,
    /// The caller may not give a value.
    pub readonly: bool,
    /// The value when none is given.
    pub default: Option<DefaultValue>,
    /// The only values that are allowed; empty if any is.
    pub choices: Vec<Value>,
    /// A regular expression that a text must match (somewhere, unless anchored: as JSON Schema has it).
    pub pattern: Option<Pattern>,
    /// The least value (integer, number, timestamp, date).
    pub minimum: Option<Value>,
    /// The greatest value.
    pub maximum: Option<Value>,
    /// The least length: characters of a text, bytes of bytes.
    pub min_length: Option<u64>,
    /// The greatest length.
    pub max_length: Option<u64>,
    /// For json: the JSON Schema that a value must satisfy.
    pub schema: Option<Schema>,
    /// What it means, for the documentation.
    pub description: Option<String>,
    /// Its name in an earlier model, when it was renamed.
    pub renamed_from: Option<String>,
    /// Where its name stands in the manifest.
    pub span: Span,
}

/// A reference to another collection's (single) key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The collection that is pointed at.
    pub collection: CollectionId,
    /// What happens to this row when the other is deleted.
    pub on_delete: OnDelete,
    /// Whether the store indexes the field, so that the other's delete finds its rows (and so do filters).
    pub indexed: bool,
}

/// What happens to a row when the row that it points at is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The delete is refused (23503).
    Restrict,
    /// This row is deleted too.
    Cascade,
    /// The field becomes null.
    SetNull,
}

/// The value of a field that was not given.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultValue {
    /// A literal.
    Literal(Value),
    /// `now()`: the time of the request.
    Now,
    /// `uuid()`: a new UUID of version 7.
    Uuid,
    /// `auth.uid()`: the caller's user.
    Uid,
}

/// A pattern with its compiled form.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As the manifest has it.
    pub source: String,
    /// Compiled, with limits.
    pub regex: regex::Regex,
}

/// An index over fields, or over paths inside json fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What it orders by, in order.
    pub parts: Vec<IndexPart>,
    /// Whether no two rows may agree in all parts.
    pub unique: bool,
}

/// Where on Earth a row is: what filters, orders and routes ask of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Its name, which no other field has.
    pub name: String,
    /// What it is made of.
    pub of: PositionOf,
    /// What it means, for the documentation.
    pub description: Option<String>,
}

/// What a position is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionOf {
    /// A field of type point.
    Field(usize),
    /// Two fields of type number. It is not written and not among the fields of a record.
    Numbers {
        /// The field of the degrees east.
        longitude: usize,
        /// The field of the degrees north.
        latitude: usize,
    },
}

/// An index over a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Which of the collection's positions.
    pub position: usize,
    /// The field of type timestamp that it orders by as well. Such a field is never null.
    pub time: Option<usize>,
}

/// A part of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPart {
    /// The field.
    pub field: usize,
    /// For json fields: the path inside, as `data->a->>b` has it (the last step is read as text).
    pub path: Vec<String>,
    /// Descending.
    pub descending: bool,
}

/// Who may do what; an action without a policy is denied to all but `service_role`.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Which rows may be read.
    pub select: Option<Policy>,
    /// What a new row must satisfy.
    pub insert: Option<Policy>,
    /// Which rows may be changed, and what they must satisfy afterwards.
    pub update: Option<UpdatePolicy>,
    /// Which rows may be deleted.
    pub delete: Option<Policy>,
}

/// The two halves of an update policy; the same when the manifest gives one expression.
#[derive(Debug, Clone)]
pub struct UpdatePolicy {
    /// Which rows may be changed.
    pub using: Policy,
    /// What they must satisfy afterwards.
    pub check: Policy,
}

/// A boolean SQL expression over a row and the caller, as text: `query` parses and checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The expression.
    pub source: String,
    /// Where it stands in the manifest.
    pub span: Span,
}

/// Plain resources: list, create, get, replace, patch, delete at a path.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The path of the list, without a slash at the end: `/configs`.
    pub path: String,
    /// Which of GET, POST, PUT, PATCH and DELETE are answered.
    pub methods: Vec<String>,
    /// How many records a list holds unless the caller says; `None` is all of them.
    pub limit_default: Option<u64>,
    /// How many a caller may ask for; `None` is any number.
    pub limit_max: Option<u64>,
    /// Where the path stands in the manifest.
    pub span: Span,
}
