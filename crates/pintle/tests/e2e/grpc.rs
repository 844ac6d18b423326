//! Records by gRPC, from a client that was made of the published protocol.

mod body;
mod bounds;
pub(crate) mod client;
mod ended;

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use prost_reflect::prost::Message as _;
use prost_reflect::prost::encoding::decode_varint;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, Value as Proto};
use serde_json::{Value, json};
use tonic::Code;

use crate::common::{App, Place, Server};
use body::{Again, Endless};
use bounds::{
    what_anybody_may_ask_is_small_and_is_answered_soon, what_is_compressed_takes_no_more_memory,
    what_is_too_much_is_refused_with_a_time_to_wait,
};
use client::{Client, With, compiled};
use ended::calls_are_counted_and_logged_by_how_they_ended;

in_every_way!(
    records_are_stored_and_each_fault_is_told,
    each_record_is_answered_while_others_are_sent,
    a_record_without_an_id_is_answered_without_one,
    a_stream_of_any_length_takes_the_same_memory,
    what_is_compressed_takes_no_more_memory,
    records_may_each_come_in_a_frame_of_its_own,
    who_may_not_is_told_so_by_a_status,
    what_is_no_message_costs_itself_alone,
    tools_learn_the_protocol_from_the_server,
    what_anybody_may_ask_is_small_and_is_answered_soon,
    calls_are_counted_and_logged_by_how_they_ended;
    what_is_too_much_is_refused_with_a_time_to_wait,
    a_call_ends_when_its_time_is_over,
    a_revoked_token_ends_its_streams,
);

const MANIFEST: &str = "
pintle: 1
name: phones
public: none
collections:
  persons:
    fields: { name: { type: text, required: true } }
    policies: { select: 'true', insert: 'true' }
  places:
    key: { id: { type: uuid, generated: true } }
    fields:
      person: { type: ref, to: persons, required: true }
      degree: { type: number, required: true, maximum: 90 }
      at: timestamp
      note: text
      seen: { type: timestamp, default: now() }
    policies: { select: 'true', insert: 'true' }
  secrets:
    fields: { text: text, code: { type: text, unique: true } }
    policies: { insert: auth.uid() = 'ada' }
pipelines:
  places: { path: /api/places, into: places }
  narrow: { path: /api/narrow, into: places, limits: { queue: 1 } }
  secrets: { path: /api/secrets, into: secrets, auth: required }
  codes: { path: /api/codes, into: secrets, id: code, insert: 'true' }
services:
  people: { collections: [persons], pipelines: [secrets] }
  places: { collections: '*', pipelines: '*' }
";

const TAKE: &str = "/phones.PlacesPipeline/Take";
const TAKE_EACH: &str = "/phones.PlacesPipeline/TakeEach";
const TAKE_SECRETS: &str = "/phones.SecretsPipeline/Take";

async fn served(place: Place) -> (App, Server, Client) {
    let app = App::of(MANIFEST).on(place);
    let server = app.serve();
    server.post("/rest/v1/persons", json!({ "name": "Ada" })).await.has(201);
    let client = Client::of(&server).await;
    (app, server, client)
}

impl Client {
    fn place(&self, person: i64, degree: f64) -> Vec<u8> {
        self.record("phones.PlacesRecord", &[("person", Proto::I64(person)), ("degree", Proto::F64(degree))])
    }

    fn place_with_id(&self, n: u64, note: &str) -> Vec<u8> {
        let (id, note) = (format!("00000000-0000-7000-8000-{n:012x}"), note.to_owned());
        let fields = [("id", Proto::String(id)), ("note", Proto::String(note))];
        let fields = fields.into_iter().chain([("person", Proto::I64(1)), ("degree", Proto::F64(1.5))]);
        self.record("phones.PlacesRecord", &fields.collect::<Vec<_>>())
    }
}

async fn count(server: &Server) -> String {
    let count = server.get("/rest/v1/places?select=id&limit=1").header("Prefer", "count=exact").await;
    count.headers["content-range"].to_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
}

async fn records_are_stored_and_each_fault_is_told(place: Place) {
    let (_app, server, client) = served(place).await;
    let mut moment =
        client.pool.get_message_by_name("google.protobuf.Timestamp").map(prost_reflect::DynamicMessage::new).unwrap();
    moment.set_field_by_name("seconds", Proto::I64(1_767_225_600));
    let fields = [("person", Proto::I64(1)), ("degree", Proto::F64(7.25)), ("at", Proto::Message(moment))];
    let good = client.record("phones.PlacesRecord", &fields);
    for gzip in [false, true] {
        let records = vec![good.clone(), client.place(1, 91.0), client.place(7, 2.0)];
        let summary = client.take(TAKE, stream::iter(records), With { gzip, ..With::default() }).await.unwrap();
        assert_eq!(
            (&summary["records"], &summary["stored"], &summary["refused"], &summary["dead"]),
            (&json!(3), &json!(1), &json!(1), &json!(1))
        );
        let faults = summary["faults"].as_array().unwrap();
        assert_eq!((&faults[0]["index"], &faults[0]["status"]), (&json!(1), &json!(3)));
        assert_eq!(faults[0]["error"]["message"], "`degree` must be at most 90");
        assert_eq!((&faults[1]["index"], &faults[1]["status"]), (&json!(2), &json!(2)));
        assert_eq!(faults[1]["error"]["code"], "PT409");
        assert_eq!(faults[1]["id"].as_str().unwrap().len(), 36, "{faults:?}");
    }
    let stored = server.get("/rest/v1/places?select=person,degree,at").await.json();
    let one = json!({ "person": 1, "degree": 7.25, "at": "2026-01-01T00:00:00+00:00" });
    assert_eq!(stored, json!([one, one]));
    // Nothing at all is no mistake.
    assert_eq!(client.take(TAKE, stream::empty(), With::default()).await.unwrap(), json!({}));
}

async fn each_record_is_answered_while_others_are_sent(place: Place) {
    let (_app, server, client) = served(place).await;
    let (send, records) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let records = stream::unfold(records, async |mut records| Some((records.recv().await?, records)));
    // A server may wait with its answer's head until there is something to be answered.
    send.send(client.place(1, 0.0)).await.unwrap();
    let mut answers = client.stream(TAKE_EACH, records, With::default()).await.unwrap();
    for index in 0..3_i32 {
        if index > 0 {
            send.send(client.place(1, f64::from(index))).await.unwrap();
        }
        let answer = answers.next().await.unwrap().unwrap();
        // What is 0 is not there.
        assert_eq!(answer["index"].as_i64().unwrap_or(0), i64::from(index));
        assert_eq!(answer["status"], 1);
        let found = server.get(&format!("/rest/v1/places?id=eq.{}", answer["id"].as_str().unwrap())).await.json();
        assert_eq!(found[0]["degree"], json!(index));
    }
    send.send(client.place(1, 91.0)).await.unwrap();
    drop(send);
    assert_eq!(answers.next().await.unwrap().unwrap()["status"], 3);
    assert_eq!(answers.next().await.unwrap(), None);
}

async fn a_record_without_an_id_is_answered_without_one(place: Place) {
    let (_app, _server, client) = served(place).await;
    let record = |code: Option<&str>| {
        let code = code.map(|code| ("code", Proto::String(code.to_owned())));
        client.record("phones.CodesRecord", code.as_slice())
    };
    let records = stream::iter([record(Some("a")), record(None), record(Some("null"))]);
    let mut answers = client.stream("/phones.CodesPipeline/TakeEach", records, With::default()).await.unwrap();
    for id in [json!("a"), Value::Null, json!("null")] {
        let answer = answers.next().await.unwrap().unwrap();
        assert_eq!((&answer["status"], &answer["id"]), (&json!(1), &id), "{answer}");
    }
}

/// Megabytes that a process holds, or held at the most.
fn memory(server: &Server, of: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

async fn a_stream_of_any_length_takes_the_same_memory(place: Place) {
    let (_app, server, client) = served(place).await;
    // Records that are there already cost the store nothing, so that it is the way in that is measured.
    let note = "x".repeat(8 << 10);
    let known: Vec<Vec<u8>> = (0..100).map(|n| client.place_with_id(n, &note)).collect();
    let all = |times: usize| {
        let known = known.clone();
        stream::iter((0..times).map(move |n| known[n % 100].clone()))
    };
    let summary = client.take(TAKE, all(1_000), With::default()).await.unwrap();
    assert_eq!(summary, json!({ "records": 1000, "stored": 1000 }));
    let before = memory(&server, "VmRSS:");
    let summary = client.take(TAKE, all(12_000), With::default()).await.unwrap();
    assert_eq!(summary, json!({ "records": 12_000, "stored": 12_000 }));
    assert_eq!(count(&server).await, "100");
    let grown = memory(&server, "VmRSS:").saturating_sub(before);
    assert!(grown < 32, "of 96 MB it kept {grown} MB");
}

/// As Python and Go send them, faster than they are stored.
async fn records_may_each_come_in_a_frame_of_its_own(place: Place) {
    let (_app, server, client) = served(place).await;
    let record = client.place_with_id(1, "");
    let framed = Bytes::from([&[0, 0, 0, 0, u8::try_from(record.len()).unwrap()][..], &record].concat());
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let calls = (0..3).map(|_| {
        let request = http2.post(format!("{}{TAKE}", server.origin)).header("content-type", "application/grpc");
        request.header("te", "trailers").body(reqwest::Body::wrap(Again(framed.clone(), 15_000))).send()
    });
    for answer in futures_util::future::join_all(calls).await {
        let read = reqwest::Body::from(answer.unwrap()).collect().await.unwrap();
        assert_eq!(read.trailers().unwrap()["grpc-status"], "0");
    }
}

async fn who_may_not_is_told_so_by_a_status(place: Place) {
    let (app, server, client) = served(place).await;
    let secret = || stream::iter([client.record("phones.SecretsRecord", &[("text", Proto::String("x".to_owned()))])]);
    let told = |status: tonic::Status| (status.code(), status.message().to_owned());
    let with = |token| With { token: Some(token), ..With::default() };
    let (code, message) = told(client.take(TAKE_SECRETS, secret(), With::default()).await.unwrap_err());
    assert_eq!(code, Code::Unauthenticated);
    assert_eq!(message, "this pipeline needs a token: send a token as `Authorization: Bearer TOKEN`");
    let (code, _) = told(client.take(TAKE_SECRETS, secret(), with("unknown")).await.unwrap_err());
    assert_eq!(code, Code::Unauthenticated);
    let ada = app.token_of("ada", "authenticated", Some("ada"));
    let summary = client.take(TAKE_SECRETS, secret(), with(&ada)).await.unwrap();
    assert_eq!(summary, json!({ "records": 1, "stored": 1 }));
    // Another one's record is kept, as by every door.
    let bob = app.token_of("bob", "authenticated", Some("bob"));
    let summary = client.take(TAKE_SECRETS, secret(), with(&bob)).await.unwrap();
    assert_eq!((&summary["dead"], &summary["faults"][0]["error"]["code"]), (&json!(1), &json!("PT403")));
    // What there is not, and what is there and is called otherwise.
    for path in ["/phones.PlacesPipeline/Give", "/phones.Nothing/Take", "/api/places"] {
        let (code, message) = told(client.take(path, secret(), With::default()).await.unwrap_err());
        assert_eq!(code, Code::Unimplemented, "{path}: {message}");
    }
    let plain = server.post(TAKE, json!({})).await.has(415);
    assert_eq!(plain.json()["message"], "what is at this address is called by gRPC");
    server.get(TAKE).await.has(405);
}

async fn what_is_no_message_costs_itself_alone(place: Place) {
    let (_app, server, client) = served(place).await;
    let unknown = [&client.place(1, 1.0)[..], &[0xa0, 6, 1]].concat();
    let records = vec![b"garbage".to_vec(), client.place(1, 1.0), unknown, vec![b'x'; 2 << 20], client.place(1, 2.0)];
    let summary = client.take(TAKE, stream::iter(records), With::default()).await.unwrap();
    assert_eq!((&summary["stored"], &summary["refused"]), (&json!(2), &json!(3)));
    let messages: Vec<&str> =
        summary["faults"].as_array().unwrap().iter().map(|fault| fault["error"]["message"].as_str().unwrap()).collect();
    assert!(messages[0].starts_with("the record is no message of this protocol: "), "{messages:?}");
    assert_eq!(
        messages[1..],
        [
            "the record is no message of this protocol: there is no field with the number 100",
            "the record has more than 1048576 bytes"
        ]
    );
    assert_eq!(count(&server).await, "2");
    // What is no stream of messages at all, by a client of HTTP/2 that knows nothing of them.
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    for (body, code) in
        [(&b"\x07garbage that goes on"[..], "3"), (b"\0\0\0", "3"), (b"\x01\0\0\0\x01x", "3"), (b"", "0")]
    {
        let request = http2.post(format!("{}{TAKE}", server.origin)).header("content-type", "application/grpc");
        let answer = request.header("te", "trailers").body(body.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let read = reqwest::Body::from(answer).collect().await.unwrap();
        assert_eq!(read.trailers().unwrap()["grpc-status"], code, "{body:?}");
    }
}

/// The text, bytes or message of a message's field.
fn field(mut message: &[u8], number: u32) -> &[u8] {
    loop {
        let (tag, length) = (decode_varint(&mut message).unwrap(), decode_varint(&mut message).unwrap());
        let (value, rest) = message.split_at(usize::try_from(length).unwrap());
        if tag == u64::from(number << 3 | 2) {
            return value;
        }
        message = rest;
    }
}

async fn tools_learn_the_protocol_from_the_server(place: Place) {
    let (app, server, client) = served(place).await;
    let text =
        |number: u8, text: &str| [&[number << 3 | 2, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    for path in [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        let asked = vec![
            text(7, "*"),
            text(4, "phones.PlacesPipeline"),
            text(4, "phones.PlacesPipeline.Take"),
            text(4, "phones.Summary"),
            text(3, "google/protobuf/timestamp.proto"),
            text(4, "phones.Nothing"),
        ];
        let answers = client.raw(path, asked).await.unwrap();
        assert_eq!(answers.len(), 6);
        let lists = String::from_utf8_lossy(&answers[0]);
        for service in
            ["phones.PlacesPipeline", "phones.NarrowPipeline", "phones.SecretsPipeline", "grpc.health.v1.Health"]
        {
            assert!(lists.contains(service), "{lists}");
        }
        assert!(String::from_utf8_lossy(&answers[5]).contains("there is nothing of this name"));
        let descriptor = |answer| FileDescriptorProto::decode(field(field(answer, 4), 1)).unwrap();
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_proto(descriptor(&answers[4])).unwrap();
        pool.add_file_descriptor_proto(descriptor(&answers[1])).unwrap();
        let (known, published) =
            (pool.get_message_by_name("phones.PlacesRecord").unwrap(), client.message("phones.PlacesRecord"));
        let numbers = |of: &prost_reflect::MessageDescriptor| {
            of.fields().map(|field| (field.name().to_owned(), field.number())).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&known), numbers(&published));
    }
    // How it is doing, as a whole and by a service's name.
    let health = "/grpc.health.v1.Health/Check";
    assert_eq!(client.raw(health, vec![Vec::new()]).await.unwrap(), [[8, 1]]);
    assert_eq!(client.raw(health, vec![text(1, "phones.PlacesPipeline")]).await.unwrap(), [[8, 1]]);
    assert_eq!(client.raw(health, vec![text(1, "phones.Nothing")]).await.unwrap_err().code(), Code::NotFound);
    // The command prints the same, and the documentation says where it is.
    let (code, out, err) = crate::common::run(&["proto", app.path()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, server.get("/docs/pipelines.proto").await.text);
    compiled(&out);
    let document = server.get("/openapi.json").await.json();
    let told = document["paths"]["/api/places"]["post"]["description"].as_str().unwrap();
    assert!(
        told.contains("call `phones.PlacesPipeline`: its protocol is [pipelines.proto](/docs/pipelines.proto)"),
        "{told}"
    );
}

async fn a_call_ends_when_its_time_is_over(place: Place) {
    let (_app, server, client) = served(place).await;
    // One record, and then nothing: by a client that does not count the time itself.
    let first = client.place(1, 1.0);
    let framed = [&[0, 0, 0, 0, u8::try_from(first.len()).unwrap()][..], &first].concat();
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = http2.post(format!("{}{TAKE}", server.origin)).header("content-type", "application/grpc");
    let request = request
        .header("te", "trailers")
        // Long enough for one record, also on a machine that does much else.
        .header("grpc-timeout", "5S")
        .body(reqwest::Body::wrap(Endless(Some(framed))));
    let answer = request.send().await.unwrap();
    let read = reqwest::Body::from(answer).collect().await.unwrap();
    assert_eq!(read.trailers().unwrap()["grpc-status"], "4");
    let told = read.trailers().unwrap()["grpc-message"].to_str().unwrap();
    assert!(
        told.starts_with("the time that the call had is over; before that 1 record: 1 stored, 0 refused, 0 dead"),
        "{told}"
    );
    assert_eq!(count(&server).await, "1");
    let wrong = With { time: Some(Duration::from_nanos(1)), ..With::default() };
    let late = client.take(TAKE, stream::pending(), wrong).await.unwrap_err();
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&late.code()), "{late:?}");
}

async fn a_revoked_token_ends_its_streams(place: Place) {
    let (app, server, client) = served(place).await;
    let token = app.token_of("ada", "authenticated", Some("ada"));
    let (send, records) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let records = stream::unfold(records, async |mut records| Some((records.recv().await?, records)));
    send.send(client.place(1, 1.0)).await.unwrap();
    let with = With { token: Some(&token), ..With::default() };
    let mut answers = client.stream(TAKE_EACH, records, with).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap()["status"], 1);
    // What a record is given of the time is the time of its batch.
    send.send(client.place(1, 2.0)).await.unwrap();
    answers.next().await.unwrap();
    let seen = server.get("/rest/v1/places?select=seen&order=degree").await.json();
    assert_ne!(seen[0]["seen"], seen[1]["seen"]);
    let (code, _, err) = app.run(&["token", "revoke", "ada"]);
    assert_eq!(code, 0, "{err}");
    // Another process's write is heard of within a second.
    let deadline = std::time::Instant::now() + crate::common::PATIENCE;
    let status = loop {
        assert!(std::time::Instant::now() < deadline, "the stream goes on");
        if send.send(client.place(1, 3.0)).await.is_err() {
            break answers.next().await.unwrap_err();
        }
        match answers.next().await {
            Ok(answer) => assert_eq!(answer.unwrap_or(Value::Null)["status"], 1),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
}
