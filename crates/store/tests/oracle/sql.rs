//! Requests in SQL, as PostgREST would write them: from what is meant, never from Pintle's plans.

use crate::request::{Filter, Item, Request, Resolution, Returning, Test};
use crate::world::{Cell, Collection, Ty, World, quoted};

/// What is run for a request: each statement after the other, in one transaction.
pub(crate) struct Script {
    /// The write or the read. Several only for an array of records that is taken apart.
    pub(crate) statements: Vec<String>,
    /// Counts what a read finds.
    pub(crate) count: Option<String>,
}

/// A request's SQL. With `apart`, each record of an array is a statement of its own.
pub(crate) fn script(request: &Request, world: &World, apart: bool) -> Script {
    let collection = &world.collections[request.of()];
    let name = collection.name;
    let returning = request.returning().map_or(String::new(), |returning| returned(returning, request));
    let one = |sql: String| Script { statements: vec![answered(&sql, request, collection)], count: None };
    match request {
        Request::Read { items, filter, order, limit, offset, count, .. } => {
            let from = format!("FROM {name}{}", filtered(filter, collection));
            let mut rows = format!("SELECT {} {from}", shown(items, collection));
            if let Some((field, descending, nulls)) = order {
                let nulls = nulls.map_or("", |first| if first { " NULLS FIRST" } else { " NULLS LAST" });
                let direction = if *descending { " DESC" } else { "" };
                rows += &format!(
                    " ORDER BY {name}.{}{direction}{nulls}, {}",
                    collection.fields[*field].name,
                    key(collection)
                );
            }
            rows += &limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
            rows += &format!(" OFFSET {offset}");
            let rows = format!("SELECT row_to_json(answer)::text FROM ({rows}) answer");
            Script { statements: vec![rows], count: count.then(|| format!("SELECT count(*) {from}")) }
        }
        Request::Insert { rows, resolution, on_conflict, .. } => {
            let fields: Vec<usize> = rows[0].iter().map(|(at, _)| *at).collect();
            let target = on_conflict.clone().unwrap_or_else(|| (0..collection.key_len()).collect());
            let conflict = match resolution {
                None => String::new(),
                Some(Resolution::Ignore) => format!(" ON CONFLICT ({}) DO NOTHING", names(collection, &target)),
                Some(Resolution::Merge) => merged(collection, &target, &fields),
            };
            let insert = |rows: &[Vec<(usize, Cell)>]| {
                let rows: Vec<String> = rows.iter().map(|row| values(collection, row)).collect();
                let sql = format!("INSERT INTO {name} ({}) VALUES {}", names(collection, &fields), rows.join(", "));
                answered(&format!("{sql}{conflict}{returning}"), request, collection)
            };
            let statements = if apart { rows.chunks(1).map(insert).collect() } else { vec![insert(rows)] };
            Script { statements, count: None }
        }
        Request::Put { row, .. } => {
            let all: Vec<usize> = (0..collection.fields.len()).collect();
            let value = |at: &usize| match row.iter().find(|(given, _)| given == at) {
                Some((at, cell)) => cell.sql(collection.fields[*at].ty),
                None => "DEFAULT".to_owned(),
            };
            let values: Vec<String> = all.iter().map(value).collect();
            let target: Vec<usize> = (0..collection.key_len()).collect();
            let sql = format!("INSERT INTO {name} ({}) VALUES ({})", names(collection, &all), values.join(", "));
            one(format!("{sql}{}{returning}", merged(collection, &target, &all)))
        }
        Request::Update { set, filter, .. } => {
            let set: Vec<String> = set
                .iter()
                .map(|(at, cell)| format!("{} = {}", collection.fields[*at].name, cell.sql(collection.fields[*at].ty)))
                .collect();
            one(format!("UPDATE {name} SET {}{}{returning}", set.join(", "), filtered(filter, collection)))
        }
        Request::Delete { filter, .. } => one(format!("DELETE FROM {name}{}{returning}", filtered(filter, collection))),
    }
}

fn names(collection: &Collection, fields: &[usize]) -> String {
    fields.iter().map(|at| collection.fields[*at].name.as_str()).collect::<Vec<_>>().join(", ")
}

fn key(collection: &Collection) -> String {
    let names = collection.fields[..collection.key_len()].iter().map(|f| format!("{}.{}", collection.name, f.name));
    names.collect::<Vec<_>>().join(", ")
}

fn values(collection: &Collection, row: &[(usize, Cell)]) -> String {
    let cells: Vec<String> = row.iter().map(|(at, cell)| cell.sql(collection.fields[*at].ty)).collect();
    format!("({})", cells.join(", "))
}

fn merged(collection: &Collection, target: &[usize], fields: &[usize]) -> String {
    let set: Vec<String> = fields.iter().map(|at| format!("{0} = EXCLUDED.{0}", collection.fields[*at].name)).collect();
    format!(" ON CONFLICT ({}) DO UPDATE SET {}", names(collection, target), set.join(", "))
}

fn returned(returning: &Returning, request: &Request) -> String {
    let single =
        matches!(request, Request::Insert { rows, .. } if rows.len() == 1) || matches!(request, Request::Put { .. });
    match returning {
        Returning::Key if single => " RETURNING *".to_owned(),
        Returning::Minimal | Returning::Key => String::new(),
        Returning::Rows { .. } => " RETURNING *".to_owned(),
    }
}

/// A write whose rows are answered, as rows of JSON.
fn answered(write: &str, request: &Request, collection: &Collection) -> String {
    if !write.ends_with("RETURNING *") {
        return write.to_owned();
    }
    let name = collection.name;
    let (items, order) = match request.returning() {
        Some(Returning::Rows { items, order }) => (shown(items, collection), *order),
        _ => (names(collection, &(0..collection.key_len()).collect::<Vec<_>>()), None),
    };
    let order = order.map_or(String::new(), |(field, descending)| {
        let direction = if descending { " DESC" } else { "" };
        format!(" ORDER BY {name}.{}{direction}, {}", collection.fields[field].name, key(collection))
    });
    // What was written has the table's name, so that the rest is written alike for reads and writes.
    format!("WITH {name} AS ({write}) SELECT row_to_json(answer)::text FROM (SELECT {items} FROM {name}{order}) answer")
}

fn shown(items: &[Item], collection: &Collection) -> String {
    if items.is_empty() {
        return "*".to_owned();
    }
    let item = |item: &Item| {
        let name = &collection.fields[item.field].name;
        match item.path {
            "->>k" => format!("{name}->>'k' AS k"),
            "::text" => format!("{name}::text AS {name}"),
            _ => name.clone(),
        }
    };
    // Of columns with one name the last counts.
    let mut written: Vec<(String, String)> = Vec::new();
    for each in items {
        let called = if each.path == "->>k" { "k".to_owned() } else { collection.fields[each.field].name.clone() };
        match written.iter_mut().find(|(known, _)| *known == called) {
            Some(known) => known.1 = item(each),
            None => written.push((called, item(each))),
        }
    }
    written.into_iter().map(|(_, sql)| sql).collect::<Vec<_>>().join(", ")
}

fn filtered(filter: &[Filter], collection: &Collection) -> String {
    if filter.is_empty() {
        return String::new();
    }
    format!(" WHERE {}", joined(filter, collection, " AND "))
}

fn joined(parts: &[Filter], collection: &Collection, word: &str) -> String {
    parts.iter().map(|part| format!("({})", condition(part, collection))).collect::<Vec<_>>().join(word)
}

fn condition(filter: &Filter, collection: &Collection) -> String {
    match filter {
        Filter::All(parts) => joined(parts, collection, " AND "),
        Filter::Any(parts, false) => joined(parts, collection, " OR "),
        Filter::Any(parts, true) => format!("NOT ({})", joined(parts, collection, " OR ")),
        Filter::Test { field, test, negated } => {
            let field = &collection.fields[*field];
            let name = format!("{}.{}", collection.name, field.name);
            let sql = tested(&name, field.ty, test);
            if *negated { format!("NOT ({sql})") } else { sql }
        }
    }
}

fn tested(name: &str, ty: Ty, test: &Test) -> String {
    match test {
        Test::Compare("isdistinct", cell) => format!("{name} IS DISTINCT FROM {}", cell.sql(ty)),
        Test::Compare(op, cell) => format!("{name} {} {}", operator(op), cell.sql(ty)),
        Test::In(cells) => {
            format!("{name} IN ({})", cells.iter().map(|cell| cell.sql(ty)).collect::<Vec<_>>().join(", "))
        }
        Test::Is(what) => format!("{name} IS {what}"),
        Test::Like(pattern, fold) => {
            format!("{name} {} {}", if *fold { "ILIKE" } else { "LIKE" }, quoted(&pattern.replace('*', "%")))
        }
        Test::Contains(json) => format!("{name} @> {}::jsonb", quoted(json)),
        Test::Path(path, op, text) => {
            let key = quoted(path.trim_start_matches("->>"));
            format!("({name}->>{key}) {} {}", operator(op), quoted(text))
        }
    }
}

fn operator(op: &str) -> &'static str {
    match op {
        "eq" => "=",
        "neq" => "<>",
        "lt" => "<",
        "lte" => "<=",
        "gt" => ">",
        "gte" => ">=",
        other => panic!("{other}"),
    }
}
