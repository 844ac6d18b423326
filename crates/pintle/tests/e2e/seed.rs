//! `pintle seed`: an app's sample data, made by its script.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{App, Place, finish, pintle};

on_both_stores!(
    a_seed_fills_the_collections_of_a_served_app,
    what_is_there_is_written_over_only_when_asked,
    a_seed_that_cannot_be_stored_leaves_nothing,
    batches_before_a_refused_one_stay,
    a_seed_yields_the_same_each_time,
    a_seed_takes_settings_and_refuses_those_that_it_does_not_ask_for,
);

const MANIFEST: &str = "\
pintle: 1
name: world
collections:
  towns:
    key: { id: integer }
    fields: { name: { type: text, required: true, maxLength: 10 }, founded: { type: date, default: '1200-01-01' } }
    policies: { select: 'true' }
  people:
    fields:
      name: { type: text, required: true }
      town: { type: ref, to: towns }
      born: { type: timestamp, required: true, readonly: true, default: now() }
    indexes: [{ fields: [town, name], unique: true }]
    policies: { select: 'true' }
  log:
    fields: { line: text }
    policies: { select: 'true' }
seed: seed/world.js
";

/// Two batches, of which the second needs the first.
const WORLD: &str = "\
import { names } from './names.js';

export default async function* () {
  log.info('making a world');
  yield { towns: names.map((name, id) => ({ id, name })) };
  yield {
    people: names.flatMap((_, town) => ['Ann', 'Bob'].map((name) => ({ name, town }))),
    towns: [{ id: 99, name: 'Far', founded: null }],
  };
}
";

fn app(place: Place, world: &str) -> App {
    let app = App::of(MANIFEST).on(place);
    std::fs::create_dir(app.file("seed")).unwrap();
    std::fs::write(app.file("seed/names.js"), "export const names = ['Nord', 'Sud'];\n").unwrap();
    script(&app, world);
    app
}

fn script(app: &App, world: &str) {
    std::fs::write(app.file("seed/world.js"), world).unwrap();
}

fn seed(app: &App, words: &[&str]) -> (i32, String, String) {
    finish(pintle(&["seed"]).arg(".").args(words).args(app.store()).current_dir(app.path()))
}

const STORED: &str = "Stored 7 rows in 2 collections: 3 towns, 4 people.\n";

async fn a_seed_fills_the_collections_of_a_served_app(place: Place) {
    let app = app(place, WORLD);
    let server = app.serve();
    assert_eq!(seed(&app, &[]), (0, STORED.to_owned(), "making a world\nmaking a world\n".to_owned()));
    let towns = json!([
        { "id": 0, "name": "Nord", "founded": "1200-01-01" },
        { "id": 1, "name": "Sud", "founded": "1200-01-01" },
        { "id": 99, "name": "Far", "founded": null },
    ]);
    server.get("/rest/v1/towns?order=id").await.is(200, towns);
    let people = server.get("/rest/v1/people?select=name,town&order=town,name&born=not.is.null").await.has(200).json();
    assert_eq!((people.as_array().map(Vec::len), &people[3]), (Some(4), &json!({ "name": "Bob", "town": 1 })));
}

async fn what_is_there_is_written_over_only_when_asked(place: Place) {
    let app = app(place, WORLD);
    assert_eq!(seed(&app, &[]).0, 0);
    script(&app, &WORLD.replace("'Far'", "'Farther'"));
    let (code, out, err) = seed(&app, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    let refused = "error: `towns`, `people` have rows already: nothing was stored\n  help: with `--again` rows of the same keys \
                   are written over, and all others stay\n";
    assert_eq!(err, format!("making a world\n{refused}"));

    let (code, out, _) = seed(&app, &["--again"]);
    assert_eq!((code, out.as_str()), (0, STORED));
    let server = app.serve();
    server.get("/rest/v1/towns?select=name&id=eq.99").await.is(200, json!([{ "name": "Farther" }]));
    let people = server.get("/rest/v1/people?select=id").await.has(200).json();
    assert_eq!(people.as_array().map(Vec::len), Some(4), "people are told by the index of town and name");
}

async fn a_seed_that_cannot_be_stored_leaves_nothing(place: Place) {
    let app = app(place, WORLD);
    let mut told = String::new();
    for world in [
        WORLD.replace("names.map(", "nmes.map("),
        WORLD.replace("'Far'", "'Far too long a name'").replace("id: 99", "id: 'x'"),
        WORLD.replace("towns: names", "town: names"),
        WORLD.replace("[{ id: 99, name: 'Far', founded: null }]", "7"),
        WORLD.replace("founded: null }]", "founded: await db.from('towns').select().throwOnError() }]"),
        "export default async function* () { yield 1; }".to_owned(),
        "export default async function () {}".to_owned(),
    ] {
        script(&app, &world);
        let (code, out, err) = seed(&app, &[]);
        assert_eq!((code, out.as_str()), (1, ""));
        told += &err.replace("making a world\n", "");
    }
    if place == Place::Sqlite {
        assert_snapshot!("a_seed_that_cannot_be_stored", told);
    }
    let server = app.serve();
    server.get("/rest/v1/towns").await.is(200, json!([]));
}

async fn batches_before_a_refused_one_stay(place: Place) {
    let app = app(place, &WORLD.replace("id: 99", "id: 1"));
    let (code, out, err) = seed(&app, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    let refused = "error: the seed `seed/world.js` yields what cannot be stored: people, towns: duplicate key value violates \
                   unique constraint \"towns_pkey\": Key (id)=(1) already exists.\n  help: 2 rows were stored before that; with \
                   `--again` they are written over\n";
    assert!(err.ends_with(refused), "{err}");
    let server = app.serve();
    server.get("/rest/v1/people").await.is(200, json!([]));
    server.get("/rest/v1/towns?select=id&order=id").await.is(200, json!([{ "id": 0 }, { "id": 1 }]));

    script(&app, "export default function* () { yield { log: [{ line: 'a' }] }; }");
    assert_eq!(seed(&app, &["--again"]).1, "Stored 1 row of log.\n", "an empty collection is filled");
    let (code, _, err) = seed(&app, &["--again"]);
    assert_eq!(code, 1);
    assert!(err.contains("`log` has rows already, and nothing tells whether these are among them"), "{err}");
}

async fn a_seed_yields_the_same_each_time(place: Place) {
    let chance = "export default function* () { yield { log: [{ line: crypto.randomUUID() + Math.random() }] }; }";
    let mut lines = Vec::new();
    for _ in 0..2 {
        let app = app(place, chance);
        assert_eq!(seed(&app, &[]).0, 0);
        lines.push(app.serve().get("/rest/v1/log?select=line").await.has(200).json());
    }
    assert!(lines[0] == lines[1] && lines[0] != Value::Array(Vec::new()), "{lines:?}");
}

#[test]
fn an_app_without_a_seed_is_told_how_to_have_one() {
    let app = App::of("pintle: 1\nname: world\n");
    let (code, _, err) = seed(&app, &[]);
    let help = "name one in the manifest: `seed: seed/world.js`, a script that yields rows";
    assert_eq!((code, err), (1, format!("error: the app `world` has no seed\n  help: {help}\n")));
}

async fn a_seed_takes_settings_and_refuses_those_that_it_does_not_ask_for(place: Place) {
    let world = "export default function* ({ towns = 2, name = 'T', far }) {
  for (let id = 0; id < towns; id++) yield { towns: [{ id, name: `${name}${id}`, founded: far === true ? null : '1300-01-01' }] };
}
";
    let app = app(place, world);
    let (code, out, err) = seed(&app, &["--set", "twons=3", "--set", "name=N"]);
    let told = "error: the seed `seed/world.js` did not run to its end: TypeError: it asks for no `twons`, but for `towns`, `name`, `far`\n  help: nothing was stored\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", told));
    assert_eq!(seed(&app, &["--set", "=3"]).0, 2);
    let (code, _, err) = seed(&app, &["--set", "towns=3", "--set", "towns=4"]);
    assert_eq!((code, err.as_str()), (2, "error: `--set towns=…` is given twice\n  help: give it once\n"));
    let (code, out, _) = seed(&app, &["--set", "towns=3", "--set", "name=7th=", "--set", "far=true"]);
    assert_eq!((code, out.as_str()), (0, "Stored 3 rows of towns.\n"));
    // The same as flags of the seed's own, among those of every seed.
    let (code, out, err) = seed(&app, &["--towns", "3", "--again", "--name=7th=", "--far", "true"]);
    assert_eq!((code, out.as_str()), (0, "Stored 3 rows of towns.\n"), "{err}");
    let (code, _, err) = seed(&app, &["--twons", "3"]);
    assert!(code == 1 && err.contains("it asks for no `twons`"), "{code} {err}");
    let (code, _, err) = seed(&app, &["--towns"]);
    let wanted = "error: invalid value 'towns' for '--set <NAME=VALUE>': a value is missing: `--towns VALUE` or `--set towns=VALUE`\n";
    assert!(code == 2 && err.starts_with(wanted), "{code} {err}");
    // But for what is nearly a flag of every seed.
    let (code, _, err) = seed(&app, &["--agian"]);
    assert!(code == 2 && err.contains("a similar argument exists: '--again'"), "{code} {err}");
    let server = app.serve();
    let row = |id: u32| json!({ "id": id, "name": format!("7th={id}"), "founded": null });
    server.get("/rest/v1/towns?order=id").await.is(200, json!([row(0), row(1), row(2)]));
}
