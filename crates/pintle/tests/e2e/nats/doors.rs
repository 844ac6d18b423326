//! What comes by each door, and what becomes of it.

use futures_util::stream;
use pintle_testbed::Nats;
use prost_reflect::Value as Proto;
use serde_json::{Value, json};

use super::{Through, count, metric, until, words};
use crate::common::{App, Place, finish, pintle};
use crate::grpc::client::{Client, With};

fn place_of(person: i64, longitude: f64) -> Value {
    json!({ "person_id": person, "longitude": longitude, "latitude": 50.1, "creation_time": "2020-08-15T10:37:06Z" })
}

#[tokio::test]
async fn what_comes_by_each_door_goes_through_nats_into_postgres() {
    let through = Through::nats(App::shipped("connect"));
    let (server, worker) = (through.serve(), through.worker());
    server.post("/api/persons", json!({ "first_name": "A", "last_name": "B", "company_name": "C" })).await.has(201);
    let one = server.post("/api/locations", place_of(1, 7.1)).await.has(202).json();
    assert_eq!((&one["person_id"], &one["longitude"], one.get("status")), (&json!(1), &json!(7.1), None), "{one}");
    let id = one["id"].as_str().unwrap();
    until("it is stored", async || server.get(&format!("/api/locations/{id}")).await.status == 200).await;

    let many = server.post("/api/locations", json!([place_of(1, 7.2), place_of(1, 7.3)])).await.has(202).json();
    assert_eq!(words(&many), ["accepted", "accepted"]);
    let phone = Client::of(&server).await;
    let fields = [("person_id", Proto::I64(1)), ("longitude", Proto::F64(7.7)), ("latitude", Proto::F64(50.1))];
    let records =
        stream::iter([phone.record("connect.LocationsRecord", &fields), phone.record("connect.LocationsRecord", &[])]);
    let summary = phone.take("/connect.LocationsPipeline/Take", records, With::default()).await.unwrap();
    assert_eq!((&summary["accepted"], &summary["refused"]), (&json!(1), &json!(1)), "{summary}");
    until("it is stored", async || count(&server, "/rest/v1/locations?longitude=eq.7.7").await == 1).await;
    let mixed = server.post("/api/locations", json!([place_of(1, 7.4), place_of(1, 777.0)])).await.has(207).json();
    assert_eq!(words(&mixed), ["accepted", "refused"]);
    let lines = format!("{}\n{}\n{{}}\n", place_of(1, 7.5), place_of(1, 7.6));
    let stream = |prefer: &'static str| {
        let ask = server.post("/api/locations", lines.as_str()).header("Content-Type", "application/x-ndjson");
        ask.header("Prefer", prefer)
    };
    let answers = stream("return=representation").await.has(200).text;
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(words(&json!(answers)), ["accepted", "accepted", "refused"]);
    let minimal = stream("return=minimal").await.has(200).text;
    assert_eq!(minimal.lines().last(), Some(r#"{"records":3,"accepted":2,"stored":0,"refused":1,"dead":0}"#));
    until("all are stored", async || count(&server, "/rest/v1/locations").await == 9).await;
    until("nothing waits", async || metric(&server, "pintle_queue_pending{").await == 0.0).await;
    assert_eq!(
        metric(&server, "pintle_pipeline_records_total{pipeline=\"locations\",outcome=\"accepted\"}").await,
        9.0
    );
    assert_eq!(metric(&worker, "pintle_pipeline_records_total{pipeline=\"locations\",outcome=\"stored\"}").await, 9.0);
    worker.get("/health/ready").await.has(200);
    worker.get("/api/persons").await.has(404);

    // A file is stored at once: whoever waits for it wants to know what became of it.
    let file = through.app.file("more.csv");
    std::fs::write(&file, "person_id,longitude,latitude\n1,7.7,50.1\n").unwrap();
    let (code, out, _) = finish(pintle(&["import", through.app.path(), "locations", &file]).args(through.app.store()));
    assert_eq!((code, out.as_str()), (0, "1 record: 1 stored, 0 refused, 0 dead\n"));
}

#[tokio::test]
async fn what_cannot_be_stored_out_of_nats_is_kept_in_postgres_and_tried_again() {
    let through = Through::nats(App::shipped("connect"));
    let (server, worker) = (through.serve(), through.worker());
    server.post("/api/locations", place_of(1, 7.1)).await.has(202);
    let dead = "pintle_pipeline_records_total{pipeline=\"locations\",outcome=\"dead\"}";
    until("it is dead", async || metric(&worker, dead).await == 1.0).await;
    assert_eq!(through.replay("locations"), "locations: 0 stored, 1 left");
    server.post("/api/persons", json!({ "first_name": "A", "last_name": "B", "company_name": "C" })).await.has(201);
    assert_eq!(through.replay("locations"), "locations: 1 stored, 0 left");
    assert_eq!(count(&server, "/rest/v1/locations").await, 1);
}

const OWNED: &str = "
pintle: 1
name: through
public: none
collections:
  notes:
    key: { id: text }
    fields: { owner: { type: text, required: true }, n: integer }
    policies: { select: 'true', insert: owner = auth.uid() }
pipelines:
  notes: { path: /notes, into: notes, limits: { queue: 4 } }
";

#[tokio::test]
async fn records_from_nats_are_stored_in_postgres_as_who_sent_them_and_once() {
    let through = Through::of(OWNED);
    let (server, worker) = (through.serve(), through.worker());
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    for n in 0..2 {
        // The second one is the first again, as far as its id says.
        let note = json!({ "id": "a", "owner": "ada", "n": n });
        server.post("/notes", note).token(&ada).await.has(202);
    }
    server.post("/notes", json!({ "id": "b", "owner": "bob" })).token(&ada).await.has(202);
    let of = |outcome: &str| format!("pintle_pipeline_records_total{{pipeline=\"notes\",outcome=\"{outcome}\"}}");
    until("one is dead", async || metric(&worker, &of("dead")).await == 1.0).await;
    until("one was seen", async || metric(&worker, &of("seen")).await == 1.0).await;
    server.get("/rest/v1/notes").await.is(200, json!([{ "id": "a", "owner": "ada", "n": 0 }]));
}

#[tokio::test]
async fn a_full_nats_queue_refuses_until_a_worker_has_stored_into_postgres() {
    let through = Through::of(OWNED);
    let server = through.serve();
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    let post = |n: i64| server.post("/notes", json!({ "id": n.to_string(), "owner": "ada" })).token(&ada);
    for n in 0..4 {
        post(n).await.has(202);
    }
    let refused = post(4).await.has(429);
    assert_eq!(refused.header("retry-after"), "1");
    let two = json!([{ "id": "x", "owner": "ada" }, { "id": "y", "owner": "ada" }]);
    server.post("/notes", two).token(&ada).await.has(429);
    // Another replica counts what all have put in.
    let other = through.serve();
    until("it knows", async || metric(&other, "pintle_queue_pending{").await == 4.0).await;
    other.post("/notes", json!({ "id": "z", "owner": "ada" })).token(&ada).await.has(429);
    let _worker = through.worker();
    until("there is room", async || post(4).await.status == 202).await;
    until("all are stored", async || count(&server, "/rest/v1/notes").await == 5).await;
}

#[tokio::test]
async fn what_waits_in_nats_stays_when_less_may_wait_and_is_stored_in_postgres() {
    let through = Through::of(OWNED);
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    let server = through.serve();
    for n in 0..4 {
        server.post("/notes", json!({ "id": n.to_string(), "owner": "ada" })).token(&ada).await.has(202);
    }
    drop(server);
    through.app.manifest(&OWNED.replace("queue: 4", "queue: 2"));
    let server = through.serve();
    until("it knows", async || metric(&server, "pintle_queue_pending{").await == 4.0).await;
    server.post("/notes", json!({ "id": "z", "owner": "ada" })).token(&ada).await.has(429);
    let _worker = through.worker();
    until("all are stored", async || count(&server, "/rest/v1/notes").await == 4).await;
    let bound = || through.tell("$JS.API.STREAM.INFO.pintle-through-notes", "").contains("\"max_msgs\":2,");
    until("the stream has the new bound", async || bound()).await;
}

#[tokio::test]
async fn a_nats_of_small_messages_takes_many_records_that_belong_together_for_postgres() {
    let app = App::of(&OWNED.replace(", limits: { queue: 4 }", ", order: owner"));
    let file = app.file("nats.conf");
    std::fs::write(&file, "max_payload: 65536\n").unwrap();
    let nats = Nats::start_with(&["-c", &file]).unwrap();
    let through = Through { app: app.on(Place::Postgres), nats };
    let (server, _worker) = (through.serve(), through.worker());
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    let long = "x".repeat(1000);
    let many: Vec<Value> = (0..200).map(|n| json!({ "id": format!("{n}-{long}"), "owner": "ada" })).collect();
    server.post("/notes", Value::Array(many)).token(&ada).await.has(202);
    until("all are stored", async || count(&server, "/rest/v1/notes").await == 200).await;
}

#[tokio::test]
async fn full_dead_letters_hold_up_nothing_that_waits_in_nats_on_its_way_to_postgres() {
    let letters = OWNED.replace("limits: { queue: 4 }", "dead_letters: { records: 2 }");
    let through = Through::of(&letters);
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    let server = through.serve();
    let post = |id: String, owner: &'static str| server.post("/notes", json!({ "id": id, "owner": owner })).token(&ada);
    for n in 0..20 {
        post(format!("bob-{n}"), "bob").await.has(202);
        post(format!("ada-{n}"), "ada").await.has(202);
    }
    let worker = through.worker();
    until("all that can be are stored", async || count(&server, "/rest/v1/notes").await == 20).await;
    let dead = "pintle_pipeline_records_total{pipeline=\"notes\",outcome=\"dead\"}";
    until("no other is lost", async || metric(&worker, dead).await == 20.0).await;
    until("no more are taken", async || post("more".to_owned(), "ada").await.status == 429).await;
    let (code, _, err) =
        finish(pintle(&["dead-letters", "remove", through.app.path(), "notes", "--all"]).args(through.app.store()));
    assert_eq!(code, 0, "{err}");
    until("there is room again", async || post("more".to_owned(), "ada").await.status == 202).await;
}

#[tokio::test]
async fn a_message_in_nats_that_is_none_of_pintles_holds_up_nothing_on_its_way_to_postgres() {
    let through = Through::of(&OWNED.replace("queue: 4", "queue: 100"));
    let server = through.serve();
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    for partition in 0..8 {
        let kept = through.tell(&format!("pintle.through.notes.{partition}.1"), "no JSON");
        assert!(kept.contains("\"seq\""), "{kept}");
        if partition == 3 {
            // Of another version of the app: its field is another one.
            let sender = json!({ "role": "service_role", "user": null, "claims": {} });
            let old =
                json!({ "version": 1, "sender": sender, "records": [{ "id": "old", "owner": "o", "n": "many" }] });
            through.tell("pintle.through.notes.3.1", &old.to_string());
        }
    }
    let worker = through.worker();
    until("all are kept", async || metric(&worker, "pintle_queue_unreadable_total{").await == 8.0).await;
    until("nothing waits", async || metric(&worker, "pintle_queue_pending{").await == 0.0).await;
    server.post("/notes", json!({ "id": "a", "owner": "ada" })).token(&ada).await.has(202);
    until("it is stored", async || count(&server, "/rest/v1/notes").await == 1).await;
    assert_eq!(through.replay("notes"), "notes: 0 stored, 2 left", "what cannot be read is kept, the same once");
}

#[tokio::test]
async fn a_nats_that_has_no_room_just_now_holds_a_stream_up_until_there_is_some_on_its_way_to_postgres() {
    let app = App::of(&OWNED.replace("queue: 4", "queue: 100000"));
    let file = app.file("nats.conf");
    std::fs::write(&file, "jetstream { max_file_store: 2MB }\n").unwrap();
    let nats = Nats::start_with(&["-c", &file]).unwrap();
    let through = Through { app: app.on(Place::Postgres), nats };
    let server = through.serve();
    let ada = through.app.token_of("ada", "authenticated", Some("ada"));
    let long = "x".repeat(1000);
    let lines = |n: usize| -> String {
        (0..n).map(|n| format!("{}\n", json!({ "id": format!("{n}-{long}"), "owner": "ada" }))).collect()
    };
    let stream = |n: usize| {
        let ask = server.post("/notes", lines(n)).token(&ada).header("Content-Type", "application/x-ndjson");
        tokio::spawn(ask.header("Prefer", "return=minimal").into_future())
    };
    let answer = stream(5000);
    let turned_away = json!({ "id": "one", "owner": "ada" });
    until("there is no room", async || server.post("/notes", turned_away.clone()).token(&ada).await.status == 503)
        .await;
    let worker = through.worker();
    let all = "{\"records\":5000,\"accepted\":5000,\"stored\":0,\"refused\":0,\"dead\":0}\n";
    assert_eq!(answer.await.unwrap().has(200).text, all);
    until("nothing waits", async || metric(&worker, "pintle_queue_pending{").await == 0.0).await;
}
