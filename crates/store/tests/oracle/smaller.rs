//! What a case may be made smaller to.

use crate::judge::Case;
use crate::policy::Cond;
use crate::request::{Filter, Request, Returning};
use crate::world::{CHECK, Cell, Field, Key, USING};

/// Cases that are a little smaller.
pub(crate) fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Case)| {
        let mut other = case.clone();
        change(&mut other);
        all.push(other);
    };
    for (of, rows) in case.world.rows.iter().enumerate() {
        // From the end: counted keys have no gaps.
        if !rows.is_empty() && !is_pointed_at(case, of) {
            add(&|case| _ = case.world.rows[of].pop());
        }
        if rows.len() > 1 && case.world.collections[of].key != Key::Counted && !is_pointed_at(case, of) {
            add(&|case| _ = case.world.rows[of].remove(0));
        }
    }
    for (of, collection) in case.world.collections.iter().enumerate() {
        for (at, policy) in collection.policies.iter().enumerate() {
            let Some(policy) = policy else { continue };
            let mut others = simpler(policy);
            let constant = |text: &str| Cond::Atom(text.to_owned());
            if *policy != constant("true") {
                others.insert(0, constant("true"));
            }
            for other in others {
                add(&|case| {
                    let policies = &mut case.world.collections[of].policies;
                    // What stands for both halves of an update stays the same.
                    if (at == USING || at == CHECK) && policies[USING] == policies[CHECK] {
                        policies[USING] = Some(other.clone());
                        policies[CHECK] = Some(other.clone());
                    } else {
                        policies[at] = Some(other.clone());
                    }
                });
            }
        }
    }
    for (of, rows) in case.world.rows.iter().enumerate() {
        let collection = &case.world.collections[of];
        for (at, row) in rows.iter().enumerate() {
            let free = |field: &usize| !collection.fields[*field].required && row[*field] != Cell::Null;
            for field in (collection.key_len()..row.len()).filter(free) {
                add(&|case| case.world.rows[of][at][field] = Cell::Null);
            }
        }
    }
    all.extend(requests(&case.request).into_iter().map(|request| Case { request, ..case.clone() }));
    all
}

/// Whether rows of another collection, or of this one, may point at its rows.
fn is_pointed_at(case: &Case, of: usize) -> bool {
    case.world.collections.iter().zip(&case.world.rows).any(|(collection, rows)| {
        let points = |(at, field): (usize, &Field)| {
            field.reference.is_some_and(|(to, _)| to == of) && rows.iter().any(|row| row[at] != Cell::Null)
        };
        collection.fields.iter().enumerate().any(points)
    })
}

/// Conditions that are a part of this one.
fn simpler(policy: &Cond) -> Vec<Cond> {
    let boxed = |inner: &Cond, wrap: &dyn Fn(Box<Cond>) -> Cond| -> Vec<Cond> {
        simpler(inner).into_iter().map(|inner| wrap(Box::new(inner))).collect()
    };
    match policy {
        Cond::Atom(_) => Vec::new(),
        Cond::All(parts) | Cond::Any(parts) => {
            let again =
                |parts: Vec<Cond>| if matches!(policy, Cond::All(_)) { Cond::All(parts) } else { Cond::Any(parts) };
            let mut all = parts.clone();
            for at in 0..parts.len() {
                for other in simpler(&parts[at]) {
                    let mut changed = parts.clone();
                    changed[at] = other;
                    all.push(again(changed));
                }
            }
            all
        }
        Cond::Not(inner) => [vec![(**inner).clone()], boxed(inner, &Cond::Not)].concat(),
        Cond::Is(inner, what) => [vec![(**inner).clone()], boxed(inner, &|inner| Cond::Is(inner, what))].concat(),
        Cond::Exists(from, body) => {
            let always = Cond::Exists(from.clone(), Box::new(Cond::Atom("true".to_owned())));
            let mut all = boxed(body, &|body| Cond::Exists(from.clone(), body));
            if *policy != always {
                all.insert(0, always);
            }
            all
        }
    }
}

/// Requests that ask for less.
fn requests(request: &Request) -> Vec<Request> {
    let mut all = Vec::new();
    match request {
        Request::Read { filter, .. } | Request::Update { filter, .. } | Request::Delete { filter, .. } => {
            for fewer in filters(filter) {
                let mut other = request.clone();
                if let Request::Read { filter, .. } | Request::Update { filter, .. } | Request::Delete { filter, .. } =
                    &mut other
                {
                    *filter = fewer;
                }
                all.push(other);
            }
        }
        Request::Insert { of, rows, resolution, on_conflict, returning } => {
            let with = |rows| Request::Insert {
                of: *of,
                rows,
                resolution: *resolution,
                on_conflict: on_conflict.clone(),
                returning: returning.clone(),
            };
            all.extend(without(rows).into_iter().map(with));
            let fields = (0..rows[0].len()).filter(|_| rows[0].len() > 1);
            all.extend(fields.map(|at| {
                let mut rows = rows.clone();
                rows.iter_mut().for_each(|row| _ = row.remove(at));
                with(rows)
            }));
        }
        Request::Put { .. } => {}
    }
    if let Request::Update { of, set, filter, returning } = request {
        all.extend(without(set).into_iter().map(|set| Request::Update {
            of: *of,
            set,
            filter: filter.clone(),
            returning: returning.clone(),
        }));
    }
    let mut plain = request.clone();
    match &mut plain {
        Request::Read { items, order, limit, offset, count, .. } => {
            (*items, *order, *limit, *offset, *count) = (Vec::new(), None, None, 0, false);
        }
        Request::Insert { returning, .. }
        | Request::Put { returning, .. }
        | Request::Update { returning, .. }
        | Request::Delete { returning, .. } => *returning = Returning::Minimal,
    }
    all.extend((plain != *request).then_some(plain));
    all
}

/// Each without one, unless it is the last.
fn without<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let one = |at: usize| [&all[..at], &all[at + 1..]].concat();
    if all.len() > 1 { (0..all.len()).map(one).collect() } else { Vec::new() }
}

/// Fewer filters, or a part of one for the whole.
fn filters(all: &[Filter]) -> Vec<Vec<Filter>> {
    let mut fewer = if all.len() == 1 { vec![Vec::new()] } else { without(all) };
    for (at, filter) in all.iter().enumerate() {
        if let Filter::All(parts) | Filter::Any(parts, _) = filter {
            fewer.extend(parts.iter().map(|part| {
                let mut other = all.to_vec();
                other[at] = part.clone();
                other
            }));
        }
    }
    fewer
}
