//! Collections under `/rest/v1`, in PostgREST's grammar.

use pintle_model::{Collection, Model, Type};
use pintle_query::Right;
use serde_json::{Map, Value, json};

use super::access::Place;
use super::parts::{self, JSON};
use super::places;
use super::schema::Form;

const OBJECT: &str = "application/vnd.pgrst.object+json";
const ARRAY_STRIPPED: &str = "application/vnd.pgrst.array+json";

/// Errors that every operation may answer. 404 is also the answer to an operator that a type does not have (42883).
const ALWAYS: [&str; 8] = ["400", "401", "403", "404", "406", "408", "414", "5XX"];

/// The path of a collection.
pub(super) fn paths(place: Place<'_>) -> Map<String, Value> {
    let operations = json!({
        "get": read(place),
        "head": head(place),
        "post": post(place),
        "put": put(place),
        "patch": patch(place),
        "delete": delete(place),
    });
    Map::from_iter([(format!("/rest/v1/{}", place.collection.name), operations)])
}

fn operation(
    place: Place<'_>,
    id: &str,
    summary: &str,
    rights: &[Right],
    parameters: Vec<Value>,
    responses: Map<String, Value>,
) -> Value {
    let collection = place.collection;
    let access = place.access_to_rows(rights);
    json!({
        "operationId": format!("rest_{id}_{}", collection.name),
        "tags": [parts::rest_tag(&collection.name)],
        "summary": summary,
        "description": access.note,
        "security": access.security,
        "parameters": parameters,
        "responses": responses,
    })
}

fn read(place: Place<'_>) -> Value {
    let (collection, model) = (place.collection, place.planner.model());
    let mut responses = parts::rest_errors(&ALWAYS);
    responses.extend(parts::rest_errors(&["416"]));
    responses.insert("200".to_owned(), rows(collection, "The records; all that there are, or nobody asked how many."));
    responses.insert("206".to_owned(), rows(collection, "A part of the records: `Content-Range` says of how many."));
    let summary = format!("Read {}", collection.name);
    let parameters = read_parameters(collection, model);
    operation(place, "select", &summary, &[Right::Select], parameters, responses)
}

fn head(place: Place<'_>) -> Value {
    let (collection, model) = (place.collection, place.planner.model());
    let mut responses = parts::bare_rest_errors(&ALWAYS);
    responses.extend(parts::bare_rest_errors(&["416"]));
    for status in ["200", "206"] {
        responses.insert(
            status.to_owned(),
            json!({ "description": "As `GET`, without the records.", "headers": headers(&["Content-Range"]) }),
        );
    }
    let parameters = read_parameters(collection, model);
    let summary = format!("Count {}", collection.name);
    operation(place, "count", &summary, &[Right::Select], parameters, responses)
}

fn post(place: Place<'_>) -> Value {
    let collection = place.collection;
    let mut responses = parts::rest_errors(&ALWAYS);
    responses.extend(parts::rest_errors(&["409", "413", "415", "422"]));
    let replayed = "Idempotent-Replayed";
    responses.insert("201".to_owned(), perhaps("Stored.", &["Location", replayed]));
    responses
        .insert("200".to_owned(), perhaps("An upsert that changed what was there and added nothing.", &[replayed]));
    let parameters = vec![
        query("select", "Which fields the representation holds.", select_schema()),
        query(
            "columns",
            "Which fields of the body to take; those that it lacks become null.",
            names_schema(collection),
        ),
        query(
            "on_conflict",
            "For upserts: the fields that decide whether a record is there. The key, unless given.",
            names_schema(collection),
        ),
        query("order", "The order of the representation.", order_schema(collection)),
        prefer(
            "`return=representation|minimal|headers-only`, `resolution=merge-duplicates|ignore-duplicates`, \
             `missing=default`, `count=exact`.",
        ),
        parts::idempotency_key(),
    ];
    let one = parts::schema_ref(&Form::New.name(collection));
    let body = json!({ "oneOf": [one.clone(), { "type": "array", "items": one }] });
    let summary = format!("Add to {}: one record or an array", collection.name);
    let mut operation = operation(place, "insert", &summary, &[Right::Insert], parameters, responses);
    operation["requestBody"] = json_body(body);
    operation
}

fn put(place: Place<'_>) -> Value {
    let collection = place.collection;
    let mut responses = parts::rest_errors(&ALWAYS);
    responses.extend(parts::rest_errors(&["405", "409", "413", "415"]));
    responses.insert("200".to_owned(), written(collection, "Replaced."));
    responses.insert("201".to_owned(), perhaps("Stored: there was none at this key.", &[]));
    responses.insert("204".to_owned(), json!({ "description": "Replaced." }));
    let keys = collection.fields.iter().take(collection.key.len);
    let mut parameters: Vec<Value> = keys
        .map(|key| {
            let mut parameter = filter(&key.name, "The key: `eq.` and its value.", "^eq\\..");
            parameter["required"] = json!(true);
            parameter
        })
        .collect();
    parameters.push(query("select", "Which fields the representation holds.", select_schema()));
    parameters.push(prefer("`return=representation|minimal`."));
    let summary = format!("Put one of {} at its key", collection.name);
    let mut operation = operation(
        place,
        "put",
        &summary,
        &[Right::Insert, Right::UpdateUsing, Right::UpdateCheck],
        parameters,
        responses,
    );
    operation["requestBody"] = json_body(parts::schema_ref(&Form::New.name(collection)));
    operation
}

fn patch(place: Place<'_>) -> Value {
    let collection = place.collection;
    let mut responses = parts::rest_errors(&ALWAYS);
    responses.extend(parts::rest_errors(&["409", "413", "415"]));
    responses.insert("200".to_owned(), written(collection, "The records as they are now."));
    responses.insert("204".to_owned(), bare("Changed, or nothing was there to change."));
    let mut parameters = write_parameters(collection);
    parameters.push(prefer("`return=representation|minimal`, `count=exact`, `handling=strict, max-affected=N`."));
    let summary = format!("Change every one of {} that the filters find", collection.name);
    let mut operation =
        operation(place, "update", &summary, &[Right::UpdateUsing, Right::UpdateCheck], parameters, responses);
    operation["requestBody"] = json_body(parts::schema_ref(&Form::Changes.name(collection)));
    operation
}

fn delete(place: Place<'_>) -> Value {
    let collection = place.collection;
    let mut responses = parts::rest_errors(&ALWAYS);
    responses.extend(parts::rest_errors(&["409"]));
    responses.insert("200".to_owned(), written(collection, "The records that are gone."));
    responses.insert("204".to_owned(), bare("Gone, or nothing was there."));
    let mut parameters = write_parameters(collection);
    parameters.push(prefer("`return=representation|minimal`, `count=exact`, `handling=strict, max-affected=N`."));
    let summary = format!("Remove every one of {} that the filters find", collection.name);
    operation(place, "delete", &summary, &[Right::Delete], parameters, responses)
}

fn read_parameters(collection: &Collection, model: &Model) -> Vec<Value> {
    let mut parameters = shared_parameters(collection);
    let most = model.limits.rows.map(|rows| format!(" At most {rows} are answered.")).unwrap_or_default();
    parameters.push(query("limit", &format!("How many records at the most.{most}"), count_schema()));
    parameters.push(query("offset", "How many records to leave out first.", json!({ "type": "integer" })));
    parameters.extend(filters(collection));
    parameters.push(prefer("`count=exact`."));
    parameters.push(json!({
        "name": "Range",
        "in": "header",
        "description": "Rows by their numbers, `0-9`, as `offset` and `limit` would name them.",
        "schema": { "type": "string", "pattern": "^[0-9]{1,9}-[0-9]{0,9}$" },
    }));
    parameters
}

fn write_parameters(collection: &Collection) -> Vec<Value> {
    let mut parameters = shared_parameters(collection);
    parameters.extend(filters(collection));
    parameters
}

fn shared_parameters(collection: &Collection) -> Vec<Value> {
    vec![
        query(
            "select",
            &format!(
                "Which fields: `name,alias:other,data->a->>b`. Everything unless given.{}",
                places::about_distance(collection, "metres:POINT.distance(longitude,latitude)")
            ),
            select_schema(),
        ),
        query(
            "order",
            &format!(
                "By what: `field.desc.nullslast`, several with commas.{}",
                places::about_distance(collection, "POINT.distance(longitude,latitude)")
            ),
            order_schema(collection),
        ),
    ]
}

/// One parameter for each field, the trees, and paths inside json fields.
fn filters(collection: &Collection) -> Vec<Value> {
    let reserved = ["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"];
    let operators = "^(not\\.)?((eq|gte?|lte?|i?like|i?match)(\\((any|all)\\))?|neq|in|is|isdistinct|cs|cd)\\.";
    let mut filters: Vec<Value> = collection
        .fields
        .iter()
        .filter(|field| !reserved.contains(&field.name.as_str()) && field.ty != Type::Point)
        .map(|field| {
            let about = format!("Where `{}`: {}.", field.name, operators_of(field.ty));
            filter(&field.name, &about, operators)
        })
        .collect();
    filters.extend(places::filters(collection));
    let tree = "^\\(.+\\)$";
    filters.push(filter("or", "Where any holds: `(a.eq.1,and(b.gt.2,c.is.null))`.", tree));
    filters.push(filter("and", "Where all hold: `(a.eq.1,or(b.gt.2,c.is.null))`.", tree));
    filters.extend(inner_filters(collection, operators));
    filters
}

fn operators_of(ty: Type) -> &'static str {
    match ty {
        Type::Text => {
            "`eq.`, `neq.`, `gt.`, `lt.`, `like.*a*`, `ilike.`, `match.`, `in.(a,b)`, `is.null`; `not.` before it"
        }
        Type::Boolean => "`is.true`, `is.false`, `eq.true`, `is.null`; `not.` before it",
        Type::Json => "`eq.{…}`, `cs.{…}` (contains), `is.null`; `not.` before it",
        _ => "`eq.`, `neq.`, `gt.`, `gte.`, `lt.`, `lte.`, `in.(1,2)`, `is.null`; `not.` before it",
    }
}

fn inner_filters(collection: &Collection, pattern: &str) -> Option<Value> {
    let fields: Vec<&str> = collection.fields.iter().filter(|f| f.ty == Type::Json).map(|f| f.name.as_str()).collect();
    let first = fields.first()?;
    Some(json!({
        "name": "inside",
        "in": "query",
        "style": "form",
        "explode": true,
        "description": format!("A filter on a path inside a json field: `{first}->a->>b=eq.c`."),
        // Else Swagger UI begins with parameters of its own making, and they are no fields.
        "example": {},
        "schema": {
            "type": "object",
            "propertyNames": { "pattern": format!("^({})(->[A-Za-z0-9_]+)*->>?[A-Za-z0-9_]+$", fields.join("|")) },
            "additionalProperties": { "type": "string", "pattern": pattern },
        },
    }))
}

fn filter(name: &str, about: &str, pattern: &str) -> Value {
    query(name, about, json!({ "type": "string", "pattern": pattern }))
}

fn query(name: &str, about: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn prefer(about: &str) -> Value {
    json!({ "name": "Prefer", "in": "header", "description": about, "schema": { "type": "string" } })
}

fn select_schema() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn names_schema(collection: &Collection) -> Value {
    let names: Vec<&str> = collection.fields.iter().map(|field| field.name.as_str()).collect();
    let one = names.join("|");
    json!({ "type": "string", "pattern": format!("^({one})(,({one}))*$") })
}

fn count_schema() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX })
}

fn order_schema(collection: &Collection) -> Value {
    let ordered = collection.fields.iter().filter(|field| field.ty != Type::Point);
    let mut names: Vec<String> = ordered.map(|field| format!("{}(->>?[A-Za-z0-9_]+)*", field.name)).collect();
    names.extend(places::distance(collection));
    let one = format!("({})(\\.(asc|desc))?(\\.(nullsfirst|nullslast))?", names.join("|"));
    json!({ "type": "string", "pattern": format!("^{one}(,{one})*$") })
}

fn json_body(schema: Value) -> Value {
    json!({ "required": true, "content": { JSON: { "schema": schema } } })
}

/// An answer with or without a body. Only the text says so: where `content` stands, tools take it for promised.
fn perhaps(about: &str, more: &[&str]) -> Value {
    let names: Vec<&str> = ["Content-Range", "Preference-Applied"].iter().chain(more).copied().collect();
    let body = "With `Prefer: return=representation` the records as `GET` answers them, else nothing.";
    json!({ "description": format!("{about} {body}"), "headers": headers(&names) })
}

fn bare(about: &str) -> Value {
    json!({ "description": about, "headers": headers(&["Content-Range", "Preference-Applied"]) })
}

fn rows(collection: &Collection, about: &str) -> Value {
    json!({
        "description": about,
        "headers": headers(&["Content-Range", "Preference-Applied"]),
        "content": content(collection),
    })
}

fn written(collection: &Collection, about: &str) -> Value {
    json!({
        "description": about,
        "headers": headers(&["Content-Range", "Preference-Applied"]),
        "content": content(collection),
    })
}

/// Records as `select` asks for them: without it they are whole, with it they may have other members.
fn content(collection: &Collection) -> Value {
    let row = json!({
        "anyOf": [
            parts::schema_ref(&Form::Answered.name(collection)),
            { "type": "object", "description": "With `select`: the members that it names." },
        ],
    });
    let rows = json!({ "type": "array", "items": row.clone() });
    json!({
        JSON: { "schema": rows.clone() },
        OBJECT: { "schema": row },
        ARRAY_STRIPPED: { "schema": rows },
    })
}

fn headers(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), parts::header_ref(name))).collect()
}
