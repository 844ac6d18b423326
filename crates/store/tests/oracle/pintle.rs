//! Pintle, on one of its stores: a request's text becomes a plan, the store runs it.

use std::sync::Arc;

use pintle_model::{Caller, CollectionId, Role};
use pintle_query::rest::{Asker, Preferences, RestWrite, Return};
use pintle_query::{Fault, Planner};
use pintle_store::{Access, Consent, Location, Rows, Store};
use serde_json::value::RawValue;

use crate::answer::{Answer, Done, Refusal, Tables};
use crate::place::Place;
use crate::request::{Request, Resolution, Returning};
use crate::world::{NOW, World};

/// A world that is served from a store.
pub(crate) struct Pintle {
    store: Store,
    planner: Planner,
    place: Place,
    before: Tables,
}

impl Pintle {
    /// Makes the world's tables in a new place, and fills them.
    pub(crate) async fn enter(mut place: Place, world: &World) -> Pintle {
        let manifest = world.manifest();
        let (model, mistakes) = pintle_model::load("pintle.yaml", &manifest, &|_| Err(String::new()));
        assert!(mistakes.is_empty(), "{mistakes:#?}\n{manifest}");
        let model = Arc::new(model.unwrap());
        place.clear().await;
        let location: Location = place.location();
        let planner = Planner::new(Arc::clone(&model), location.dialect());
        let planner = planner.unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{manifest}"));
        let store = Store::open(&location, &model, Access::Serve).unwrap();
        store.migrate(Consent::Forward).unwrap();
        let mut pintle = Pintle { store, planner, place, before: Vec::new() };
        pintle.fill(world).await;
        pintle.before = pintle.tables(world).await;
        pintle.place.remember(world).await;
        pintle
    }

    /// The place, for the next world.
    pub(crate) fn leave(self) -> Place {
        self.place
    }

    pub(crate) fn name(&self) -> &'static str {
        self.place.name()
    }

    pub(crate) fn on_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite { .. })
    }

    pub(crate) fn before(&self) -> &Tables {
        &self.before
    }

    async fn fill(&self, world: &World) {
        for (of, rows) in world.rows.iter().enumerate() {
            for row in rows {
                let request = Request::Insert {
                    of,
                    rows: vec![row.iter().cloned().enumerate().collect()],
                    resolution: None,
                    on_conflict: None,
                    returning: Returning::Minimal,
                };
                self.run(world, &Caller::of(Role::ServiceRole), &request).await.unwrap();
            }
        }
    }

    /// Runs a request, and takes it back.
    pub(crate) async fn ask(&self, world: &World, caller: &Caller, request: &Request) -> Answer {
        let said = self.run(world, caller, request).await;
        let tables = match request {
            Request::Read { .. } => self.before.clone(),
            _ => self.tables(world).await,
        };
        if !matches!(request, Request::Read { .. }) {
            self.place.take_back(world).await;
        }
        Answer { said, tables }.settled(request.ordered())
    }

    async fn run(&self, world: &World, caller: &Caller, request: &Request) -> Result<Done, Refusal> {
        let (query, body, of) = (request.query(world), request.body(world), CollectionId(request.of()));
        let (prefer, asker) = (preferences(request), asker(caller));
        let written = |planned: Result<RestWrite, Fault>| planned.map_err(|fault| Refusal::of_fault(&fault));
        let (planner, body) = (&self.planner, body.as_bytes());
        let planned = match request {
            Request::Read { .. } => {
                let read = planner.rest_read(of, &query, &prefer, &asker).map_err(|fault| Refusal::of_fault(&fault))?;
                let rows = self.store.read(read.read).await.map_err(|error| Refusal::of_error(&error))?;
                return Ok(Done { rows: split(&rows), count: rows.total, affected: 0, inserted: 0 });
            }
            Request::Insert { .. } => written(planner.rest_insert(of, &query, body, &prefer, &asker)),
            Request::Put { .. } => written(planner.rest_put(of, &query, body, &prefer, &asker)),
            Request::Update { .. } => written(planner.rest_update(of, &query, body, &prefer, &asker)),
            Request::Delete { .. } => written(planner.rest_delete(of, &query, &prefer, &asker)),
        };
        let Some(write) = planned?.write else { return Ok(Done::default()) };
        let written = self.store.write(write).await.map_err(|error| Refusal::of_error(&error))?;
        Ok(Done { rows: split(&written.rows), count: None, affected: written.affected, inserted: written.inserted })
    }

    /// Every table, as the service sees it.
    async fn tables(&self, world: &World) -> Tables {
        let mut tables = Vec::new();
        for (of, collection) in world.collections.iter().enumerate() {
            let key: Vec<&str> = collection.fields[..collection.key_len()].iter().map(|f| f.name.as_str()).collect();
            let (query, asker) = (format!("order={}", key.join(",")), asker(&Caller::of(Role::ServiceRole)));
            let read = self.planner.rest_read(CollectionId(of), &query, &Preferences::default(), &asker).unwrap();
            tables.push(split(&self.store.read(read.read).await.unwrap()));
        }
        tables
    }
}

fn asker(caller: &Caller) -> Asker {
    Asker { caller: Arc::new(caller.clone()), now: NOW, new_uuid: uuid::Uuid::now_v7 }
}

fn preferences(request: &Request) -> Preferences {
    let mut prefer = Preferences::default();
    match request {
        Request::Read { count, .. } => prefer.count = *count,
        Request::Insert { resolution: Some(Resolution::Merge), .. } => {
            prefer.resolution = Some(pintle_query::rest::Resolution::MergeDuplicates);
        }
        Request::Insert { resolution: Some(Resolution::Ignore), .. } => {
            prefer.resolution = Some(pintle_query::rest::Resolution::IgnoreDuplicates);
        }
        _ => {}
    }
    prefer.returning = match request.returning() {
        Some(Returning::Key) => Return::HeadersOnly,
        Some(Returning::Rows { .. }) => Return::Representation,
        _ => Return::Minimal,
    };
    prefer
}

/// The rows of an answer, each as it stands in the array.
fn split(rows: &Rows) -> Vec<String> {
    if rows.json.is_empty() {
        return Vec::new();
    }
    let each: Vec<&RawValue> = serde_json::from_slice(&rows.json).unwrap();
    assert_eq!(each.len() as u64, rows.len);
    each.into_iter().map(|row| row.get().to_owned()).collect()
}
