//! A PostgreSQL that is given PostGIS later, and one that loses it.

use pintle_store::{Consent, Error};
use serde_json::{Value as Json, json};

use crate::App;
use crate::support::On;

const APP: &str = "
pintle: 1
collections:
  halls:
    fields: { name: text, at: point }
  visits:
    key: { id: text }
    fields:
      who: { type: integer, required: true }
      longitude: { type: number, required: true }
      latitude: { type: number, required: true }
      seen: { type: timestamp, required: true }
      at: { type: point, required: true }
      position: { type: point, of: [longitude, latitude] }
    indexes: [[who, seen], { space: position, time: seen }, { space: at, time: seen }]
routes:
  /near/{id}:
    get:
      params: { id: integer, from: date, to: date }
      proximity: { in: visits, at: at, time: seen, who: who, subject: id, from: from, to: to, within: 20, answer: pairs }
";

/// Questions about all that is kept.
const QUESTIONS: [(&str, &str); 4] = [
    ("halls", "select=name,at,metres:at.distance(11,48)&order=id"),
    ("halls", "select=name&at=dwithin.(11,48,2000)&order=id"),
    ("visits", "select=id,at&position=dwithin.(11,48,100)&seen=lt.2026-11-22&order=id"),
    ("visits", "select=id&at=bbox.(10.9,47.9,11.1,48.1)&order=at.distance(11,48),id"),
];

async fn answers(app: &App) -> Vec<Vec<Json>> {
    let mut all = Vec::new();
    for (collection, query) in QUESTIONS {
        all.push(app.ask(collection, query).await);
    }
    all
}

async fn filled() -> App {
    let app = App::new(On::WithoutPostgis, APP);
    let at = |n: f64| json!({ "longitude": 11.0 + n / 1000.0, "latitude": 48.0 });
    let halls = (0..20).map(|n| json!({ "name": format!("h{n}"), "at": at(f64::from(n)) }));
    app.insert("halls", &halls.chain([json!({ "name": "nowhere" , "at": null })]).collect()).await;
    let visits = (0..20).map(|n| {
        let (longitude, seen) = (11.0 + f64::from(n) / 10_000.0, "2026-11-21T10:00:00Z");
        json!({ "id": n.to_string(), "who": n % 3, "longitude": longitude, "latitude": 48, "seen": seen, "at": at(f64::from(n) / 10.0) })
    });
    app.insert("visits", &visits.collect()).await;
    app
}

#[tokio::test]
async fn on_postgres_points_move_to_postgis_once_it_is_there_and_are_missed_when_it_goes() {
    let app = filled().await;
    let before = answers(&app).await;
    assert!(before.iter().all(|rows| rows.len() > 1), "{before:?}");
    let slower = app.store.migrate(Consent::Forward).unwrap().slower.unwrap();
    assert!(slower.contains("let a superuser run `CREATE EXTENSION postgis`"), "{slower}");

    app.place.run("CREATE EXTENSION postgis");
    // Nothing changes for a server that runs, not for statements that are new to it either.
    assert_eq!(app.ask("halls", "select=name&at=dwithin.(11,48,1)").await, [json!({ "name": "h0" })]);
    assert_eq!(answers(&app).await, before);

    let plan = app.store.plan().unwrap();
    assert!(plan.to_string().contains("points are kept with PostGIS from now on"), "{plan}");
    let app = app.becomes(APP);
    assert_eq!(answers(&app).await, before);
    let psql = |sql: &str| app.place.database.as_ref().unwrap().psql(sql);
    let column = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'at' AND attrelid = 'halls'::regclass";
    assert_eq!(psql(column), "geography(Point,4326)");
    assert_eq!(psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'public_pintle_points'"), "0");
    assert_eq!(psql("SELECT indexdef ~ 'USING gist .at' FROM pg_indexes WHERE indexname = 'halls_at_idx'"), "t");
    assert_eq!(psql("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'visits_%seen%'"), "4");
    let again = app.store.migrate(Consent::Forward).unwrap();
    assert!(again.is_empty() && again.slower.is_none(), "{again:?}");

    // Gone with its columns: nothing is put in their place unasked.
    app.place.run("DROP EXTENSION postgis CASCADE");
    let Err(Error::Migration(told)) = app.store.migrate(Consent::Forward) else { panic!("nothing is missed") };
    assert!(told.contains("were kept with PostGIS"), "{told}");
}
