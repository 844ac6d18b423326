//! The protocol as compilers read it, and messages of programs that were made with it.

use pintle_model::{Model, PipelineId};
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::{Layout, Messages, Protocol, proto, reflection};
use crate::Exposure;

const MANIFEST: &str = "
pintle: 1
name: every-type
collections:
  people: { key: { id: { type: uuid, generated: true } } }
  things:
    description: |
      Things, of
      several lines \u{7}
    key: { a: integer, b: text }
    fields:
      text: { type: text, description: 'What is said. */ Or # not' }
      number: number
      boolean: boolean
      timestamp: timestamp
      date: date
      uuid: uuid
      json: json
      bytes: bytes
      point: point
      owner: { type: ref, to: people }
      user: { type: text, readonly: true }
      _odd_: text
pipelines:
  things: { path: /things, into: things, description: 'Things come in here.' }
  new_people: { path: /people, into: people }
";

fn model() -> Model {
    let (model, diagnostics) = pintle_model::load("pintle.yaml", MANIFEST, &|_| Err(String::new()));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    model.unwrap()
}

struct Text(String);

impl FileResolver for Text {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "pipelines.proto" => File::from_source(name, &self.0),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// The protocol's text, compiled.
fn compiled(text: &str) -> (DescriptorPool, Vec<FileDescriptorProto>) {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Text(text.to_owned()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_source_info(false).include_imports(true).open_file("pipelines.proto").unwrap();
    (compiler.descriptor_pool(), compiler.file_descriptor_set().file)
}

#[test]
fn reflection_hands_out_what_the_text_compiles_to() {
    let model = model();
    let whole = Exposure::whole(&model);
    let (_, compiled) = compiled(&proto(&model, &whole).unwrap());
    let protocol = Protocol::new(&model, &whole);
    let mut seen = 0;
    for (file, descriptor) in protocol.files() {
        let found = FileDescriptorProto::decode(descriptor).unwrap();
        if let Some(wanted) = compiled.iter().find(|wanted| wanted.name() == file.name) {
            // What others say of themselves, such as their packages in other languages, is not told.
            let wanted = FileDescriptorProto { options: None, ..wanted.clone() };
            assert_eq!(found, wanted);
            seen += 1;
        }
    }
    assert_eq!(seen, 2, "the app's own file, and what it imports");
}

#[tokio::test]
async fn a_tool_that_does_not_read_is_answered_no_more() {
    let model = model();
    let protocol = Protocol::new(&model, &Exposure::whole(&model));
    let mut messages = Messages::new(100, false);
    for _ in 0..500 {
        // For each service's name.
        messages.push(b"\0\0\0\0\x03\x3a\x01*");
    }
    let (pieces, mut answers) = tokio::sync::mpsc::channel(1);
    let answering = tokio::spawn(async move { reflection::answer_each(&protocol, &mut messages, &pieces).await });
    let first = answers.recv().await.unwrap();
    assert_eq!(first.len(), 5 + usize::from(first[4]), "more than one answer was made");
    drop(answers);
    assert!(matches!(answering.await.unwrap(), Ok(false)));
}

#[test]
fn the_protocol_of_an_app_is_what_programs_were_built_with() {
    let model = model();
    let text = proto(&model, &Exposure::whole(&model)).unwrap();
    assert!(text.contains("package every_type;"), "{text}");
    assert!(text.contains("service NewPeoplePipeline {"), "{text}");
    assert!(!text.contains(" user = "), "nobody may give it: {text}");
    // A field that comes or goes, or stands elsewhere, changes no other one's number.
    let numbers = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.trim_start().starts_with("optional")).map(str::to_owned).collect()
    };
    let moved = MANIFEST
        .replace("      number: number\n", "")
        .replace("      _odd_: text\n", "      first: text\n      number: number\n");
    let (moved, _) = pintle_model::load("pintle.yaml", &moved, &|_| Err(String::new()));
    let moved = moved.unwrap();
    let (before, after) = (numbers(&text), numbers(&proto(&moved, &Exposure::whole(&moved)).unwrap()));
    assert_eq!(
        before.iter().filter(|line| !after.contains(line)).collect::<Vec<_>>(),
        ["  optional string _odd_ = 20072116;"]
    );
}

/// What a message of `things` becomes, as JSON or as an error.
fn json(set: &[(&str, Value)]) -> Result<String, String> {
    let model = model();
    let (pool, _) = compiled(&proto(&model, &Exposure::whole(&model)).unwrap());
    let mut message = DynamicMessage::new(pool.get_message_by_name("every_type.ThingsRecord").unwrap());
    for (name, value) in set {
        message.set_field_by_name(name, value.clone());
    }
    read(&model, &message.encode_to_vec())
}

fn read(model: &Model, message: &[u8]) -> Result<String, String> {
    let layout = Layout::new(model.collection(model.pipeline(PipelineId(0)).into));
    let mut out = Vec::new();
    layout.json(message, &mut out).map_err(|failure| failure.message)?;
    Ok(String::from_utf8(out).unwrap())
}

/// A message within one, by the numbers of its fields.
fn inner(message: &str, fields: &[(u32, Value)]) -> Value {
    let model = model();
    let (pool, _) = compiled(&proto(&model, &Exposure::whole(&model)).unwrap());
    let mut message = DynamicMessage::new(pool.get_message_by_name(message).unwrap());
    for (number, value) in fields {
        message.set_field_by_number(*number, value.clone());
    }
    Value::Message(message)
}

fn moment(seconds: i64, nanos: i32) -> Value {
    inner("google.protobuf.Timestamp", &[(1, Value::I64(seconds)), (2, Value::I32(nanos))])
}

fn point(longitude: f64, latitude: f64) -> Value {
    inner("every_type.Point", &[(1, Value::F64(longitude)), (2, Value::F64(latitude))])
}

#[test]
fn every_type_becomes_the_json_that_doors_read() {
    let text = |text: &str| Value::String(text.to_owned());
    let all = [
        ("a", Value::I64(i64::MIN)),
        ("b", text("\"quoted\" \u{e9}")),
        ("text", text("")),
        ("number", Value::F64(-0.1)),
        ("boolean", Value::Bool(false)),
        ("timestamp", moment(-1, 500_000_000)),
        ("date", text("2026-01-31")),
        ("uuid", text("0195d1a0-7f3c-7000-8000-000000000001")),
        ("json", text(" {\"a\": [1, null]} ")),
        ("bytes", Value::Bytes(bytes::Bytes::from_static(&[0, 255]))),
        ("point", point(7.1, -50.0)),
        ("owner", text("x")),
    ];
    let wanted = r#"{"a":-9223372036854775808,"b":"\"quoted\" é","text":"","number":-0.1,"boolean":false,"timestamp":"1969-12-31T23:59:59.500000000Z","date":"2026-01-31","uuid":"0195d1a0-7f3c-7000-8000-000000000001","json":{"a": [1, null]},"bytes":"\\x00ff","point":{"longitude":7.1,"latitude":-50},"owner":"x"}"#;
    assert_eq!(json(&all).unwrap(), wanted);
    assert_eq!(json(&[]).unwrap(), "{}");
}

#[test]
fn what_json_cannot_hold_is_refused_with_its_field() {
    let text = |text: &str| Value::String(text.to_owned());
    for (field, value, wanted) in [
        ("number", Value::F64(f64::NAN), "`number` is NaN, which is no number"),
        ("json", text("1,\"user\":\"me\""), "`json` is no JSON: trailing characters at line 1 column 2"),
        ("json", text(""), "`json` is no JSON: EOF while parsing a value at line 1 column 0"),
        (
            "timestamp",
            moment(253_402_300_800, 0),
            "`timestamp` is no moment of the years 1 to 9999: 253402300800 s and 0 ns",
        ),
        ("timestamp", moment(0, -1), "`timestamp` is no moment of the years 1 to 9999: 0 s and -1 ns"),
        ("point", point(f64::INFINITY, 0.0), "`point` is inf, which is no number"),
    ] {
        assert_eq!(json(&[(field, value)]).unwrap_err(), wanted);
    }
}

#[test]
fn no_bytes_make_a_reader_fail_otherwise_than_with_an_error() {
    let model = model();
    // A message of every field, changed and cut at each place; and bytes by chance.
    let (pool, _) = compiled(&proto(&model, &Exposure::whole(&model)).unwrap());
    let mut message = DynamicMessage::new(pool.get_message_by_name("every_type.ThingsRecord").unwrap());
    message.set_field_by_name("a", Value::I64(-7));
    message.set_field_by_name("text", Value::String("text".to_owned()));
    message.set_field_by_name("timestamp", moment(1, 1));
    message.set_field_by_name("point", point(1.0, 2.0));
    let good = message.encode_to_vec();
    let (mut refused, mut chance) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for round in 0..20_000 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let mut bytes = good.clone();
        let at = usize::try_from(chance >> 32).unwrap() % bytes.len();
        match round % 3 {
            0 => bytes[at] = chance.to_le_bytes()[0],
            1 => bytes.truncate(at),
            _ => bytes = chance.to_le_bytes().repeat(1 + at % 5),
        }
        match read(&model, &bytes) {
            // Whatever is read is JSON.
            Ok(json) => assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 5000, "{refused}");
    assert!(read(&model, &[0x0a, 1, b'x']).unwrap_err().contains("no field with the number 1"));
}

#[test]
fn a_call_says_how_long_it_may_take() {
    let head = |time: &str| hyper::Request::builder().header("grpc-timeout", time).body(()).unwrap().into_parts().0;
    let time = |text: &str| super::time(&head(text)).ok().flatten().map(|time| time.as_nanos());
    assert_eq!(time("3S"), Some(3_000_000_000));
    assert_eq!(time("500m"), Some(500_000_000));
    assert_eq!(time("99999999H"), Some(99_999_999 * 3600 * 1_000_000_000));
    for wrong in ["", "S", "3", "-3S", "+3S", "3X", "123456789S", "3é"] {
        assert_eq!(time(wrong), None, "{wrong}");
    }
}
