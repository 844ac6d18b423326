//! The documentation that an app answers: its OpenAPI 3.1 document and the page that shows it.
//!
//! 1. [`document`] makes the document from the model, once, when an app is loaded: `route` for the app's own endpoints,
//!    `mount` for plain resources, `pipeline` for records at volume, `rest` for `/rest/v1`, `system` for health, metrics and the document itself.
//! 2. `schema` says what a record is as it is answered, as it is given, and as a patch of it; `embed` moves the
//!    JSON Schemas of json fields into the document, and `example` finds values that satisfy all of it.
//! 3. `parts` holds what every endpoint shares, errors and headers; `access` says who may ask, and how they say so.
//! 4. [`page`] serves `/openapi.json`, `/docs` and what the page needs, from the binary.
//!
//! What stands here must be what the server answers: the document is tested against a running server.

mod access;
mod embed;
mod example;
mod mount;
pub mod page;
mod parts;
mod pipeline;
mod places;
mod rest;
mod route;
mod schema;
mod system;

use pintle_model::{Collection, CollectionId, Model, Role};
use pintle_query::Planner;
use serde_json::{Map, Value, json};

use crate::Exposure;

use access::Place;

pub use page::routes;

/// A new record that satisfies what the model asks, if one is found: for documentation and first steps.
#[must_use]
pub fn example(collection: &Collection) -> Option<Value> {
    example::record(collection, schema::Form::New)
}

/// Makes the OpenAPI 3.1 document of what is exposed of an app, where anonymous callers act as `nobody`. Pintle's own
/// collections are left out.
#[must_use]
pub fn document(planner: &Planner, exposure: &Exposure, nobody: Role) -> Value {
    let model = planner.model();
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Error".to_owned(), parts::error_schema());
    let place = |id: &CollectionId| Place { planner, id: *id, collection: model.collection(*id), nobody };
    let places = exposure.collections.iter().map(place);
    for place in places.clone() {
        schemas.extend(schema::of(place.collection));
        if let Some(at) = &place.collection.mount {
            paths.extend(mount::paths(place, at));
        }
    }
    for id in &exposure.pipelines {
        let pipeline = model.pipeline(*id);
        // Beside other methods at the same path.
        let item = paths.entry(pipeline.path.clone()).or_insert_with(|| json!({}));
        item["post"] = pipeline::operation(place(&pipeline.into), *id);
        let into = model.collection(pipeline.into);
        schemas.extend(schema::of(into));
        schemas.extend(pipeline::taken());
    }
    let routes = route::routes(planner, exposure, nobody);
    // Those of the app's own come first: they are what its clients were written for.
    for (path, item) in std::mem::replace(&mut paths, routes.paths) {
        match (paths.get_mut(&path).and_then(Value::as_object_mut), item) {
            (Some(known), Value::Object(item)) => known.extend(item),
            (_, item) => _ = paths.insert(path, item),
        }
    }
    schemas.extend(routes.schemas);
    for place in places {
        paths.extend(rest::paths(place));
    }
    for (path, item) in system::paths() {
        // A route of the app's own may stand at `/health`.
        paths.entry(path).or_insert(item);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title(model, exposure),
            "version": model.version,
            "description": description(model),
        },
        "servers": [{ "url": "/", "description": "Where this document was read" }],
        "tags": tags(model, exposure),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": parts::responses(),
            "headers": parts::headers(),
            "securitySchemes": access::schemes(&model.credentials),
        },
    })
}

/// The app's name, with those of the services where it is not the whole app.
fn title(model: &Model, exposure: &Exposure) -> String {
    let names: Vec<&str> = exposure.service_names(model).collect();
    if exposure.is_part { format!("{}: {}", model.name, names.join(", ")) } else { model.name.clone() }
}

fn description(model: &Model) -> String {
    let own = model.description.as_deref().unwrap_or_default().trim();
    let shared = "\
### Who asks

Send a token as `Authorization: Bearer TOKEN` or as `apikey: TOKEN` (or, where no header \
can be sent, as the parameter `apikey`); whoever runs the app makes one with `pintle token create NAME --role ROLE`. Without a token a caller is `anon`. Each operation says whom it is for.

### Errors

Every error is a JSON object of `code`, `message`, `details` and `hint`: what was wrong, where, and what would be \
right. A parameter that an operation does not have is an error too.";
    if own.is_empty() { shared.to_owned() } else { format!("{own}\n\n{shared}") }
}

fn tags(model: &Model, exposure: &Exposure) -> Vec<Value> {
    let mut tags = Vec::new();
    if !exposure.routes.is_empty() {
        tags.push(tag(route::TAG, "Endpoints of the app's own."));
    }
    let collections = || exposure.collections.iter().map(|id| model.collection(*id));
    for collection in collections().filter(|collection| collection.mount.is_some()) {
        tags.push(tag(&collection.name, collection.description.as_deref().unwrap_or("Plain resources.")));
    }
    for collection in collections() {
        let about =
            "In PostgREST's grammar, for its client libraries: filters, `select`, `order`, bulk writes, upserts.";
        tags.push(tag(&parts::rest_tag(&collection.name), about));
    }
    tags.push(tag(parts::SYSTEM_TAG, "Health, metrics and this document."));
    tags
}

fn tag(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description })
}

#[cfg(test)]
mod tests;
