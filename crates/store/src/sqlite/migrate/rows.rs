//! What the rows that are there say to a change: those that would not keep its rules are counted, and it is refused.

use super::ddl::{check, quoted};
use super::describe::have;
use super::plan::{Filling, Steps};
use crate::migrate::diff::{Alter, Difference};

impl Steps<'_> {
    /// Refuses what the rows that are there do not satisfy, with their count.
    pub(super) fn values_hold(&mut self, alter: &Alter<'_>, filling: &Filling<'_>) -> rusqlite::Result<()> {
        let Filling { column, value, .. } = filling;
        let table = quoted(&alter.old.name);
        let field = format!("field `{}` of `{}`", column.name, alter.new.name);
        if column.required && !(alter.new.counted && alter.new.is_key(&column.name)) {
            let rows = self.count(&format!("SELECT count(*) FROM {table} WHERE ({value}) IS NULL"))?;
            if rows > 0 {
                self.plan.refusals.push(format!(
                    "{field} is required, but {} no value: fill it first (a field that is new may have a default)",
                    have(rows, "row", "has", "have")
                ));
            }
        }
        if let Some(check) = check(column, &format!("({value})"), false) {
            let rows = self.count(&format!("SELECT count(*) FROM {table} WHERE NOT ({check})"))?;
            if rows > 0 {
                self.plan.refusals.push(format!(
                    "{field} has limits that {} not keep: change those rows first",
                    have(rows, "row", "does", "do")
                ));
            }
        }
        if let Some(reference) = &column.reference {
            let orphans = match self.before(&reference.table).zip(self.key_before(&reference.table)) {
                Some((target, key)) => self.count(&format!(
                    "SELECT count(*) FROM {table} AS o WHERE ({value}) IS NOT NULL AND NOT EXISTS \
                     (SELECT 1 FROM {} AS t WHERE t.{} = ({value}))",
                    quoted(&target),
                    quoted(&key)
                ))?,
                None => self.count(&format!("SELECT count(*) FROM {table} WHERE ({value}) IS NOT NULL"))?,
            };
            if orphans > 0 {
                self.plan.refusals.push(format!(
                    "{field} refers to `{}`, but {} at nothing there: change those rows first",
                    reference.table,
                    have(orphans, "row", "points", "point")
                ));
            }
        }
        Ok(())
    }

    /// The name that a table has now; `None` if it is new.
    fn before(&self, table: &str) -> Option<String> {
        let altered = self.differences.iter().find_map(|difference| match difference {
            Difference::Alter(alter) if alter.new.name == table => Some(alter.old.name.clone()),
            _ => None,
        });
        altered.or_else(|| self.old.table(table).map(|table| table.name.clone()))
    }

    fn key_before(&self, table: &str) -> Option<String> {
        let before = self.before(table)?;
        self.old.table(&before)?.key.first().cloned()
    }

    pub(super) fn key_is_unique(&mut self, alter: &Alter<'_>) -> rusqlite::Result<()> {
        let key: Vec<&str> = alter.new.key.iter().map(String::as_str).collect();
        let what = format!("the key ({}) of `{}`", key.join(", "), alter.new.name);
        self.unique(alter, &key, &what)
    }

    pub(super) fn unique_holds(&mut self, alter: &Alter<'_>) -> rusqlite::Result<()> {
        for index in alter.new.indexes.iter().filter(|index| index.unique && !alter.old.indexes.contains(index)) {
            let columns: Vec<&str> = alter
                .new
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| index.parts.iter().any(|part| part.trim_end_matches(" DESC") == quoted(name)))
                .collect();
            // An index on paths inside json is only known to hold when it is built.
            if columns.len() == index.parts.len() {
                let what = format!("({}) of `{}`", columns.join(", "), alter.new.name);
                self.unique(alter, &columns, &what)?;
            }
        }
        Ok(())
    }

    fn unique(&mut self, alter: &Alter<'_>, columns: &[&str], what: &str) -> rusqlite::Result<()> {
        let mut values = Vec::new();
        for (column, source) in alter.new.columns.iter().zip(&alter.sources) {
            if !columns.contains(&column.name.as_str()) {
                continue;
            }
            // Without a source each row gets its own value (uuid), or the same, which `values_hold` cannot see.
            let before = source.and_then(|source| alter.old.column(source));
            let Some(filling) = self.filling_quietly(alter, column, before) else { return Ok(()) };
            values.push(filling.value);
        }
        let nulls: Vec<_> = values.iter().map(|value| format!("({value}) IS NOT NULL")).collect();
        let rows = self.count(&format!(
            "SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1)",
            quoted(&alter.old.name),
            nulls.join(" AND "),
            values.iter().map(|value| format!("({value})")).collect::<Vec<_>>().join(", ")
        ))?;
        if rows > 0 {
            self.plan.refusals.push(format!(
                "{what} must be unique, but {} values with another: change those rows first",
                have(rows, "row", "shares its", "share their")
            ));
        }
        Ok(())
    }
}
