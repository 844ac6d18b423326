//! Plain resources: list, create, get, replace, patch, delete.

use pintle_model::{Collection, Field, Mount, Type};
use pintle_query::Right;
use serde_json::{Map, Value, json};

use super::access::Place;
use super::parts::{self, JSON};
use super::schema::{self, Form};

/// How many levels a filter may go into a json field.
const INNER_LEVELS: u32 = 8;

/// Errors that every operation may answer: a bad token, a URL that is too long, a store that does not answer.
const ALWAYS: [&str; 5] = ["400", "401", "408", "414", "5XX"];

/// The paths of a mount.
pub(super) fn paths(place: Place<'_>, mount: &Mount) -> Map<String, Value> {
    let collection = place.collection;
    let answers = |method: &str| mount.methods.iter().any(|m| m.eq_ignore_ascii_case(method));
    let mut paths = Map::new();
    let mut list = Map::new();
    if answers("GET") {
        list.insert("get".to_owned(), list_operation(place, mount));
    }
    if answers("POST") {
        list.insert("post".to_owned(), create(place, mount));
    }
    if !list.is_empty() {
        paths.insert(mount.path.clone(), Value::Object(list));
    }
    let key = &collection.fields[0];
    let mut one = Map::new();
    if answers("GET") {
        one.insert("get".to_owned(), get(place));
    }
    if answers("PUT") {
        one.insert("put".to_owned(), replace(place));
    }
    if answers("PATCH") {
        one.insert("patch".to_owned(), patch(place));
    }
    if answers("DELETE") {
        one.insert("delete".to_owned(), delete(place));
    }
    if !one.is_empty() {
        one.insert("parameters".to_owned(), json!([key_parameter(key)]));
        paths.insert(format!("{}/{{{}}}", mount.path, key.name), Value::Object(one));
    }
    paths
}

fn key_parameter(key: &Field) -> Value {
    let mut parameter = json!({
        "name": key.name,
        "in": "path",
        "required": true,
        "description": key.description.as_deref().unwrap_or("The record's key."),
        "schema": schema::scalar(key),
    });
    if let Some(example) = super::example::value(key) {
        parameter["example"] = example;
    }
    parameter
}

fn list_operation(place: Place<'_>, mount: &Mount) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::Select]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403"]));
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "The records, in the key's order unless `order` says otherwise.",
            "headers": headers(&["Content-Range", "Link"]),
            "content": { JSON: { "schema": {
                "type": "array",
                "items": parts::schema_ref(&Form::Answered.name(collection)),
            } } },
        }),
    );
    json!({
        "operationId": format!("list_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("List {}", collection.name),
        "description": access.note,
        "security": access.security,
        "parameters": list_parameters(collection, mount),
        "responses": responses,
    })
}

fn list_parameters(collection: &Collection, mount: &Mount) -> Vec<Value> {
    let mut limit = json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX - 1 });
    if let Some(most) = mount.limit_max {
        limit["maximum"] = json!(most);
    }
    if let Some(default) = mount.limit_default {
        limit["default"] = json!(default);
    }
    let mut parameters = vec![
        query("limit", "How many records at the most.", limit),
        query(
            "offset",
            "How many records to leave out first.",
            json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX - 1 }),
        ),
        query(
            "order",
            &format!(
                "By which fields: `field.desc`, several with commas.{}",
                super::places::about_distance(collection, "POINT.distance(longitude,latitude)")
            ),
            order_schema(collection),
        ),
    ];
    for field in collection.fields.iter().filter(|f| !matches!(f.ty, Type::Json | Type::Point)) {
        if ["limit", "offset", "order"].contains(&field.name.as_str()) {
            continue;
        }
        let about = format!("Only records whose `{}` is this.", field.name);
        parameters.push(query(&field.name, &about, filter_schema(field)));
    }
    parameters.extend(inner_filters(collection));
    parameters
}

/// A filter compares: it takes any value of the field's type, also one that no record may hold.
fn filter_schema(field: &Field) -> Value {
    let mut bare = field.clone();
    bare.choices = Vec::new();
    bare.pattern = None;
    bare.minimum = None;
    bare.maximum = None;
    bare.min_length = None;
    bare.max_length = None;
    schema::scalar(&bare)
}

/// Equality on paths inside json fields: one parameter for each path, so an object whose members are the parameters.
fn inner_filters(collection: &Collection) -> Option<Value> {
    let fields: Vec<&str> = collection.fields.iter().filter(|f| f.ty == Type::Json).map(|f| f.name.as_str()).collect();
    let first = fields.first()?;
    Some(json!({
        "name": "inside",
        "in": "query",
        "style": "form",
        "explode": true,
        "description": format!(
            "Equality on a path inside a json field, through arrays too: `{first}.id=4608`. A value that reads as a JSON \
             number, `true`, `false` or `null` finds that or the same text. At most {INNER_LEVELS} levels.",
        ),
        // Else Swagger UI begins with parameters of its own making, and they are no fields.
        "example": {},
        "schema": {
            "type": "object",
            "propertyNames": { "pattern": format!("^({})(\\.[A-Za-z0-9_]+){{1,{INNER_LEVELS}}}$", fields.join("|")) },
            "additionalProperties": { "type": "string" },
        },
    }))
}

fn order_schema(collection: &Collection) -> Value {
    let ordered = collection.fields.iter().filter(|f| !matches!(f.ty, Type::Json | Type::Point));
    let mut names: Vec<String> = ordered.map(|f| f.name.clone()).collect();
    names.extend(super::places::distance(collection));
    let one = format!("({})(\\.(asc|desc))?", names.join("|"));
    json!({ "type": "string", "pattern": format!("^{one}(,{one})*$") })
}

fn query(name: &str, about: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn create(place: Place<'_>, mount: &Mount) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::Insert]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403", "409", "412", "413", "415", "422"]));
    responses.insert("201".to_owned(), created(collection));
    json!({
        "operationId": format!("create_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("Store a record at {}", mount.path),
        "description": access.note,
        "security": access.security,
        "parameters": [parts::idempotency_key()],
        "requestBody": body(collection, Form::New, &[JSON]),
        "responses": responses,
    })
}

fn get(place: Place<'_>) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::Select]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403", "404", "412"]));
    responses.insert("200".to_owned(), record_answer(collection, "The record.", &["ETag"]));
    responses.insert(
        "304".to_owned(),
        json!({ "description": "The record is the one that `If-None-Match` names.", "headers": headers(&["ETag"]) }),
    );
    json!({
        "operationId": format!("get_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("Fetch one of {}", collection.name),
        "description": access.note,
        "security": access.security,
        "parameters": [condition("If-None-Match", "Answer 304 if the record still has this ETag.")],
        "responses": responses,
    })
}

fn replace(place: Place<'_>) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::UpdateUsing, Right::UpdateCheck]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403", "404", "409", "412", "413", "415"]));
    responses.extend(changed(collection));
    json!({
        "operationId": format!("replace_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("Replace one of {}", collection.name),
        "description": format!("Fields that are left out take their defaults or become null. {}", access.note),
        "security": access.security,
        "parameters": [if_match()],
        "requestBody": body(collection, Form::Replacement, &[JSON]),
        "responses": responses,
    })
}

fn patch(place: Place<'_>) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::UpdateUsing, Right::UpdateCheck]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403", "404", "409", "412", "413", "415"]));
    responses.extend(changed(collection));
    json!({
        "operationId": format!("patch_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("Change fields of one of {}", collection.name),
        "description": format!("JSON Merge Patch (RFC 7396), also inside json fields. {}", access.note),
        "security": access.security,
        "parameters": [if_match()],
        "requestBody": body(collection, Form::Patch, &["application/merge-patch+json", JSON]),
        "responses": responses,
    })
}

fn delete(place: Place<'_>) -> Value {
    let collection = place.collection;
    let access = place.access(&[Right::Delete]);
    let mut responses = parts::errors(&ALWAYS);
    responses.extend(parts::errors(&["403", "404", "409", "412"]));
    responses.insert("204".to_owned(), json!({ "description": "The record is gone." }));
    json!({
        "operationId": format!("delete_{}", collection.name),
        "tags": [collection.name],
        "summary": format!("Remove one of {}", collection.name),
        "description": access.note,
        "security": access.security,
        "parameters": [if_match()],
        "responses": responses,
    })
}

fn if_match() -> Value {
    condition("If-Match", "Write only if the record still has this ETag; else 412.")
}

fn condition(name: &str, about: &str) -> Value {
    json!({ "name": name, "in": "header", "description": about, "schema": { "type": "string" } })
}

fn body(collection: &Collection, form: Form, types: &[&str]) -> Value {
    let content: Map<String, Value> = types
        .iter()
        .map(|ty| ((*ty).to_owned(), json!({ "schema": parts::schema_ref(&form.name(collection)) })))
        .collect();
    json!({ "required": true, "content": content })
}

fn record_answer(collection: &Collection, about: &str, names: &[&str]) -> Value {
    json!({
        "description": about,
        "headers": headers(names),
        "content": { JSON: { "schema": parts::schema_ref(&Form::Answered.name(collection)) } },
    })
}

/// The stored record, unless nobody but `service_role` may read it.
fn created(collection: &Collection) -> Value {
    let names = ["ETag", "Location", "Idempotent-Replayed"];
    if collection.policies.select.is_some() {
        return record_answer(collection, "The record as it was stored.", &names);
    }
    json!({
        "description": "Stored. The record as it was stored, if the caller may read it.",
        "headers": headers(&names),
    })
}

fn changed(collection: &Collection) -> Map<String, Value> {
    let open = collection.policies.select.as_ref().is_some_and(|policy| policy.source.trim() == "true");
    let mut answers = Map::new();
    answers.insert("200".to_owned(), record_answer(collection, "The record as it is now.", &["ETag"]));
    if !open {
        let about = "Changed, and the caller may not read the record as it is now.";
        answers.insert("204".to_owned(), json!({ "description": about }));
    }
    answers
}

fn headers(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), parts::header_ref(name))).collect()
}
