//! A pipeline's door, as commands go through it: as `service_role`, beside a server if there is one.

use std::sync::Arc;

use pintle_model::likeness::meant;
use pintle_model::{Caller, PipelineId, Role};
use pintle_pipeline::Door;
use pintle_query::rest::Asker;
use pintle_store::{Access, Consent, Error, Location, Store};

use crate::app::App;
use crate::failure::Failure;
use crate::migration;
use crate::place::StoreArg;

/// A door, and who goes through it.
pub(crate) struct Intake {
    pub(crate) door: Door,
    pub(crate) asker: Asker,
}

impl Intake {
    pub(crate) fn new(app: &App, id: PipelineId, store: &Store) -> Result<Intake, Failure> {
        let door =
            Door::new(id, &app.planner, store, None).ok_or_else(|| Failure::new("the model has no dead letters"))?;
        Ok(Intake { door, asker: asker() })
    }
}

/// `service_role`, now.
pub(crate) fn asker() -> Asker {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Asker { caller: Arc::new(Caller::of(Role::ServiceRole)), now, new_uuid: uuid::Uuid::now_v7 }
}

/// The pipeline of this name.
pub(crate) fn find(app: &App, name: &str) -> Result<PipelineId, Failure> {
    let pipelines = &app.model().pipelines;
    if let Some(at) = pipelines.iter().position(|pipeline| pipeline.name == name) {
        return Ok(PipelineId(at));
    }
    let known: Vec<&str> = pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect();
    let help = match (meant(name, known.iter().copied()), known.as_slice()) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => "its manifest has no `pipelines`".to_owned(),
        (None, known) => format!("its pipelines are `{}`", known.join("`, `")),
    };
    Err(Failure::new(format!("the app `{}` has no pipeline `{name}`", app.model().name)).help(help))
}

/// The pipeline of this name, or all.
pub(crate) fn pipelines(app: &App, name: Option<&str>) -> Result<Vec<PipelineId>, Failure> {
    let ids = match name {
        Some(name) => vec![find(app, name)?],
        None => (0..app.model().pipelines.len()).map(PipelineId).collect(),
    };
    if ids.is_empty() {
        return Err(Failure::new(format!("the app `{}` has no pipelines", app.model().name)));
    }
    Ok(ids)
}

/// That a pipeline has no dead letter of this id.
pub(crate) fn no_letter(pipeline: &str, id: &str) -> Failure {
    Failure::new(format!("`{pipeline}` has no dead letter `{id}`"))
        .help("`pintle dead-letters list` shows them with their ids; one that was stored or removed is none any more")
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::because("cannot start", &error))
}

/// Opens the store, and makes its tables where there are none yet.
pub(crate) fn open(app: &App, location: &Location, place: &StoreArg) -> Result<Store, Failure> {
    let failed = |error: Error| migration::refused(&error, app, place);
    let store = Store::open(location, app.model(), Access::Beside).map_err(failed)?;
    let plan = store.plan().map_err(failed)?;
    if plan.first {
        store.migrate(Consent::Forward).map_err(failed)?;
    } else if !plan.is_empty() {
        let command = migration::command(app, place);
        return Err(Failure::new("the store is not what the manifest says").help(format!("bring it there: {command}")));
    }
    Ok(store)
}
