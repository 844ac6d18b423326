//! Pipelines: a `POST` of one record, of an array, or of NDJSON.

use pintle_model::{Collection, KeyOrigin, PipelineId, RouteAccess};
use pintle_query::Right;
use serde_json::{Map, Value, json};

use super::access::{self, Place};
use super::parts::{self, JSON};
use super::schema::Form;
use crate::grpc;

/// What a stream is called, as it is sent and answered.
const NDJSON: &str = "application/x-ndjson";

/// What became of a record, where more than one may be answered.
pub(super) const TAKEN: &str = "Taken";

/// The operation of a pipeline's door, at its path; `place` is the collection that it leads into.
pub(super) fn operation(place: Place<'_>, id: PipelineId) -> Value {
    let model = place.planner.model();
    let pipeline = model.pipeline(id);
    let new = parts::schema_ref(&Form::New.name(place.collection));
    let taken = parts::schema_ref(TAKEN);
    let mut responses = parts::errors(&["400", "401", "403", "408", "413", "414", "415", "5XX"]);
    let one_or_many =
        |one: Value| json!({ JSON: { "schema": { "anyOf": [one, { "type": "array", "items": taken }] } } });
    let mut many = one_or_many(taken.clone());
    many[NDJSON] = json!({ "schema": { "type": "string", "description": "A line for each record." } });
    let stored =
        "One record: one with its id was there. Several: all are stored. A stream: what became of each, line by line.";
    let mut answer = |status: &str, about: &str, content: Value| {
        responses.insert(status.to_owned(), json!({ "description": about, "content": content }));
    };
    answer("200", stored, many);
    let waits = "One record: it could not be stored, and is kept with the reason; or it waits in the queue, and is answered as it was taken. \
                 Several: all wait in the queue.";
    let record = parts::schema_ref(&Form::Answered.name(place.collection));
    answer(
        "202",
        waits,
        json!({ JSON: { "schema": { "anyOf": [taken, record, { "type": "array", "items": taken }] } } }),
    );
    answer("207", "Not all of several records are stored.", one_or_many(taken.clone()));
    responses.insert("201".to_owned(), stored_now(place.collection));
    responses.insert(
        "429".to_owned(),
        json!({
            "description": "So many records are on their way that this must wait.",
            "headers": { "Retry-After": { "description": "Seconds to wait.", "schema": { "type": "integer" } } },
            "content": { JSON: { "schema": parts::schema_ref("Error") } },
        }),
    );
    let who = place.access(&[Right::Take(id)]);
    let security = match pipeline.access {
        RouteAccess::Optional => who.security,
        _ => access::security(&place.planner.model().credentials, false),
    };
    let about = pipeline
        .description
        .as_deref()
        .unwrap_or("Records in at volume: each is answered for itself, once it is durable.");
    let by_grpc =
        format!("Over gRPC, call `{}`: its protocol is [{1}](/docs/{1}).", grpc::service(model, id), grpc::FILE);
    json!({
        "operationId": format!("take_{}", pipeline.name),
        "tags": [place.collection.name],
        "summary": format!("Take records into {}", place.collection.name),
        "description": format!("{about} {} {by_grpc}", who.note),
        "security": security,
        "requestBody": { "required": true, "content": {
            JSON: { "schema": { "anyOf": [new, { "type": "array", "items": {} }] } },
            NDJSON: { "schema": { "type": "string", "description": "A record a line." } },
        } },
        "responses": responses,
    })
}

/// The answer to a record that is stored: the record, unless its key was counted and the caller may not read it.
fn stored_now(collection: &Collection) -> Value {
    if collection.key.origin == KeyOrigin::Counted {
        // Where `content` stands, tools take it for promised.
        return json!({ "description": "The record is stored. It is answered unless the caller may not read it." });
    }
    let record = parts::schema_ref(&Form::Answered.name(collection));
    json!({ "description": "The record is stored, and answered.", "content": { JSON: { "schema": record } } })
}

/// The schema of [`TAKEN`].
pub(super) fn taken() -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "description": "What became of a record.",
        "properties": {
            "index": { "type": "integer", "minimum": 0, "description": "Its place among those that were sent." },
            "id": { "description": "What tells it apart, unless the store counts it." },
            "status": {
                "enum": ["accepted", "stored", "dead", "refused", "failed"],
                "description": "`accepted`: it is in the queue. `stored`: it is in the store. `dead`: it could not be stored and is kept. `refused`: something is wrong \
                    with it. `failed`: it and all behind it were not taken.",
            },
            "error": parts::schema_ref("Error"),
        },
        "required": ["status"],
    });
    Map::from_iter([(TAKEN.to_owned(), schema)])
}
