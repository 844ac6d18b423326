//! A query in words, for the tables of the tests.

use pintle_model::{Collection, Value};

use crate::request::{Comparison, Filter, Order, SelectItem, Step, Target, Test, Truth};
use crate::rest::query::Query;
use crate::testing::{names, show};

pub(super) fn print(collection: &Collection, query: &Query) -> String {
    let mut parts = Vec::new();
    if let Some(select) = &query.select {
        let items: Vec<_> = select.iter().map(|item| print_item(collection, item)).collect();
        parts.push(format!("select {}", items.join(", ")));
    }
    if !query.filter.is_all() {
        parts.push(format!("where {}", print_filter(collection, &query.values, &query.filter)));
    }
    if !query.order.is_empty() {
        let keys: Vec<_> = query.order.iter().map(|key| print_order(collection, key)).collect();
        parts.push(format!("order {}", keys.join(", ")));
    }
    parts.extend(query.limit.map(|limit| format!("limit {limit}")));
    parts.extend((query.offset > 0).then(|| format!("offset {}", query.offset)));
    for (name, fields) in [("columns", &query.columns), ("on_conflict", &query.on_conflict)] {
        parts.extend(fields.as_ref().map(|fields| format!("{name} {}", names(collection, fields).join(" "))));
    }
    parts.join(" ")
}

fn print_target(collection: &Collection, target: &Target) -> String {
    let mut out = collection.fields[target.field].name.clone();
    for (n, step) in target.path.iter().enumerate() {
        out.push_str(if target.text && n + 1 == target.path.len() { "->>" } else { "->" });
        match step {
            Step::Key(key) => out.push_str(&format!("{key:?}")),
            Step::Index(index) => out.push_str(&index.to_string()),
        }
    }
    out
}

fn print_item(collection: &Collection, item: &SelectItem) -> String {
    let cast = item.cast.map(|ty| format!("::{}", ty.name())).unwrap_or_default();
    let target = print_target(collection, &item.target);
    if target == item.name { format!("{target}{cast}") } else { format!("{target}{cast} as {}", item.name) }
}

fn print_order(collection: &Collection, key: &Order) -> String {
    let nulls = match key.nulls_first {
        Some(true) => " nulls first",
        Some(false) => " nulls last",
        None => "",
    };
    format!("{}{}{nulls}", print_target(collection, &key.target), if key.descending { " desc" } else { "" })
}

fn print_filter(collection: &Collection, values: &[Value], filter: &Filter) -> String {
    let list = |parts: &[Filter], word: &str| {
        let parts: Vec<_> = parts.iter().map(|part| print_filter(collection, values, part)).collect();
        if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(word)) }
    };
    match filter {
        Filter::And(parts) => list(parts, " and "),
        Filter::Or(parts) => list(parts, " or "),
        Filter::Not(inner) => format!("not {}", print_filter(collection, values, inner)),
        Filter::Test(target, test) => {
            let value = |slot: &usize| show(&values[*slot]);
            let condition = match test {
                Test::Compare(op, slot) => {
                    let sign = match op {
                        Comparison::Eq => "=",
                        Comparison::Ne => "<>",
                        Comparison::Lt => "<",
                        Comparison::Le => "<=",
                        Comparison::Gt => ">",
                        Comparison::Ge => ">=",
                    };
                    format!("{sign} {}", value(slot))
                }
                Test::Distinct(slot) => format!("is distinct from {}", value(slot)),
                Test::Like { pattern, fold: false } => format!("like {}", value(pattern)),
                Test::Like { pattern, fold: true } => format!("ilike {}", value(pattern)),
                Test::Match { pattern, fold: false } => format!("~ {}", value(pattern)),
                Test::Match { pattern, fold: true } => format!("~* {}", value(pattern)),
                Test::In(slots) => format!("in [{}]", slots.iter().map(value).collect::<Vec<_>>().join(", ")),
                Test::Is(Truth::Null) => "is null".to_owned(),
                Test::Is(Truth::NotNull) => "is not null".to_owned(),
                Test::Is(Truth::True) => "is true".to_owned(),
                Test::Is(Truth::False) => "is false".to_owned(),
                Test::Is(Truth::Unknown) => "is unknown".to_owned(),
                Test::Contains(slot) => format!("contains {}", value(slot)),
                Test::Contained(slot) => format!("contained in {}", value(slot)),
                Test::Element(_) | Test::Near(_) | Test::InBox(_) | Test::InShape(_) => "not of this app".to_owned(),
            };
            format!("{} {condition}", print_target(collection, target))
        }
    }
}
