//! Indexes of places come and go with the manifest, and find the rows that were there.

use serde_json::json;

use crate::App;
use crate::support::tables::schema;
use crate::support::{On, scenarios_of_places};

/// Without places.
const BEFORE: &str = "
pintle: 1
collections:
  visits:
    key: { id: text }
    fields:
      longitude: { type: number, required: true }
      latitude: { type: number, required: true }
      seen: { type: timestamp, required: true }
";

/// With a point of the two numbers, and an own one.
const AFTER: &str = "
pintle: 1
collections:
  visits:
    key: { id: text }
    fields:
      longitude: { type: number, required: true }
      latitude: { type: number, required: true }
      seen: { type: timestamp, required: true }
      position: { type: point, of: [longitude, latitude] }
      own: point
    indexes: [{ space: position, time: seen }, { space: position }]
";

async fn an_index_is_filled_when_it_comes_and_gone_when_it_goes(on: On) {
    let app = App::new(on, BEFORE);
    let record = |id: &str, longitude: f64| json!({ "id": id, "longitude": longitude, "latitude": 50, "seen": "2026-11-21T10:00:00Z" });
    app.insert("visits", &json!([record("a", 8.0), record("b", 9.0)])).await;
    let before = schema(&app.place);
    let app = app.becomes(AFTER);
    let there = schema(&app.place).join("\n");
    for name in ["visits_position_seen_idx", "visits_position_idx", "visits_own_idx"] {
        assert!(there.contains(name), "{there}");
    }
    let near = "select=id&position=dwithin.(9,50,10)";
    assert_eq!(app.ask("visits", near).await, [json!({ "id": "b" })]);
    app.insert("visits", &json!([record("c", 9.00001)])).await;
    let found = app.ask("visits", &format!("{near}&order=id&seen=gte.2026-11-21&seen=lt.2026-11-22")).await;
    assert_eq!(found, [json!({ "id": "b" }), json!({ "id": "c" })]);
    assert!(app.store.plan().unwrap().steps.is_empty(), "the tables are as the manifest says");
    let app = app.becomes(BEFORE);
    // What PostGIS brings stays.
    let bounds = |line: &String| !line.contains("_check") && !line.contains("spatial_ref_sys");
    let [before, after] =
        [before, schema(&app.place)].map(|lines| lines.into_iter().filter(bounds).collect::<Vec<_>>());
    assert_eq!(before, after);
    assert_eq!(app.ask("visits", "select=id&order=id").await.len(), 3);
}

scenarios_of_places! {
    an_index_is_filled_when_it_comes_and_gone_when_it_goes
}
