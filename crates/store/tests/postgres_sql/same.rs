//! The same rows, asked the same, are the same rows on both stores, in the same order.

use std::cell::Cell;
use std::sync::Arc;

use pintle_model::{CollectionId, Role};
use pintle_query::rest::Preferences;
use pintle_query::{Dialect, Planner, Read};
use pintle_store::{Consent, Store};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use crate::server::{Server, asker, model};
use crate::support::{Place, text};

const DOCS: CollectionId = CollectionId(0);
const MANIFEST: &str = "
pintle: 1
name: sample
collections:
  docs:
    key: { id: { type: integer, generated: true } }
    fields: { t: text, u: text, n: integer, x: number, b: boolean, s: timestamp, j: json }
    indexes: [[t], [j->>a], [j->b->0->>a]]
    policies:
      select: >-
        auth.uid() is not null and (lower(t) = lower(u) or t > u or t like u or t || 'b' ilike u or length(t) > n * 2
        or x > n or coalesce(u, t) <= 'b' or j->0->>'a' is distinct from u or n::text = u or s::text > t or b)
";

/// Both stores, with the same rows.
struct Both {
    server: Server,
    store: Store,
    planner: Planner,
    _place: Place,
}

impl Both {
    fn new() -> Both {
        let place = Place::new(model(MANIFEST));
        let server = Server::new(MANIFEST);
        let store = place.open();
        store.migrate(Consent::Forward).unwrap();
        let planner = Planner::new(Arc::clone(&place.model), Dialect::Sqlite).unwrap();
        Both { server, store, planner, _place: place }
    }

    fn fill(&self, rows: &[Json]) {
        let (asker, prefer) = (asker(Role::ServiceRole), Preferences::default());
        let body = Json::from(rows.to_vec()).to_string();
        for planner in [&self.planner, &self.server.planner] {
            let write = planner.rest_insert(DOCS, "columns=t,u,n,x,b,s,j", body.as_bytes(), &prefer, &asker).unwrap();
            let write = write.write.unwrap();
            match planner.model() {
                model if Arc::ptr_eq(model, self.planner.model()) => {
                    self.server.block_on(self.store.write(write)).unwrap();
                }
                _ => _ = self.server.write(&write).unwrap(),
            }
        }
    }

    /// What each of them answers, of columns that are all text.
    fn answers(&self, plan: impl Fn(&Planner) -> Read) -> Result<(Vec<Json>, Vec<Json>), String> {
        let (on_sqlite, on_postgres) = (plan(&self.planner), plan(&self.server.planner));
        let names: Vec<String> = on_postgres.plan.columns.iter().map(|column| column.name().to_owned()).collect();
        let sql = on_postgres.plan.rows.sql.clone();
        let rows = self.server.block_on(self.store.read(on_sqlite)).map_err(|error| format!("{error:?}"))?;
        let rows: Vec<Json> = serde_json::from_str(text(&rows)).unwrap();
        let found = self.server.run(&on_postgres.plan.rows, &on_postgres.inputs, &[]);
        let found = found.map_err(|error| format!("{error:?}: {sql}"))?;
        let object = |row: &tokio_postgres::Row| {
            let members =
                names.iter().enumerate().map(|(at, name)| (name.clone(), Json::from(row.get::<_, Option<String>>(at))));
            Json::Object(members.collect())
        };
        Ok((rows, found.iter().map(object).collect()))
    }
}

/// Where two lists of rows begin to differ, if they do.
fn same(sqlite: &[Json], postgres: &[Json]) -> Result<(), String> {
    let at = (0..sqlite.len().max(postgres.len())).find(|at| sqlite.get(*at) != postgres.get(*at));
    at.map_or(Ok(()), |at| Err(format!("row {at}: {:?}\non PostgreSQL: {:?}", sqlite.get(at), postgres.get(at))))
}

fn word() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "a", "b", "A", "É", "é", "Σ", "σ", "ς", "İ", "ß", "_", "%", "\\", " ", "1", "-", "😀", "\u{fffd}", "\"",
    ]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn scalar() -> impl Strategy<Value = Json> {
    let texts =
        select(vec!["a", "b", "1", "1.0", "true", "null", "", "é", "-0", "1e2", "\u{1}\"\\"]).prop_map(Json::from);
    let numbers = select(vec!["1", "1.0", "100", "1e2", "-0.0", "12345678901234567890.5", "0.1"]);
    let numbers = numbers.prop_map(|number| serde_json::from_str(number).unwrap());
    prop_oneof![4 => texts, 3 => numbers, 1 => any::<bool>().prop_map(Json::from), 1 => Just(Json::Null)]
}

fn tree() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map(
                select(vec!["a", "b", "0", "é\"\\", ""]).prop_map(str::to_owned),
                inner,
                0..3
            )
            .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn row() -> impl Strategy<Value = Json> {
    let nullable = |strategy: BoxedStrategy<Json>| prop_oneof![5 => strategy, 1 => Just(Json::Null)];
    let moment = select(vec![
        "0001-01-01T00:00:00Z",
        "2020-02-29T23:59:59.999999Z",
        "2020-03-01T00:00:00.5+02:00",
        "9999-12-31T23:59:59Z",
    ]);
    (
        nullable(word().prop_map(Json::from).boxed()),
        nullable(word().prop_map(Json::from).boxed()),
        nullable((-3i64..4).prop_map(Json::from).boxed()),
        nullable(select(vec![-1.5, 0.0, 1.0, 2.5, 1e21, 1e-7, 123_456_789.123]).prop_map(Json::from).boxed()),
        nullable(any::<bool>().prop_map(Json::from).boxed()),
        nullable(moment.prop_map(Json::from).boxed()),
        nullable(tree().boxed()),
    )
        .prop_map(|(t, u, n, x, b, s, j)| json!({ "t": t, "u": u, "n": n, "x": x, "b": b, "s": s, "j": j }))
}

fn path() -> impl Strategy<Value = String> {
    let step = select(vec!["->a", "->b", "->0", "->-1", "->2", "->\"0\"", "->\"é\\\"\\\\\"", "->\"\""]);
    proptest::collection::vec(step, 1..4).prop_map(|steps| format!("j{}", steps.concat()))
}

/// The last step gives a text.
fn text_path() -> impl Strategy<Value = String> {
    path().prop_map(|path| {
        let (before, last) = path.rsplit_once("->").unwrap();
        format!("{before}->>{last}")
    })
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn condition() -> impl Strategy<Value = String> {
    let order = select(vec!["eq", "neq", "lt", "lte", "gt", "gte", "isdistinct"]);
    let texts = || prop_oneof![select(vec!["t", "u"]).prop_map(str::to_owned), text_path()];
    let trees = || prop_oneof![Just("j".to_owned()), path()];
    // A pattern that ends with an escape is refused.
    let pattern =
        word().prop_map(|word| format!("{}{}", word.replace('\\', "\\\\"), if word.len() % 2 == 0 { "*" } else { "" }));
    prop_oneof![
        (texts(), order.clone(), word()).prop_map(|(path, op, word)| (path, op.to_owned(), word)),
        (texts(), select(vec!["like", "ilike"]), pattern).prop_map(|(path, op, word)| (path, op.to_owned(), word)),
        (trees(), order.clone(), tree()).prop_map(|(path, op, tree)| (path, op.to_owned(), tree.to_string())),
        (trees(), select(vec!["cs", "cd"]), tree()).prop_map(|(path, op, tree)| (
            path,
            op.to_owned(),
            tree.to_string()
        )),
        (select(vec!["n", "x"]), order.clone(), -2i64..3).prop_map(|(field, op, n)| (
            field.to_owned(),
            op.to_owned(),
            n.to_string()
        )),
        (texts(), Just(())).prop_map(|(path, ())| (path, "is".to_owned(), "null".to_owned())),
        (trees(), Just(())).prop_map(|(path, ())| (path, "not.is".to_owned(), "null".to_owned())),
    ]
    .prop_map(|(target, op, value)| format!("{}={op}.{}", encoded(&target), encoded(&value)))
}

fn query() -> impl Strategy<Value = String> {
    let direction = select(vec!["", ".desc", ".asc.nullsfirst", ".desc.nullslast"]);
    let fields = select(vec!["t", "u", "n", "x", "b", "s", "j"]).prop_map(str::to_owned);
    let key = (prop_oneof![2 => fields, 1 => path(), 1 => text_path()], direction)
        .prop_map(|(key, way)| encoded(&format!("{key}{way}")));
    (proptest::collection::vec(condition(), 0..3), text_path(), proptest::option::of(key), any::<bool>()).prop_map(
        |(conditions, shown, key, either)| {
            let order = key.map_or_else(|| "id".to_owned(), |key| format!("{key},id"));
            let filters = match conditions.as_slice() {
                [a, b] if either => format!("&or=({},{})", tree_of(a), tree_of(b)),
                all => all.iter().map(|filter| format!("&{filter}")).collect(),
            };
            let casts = "id::text,t,n::text,x::text,b::text,s::text,j::text";
            format!("select={casts},shown:{}&order={order}{filters}", encoded(&shown))
        },
    )
}

/// A parameter as it stands in a tree; its value in quotes.
fn tree_of(parameter: &str) -> String {
    let (target, test) = parameter.split_once('=').unwrap();
    let (op, value) = test.rsplit_once('.').unwrap();
    let value = value.replace("%5c", "%5c%5c").replace("%22", "%5c%22");
    if op.ends_with("is") { format!("{target}.{op}.null") } else { format!("{target}.{op}.%22{value}%22") }
}

fn inner_key() -> impl Strategy<Value = String> {
    let keys = proptest::collection::vec(select(vec!["a", "b", "0", "é\"\\"]), 0..3);
    let wanted = prop_oneof![
        3 => select(vec!["a", "1", "1.0", "1e2", "100", "-0", "0", "true", "null", "", "01", "1 ", " 1", "{}", "[1]", "12345678901234567890.50", "1e99999999999"]).prop_map(str::to_owned),
        1 => word(),
    ];
    (keys, wanted).prop_map(|(keys, wanted)| {
        let name: String = keys.iter().map(|key| format!(".{}", encoded(key))).collect();
        format!("j{name}={}", encoded(&wanted))
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Some rows of all kinds, the same in every run but for their number's sake.
fn rows(runner: &mut TestRunner, count: usize) -> Vec<Json> {
    use proptest::strategy::ValueTree;
    proptest::collection::vec(row(), count).new_tree(runner).unwrap().current()
}

#[test]
fn a_query_finds_the_same_rows_in_the_same_order_on_both_stores() {
    let both = Both::new();
    let mut runner = runner(300);
    both.fill(&rows(&mut runner, 150));
    let found = Cell::new(0);
    let strategy = (query(), select(vec![Role::ServiceRole, Role::Authenticated]));
    runner
        .run(&strategy, |(query, role)| {
            let read = |planner: &Planner| {
                planner
                    .rest_read(DOCS, &query, &Preferences::default(), &asker(role))
                    .unwrap_or_else(|f| panic!("{f:?} {query}"))
                    .read
            };
            let (sqlite, postgres) = both.answers(read).map_err(TestCaseError::fail)?;
            found.set(found.get() + sqlite.len());
            same(&sqlite, &postgres).map_err(|difference| {
                TestCaseError::fail(format!("{difference}\n{query}\n{:?}", read(&both.server.planner).plan.rows))
            })
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(found.get() > 100, "{} rows", found.get());
}

#[test]
fn a_filter_on_inner_keys_finds_the_same_on_both_stores() {
    let both = Both::new();
    let mut runner = runner(300);
    both.fill(&rows(&mut runner, 300));
    both.fill(&[json!({ "t": "deep", "u": null, "n": null, "x": null, "b": null, "s": null, "j": [[[[{ "a": [[[["1"]]]] }]]]] })]);
    let found = Cell::new(0);
    runner
        .run(&inner_key(), |query| {
            let ids = |planner: &Planner| {
                let mut read =
                    planner.list(DOCS, &format!("{query}&limit=1000"), &asker(Role::ServiceRole)).unwrap().read;
                let mut plan = (*read.plan).clone();
                plan.columns.truncate(1);
                let text =
                    if Arc::ptr_eq(planner.model(), both.planner.model()) { "CAST(id AS TEXT)" } else { "id::text" };
                let (_, from) = plan.rows.sql.split_once(" FROM ").unwrap();
                plan.rows.sql = format!("SELECT {text} FROM {from}");
                plan.columns = vec![pintle_query::plan::Column::new("id", pintle_model::Type::Text)];
                read.plan = Arc::new(plan);
                read
            };
            let (sqlite, postgres) = both.answers(ids).map_err(TestCaseError::fail)?;
            found.set(found.get() + sqlite.len());
            same(&sqlite, &postgres).map_err(|difference| TestCaseError::fail(format!("{difference}\n{query}")))
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(found.get() > 100, "{} rows", found.get());
}
