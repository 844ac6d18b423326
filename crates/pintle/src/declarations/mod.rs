//! TypeScript declarations of an app: what all scripts see, and the app's own collections and routes.

mod schema;

use std::fmt::Write;

use pintle_model::{Collection, Field, KeyOrigin, Model, Route, RouteAnswer, RouteParam, Type, Value};

/// What editors read to check an app's scripts.
pub(crate) fn of(model: &Model) -> String {
    let mut text =
        format!("// Made by `pintle types` of the app `{}`: make it anew when the manifest changes.\n\n", model.name);
    text.push_str(pintle_script::DECLARATIONS.trim_end());
    text.push_str("\n\n/** The app's collections. */\ninterface Collections {\n");
    for collection in model.collections.iter().filter(|collection| !collection.system) {
        of_collection(&mut text, collection);
    }
    text.push_str("}\n\n/** What the scripts of the app's routes get, by method and path. */\ninterface Routes {\n");
    for route in model.routes.iter().filter(|route| matches!(route.answer, RouteAnswer::Script(_))) {
        of_route(&mut text, route);
    }
    text.push_str("}\n");
    text
}

fn of_collection(text: &mut String, collection: &Collection) {
    comment(text, 1, collection.description.as_deref());
    line(text, 1, &format!("{}: {{", collection.name));
    let fields = || collection.fields.iter().enumerate();
    line(text, 2, "Row: {");
    for (_, field) in fields() {
        comment(text, 3, field.description.as_deref());
        line(text, 3, &format!("{}: {};", field.name, nullable(field)));
    }
    line(text, 2, "};");
    let insert = fields().filter(|(_, field)| !field.readonly).map(|(at, field)| {
        let made = collection.is_key(at) && collection.key.origin != KeyOrigin::Given;
        member(field, made || !field.required || field.default.is_some())
    });
    line(text, 2, &format!("Insert: {};", object(insert)));
    let update = fields().filter(|(at, field)| !field.readonly && !collection.is_key(*at));
    line(text, 2, &format!("Update: {};", object(update.map(|(_, field)| member(field, true)))));
    line(text, 1, "};");
}

fn member(field: &Field, optional: bool) -> String {
    let optional = if optional { "?" } else { "" };
    // Bytes are read as text, and written as either.
    let bytes = if field.ty == Type::Bytes { "Uint8Array | " } else { "" };
    format!("{}{optional}: {bytes}{}", field.name, nullable(field))
}

/// The members on one line.
fn object(members: impl Iterator<Item = String>) -> String {
    let members: Vec<String> = members.collect();
    if members.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", members.join("; ")) }
}

fn of_route(text: &mut String, route: &Route) {
    comment(text, 1, route.summary.as_deref().or(route.description.as_deref()));
    let params = object(route.params.iter().map(of_param));
    // A script without a schema takes any body.
    let body = route.body.as_ref().map_or_else(|| "any".to_owned(), |body| schema::of(&body.source));
    let body = if route.method == "GET" { "undefined" } else { &body };
    let name = schema::quoted(&format!("{} {}", route.method, route.path));
    line(text, 1, &format!("{name}: Request<{params}, {body}>;"));
}

/// A parameter that is not given and has no default is null.
fn of_param(param: &RouteParam) -> String {
    let null = if param.field.required || param.field.default.is_some() { "" } else { " | null" };
    format!("{}: {}{null}", param.field.name, of_field(&param.field))
}

fn nullable(field: &Field) -> String {
    let ty = of_field(field);
    if field.required || ty == "any" { ty } else { format!("{ty} | null") }
}

/// The type of a field's values, as JSON has them.
fn of_field(field: &Field) -> String {
    let literal = |value: &Value| match value {
        Value::Text(text) => Some(schema::quoted(text)),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) => Some(value.to_text()),
        _ => None,
    };
    if !field.choices.is_empty()
        && let Some(choices) = field.choices.iter().map(literal).collect::<Option<Vec<String>>>()
    {
        return choices.join(" | ");
    }
    match (field.ty, &field.schema) {
        (Type::Json, Some(schema)) => schema::of(&schema.source),
        (Type::Json, None) => "any".to_owned(),
        (Type::Integer | Type::Number, _) => "number".to_owned(),
        (Type::Boolean, _) => "boolean".to_owned(),
        (Type::Point, _) => "{ type: \"Point\"; coordinates: [longitude: number, latitude: number] }".to_owned(),
        (Type::Text | Type::Timestamp | Type::Date | Type::Uuid | Type::Bytes, _) => "string".to_owned(),
    }
}

fn line(text: &mut String, depth: usize, what: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}{what}", "  ".repeat(depth));
}

fn comment(text: &mut String, depth: usize, what: Option<&str>) {
    if let Some(what) = what {
        let words: Vec<&str> = what.split_whitespace().collect();
        line(text, depth, &format!("/** {} */", words.join(" ").replace("*/", "* /")));
    }
}
