//! What may be asked of the points of a collection.

use pintle_model::Collection;
use serde_json::{Value, json};

/// A number of degrees or metres, as a pattern.
const NUMBER: &str = r"-?[0-9]{1,3}(\.[0-9]{1,9})?";

/// One parameter for each point, also for those of two numbers.
pub(super) fn filters(collection: &Collection) -> Vec<Value> {
    let polygon = r#"\{"type":"(Polygon|MultiPolygon)","coordinates":.+\}"#;
    let pattern = format!(
        r"^(not\.)?(dwithin\.\({NUMBER},{NUMBER},[0-9]{{1,7}}(\.[0-9]{{1,9}})?\)|bbox\.\({NUMBER},{NUMBER},{NUMBER},{NUMBER}\)|within\.{polygon}|is\.null)$"
    );
    let of = |name: &String| {
        let about = format!(
            "Where `{name}`: `dwithin.(longitude,latitude,metres)`, `bbox.(west,south,east,north)` (a west greater than the \
             east goes over the antimeridian), `within.` and a GeoJSON Polygon or MultiPolygon, `is.null`; `not.` before it."
        );
        json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string", "pattern": pattern } })
    };
    collection.positions.iter().map(|position| of(&position.name)).collect()
}

/// A sentence on distances, where the collection has points; `selected` says how one is asked for.
pub(super) fn about_distance(collection: &Collection, selected: &str) -> String {
    let of =
        |name: &str| format!(" How far `{name}` is from a place, in metres: `{}`.", selected.replace("POINT", name));
    collection.positions.first().map(|position| of(&position.name)).unwrap_or_default()
}

/// What else rows are ordered by, as patterns.
pub(super) fn distance(collection: &Collection) -> impl Iterator<Item = String> {
    collection.positions.iter().map(|position| format!(r"{}\.distance\({NUMBER},{NUMBER}\)", position.name))
}
