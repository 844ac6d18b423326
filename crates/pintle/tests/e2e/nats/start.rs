//! What is told at the start, where a queue cannot be used.

use pintle_testbed::{Nats, Postgres};
use serde_json::Value;

use super::{MANIFEST, Through};
use crate::common::{App, Place, Server, finish, pintle};

/// What serving it says, without the log.
fn refused(app: &App, words: &[&str]) -> String {
    let (code, _, err) = finish(&mut app.serving(words));
    assert_ne!(code, 0, "{err}");
    err.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_the_queue_nats_cannot_do_is_told_at_the_start_on_postgres() {
    let counted = |id: &str| {
        App::of(&format!(
            "pintle: 1\nname: through\npublic: none\ncollections: {{ a: {{ fields: {{ n: {{ type: text, unique: true }} }} }} }}\n\
             pipelines: {{ p: {{ path: /p, insert: 'true', into: a{id} }} }}\n"
        ))
        .on(Place::Postgres)
    };
    let nats = Nats::start().unwrap();
    let queue = ["--queue", &nats.url()];
    assert_eq!(
        refused(&App::of(&MANIFEST.replace("name: through\n", "")).on(Place::Postgres), &queue),
        "error: the app cannot be served: the app has no name, by which this queue tells apps apart\n  help: give it one of its own in its \
         manifest, such as `name: meetings`"
    );
    assert_eq!(
        refused(&counted(""), &queue),
        "error: the app cannot be served: the pipeline `p` cannot use this queue: the store counts the key of `a`\n  help: a record needs \
         an id before it waits: make the key `type: uuid, generated: true`, or name a field as the pipeline's `id` that is `unique` and \
         `required`"
    );
    assert_eq!(
        refused(&counted(", id: n"), &queue),
        "error: the app cannot be served: the pipeline `p` cannot use this queue: its `id`, `n`, may be null\n  help: make `n` `required`"
    );
    assert_eq!(
        refused(&App::of(MANIFEST), &queue),
        "error: the queue NATS needs PostgreSQL as the store: its workers are processes of their own\n  help: --store \
         postgres://USER:PASSWORD@HOST/DATABASE, or leave --queue away: SQLite has its own"
    );
    let app = App::of(MANIFEST).on(Place::Postgres);
    assert_eq!(
        refused(&app, &["--queue", "amqp://s3cret@host"]), // pintle:no-secret
        "error: the queue is `embedded`, nats://HOST:PORT or tls://HOST:PORT"
    );
    let (code, _, err) = finish(pintle(&["worker", app.path()]).args(app.store()));
    assert_eq!(
        (code, err.as_str()),
        (
            2,
            "error: a worker needs a queue: without one the server stores records itself\n  help: --queue nats://HOST:PORT, as for `pintle serve`\n"
        )
    );
}

#[tokio::test]
async fn a_nats_with_a_password_lets_in_who_knows_it_before_postgres() {
    let nats = Nats::start_with(&["--user", "pintle", "--pass", "a:b@c"]).unwrap();
    let app = App::of(MANIFEST).in_database(Postgres::shared().database());
    let with = |login: &str| format!("nats://{login}@{}", nats.address());
    assert_eq!(
        refused(&app, &["--queue", &with("pintle:s3cret")]),
        format!(
            "error: cannot open the queue: nats://{} refuses this user or token\n  help: say who connects in the URL: nats://USER:PASSWORD@HOST:PORT or nats://TOKEN@HOST:PORT",
            nats.address()
        )
    );
    app.serve_with(&["--queue", &with("pintle:a%3Ab%40c")]).get("/health/ready").await.has(200);
}

#[tokio::test]
async fn a_stream_in_nats_is_made_and_brought_to_what_the_manifest_says_before_postgres() {
    let through = Through::of(MANIFEST);
    let serve = |queue: &str| drop(Server::start(&mut through.app.serving(&["--queue", queue])));
    serve(&through.nats.url());
    let config = || -> Value {
        let info: Value = serde_json::from_str(&through.tell("$JS.API.STREAM.INFO.pintle-through-places", "")).unwrap();
        info["config"].clone()
    };
    let made = config();
    for (key, value) in [
        ("retention", "\"workqueue\""),
        ("storage", "\"file\""),
        ("discard", "\"new\""),
        ("max_msgs", "100000"),
        ("num_replicas", "1"),
    ] {
        assert_eq!(made[key].to_string(), value, "{key}");
    }
    // NATS itself says that it has made three, of a stream that is there.
    for prefix in ["pintle", "new"] {
        let three = format!("{}?replicas=3&prefix={prefix}", through.nats.url());
        assert_eq!(
            refused(&through.app, &["--queue", &three]),
            format!(
                "error: cannot open the queue: the stream `{prefix}-through-places` cannot have `replicas=3`: the NATS server is in no cluster, and \
                 keeps one copy\n  help: name servers of a cluster of three or more, or leave `replicas` away"
            )
        );
    }
    assert_eq!(config()["num_replicas"], 1);
    through.app.manifest(&MANIFEST.replace("into: places", "into: places, limits: { queue: 77 }"));
    serve(&through.nats.url());
    assert_eq!(config()["max_msgs"], 77);
    let foreign = r#"{"name":"own-through-places","subjects":["own.through.places.>"],"retention":"limits"}"#;
    through.tell("$JS.API.STREAM.CREATE.own-through-places", foreign);
    let told = refused(&through.app, &["--queue", &format!("{}?prefix=own", through.nats.url())]);
    assert_eq!(
        told,
        "error: cannot open the queue: the stream `own-through-places` is there with `retention: \"limits\"`, and must have \"workqueue\"\n  help: \
         it is another app's, or was made by hand: remove it, give the app another `name`, or name another `prefix` in the queue's URL"
    );
    let foreign = foreign.replace("own-", "two-").replace("own.", "t.wo.").replace("limits", "workqueue");
    through.tell("$JS.API.STREAM.CREATE.two-through-places", &foreign);
    let told = refused(&through.app, &["--queue", &format!("{}?prefix=two", through.nats.url())]);
    let begins = "error: cannot open the queue: the stream `two-through-places` is there with `subjects: [\"t.wo.through.places.>\"]`";
    assert!(told.starts_with(begins), "{told}");
}
