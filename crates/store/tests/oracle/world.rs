//! A small app: collections, fields, policies and rows; as a manifest, and as PostgreSQL's tables made by hand.

use crate::chance::Chance;
use crate::policy::Cond;

/// The time of every request, in microseconds since 1970; [`TIMES`] lie around it.
pub(crate) const NOW: i64 = 1_000_000;

const TEXTS: [&str; 8] = ["a", "b", "ab", "A", "é", "1", "true", ""];
const USERS: [&str; 3] = ["ann", "bob", "a"];
const TIMES: [&str; 3] = ["1970-01-01T00:00:00+00:00", "1970-01-01T00:00:01+00:00", "1970-01-01T00:00:01.5+00:00"];
const JSON: [&str; 7] = [
    r#"{"k": 1}"#,
    r#"{"k": 1.0}"#,
    r#"{"k": "1"}"#,
    r#"{"a": [1, "y"]}"#,
    r#"{"a": null, "k": [true]}"#,
    "7",
    r#""7""#,
];

/// A field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Integer,
    Number,
    Boolean,
    Timestamp,
    Json,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Timestamp(&'static str),
    Json(&'static str),
}

/// Where keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Counted,
    Given,
    /// The first two fields.
    Composite,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: Ty,
    /// To which collection, and `restrict`, `cascade` or `set_null`.
    pub(crate) reference: Option<(usize, &'static str)>,
    pub(crate) required: bool,
    pub(crate) unique: bool,
    /// `default: auth.uid()`
    pub(crate) uid: bool,
}

/// The policies, in this order.
pub(crate) const SELECT: usize = 0;
pub(crate) const INSERT: usize = 1;
pub(crate) const USING: usize = 2;
pub(crate) const CHECK: usize = 3;
pub(crate) const DELETE: usize = 4;

#[derive(Debug, Clone)]
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    pub(crate) key: Key,
    pub(crate) fields: Vec<Field>,
    /// `USING` and `CHECK` are there both or neither.
    pub(crate) policies: [Option<Cond>; 5],
}

pub(crate) type Row = Vec<Cell>;

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) collections: Vec<Collection>,
    /// For each collection.
    pub(crate) rows: Vec<Vec<Row>>,
}

impl Cell {
    pub(crate) fn json(&self) -> String {
        match self {
            Cell::Null => "null".to_owned(),
            Cell::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Cell::Integer(n) => n.to_string(),
            Cell::Number(n) => n.to_string(),
            Cell::Boolean(b) => b.to_string(),
            Cell::Timestamp(text) => format!("\"{text}\""),
            Cell::Json(text) => (*text).to_owned(),
        }
    }

    /// As it stands in a filter of a URL.
    pub(crate) fn text(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Timestamp(text) => (*text).to_owned(),
            other => other.json(),
        }
    }

    pub(crate) fn sql(&self, ty: Ty) -> String {
        match self {
            Cell::Null => "NULL".to_owned(),
            other => format!("{}::{}", quoted(&other.text()), ty.sql()),
        }
    }
}

/// A text as SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Ty {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Ty::Text => "text",
            Ty::Integer => "bigint",
            Ty::Number => "double precision",
            Ty::Boolean => "boolean",
            Ty::Timestamp => "timestamptz",
            Ty::Json => "jsonb",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Ty::Text => "text",
            Ty::Integer => "integer",
            Ty::Number => "number",
            Ty::Boolean => "boolean",
            Ty::Timestamp => "timestamp",
            Ty::Json => "json",
        }
    }

    /// A value of few, so that rows collide.
    pub(crate) fn cell(self, chance: &mut Chance) -> Cell {
        match self {
            Ty::Text => Cell::Text(chance.word(&TEXTS).to_owned()),
            Ty::Integer => Cell::Integer(*chance.pick(&[-1, 0, 1, 2, 3, i64::MAX])),
            Ty::Number => Cell::Number(*chance.pick(&[-0.5, 0.5, 1.0, 2.0])),
            Ty::Boolean => Cell::Boolean(chance.percent(50)),
            Ty::Timestamp => Cell::Timestamp(chance.word(&TIMES)),
            Ty::Json => Cell::Json(chance.word(&JSON)),
        }
    }
}

impl Field {
    pub(crate) fn new(name: impl Into<String>, ty: Ty) -> Field {
        Field { name: name.into(), ty, reference: None, required: false, unique: false, uid: false }
    }

    /// A value, sometimes null; for refs a key that may be there.
    pub(crate) fn cell(&self, chance: &mut Chance, nulls: usize) -> Cell {
        match (chance.percent(nulls), self.name.as_str(), self.reference, self.ty) {
            (true, ..) => Cell::Null,
            (_, "owner", ..) => Cell::Text(chance.word(&USERS).to_owned()),
            (.., Some(_), Ty::Integer) => Cell::Integer(*chance.pick(&[1, 1, 2, 2, 3, 4, 9])),
            (.., ty) => ty.cell(chance),
        }
    }
}

impl Collection {
    /// How many fields the key has.
    pub(crate) fn key_len(&self) -> usize {
        if self.key == Key::Composite { 2 } else { 1 }
    }

    pub(crate) fn is_key(&self, field: usize) -> bool {
        field < self.key_len()
    }

    /// A key of few.
    pub(crate) fn key_cell(&self, field: usize, chance: &mut Chance) -> Cell {
        match self.fields[field].ty {
            Ty::Integer => Cell::Integer(*chance.pick(&[1, 2, 3, 4, 5, 7])),
            ty => ty.cell(chance),
        }
    }

    pub(crate) fn key_of<'r>(&self, row: &'r [Cell]) -> &'r [Cell] {
        &row[..self.key_len()]
    }
}

impl World {
    pub(crate) fn manifest(&self) -> String {
        let mut text = "pintle: 1\nname: sample\ndurability: relaxed\ncollections:\n".to_owned();
        for collection in &self.collections {
            let field = |field: &Field| {
                let mut says = match field.reference {
                    None => vec![format!("type: {}", field.ty.name())],
                    Some((to, delete)) => {
                        vec![format!("type: ref, to: {}, on_delete: {delete}", self.collections[to].name)]
                    }
                };
                says.extend(field.required.then(|| "required: true".to_owned()));
                says.extend(field.unique.then(|| "unique: true".to_owned()));
                says.extend(field.uid.then(|| "default: auth.uid()".to_owned()));
                format!("{}: {{ {} }}", field.name, says.join(", "))
            };
            let (key, fields) = collection.fields.split_at(collection.key_len());
            let key: Vec<String> = key
                .iter()
                .map(|key| match collection.key {
                    Key::Counted => format!("{}: {{ type: integer, generated: true }}", key.name),
                    _ => format!("{}: {}", key.name, key.ty.name()),
                })
                .collect();
            text += &format!("  {}:\n    key: {{ {} }}\n    fields:\n", collection.name, key.join(", "));
            fields.iter().for_each(|f| text += &format!("      {}\n", field(f)));
            text += "    policies:\n";
            let [select, insert, using, check, delete] = &collection.policies;
            for (name, policy) in [("select", select), ("insert", insert), ("delete", delete)] {
                if let Some(policy) = policy {
                    text += &format!("      {name}: {}\n", yaml(&policy.to_string()));
                }
            }
            if let (Some(using), Some(check)) = (using, check) {
                let (using, check) = (yaml(&using.to_string()), yaml(&check.to_string()));
                text += "      update:\n";
                text += &format!("        using: {using}\n        check: {check}\n");
            }
        }
        text
    }

    /// The same tables, with the policies as PostgreSQL's own and the grants that they mean.
    pub(crate) fn ddl(&self) -> String {
        let mut sql = String::new();
        for collection in &self.collections {
            let mut parts: Vec<String> = collection.fields.iter().map(|field| self.column(collection, field)).collect();
            let key: Vec<&str> = collection.fields[..collection.key_len()].iter().map(|f| f.name.as_str()).collect();
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
            sql += &format!("CREATE TABLE {} ({});\n", collection.name, parts.join(", "));
        }
        for collection in &self.collections {
            let name = collection.name;
            sql += &format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n");
            sql += &format!("GRANT ALL ON {name} TO service_role;\n");
            let [select, insert, using, check, delete] = &collection.policies;
            let mut add = |action: &str, says: Option<String>| {
                if let Some(says) = says {
                    sql += &format!("GRANT {action} ON {name} TO anon, authenticated;\n");
                    sql += &format!("CREATE POLICY \"for {action}\" ON {name} FOR {action} {says};\n");
                }
            };
            add("SELECT", select.as_ref().map(|policy| format!("USING ({policy})")));
            add("INSERT", insert.as_ref().map(|policy| format!("WITH CHECK ({policy})")));
            let both = using.as_ref().zip(check.as_ref());
            add("UPDATE", both.map(|(using, check)| format!("USING ({using}) WITH CHECK ({check})")));
            add("DELETE", delete.as_ref().map(|policy| format!("USING ({policy})")));
        }
        sql
    }

    fn column(&self, collection: &Collection, field: &Field) -> String {
        let mut sql = format!("{} {}", field.name, field.ty.sql());
        if field.ty == Ty::Text {
            sql += " COLLATE \"C\"";
        }
        if collection.key == Key::Counted && field.name == collection.fields[0].name {
            sql += " GENERATED BY DEFAULT AS IDENTITY";
        }
        sql += if field.required { " NOT NULL" } else { "" };
        sql += if field.unique { " UNIQUE" } else { "" };
        sql += if field.uid { " DEFAULT auth.uid()" } else { "" };
        if let Some((to, delete)) = field.reference {
            let to = &self.collections[to];
            let delete = delete.to_uppercase().replace('_', " ");
            sql += &format!(" REFERENCES {} ({}) ON DELETE {delete}", to.name, to.fields[0].name);
        }
        sql
    }

    /// The rows, by hand.
    pub(crate) fn fill(&self) -> String {
        let mut sql = String::new();
        for (collection, rows) in self.collections.iter().zip(&self.rows) {
            for row in rows {
                let cells: Vec<String> = collection.fields.iter().zip(row).map(|(f, cell)| cell.sql(f.ty)).collect();
                sql += &format!("INSERT INTO {} VALUES ({});\n", collection.name, cells.join(", "));
            }
        }
        sql + &self.count_on()
    }

    /// Takes away what makes fields unique.
    pub(crate) fn common(&self) -> String {
        let each = self.collections.iter().flat_map(|collection| {
            let unique = collection.fields.iter().filter(|field| field.unique);
            unique.map(|field| format!("ALTER TABLE {0} DROP CONSTRAINT {0}_{1}_key;", collection.name, field.name))
        });
        each.collect()
    }

    /// Lets counted keys go on behind the rows that are there.
    pub(crate) fn count_on(&self) -> String {
        let counted = self.collections.iter().zip(&self.rows).filter(|(c, _)| c.key == Key::Counted);
        let each = counted.map(|(collection, rows)| {
            let sequence = format!("pg_get_serial_sequence('{}', '{}')", collection.name, collection.fields[0].name);
            format!("SELECT setval({sequence}, {}, {});\n", rows.len().max(1), !rows.is_empty())
        });
        each.collect()
    }
}

/// A text in YAML's double quotes.
fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
