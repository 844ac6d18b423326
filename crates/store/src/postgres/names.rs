//! Names as PostgreSQL keeps them, and what they stand for.

use std::collections::HashMap;
use std::sync::Arc;

use pintle_model::{Collection, Field, Model};
use pintle_query::Dialect;

use crate::migrate::review::quoted;
use crate::migrate::snapshot::{Index, Snapshot, hash};
use crate::names;

/// Bytes that PostgreSQL keeps of a name.
pub(super) const NAME_MAX: usize = 63;

/// A name that PostgreSQL does not cut: those that are too long end with a hash, so that they stay different.
pub(super) fn fitting(name: &str) -> String {
    if name.len() <= NAME_MAX {
        return name.to_owned();
    }
    let mark: String = hash(name).chars().take(8).collect();
    let kept: String = name.chars().take(NAME_MAX - 9).collect();
    format!("{kept}_{mark}")
}

/// The schema of what stands in for PostGIS, where there is none, beside an app's schema.
pub(super) fn points_schema(schema: &str) -> String {
    fitting(&format!("{schema}_pintle_points"))
}

/// A model, and what the names in PostgreSQL's errors stand for in it.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) model: Arc<Model>,
    /// By the name as PostgreSQL says it, with the table: several tables may have constraints of one name.
    named: HashMap<String, Vec<(String, Named)>>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Named {
    /// A unique constraint by its whole name, with its fields; none if it has paths inside json.
    Unique(String, Vec<String>),
    /// A check by its whole name.
    Check(String),
    /// A reference, by the places of its collection and its field.
    Reference(usize, usize),
}

impl Names {
    /// The names of a model's tables.
    pub(super) fn of(model: &Arc<Model>) -> Names {
        let mut names = Names { model: Arc::clone(model), named: HashMap::new() };
        let snapshot = Snapshot::of(model, Dialect::Postgres);
        for (at, (collection, table)) in model.collections.iter().zip(&snapshot.tables).enumerate() {
            let key = collection.fields[..collection.key.len].iter().map(|field| field.name.clone()).collect();
            let whole = names::key(&table.name);
            names.add(&table.name, whole.clone(), Named::Unique(whole, key));
            for index in table.indexes.iter().filter(|index| index.unique) {
                names.add(&table.name, index.name.clone(), unique(collection, index));
            }
            for (place, field) in collection.fields.iter().enumerate() {
                let check = names::over(&table.name, &[&field.name], "check");
                names.add(&table.name, check.clone(), Named::Check(check));
                let reference = names::over(&table.name, &[&field.name], "fkey");
                names.add(&table.name, reference, Named::Reference(at, place));
            }
        }
        names
    }

    fn add(&mut self, table: &str, name: String, named: Named) {
        self.named.entry(fitting(&name)).or_default().push((table.to_owned(), named));
    }

    /// What a name in an error stands for; `None` if it is not of the model.
    pub(super) fn find(&self, table: &str, name: &str) -> Option<&Named> {
        let all = self.named.get(name)?;
        all.iter().find(|(of, _)| of == table).or(all.first()).map(|(_, named)| named)
    }

    /// The reference that a name stands for.
    pub(super) fn reference(&self, table: &str, name: &str) -> Option<(&Collection, &Field)> {
        let Named::Reference(at, place) = self.find(table, name)? else { return None };
        let collection = &self.model.collections[*at];
        Some((collection, &collection.fields[*place]))
    }
}

fn unique(collection: &Collection, index: &Index) -> Named {
    let field = |part: &String| {
        let part = part.strip_suffix(" DESC").unwrap_or(part);
        collection.fields.iter().find(|field| quoted(&field.name) == part).map(|field| field.name.as_str())
    };
    match index.parts.iter().map(field).collect::<Option<Vec<&str>>>() {
        Some(fields) => {
            Named::Unique(names::unique(collection, &fields), fields.into_iter().map(str::to_owned).collect())
        }
        None => Named::Unique(index.name.clone(), Vec::new()),
    }
}
