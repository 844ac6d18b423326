//! What a person is told of a migration, the same on every engine: the lines of the diff, and what the rows that are there
//! say to it. What they must be asked is collected as SQL that counts; the engine asks it.

use pintle_model::Type;

use super::describe::{Rule, describe, index_lines, lost};
use super::diff::{Alter, Difference};
use super::snapshot::{Column, Default, Snapshot, Table};
use super::{Line, MigrationPlan, Step};

/// What engines write in SQL of their own.
pub(crate) trait Engine: Sync {
    /// A literal of the column's type.
    fn literal(&self, column: &Column, text: &str) -> String;
    /// The moment at which a statement runs.
    fn now(&self) -> String;
    /// A new UUID.
    fn uuid(&self) -> String;
    /// A value that the rows get in a new column, of the column's type.
    fn filled(&self, column: &Column, value: String) -> String;
    /// What a value must satisfy, over the SQL `value`; null satisfies everything. Without `form`, only what the manifest
    /// asks for.
    fn check(&self, column: &Column, value: &str, form: bool) -> Option<String>;
    /// From one type to another, over the SQL `old`; `None` if there is no sensible way.
    fn conversion(&self, from: Type, to: Type, old: &str) -> Option<Filling>;
    /// Counts what has a table's name.
    fn taken(&self, name: &str) -> String;
    /// Whether two names are one to the database.
    fn same_name(&self, one: &str, other: &str) -> bool;
}

/// What rows get in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filling {
    /// SQL over the old table's columns.
    pub(crate) value: String,
    /// True for values that the new type cannot hold as they are: they are lost.
    pub(crate) unfit: Option<String>,
}

/// A review that waits for the rows' answers.
pub(crate) struct Review<'a> {
    engine: &'a dyn Engine,
    old: &'a Snapshot,
    differences: &'a [Difference<'a>],
    steps: Vec<Step>,
    found: Vec<Found>,
}

/// What was found, in the order in which it is told.
enum Found {
    Refused(String),
    Ask(String, Tells),
}

/// What a count tells.
enum Tells {
    /// So many of these are lost by a line of a step.
    Loses { step: usize, line: usize, what: &'static str },
    /// So many are against a rule; none is well.
    Against(Rule),
}

/// A name in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
pub(crate) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What the rows get in a column that was `before`, or is new; or why there is no way.
pub(crate) fn filling(
    engine: &dyn Engine,
    alter: &Alter<'_>,
    column: &Column,
    before: Option<&Column>,
) -> Result<Filling, String> {
    let Some(before) = before else {
        let value = match &column.default {
            Some(Default::Literal(text)) => engine.literal(column, text),
            Some(Default::Now) => engine.now(),
            Some(Default::Uuid) => engine.uuid(),
            None => "NULL".to_owned(),
        };
        return Ok(Filling { value: engine.filled(column, value), unfit: None });
    };
    let types = before.ty().zip(column.ty());
    types.and_then(|(from, to)| engine.conversion(from, to, &quoted(&before.name))).ok_or_else(|| {
        format!(
            "field `{}` of `{}` cannot become {} from {}: add a field of another name, and drop this one",
            column.name, alter.new.name, column.ty, before.ty
        )
    })
}

impl<'a> Review<'a> {
    /// Looks at every difference.
    pub(crate) fn of(engine: &'a dyn Engine, old: &'a Snapshot, differences: &'a [Difference<'a>]) -> Review<'a> {
        let mut review = Review { engine, old, differences, steps: Vec::new(), found: Vec::new() };
        for difference in differences {
            let lines = match difference {
                Difference::Create(table) => review.create(table),
                Difference::Alter(alter) => review.alter(alter),
                Difference::Drop(table) => review.drop_table(table),
            };
            review.steps.push(Step { lines, ..Step::default() });
        }
        review
    }

    /// The SQL of every count that is to be made, in order.
    pub(crate) fn questions(&self) -> Vec<String> {
        let asked = self.found.iter().filter_map(|found| match found {
            Found::Ask(sql, _) => Some(sql.clone()),
            Found::Refused(_) => None,
        });
        asked.collect()
    }

    /// The same for what would be lost, each as SQL that looks for one such row.
    pub(crate) fn losses(&self) -> Vec<String> {
        let asked = self.found.iter().filter_map(|found| match found {
            Found::Ask(sql, Tells::Loses { .. }) => Some(sql),
            _ => None,
        });
        let any = |sql: &String| match sql.strip_prefix("SELECT count(*) ") {
            Some(rest) => format!("SELECT count(*) FROM (SELECT 1 {rest} LIMIT 1) AS one"),
            None => sql.clone(),
        };
        asked.map(any).collect()
    }

    /// The plan: a step for each difference, whose SQL is still to be written. `counts` answer the questions.
    pub(crate) fn answered(self, counts: &[u64]) -> MigrationPlan {
        let mut plan = MigrationPlan { steps: self.steps, ..MigrationPlan::default() };
        let mut counts = counts.iter().copied();
        for found in self.found {
            match found {
                Found::Refused(why) => plan.refusals.push(why),
                Found::Ask(_, tells) => match (tells, counts.next().unwrap_or(0)) {
                    (Tells::Loses { step, line, what }, count) => {
                        plan.steps[step].lines[line].loses = lost(count, what)
                    }
                    (Tells::Against(_), 0) => {}
                    (Tells::Against(rule), count) => plan.refusals.push(rule.broken(count)),
                },
            }
        }
        plan
    }

    fn ask(&mut self, sql: String, tells: Tells) {
        self.found.push(Found::Ask(sql, tells));
    }

    /// The count is what the next line of this step loses.
    fn ask_loss(&mut self, sql: String, line: usize, what: &'static str) {
        let step = self.steps.len();
        self.ask(sql, Tells::Loses { step, line, what });
    }

    fn create(&mut self, table: &Table) -> Vec<Line> {
        self.name_is_free(table);
        let mut lines = vec![Line::outer('+', format!("collection {}", table.name))];
        lines.extend(table.columns.iter().map(|column| Line::inner('+', describe(table, column))));
        lines.extend(table.indexes.iter().map(|index| Line::inner('+', format!("index {}", index.name))));
        lines
    }

    fn name_is_free(&mut self, table: &Table) {
        if !self.old.tables.iter().any(|old| self.engine.same_name(&old.name, &table.name)) {
            self.ask(self.engine.taken(&table.name), Tells::Against(Rule::Free { table: table.name.clone() }));
        }
    }

    fn drop_table(&mut self, table: &Table) -> Vec<Line> {
        self.ask_loss(format!("SELECT count(*) FROM {}", quoted(&table.name)), 0, "row");
        vec![Line::outer('-', format!("collection {}", table.name))]
    }

    fn alter(&mut self, alter: &Alter<'_>) -> Vec<Line> {
        let name = if alter.old.name == alter.new.name {
            format!("collection {}", alter.new.name)
        } else {
            self.name_is_free(alter.new);
            format!("collection {} (was {})", alter.new.name, alter.old.name)
        };
        let mut lines = vec![Line::outer('~', name)];
        self.columns(alter, &mut lines);
        if alter.old.key != alter.new.key {
            lines.push(Line::inner('~', format!("key: {}", alter.new.key.join(", "))));
            self.key_holds(alter);
        }
        if alter.old.counted != alter.new.counted {
            let text = if alter.new.counted { "key: counted by the store" } else { "key: given by the caller" };
            lines.push(Line::inner('~', text));
        }
        index_lines(alter, &mut lines);
        self.unique_holds(alter);
        lines
    }

    /// The lines of columns, and what their rows say to it.
    fn columns(&mut self, alter: &Alter<'_>, lines: &mut Vec<Line>) {
        let table = quoted(&alter.old.name);
        for (column, before) in alter.pairs() {
            if before == Some(column) {
                continue;
            }
            let text = describe(alter.new, column);
            let described = before.is_some_and(|before| before.without_description() == column.without_description());
            let line = match before {
                None => Line::inner('+', text),
                Some(before) if before.name != column.name => Line::inner('~', format!("{text} (was {})", before.name)),
                Some(before) if before.ty != column.ty => Line::inner('~', format!("{text} (was {})", before.ty)),
                Some(_) if described => Line::inner('~', format!("description of field {}", column.name)),
                Some(_) => Line::inner('~', text),
            };
            match filling(self.engine, alter, column, before) {
                _ if described => {}
                Err(refusal) => self.found.push(Found::Refused(refusal)),
                Ok(filling) => {
                    if let Some(unfit) = &filling.unfit {
                        self.ask_loss(format!("SELECT count(*) FROM {table} WHERE {unfit}"), lines.len(), "value");
                    }
                    self.values_hold(alter, column, &filling.value);
                }
            }
            lines.push(line);
        }
        for name in &alter.dropped {
            let values = format!("SELECT count(*) FROM {table} WHERE {} IS NOT NULL", quoted(name));
            self.ask_loss(values, lines.len(), "value");
            lines.push(Line::inner('-', format!("field {name}")));
        }
        if alter.old.description != alter.new.description {
            lines.push(Line::inner('~', "description"));
        }
    }

    /// What the rows that are there must satisfy.
    fn values_hold(&mut self, alter: &Alter<'_>, column: &Column, value: &str) {
        let (from, table, field) = (quoted(&alter.old.name), alter.new.name.clone(), column.name.clone());
        if column.required && !(alter.new.counted && alter.new.is_key(&field)) {
            let sql = required(&from, value);
            self.ask(sql, Tells::Against(Rule::Required { table: table.clone(), field: field.clone() }));
        }
        if let Some(check) = self.engine.check(column, &format!("({value})"), false) {
            let sql = outside(&from, &check);
            self.ask(sql, Tells::Against(Rule::Limits { table: table.clone(), field: field.clone() }));
        }
        if let Some(reference) = &column.reference {
            let target = before(self.old, self.differences, &reference.table);
            let target = target.and_then(|target| Some((target.name.clone(), target.key.first()?.clone())));
            let sql = orphans(&from, value, target);
            self.ask(sql, Tells::Against(Rule::Refers { table, field, to: reference.table.clone() }));
        }
    }

    fn unique_holds(&mut self, alter: &Alter<'_>) {
        for index in alter.new.indexes.iter().filter(|index| index.unique && !alter.old.indexes.contains(index)) {
            let values: Option<Vec<String>> = index.parts.iter().map(|part| self.part(alter, part)).collect();
            // A part over what is new or changes its type is only known when the index is made.
            if let Some(values) = values {
                self.ask(repeated(&quoted(&alter.old.name), &values), Tells::Against(index.rule(&alter.new.name)));
            }
        }
    }

    /// A part of a new index, over the old table's columns.
    fn part(&self, alter: &Alter<'_>, part: &str) -> Option<String> {
        let part = part.trim_end_matches(" DESC");
        // The first name in it is its column's.
        let named = &part[part.find('"')?..];
        let (column, before) = alter.pairs().find(|(column, _)| named.starts_with(&quoted(&column.name)))?;
        if part == quoted(&column.name) {
            // Without a source each row gets its own value (uuid), or the same, which `values_hold` cannot see.
            return filling(self.engine, alter, column, before).ok().map(|filling| filling.value);
        }
        let before = before.filter(|before| before.ty == column.ty)?;
        Some(part.replacen(&quoted(&column.name), &quoted(&before.name), 1))
    }

    fn key_holds(&mut self, alter: &Alter<'_>) {
        let values: Option<Vec<String>> = alter.new.key.iter().map(|name| self.part(alter, &quoted(name))).collect();
        if let Some(values) = values {
            let rule = Rule::Key { table: alter.new.name.clone(), columns: alter.new.key.join(", ") };
            self.ask(repeated(&quoted(&alter.old.name), &values), Tells::Against(rule));
        }
    }
}

/// Counts the rows without a value.
pub(crate) fn required(table: &str, value: &str) -> String {
    format!("SELECT count(*) FROM {table} WHERE ({value}) IS NULL")
}

/// Counts the rows that a check is against.
pub(crate) fn outside(table: &str, check: &str) -> String {
    format!("SELECT count(*) FROM {table} WHERE NOT ({check})")
}

/// Counts the rows whose value is no key of the target, given by table and column; without one, all that have a value.
pub(crate) fn orphans(table: &str, value: &str, target: Option<(String, String)>) -> String {
    let absent = target.map_or_else(String::new, |(target, key)| {
        format!(" AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE t.{} = ({value}))", quoted(&target), quoted(&key))
    });
    format!("SELECT count(*) FROM {table} AS o WHERE ({value}) IS NOT NULL{absent}")
}

/// Counts the rows that agree with another in all values. The values stand in a table of their own, since a number in `GROUP BY` would
/// be the number of a column.
pub(crate) fn repeated(table: &str, values: &[String]) -> String {
    let of_each = |write: fn(usize, &str) -> String| -> Vec<String> {
        values.iter().enumerate().map(|(index, value)| write(index, value)).collect()
    };
    let named = of_each(|index, value| format!("({value}) AS v{index}")).join(", ");
    let known = of_each(|index, _| format!("v{index} IS NOT NULL")).join(" AND ");
    let names = of_each(|index, _| format!("v{index}")).join(", ");
    format!(
        "SELECT CAST(coalesce(sum(n), 0) AS bigint) FROM (SELECT count(*) AS n FROM (SELECT {named} FROM {table}) AS r WHERE {known} \
         GROUP BY {names} HAVING count(*) > 1) AS g"
    )
}

/// A table as it is now, by its name to come; `None` if it is new.
pub(crate) fn before<'a>(old: &'a Snapshot, differences: &'a [Difference<'a>], name: &str) -> Option<&'a Table> {
    let altered = differences.iter().find_map(|difference| match difference {
        Difference::Alter(alter) if alter.new.name == name => Some(alter.old),
        _ => None,
    });
    altered.or_else(|| old.table(name))
}
