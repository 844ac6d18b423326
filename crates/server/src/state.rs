//! What requests share: made once from an app, never changed. A changed app is another state.

use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;
use pintle_model::{Caller, Model, PipelineId, Role};
use pintle_pipeline::{Door, JetStream};
use pintle_query::Planner;
use pintle_query::rest::Asker;
use pintle_store::Store;
use uuid::Uuid;

use crate::answer::{self, Answer};
use crate::auth::{self, Tokens};
use crate::cors::Cors;
use crate::exposure::exposed;
use crate::grpc::{Layout, Protocol};
use crate::idempotency::Idempotency;
use crate::ids::Ids;
use crate::metrics::Totals;
use crate::pages::Site;
use crate::passed::{Doubts, PINTLE_SERVICE};
use crate::route::Cache;
use crate::routes::Routes;
use crate::script::Habits;
use crate::script::fetch::Fetcher;
use crate::script::outbox::Outbox;
use crate::{App, Error, Exposes, Exposure, Scripts, Settings, openapi};

/// An app as it is served.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) planner: Arc<Planner>,
    pub(crate) store: Store,
    pub(crate) queue: Option<JetStream>,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) idempotency: Idempotency,
    /// What each listener exposes.
    pub(crate) exposed: Vec<Exposed>,
    pub(crate) scripts: Scripts,
    /// What their calls did, by route.
    pub(crate) habits: Vec<Arc<Habits>>,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) outbox: Arc<Outbox>,
    /// The doors of its pipelines, by their ids.
    pub(crate) doors: Vec<Arc<Door>>,
    /// How records come in by gRPC, by the same ids.
    pub(crate) layouts: Vec<Arc<Layout>>,
    /// Answers of routes that are kept.
    pub(crate) cache: Cache,
    pub(crate) cors: Option<Cors>,
    /// How to say who asks, for those who must.
    pub(crate) challenge: HeaderValue,
    pub(crate) ids: Ids,
    pub(crate) totals: Totals,
    pub(crate) doubts: Doubts,
}

/// What a listener exposes of an app.
#[derive(Debug)]
pub(crate) struct Exposed {
    pub(crate) exposure: Exposure,
    pub(crate) routes: Routes,
    pub(crate) site: Option<Site>,
    /// The names of its services.
    services: HeaderValue,
    docs: OnceLock<axum::Router>,
    protocol: OnceLock<Arc<Protocol>>,
    /// As which role anonymous callers act.
    nobody: Role,
}

impl Exposed {
    fn new(app: &App, exposure: Exposure, nobody: Role) -> Result<Exposed, Error> {
        let model = app.planner.model();
        let pages = model.pages.as_ref().filter(|_| exposure.pages);
        Ok(Exposed {
            routes: Routes::new(model, &exposure)?,
            services: answer::value(exposure.service_names(model).collect::<Vec<_>>().join(",")),
            site: pages.map(|pages| Site::new(pages, &app.folder)),
            docs: OnceLock::new(),
            protocol: OnceLock::new(),
            exposure,
            nobody,
        })
    }

    /// An answer that says which services it is of.
    pub(crate) fn signed(&self, mut answer: Answer) -> Answer {
        answer.headers_mut().insert(PINTLE_SERVICE, self.services.clone());
        answer
    }

    /// The documentation. Made when it is first asked for: it takes longer than the rest of a small app's start.
    pub(crate) fn docs(&self, planner: &Planner) -> &axum::Router {
        self.docs.get_or_init(|| openapi::routes(planner, &self.exposure, self.nobody, true))
    }

    /// The protocol of its pipelines, made when somebody asks.
    pub(crate) fn protocol(&self, model: &Model) -> &Arc<Protocol> {
        self.protocol.get_or_init(|| Arc::new(Protocol::new(model, &self.exposure)))
    }
}

impl State {
    /// What an app's requests share; `earlier` is the state whose place it takes.
    pub(crate) fn new(app: App, earlier: Option<&State>) -> Result<State, Error> {
        let totals = Totals::new()?;
        let model = app.planner.model();
        let nobody = if app.settings.dev { Role::ServiceRole } else { Role::Anon };
        Ok(State {
            tokens: Tokens::new(model, &app.environment, nobody)?,
            idempotency: Idempotency::new(model, earlier.map(|earlier| &earlier.idempotency))
                .ok_or(Error::Model("_pintle_idempotency"))?,
            exposed: exposed(model, &app.settings.listeners)?
                .into_iter()
                .map(|exposure| Exposed::new(&app, exposure, nobody))
                .collect::<Result<_, _>>()?,
            fetcher: Arc::new(Fetcher::new(&model.scripts.fetch, &app.environment)?),
            outbox: earlier.map_or_else(Arc::default, |earlier| Arc::clone(&earlier.outbox)),
            scripts: app.scripts,
            doors: (0..model.pipelines.len())
                .map(|at| Door::new(PipelineId(at), &app.planner, &app.store, app.queue.as_ref()).map(Arc::new))
                .collect::<Option<_>>()
                .ok_or(Error::Model("_pintle_dead_letters"))?,
            layouts: model.pipelines.iter().map(|to| Arc::new(Layout::new(model.collection(to.into)))).collect(),
            habits: model.routes.iter().map(|_| Arc::default()).collect(),
            cache: Cache::new(model, model.limits.cache_bytes),
            cors: Cors::of(&model.cors),
            challenge: auth::challenge(model),
            ids: earlier.map_or_else(Ids::new, |earlier| earlier.ids.clone()),
            totals,
            doubts: Doubts::default(),
            planner: app.planner,
            store: app.store,
            queue: app.queue,
            settings: app.settings,
        })
    }

    pub(crate) fn model(&self) -> &Model {
        self.planner.model()
    }

    /// The queue, where nothing goes on without it: a worker's. A server reads without it.
    pub(crate) fn needed_queue(&self) -> Option<&JetStream> {
        self.queue.as_ref().filter(|_| self.settings.listeners.contains(&Exposes::Nothing))
    }

    /// Who asks, now.
    pub(crate) fn asker(&self, caller: Arc<Caller>) -> Asker {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        Asker { caller, now, new_uuid: Uuid::now_v7 }
    }
}
