//! Random apps, with rows, callers and requests.

use pintle_model::{Caller, Role};

use crate::chance::Chance;
use crate::policy::{Cond, condition};
use crate::request::{Filter, Item, Request, Resolution, Returning, Test};
use crate::world::{CHECK, Cell, Collection, DELETE, Field, INSERT, Key, Row, SELECT, Ty, USING, World};

const TYPES: [Ty; 11] = [
    Ty::Text,
    Ty::Text,
    Ty::Text,
    Ty::Integer,
    Ty::Integer,
    Ty::Integer,
    Ty::Boolean,
    Ty::Boolean,
    Ty::Number,
    Ty::Timestamp,
    Ty::Json,
];

pub(crate) fn world(chance: &mut Chance) -> World {
    let mut collections = Vec::new();
    for name in &["notes", "members", "teams"][..1 + chance.below(3)] {
        let made = collection(chance, name, &collections);
        collections.push(made);
    }
    // Select policies first: each looks only into collections before its own, so that none leads back.
    for of in 0..collections.len() {
        let seen = (0..of).filter(|c| collections[*c].policies[SELECT].is_some()).collect();
        collections[of].policies[SELECT] = policies(chance, &collections, of, seen).remove(SELECT);
    }
    for of in 0..collections.len() {
        // PostgreSQL has seldom an answer where a collection looks into itself, and then into another one.
        let own = !collections[of].policies[SELECT].as_ref().is_some_and(|select| select.says("exists"));
        let own = own || chance.percent(10);
        let seen = (0..collections.len()).filter(|c| own || *c != of);
        let seen = seen.filter(|c| collections[*c].policies[SELECT].is_some()).collect();
        let made = policies(chance, &collections, of, seen);
        for (at, policy) in made.into_iter().enumerate().filter(|(at, _)| *at != SELECT) {
            collections[of].policies[at] = policy;
        }
    }
    let mut rows: Vec<Vec<Row>> = Vec::new();
    for collection in &collections {
        let made = fill(chance, collection, &rows);
        rows.push(made);
    }
    World { collections, rows }
}

fn collection(chance: &mut Chance, name: &'static str, others: &[Collection]) -> Collection {
    let key = *chance.pick(&[Key::Counted, Key::Counted, Key::Given, Key::Given, Key::Composite]);
    let mut fields = match key {
        Key::Counted => vec![Field::new("id", Ty::Integer)],
        Key::Given => vec![Field::new("id", *chance.pick(&[Ty::Integer, Ty::Integer, Ty::Text]))],
        Key::Composite => vec![Field::new("x", Ty::Integer), Field::new("y", *chance.pick(&[Ty::Integer, Ty::Text]))],
    };
    if chance.percent(60) {
        fields.push(Field { uid: chance.percent(40), required: chance.percent(20), ..Field::new("owner", Ty::Text) });
    }
    for n in 0..2 + chance.below(4) {
        let ty = *chance.pick(&TYPES);
        let targets: Vec<usize> =
            (0..=others.len()).filter(|to| others.get(*to).map_or(key, |other| other.key) != Key::Composite).collect();
        if chance.percent(20) && !targets.is_empty() {
            let to = *chance.pick(&targets);
            let delete = chance.word(&["restrict", "cascade", "set_null"]);
            let ty = others.get(to).map_or(fields[0].ty, |other| other.fields[0].ty);
            fields.push(Field { reference: Some((to, delete)), ..Field::new(format!("r{n}"), ty) });
            continue;
        }
        let plain = matches!(ty, Ty::Text | Ty::Integer);
        fields.push(Field {
            required: chance.percent(20),
            unique: plain && chance.percent(20),
            ..Field::new(format!("{}{n}", if ty == Ty::Timestamp { "at" } else { &ty.name()[..1] }), ty)
        });
    }
    Collection { name, key, fields, policies: Default::default() }
}

/// A set of policies with `exists` into these collections.
fn policies(chance: &mut Chance, collections: &[Collection], of: usize, into: Vec<usize>) -> Vec<Option<Cond>> {
    // Few conditions for many policies: what one has in common with another is where a planner might save too much.
    let mut pool: Vec<Cond> = (0..2).map(|_| condition(chance, collections, of, into.clone(), true)).collect();
    pool.extend(collections[of].policies[SELECT].clone().filter(|_| !names_a_counted_key(&collections[of])));
    let mut made = vec![None; DELETE + 1];
    for (at, policy) in made.iter_mut().enumerate() {
        *policy = Some(match chance.below(20) {
            0 => continue,
            1 => Cond::Atom(chance.word(&["false", "null"]).to_owned()),
            2..=6 => Cond::Atom("true".to_owned()),
            7..=10 => chance.pick(&pool).clone(),
            11 => Cond::All(vec![pool[0].clone(), pool[1].clone()]),
            12 => Cond::Any(vec![pool[0].clone(), pool[1].clone()]),
            _ => condition(chance, collections, of, into.clone(), at == INSERT),
        });
    }
    if made[USING].is_none() || chance.percent(40) {
        made[CHECK] = made[USING].clone();
    } else if made[CHECK].is_none() {
        made[CHECK] = Some(Cond::Atom("true".to_owned()));
    }
    made
}

/// What an insert policy must not do where the store counts.
fn names_a_counted_key(collection: &Collection) -> bool {
    let select = collection.policies[SELECT].as_ref();
    collection.key == Key::Counted && select.is_some_and(|select| select.says(&collection.fields[0].name))
}

fn fill(chance: &mut Chance, collection: &Collection, others: &[Vec<Row>]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for n in 0..chance.below(6) {
        let mut row: Row = (0..collection.fields.len())
            .map(|at| match (at, collection.key) {
                (0, Key::Counted) => Cell::Integer(i64::try_from(n).unwrap() + 1),
                _ if collection.is_key(at) => collection.key_cell(at, chance),
                _ => {
                    let field = &collection.fields[at];
                    field.cell(chance, if field.required { 0 } else { 25 })
                }
            })
            .collect();
        for (at, field) in collection.fields.iter().enumerate() {
            if let Some((to, _)) = field.reference {
                let there = |rows: &Vec<Row>| rows.iter().any(|other| other[0] == row[at]);
                // The last of `others` is the collection before this one; to itself is what is not there yet.
                if !others.get(to).map_or_else(|| there(&rows) || row[0] == row[at], there) {
                    row[at] = Cell::Null;
                }
            }
        }
        if !taken(collection, &rows, &row) {
            rows.push(row);
        } else if collection.key == Key::Counted {
            break;
        }
    }
    rows
}

/// Whether the row's key or a unique field is another's.
fn taken(collection: &Collection, rows: &[Row], row: &[Cell]) -> bool {
    rows.iter().any(|other| {
        let unique = |at: usize| collection.fields[at].unique && row[at] != Cell::Null && other[at] == row[at];
        collection.key_of(other) == collection.key_of(row) || (0..row.len()).any(unique)
    })
}

pub(crate) fn caller(chance: &mut Chance) -> Caller {
    let role = *chance.pick(&[
        Role::Anon,
        Role::Anon,
        Role::Authenticated,
        Role::Authenticated,
        Role::Authenticated,
        Role::Authenticated,
        Role::ServiceRole,
    ]);
    let mut caller = Caller::of(role);
    caller.user = if role == Role::Authenticated && chance.percent(85) {
        Some(chance.word(&["ann", "bob"]).to_owned())
    } else {
        None
    };
    if chance.percent(30) {
        caller.claims.insert("plan".to_owned(), chance.word(&["pro", "a"]).to_owned());
    }
    caller
}

pub(crate) fn request(chance: &mut Chance, world: &World) -> Request {
    let of = chance.below(world.collections.len());
    let collection = &world.collections[of];
    match chance.below(12) {
        0 | 1 => read(chance, world, of),
        2..=4 => insert(chance, world, of),
        5 | 6 => {
            let mut request = insert(chance, world, of);
            if let Request::Insert { resolution, on_conflict, rows, .. } = &mut request {
                *resolution = Some(*chance.pick(&[Resolution::Merge, Resolution::Merge, Resolution::Ignore]));
                let unique: Vec<usize> =
                    (0..collection.fields.len()).filter(|at| collection.fields[*at].unique).collect();
                // A merge by another field must not give the key, so the key is counted: Pintle refuses all else (PGRST127).
                let keyless = collection.key == Key::Counted && rows[0].iter().any(|(at, _)| *at != 0);
                if !unique.is_empty() && chance.percent(40) && (keyless || *resolution == Some(Resolution::Ignore)) {
                    *on_conflict = Some(vec![*chance.pick(&unique)]);
                    if keyless {
                        rows.iter_mut().for_each(|row| row.retain(|(at, _)| *at != 0));
                    }
                }
            }
            request
        }
        7 => {
            let fields: Vec<usize> = (collection.key_len()..collection.fields.len()).collect();
            let given: Vec<usize> = (0..collection.key_len()).chain(chance.some(&fields, 80)).collect();
            Request::Put { of, row: record(chance, world, of, &given), returning: returning(chance, collection) }
        }
        8 | 9 => {
            let fields: Vec<usize> = (collection.key_len()..collection.fields.len()).collect();
            let mut given = chance.some(&fields, 40);
            if given.is_empty() {
                given.push(*chance.pick(&fields));
            }
            let set = record(chance, world, of, &given);
            Request::Update { of, set, filter: filters(chance, collection), returning: returning(chance, collection) }
        }
        _ => Request::Delete { of, filter: filters(chance, collection), returning: returning(chance, collection) },
    }
}

fn read(chance: &mut Chance, world: &World, of: usize) -> Request {
    let collection = &world.collections[of];
    let fields: Vec<usize> = (0..collection.fields.len()).collect();
    let order = chance.percent(50).then(|| {
        let first = *chance.pick(&fields);
        (first, chance.percent(50), *chance.pick(&[None, Some(true), Some(false)]))
    });
    let page = order.is_some() && chance.percent(40);
    Request::Read {
        of,
        items: items(chance, collection),
        filter: filters(chance, collection),
        order,
        limit: page.then(|| chance.below(4)),
        offset: if page { chance.below(3) } else { 0 },
        count: chance.percent(40),
    }
}

fn insert(chance: &mut Chance, world: &World, of: usize) -> Request {
    let collection = &world.collections[of];
    let fields: Vec<usize> = (0..collection.fields.len()).collect();
    let mut given = chance.some(&fields, 75);
    // A required field is mostly given, and a key that is not counted.
    let needed =
        |at: &usize| collection.fields[*at].required || (collection.is_key(*at) && collection.key != Key::Counted);
    given.extend(fields.iter().filter(|at| needed(at) && chance.percent(97)));
    if collection.key == Key::Counted && chance.percent(50) {
        given.retain(|at| *at != 0);
    }
    given.sort_unstable();
    given.dedup();
    if given.is_empty() {
        given.push(collection.fields.len() - 1);
    }
    let many = if chance.percent(35) { 2 + chance.below(3) } else { 1 };
    let rows = (0..many).map(|_| record(chance, world, of, &given)).collect();
    Request::Insert { of, rows, resolution: None, on_conflict: None, returning: returning(chance, collection) }
}

/// Values for these fields.
fn record(chance: &mut Chance, world: &World, of: usize, given: &[usize]) -> Vec<(usize, Cell)> {
    let collection = &world.collections[of];
    let value = |chance: &mut Chance, at: usize| {
        let field = &collection.fields[at];
        let there = field.reference.map_or(of, |(to, _)| to);
        // Keys and references are often those that are there.
        if (collection.is_key(at) || field.reference.is_some()) && !world.rows[there].is_empty() && chance.percent(50) {
            let row = chance.pick(&world.rows[there]);
            return if field.reference.is_some() { row[0].clone() } else { row[at].clone() };
        }
        match (collection.is_key(at), field.required) {
            (true, _) => collection.key_cell(at, chance),
            (false, true) => field.cell(chance, 2),
            (false, false) => field.cell(chance, 15),
        }
    };
    given.iter().map(|at| (*at, value(chance, *at))).collect()
}

fn items(chance: &mut Chance, collection: &Collection) -> Vec<Item> {
    let fields: Vec<usize> = (0..collection.fields.len()).collect();
    if chance.percent(50) {
        return Vec::new();
    }
    let some = chance.some(&fields, 50);
    let item = |at: usize, chance: &mut Chance| match collection.fields[at].ty {
        Ty::Json if chance.percent(50) => Item { field: at, path: "->>k" },
        ty if ty != Ty::Json && chance.percent(15) => Item { field: at, path: "::text" },
        _ => Item { field: at, path: "" },
    };
    some.into_iter().map(|at| item(at, chance)).collect()
}

fn returning(chance: &mut Chance, collection: &Collection) -> Returning {
    match chance.below(10) {
        0..=3 => Returning::Minimal,
        4 => Returning::Key,
        _ => {
            let order = chance.percent(30).then(|| (chance.below(collection.fields.len()), chance.percent(50)));
            Returning::Rows { items: items(chance, collection), order }
        }
    }
}

fn filters(chance: &mut Chance, collection: &Collection) -> Vec<Filter> {
    (0..*chance.pick(&[0, 1, 1, 1, 2])).map(|_| filter(chance, collection, 2)).collect()
}

fn filter(chance: &mut Chance, collection: &Collection, depth: usize) -> Filter {
    if depth > 0 && chance.percent(20) {
        let parts = (0..2 + chance.below(2)).map(|_| filter(chance, collection, depth - 1)).collect();
        return if chance.percent(70) { Filter::Any(parts, chance.percent(20)) } else { Filter::All(parts) };
    }
    let at = chance.below(collection.fields.len());
    let field = &collection.fields[at];
    let value = |chance: &mut Chance| {
        if collection.is_key(at) { collection.key_cell(at, chance) } else { field.cell(chance, 0) }
    };
    let test = match (chance.below(10), field.ty) {
        (0, _) => Test::Is("null"),
        (1, Ty::Boolean) => Test::Is(chance.word(&["true", "false", "unknown"])),
        (1 | 2, Ty::Text) => Test::Like(chance.word(&["a*", "*b", "_", "*", "A*"]), chance.percent(50)),
        (1, Ty::Json) => Test::Contains(r#"{"k": 1}"#),
        (2 | 3, Ty::Json) => Test::Path("->>k", chance.word(&["eq", "gte", "neq"]), "1"),
        (3, ty) if ty != Ty::Json => Test::In((0..1 + chance.below(3)).map(|_| value(chance)).collect()),
        (4, _) => Test::Compare("isdistinct", value(chance)),
        _ => {
            let op = chance.word(&["eq", "eq", "eq", "neq", "lt", "lte", "gt", "gte"]);
            Test::Compare(op, value(chance))
        }
    };
    Filter::Test { field: at, test, negated: chance.percent(15) }
}
