//! Routes of the app's own.

use pintle_model::{
    DefaultValue, Model, ParamPlace, ResultShape, Role, Route, RouteAccess, RouteAnswer, RouteId, RouteParam, Type,
};
use pintle_query::plan::Column;
use pintle_query::{OwnPlan, Planner};
use serde_json::{Map, Value, json};

use super::parts::{self, JSON};
use super::{access, embed, example, schema};
use crate::Exposure;

/// The tag of routes. No collection has a name with a space.
pub(super) const TAG: &str = "own routes";

/// Errors that every route may answer.
const ALWAYS: [&str; 5] = ["400", "401", "408", "414", "5XX"];

/// An app's routes: their paths, and the schemas of their bodies and answers.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) paths: Map<String, Value>,
    pub(super) schemas: Map<String, Value>,
}

/// Describes every route that is exposed; anonymous callers act as `nobody`.
pub(super) fn routes(planner: &Planner, exposure: &Exposure, nobody: Role) -> Routes {
    let model = planner.model();
    let mut all = Routes::default();
    for id in &exposure.routes {
        let route = &model.routes[id.0];
        let place = Place { planner, model, id: *id, route, name: name(model, id.0), nobody };
        let operation = place.operation(&mut all.schemas);
        let path = all.paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    all
}

/// A route's name in the document: `route_get_tiles_x_y`.
fn name(model: &Model, at: usize) -> String {
    let plain = |route: &Route| {
        let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.fold(format!("route_{}", route.method.to_ascii_lowercase()), |name, word| format!("{name}_{word}"))
    };
    let name = plain(&model.routes[at]);
    let before = model.routes[..at].iter().filter(|route| plain(route) == name).count();
    if before == 0 { name } else { format!("{name}_{}", before + 1) }
}

/// A route and who asks.
struct Place<'a> {
    planner: &'a Planner,
    model: &'a Model,
    id: RouteId,
    route: &'a Route,
    name: String,
    nobody: Role,
}

impl Place<'_> {
    fn operation(&self, schemas: &mut Map<String, Value>) -> Value {
        let route = self.route;
        let reads = route.method == "GET";
        let mut parameters: Vec<Value> = route.params.iter().map(parameter).collect();
        if reads {
            parameters.push(condition());
        }
        if route.method == "POST" {
            parameters.push(parts::idempotency_key());
        }
        let mut operation = json!({
            "operationId": self.name,
            "tags": [TAG],
            "summary": route.summary.clone().unwrap_or_else(|| format!("{} {}", route.method, route.path)),
            "description": self.description(),
            "security": access::security(&self.model.credentials, self.is_open()),
            "parameters": parameters,
            "responses": self.responses(schemas),
        });
        if let Some(body) = &route.body {
            let name = format!("{}.body", self.name);
            schemas.insert(name.clone(), embed::at(&body.source, &format!("#/components/schemas/{name}")));
            operation["requestBody"] =
                json!({ "required": true, "content": { JSON: { "schema": parts::schema_ref(&name) } } });
        }
        operation
    }

    fn description(&self) -> String {
        let route = self.route;
        let mut sentences: Vec<String> = Vec::new();
        if let Some(own) = &route.description {
            sentences.push(own.trim().to_owned());
        }
        sentences.push(
            match (self.is_open(), route.access) {
                (true, _) => "Open to everybody.",
                (false, RouteAccess::ServiceRole) => "Needs a token of the role `service_role`.",
                (false, _) => "Needs a token.",
            }
            .to_owned(),
        );
        if let RouteAnswer::Proximity(_) = route.answer {
            sentences.push("With `Accept: application/x-ndjson` each is a line, sent while they are found.".to_owned());
        }
        if let Some(time) = route.cache {
            let seconds = time.as_secs();
            sentences.push(format!("Kept for up to {seconds} s, until what it reads is written."));
        }
        sentences.join(" ")
    }

    /// Whether who sends no token may call.
    fn is_open(&self) -> bool {
        let allowed = match self.route.access {
            RouteAccess::Optional => true,
            RouteAccess::Required => self.nobody != Role::Anon,
            RouteAccess::ServiceRole => self.nobody == Role::ServiceRole,
        };
        let is_script = matches!(self.route.answer, RouteAnswer::Script(_));
        allowed && (is_script || self.plan(self.route.acts_as.unwrap_or(self.nobody)).is_some())
    }

    fn plan(&self, role: Role) -> Option<&OwnPlan> {
        self.planner.route_sql(self.id, role).ok()
    }

    fn responses(&self, schemas: &mut Map<String, Value>) -> Map<String, Value> {
        let route = self.route;
        let mut responses = parts::errors(&ALWAYS);
        responses.extend(parts::errors(&["403"]));
        if route.method == "GET" {
            responses.extend(parts::errors(&["412"]));
            let about = "The answer is the one that `If-None-Match` names.";
            responses.insert("304".to_owned(), json!({ "description": about, "headers": headers(&["ETag"]) }));
        } else {
            responses.extend(parts::errors(&["409", "412", "413", "415"]));
        }
        if route.method == "POST" {
            responses.extend(parts::errors(&["422"]));
        }
        match &route.answer {
            RouteAnswer::Sql(answer) => self.rows(answer.shape, &mut responses),
            RouteAnswer::Script(_) => self.script(schemas, &mut responses),
            RouteAnswer::Proximity(question) => {
                self.rows(ResultShape::Rows, &mut responses);
                if let Some(found) = responses.get_mut("200") {
                    let row = found["content"][JSON]["schema"]["items"].clone();
                    found["content"]["application/x-ndjson"] = json!({ "schema": row });
                }
                if question.subject.is_some() {
                    responses.extend(parts::errors(&["404"]));
                }
            }
        }
        responses
    }

    /// What a statement answers: its columns, in the shape that was chosen.
    fn rows(&self, shape: ResultShape, responses: &mut Map<String, Value>) {
        let roles = [Role::ServiceRole, Role::Authenticated, Role::Anon];
        let plan = self.route.acts_as.into_iter().chain(roles).find_map(|role| self.plan(role));
        let columns = plan.map_or(&[][..], |plan| &plan.plan.columns);
        if columns.is_empty() {
            responses.insert("204".to_owned(), json!({ "description": "Done." }));
            return;
        }
        let (about, schema) = match shape {
            ResultShape::Rows => ("The rows.", json!({ "type": "array", "items": row(columns) })),
            ResultShape::Row => ("The row.", row(columns)),
            ResultShape::Value => ("The value.", value(&columns[0])),
        };
        if shape != ResultShape::Rows {
            responses.extend(parts::errors(&["404"]));
        }
        responses.insert("200".to_owned(), self.answer(about, &schema));
    }

    /// What a script answers: anything, unless the manifest says more.
    fn script(&self, schemas: &mut Map<String, Value>, responses: &mut Map<String, Value>) {
        let about = "What the route answers.";
        let answer = match &self.route.response {
            Some(response) => {
                let name = format!("{}.response", self.name);
                let schema = embed::at(&response.source, &format!("#/components/schemas/{name}"));
                schemas.insert(name.clone(), schema);
                self.answer(about, &parts::schema_ref(&name))
            }
            None => json!({ "description": about, "headers": self.headers() }),
        };
        responses.insert("200".to_owned(), answer);
        responses.insert("default".to_owned(), json!({ "description": "What else the script answers." }));
    }

    fn answer(&self, about: &str, schema: &Value) -> Value {
        json!({ "description": about, "headers": self.headers(), "content": { JSON: { "schema": schema } } })
    }

    fn headers(&self) -> Map<String, Value> {
        let name = match self.route.method {
            "GET" if self.route.cache.is_some() => return headers(&["ETag", "Cache-Status"]),
            "GET" => "ETag",
            "POST" => "Idempotent-Replayed",
            _ => return Map::new(),
        };
        headers(&[name])
    }
}

fn headers(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), parts::header_ref(name))).collect()
}

fn condition() -> Value {
    json!({
        "name": "If-None-Match",
        "in": "header",
        "description": "Answer 304 if the answer still has this ETag.",
        "schema": { "type": "string" },
    })
}

fn parameter(param: &RouteParam) -> Value {
    let field = &param.field;
    let (place, name) = match param.place {
        ParamPlace::Path => ("path", field.name.clone()),
        ParamPlace::Query => ("query", field.name.clone()),
        ParamPlace::Header => ("header", field.name.replace('_', "-")),
    };
    let mut schema = schema::scalar(field);
    if let Some(DefaultValue::Literal(value)) = &field.default {
        schema["default"] = schema::datum(value);
    }
    let required = param.place == ParamPlace::Path || field.required && field.default.is_none();
    let mut parameter = json!({ "name": name, "in": place, "required": required });
    if let Some(description) = &field.description {
        parameter["description"] = json!(description);
    }
    if let Some(example) = example::value(field) {
        parameter["example"] = example;
    }
    if matches!(field.ty, Type::Json | Type::Point) {
        // In a URL json is a text that holds it.
        parameter["content"] = json!({ JSON: { "schema": schema } });
    } else {
        parameter["schema"] = schema;
    }
    parameter
}

fn row(columns: &[Column]) -> Value {
    let mut properties = Map::new();
    for group in columns.chunk_by(|a, b| a.object() == b.object()) {
        let own: Map<String, Value> = group.iter().map(|column| (column.name().to_owned(), value(column))).collect();
        match group[0].object() {
            None => properties.extend(own),
            Some(object) => _ = properties.insert(object.name().to_owned(), nullable(record(own))),
        }
    }
    record(properties)
}

fn record(properties: Map<String, Value>) -> Value {
    let names: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": names, "properties": properties, "additionalProperties": false })
}

fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!(["object", "null"]);
    schema
}

/// A column's value. What the statement makes of rows may always be null.
fn value(column: &Column) -> Value {
    if column.ty() == Type::Json {
        return json!({});
    }
    let mut schema =
        schema::scalar(&pintle_model::Field::new(column.name(), column.ty(), pintle_model::Span::default()));
    if let Some(one) = schema.get("type").cloned() {
        schema["type"] = json!([one, "null"]);
    }
    schema
}
