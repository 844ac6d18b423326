//! What differs between two snapshots.

use std::collections::BTreeSet;

use pintle_model::Model;

use super::snapshot::{Column, Snapshot, Table};

/// A difference, in the order in which they are shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference<'a> {
    /// A table that was not there.
    Create(&'a Table),
    /// A table whose columns, key, indexes or name change.
    Alter(Alter<'a>),
    /// A table that is wanted no more.
    Drop(&'a Table),
}

/// A table before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alter<'a> {
    pub(crate) old: &'a Table,
    pub(crate) new: &'a Table,
    /// For each column of `new`, the name of the column of `old` that it comes from.
    pub(crate) sources: Vec<Option<&'a str>>,
    /// The columns of `old` that nothing comes from.
    pub(crate) dropped: Vec<&'a str>,
}

/// Compares the tables that are there with those that the model wants. The model says what was renamed.
pub(crate) fn diff<'a>(old: &'a Snapshot, new: &'a Snapshot, model: &Model) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    let mut kept = BTreeSet::new();
    for (table, collection) in new.tables.iter().zip(&model.collections) {
        let renamed = || {
            let from = collection.renamed_from.as_deref()?;
            // A name that is still wanted for itself was not given away.
            if new.table(from).is_some() { None } else { old.table(from) }
        };
        let Some(before) = old.table(&table.name).or_else(renamed) else {
            found.push(Difference::Create(table));
            continue;
        };
        kept.insert(before.name.as_str());
        let alter = alter(before, table, |column| {
            collection.field(column).and_then(|(_, field)| field.renamed_from.as_deref())
        });
        if alter.changes() {
            found.push(Difference::Alter(alter));
        }
    }
    found.extend(old.tables.iter().filter(|table| !kept.contains(table.name.as_str())).map(Difference::Drop));
    found
}

/// The app that the tables belong to, where another one would drop some of them: most likely it was sent to the wrong store.
pub(crate) fn other_app(old: &Snapshot, new: &Snapshot, differences: &[Difference<'_>]) -> Option<String> {
    let drops = |difference: &Difference<'_>| matches!(difference, Difference::Drop(table) if !table.name.starts_with("_pintle"));
    (!old.app.is_empty() && old.app != new.app && differences.iter().any(drops)).then(|| old.app.clone())
}

fn alter<'a, 'm>(old: &'a Table, new: &'a Table, renamed_from: impl Fn(&str) -> Option<&'m str>) -> Alter<'a> {
    let sources: Vec<Option<&'a str>> = new
        .columns
        .iter()
        .map(|column| {
            let same = old.column(&column.name);
            let renamed = || {
                let from = renamed_from(&column.name)?;
                if new.column(from).is_some() { None } else { old.column(from) }
            };
            same.or_else(renamed).map(|found| found.name.as_str())
        })
        .collect();
    let dropped = old.columns.iter().map(|column| column.name.as_str());
    let dropped = dropped.filter(|name| !sources.contains(&Some(*name))).collect();
    Alter { old, new, sources, dropped }
}

impl<'a> Alter<'a> {
    /// Each new column with the one that it comes from.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a Column, Option<&'a Column>)> {
        let old = self.old;
        let sources = self.sources.iter().map(move |source| source.and_then(|source| old.column(source)));
        self.new.columns.iter().zip(sources)
    }

    /// Whether anything changes; the order of columns does not matter.
    fn changes(&self) -> bool {
        self.old.name != self.new.name
            || self.old.key != self.new.key
            || self.old.counted != self.new.counted
            || self.old.indexes != self.new.indexes
            || self.old.description != self.new.description
            || !self.dropped.is_empty()
            || self.new.columns.iter().any(|column| self.old.column(&column.name) != Some(column))
    }
}
