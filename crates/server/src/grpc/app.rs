//! The protocol of an app: a service and a message for each pipeline, and what all of them answer.

use pintle_model::{Collection, Model, Pipeline, Type, field_number};

use super::schema::{Enum, Field, File, Kind, Label, Message, Method, Service};
use crate::Exposure;

/// What the file is called, for imports and reflection, and where it is found: `/docs/pipelines.proto`.
pub(crate) const FILE: &str = "pipelines.proto";
/// Where Protocol Buffers have their own moments.
const TIMESTAMP: &str = "google/protobuf/timestamp.proto";

/// The methods of each pipeline's service: an answer for all, and one for each.
pub(crate) const TAKE: &str = "Take";
pub(crate) const TAKE_EACH: &str = "TakeEach";

/// What became of a record, as numbers of `Status`.
pub(super) const STATUSES: [(&str, &str); 6] = [
    ("STATUS_UNSPECIFIED", ""),
    ("STATUS_STORED", "It is in the store: it is new there, or one with its id was there already."),
    ("STATUS_DEAD", "It could not be stored and is kept with the reason, to be tried again."),
    ("STATUS_REFUSED", "Something is wrong with it: nothing of it is kept."),
    ("STATUS_ACCEPTED", "It is kept in the queue, and will be stored."),
    ("STATUS_FAILED", "There was no room for it, or nobody knows: send it again later."),
];

/// The protocol of what is exposed of an app; nothing where that has no pipeline.
pub(super) fn file(model: &Model, exposure: &Exposure) -> Option<File> {
    let pipelines: Vec<&Pipeline> = exposure.pipelines.iter().map(|id| model.pipeline(*id)).collect();
    if pipelines.is_empty() {
        return None;
    }
    let package = model.package();
    let full = |name: &str| format!("{package}.{name}");
    let messages = pipelines.iter().map(|pipeline| record(model, pipeline, &package));
    let mut messages: Vec<Message> = messages.chain(answers(&full)).collect();
    let uses = |wanted: &str| {
        let kinds = messages.iter().flat_map(|message| &message.fields).map(|field| &field.kind);
        kinds.into_iter().any(|kind| matches!(kind, Kind::Message(name) if name == wanted))
    };
    let imports = if uses("google.protobuf.Timestamp") { vec![TIMESTAMP] } else { Vec::new() };
    if uses(&full("Point")) {
        let degrees = |name: &str, number| Field::new(name, number, Kind::Double, "");
        messages.push(Message {
            name: "Point".to_owned(),
            about: "A place on Earth (WGS 84), in degrees.".to_owned(),
            fields: vec![degrees("longitude", 1), degrees("latitude", 2)],
        });
    }
    Some(File {
        name: FILE,
        about: format!(
            "The pipelines of {}: records in at volume, over gRPC. Made by Pintle from the app's manifest.\n\
             A field's number is made of its name, so that none changes when another comes or goes.",
            model.name
        ),
        imports,
        services: pipelines.iter().map(|pipeline| service(model, pipeline, &package)).collect(),
        messages,
        enums: vec![Enum { name: "Status", about: "What became of a record.", values: STATUSES.to_vec() }],
        package,
    })
}

/// The name of a pipeline's service, with its package.
pub(crate) fn service_name(model: &Model, pipeline: &Pipeline) -> String {
    format!("{}.{}Pipeline", model.package(), pipeline.protocol_name())
}

fn service(model: &Model, pipeline: &Pipeline, package: &str) -> Service {
    let method = |name, about, answers: &str, each| Method {
        name,
        about,
        takes: format!("{package}.{}Record", pipeline.protocol_name()),
        answers: format!("{package}.{answers}"),
        streams: (true, each),
    };
    let into = &model.collection(pipeline.into).name;
    let usual = format!("Takes records into `{into}`.");
    Service {
        name: format!("{}Pipeline", pipeline.protocol_name()),
        about: pipeline.description.clone().unwrap_or(usual),
        methods: vec![
            method(
                TAKE,
                "Takes records, and answers when all of them are durable: how many became what.",
                "Summary",
                false,
            ),
            method(TAKE_EACH, "Takes records, and answers each, in their order, when it is durable.", "Outcome", true),
        ],
    }
}

fn record(model: &Model, pipeline: &Pipeline, package: &str) -> Message {
    let collection = model.collection(pipeline.into);
    Message {
        name: format!("{}Record", pipeline.protocol_name()),
        about: format!("A record of `{}`. What is not given is filled in, or null.", collection.name),
        fields: given(collection)
            .map(|(_, field)| {
                let (kind, form) = kind(field.ty, package);
                let of =
                    field.reference.as_ref().map(|to| format!("A key of `{}`.", model.collection(to.collection).name));
                let told = [field.description.as_deref(), of.as_deref(), form];
                let about = told.into_iter().flatten().collect::<Vec<_>>().join(" ");
                Field::new(&field.name, field_number(&field.name), kind, about).label(Label::Optional)
            })
            .collect(),
    }
}

/// The fields that a caller may give, with their places.
pub(super) fn given(collection: &Collection) -> impl Iterator<Item = (usize, &pintle_model::Field)> {
    collection.fields.iter().enumerate().filter(|(_, field)| !field.readonly)
}

/// How a type stands in a message, and what is to be said of that.
fn kind(ty: Type, package: &str) -> (Kind, Option<&'static str>) {
    match ty {
        Type::Text => (Kind::Text, None),
        Type::Integer => (Kind::Int64, None),
        Type::Number => (Kind::Double, None),
        Type::Boolean => (Kind::Bool, None),
        Type::Timestamp => (Kind::Message("google.protobuf.Timestamp".to_owned()), None),
        Type::Date => (Kind::Text, Some("A day: 2026-01-31.")),
        Type::Uuid => (Kind::Text, Some("A UUID.")),
        Type::Json => (Kind::Text, Some("JSON.")),
        Type::Bytes => (Kind::Bytes, None),
        Type::Point => (Kind::Message(format!("{package}.Point")), None),
    }
}

/// The messages that are answered.
fn answers(full: &impl Fn(&str) -> String) -> [Message; 4] {
    let count = |name: &str, number| Field::new(name, number, Kind::Uint64, "");
    let text = |name: &str, number, about: &str| Field::new(name, number, Kind::Text, about);
    let of =
        |name: &str, number, message: &str, about: &str| Field::new(name, number, Kind::Message(full(message)), about);
    let message = |name: &str, about: &str, fields| Message { name: name.to_owned(), about: about.to_owned(), fields };
    [
        message(
            "Summary",
            "How many records became what.",
            vec![
                count("records", 1),
                count("stored", 2),
                count("accepted", 3),
                count("refused", 4),
                count("dead", 5),
                of("faults", 6, "Outcome", "The first of those that were refused or are dead.").label(Label::Repeated),
            ],
        ),
        message(
            "Outcome",
            "What became of a record.",
            vec![
                Field::new("index", 1, Kind::Uint64, "Its place among those that were sent; the first has 0."),
                Field::new("status", 2, Kind::Enum(full("Status")), ""),
                text("id", 3, "What tells it apart, unless the store counts it; of several fields, a JSON object."),
                of("error", 4, "Error", "Why, where it is not stored."),
            ],
        ),
        message(
            "Error",
            "What was wrong, where, and what would be right.",
            vec![
                text("code", 1, ""),
                text("message", 2, ""),
                text("details", 3, ""),
                text("hint", 4, ""),
                of("faults", 5, "Fault", "Each on its own, where it has several.").label(Label::Repeated),
            ],
        ),
        message(
            "Fault",
            "What is wrong with a field.",
            vec![text("path", 1, "The field, and the place within it."), text("message", 2, "")],
        ),
    ]
}

/// The file that [`TIMESTAMP`] names, which reflection hands out beside the app's.
pub(super) fn timestamp() -> File {
    let field = |name: &str, number, kind| Field::new(name, number, kind, "");
    File {
        name: TIMESTAMP,
        package: "google.protobuf".to_owned(),
        about: String::new(),
        imports: Vec::new(),
        services: Vec::new(),
        messages: vec![Message {
            name: "Timestamp".to_owned(),
            about: String::new(),
            fields: vec![field("seconds", 1, Kind::Int64), field("nanos", 2, Kind::Int32)],
        }],
        enums: Vec::new(),
    }
}
