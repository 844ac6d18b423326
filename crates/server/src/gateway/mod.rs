//! The gateway: one address for an app whose services run elsewhere, each as often as it needs to.
//!
//! 1. `handle` is the life of a request. Its path belongs to a service ([`Table`]); what answers everybody alike (health,
//!    metrics, documentation) and errors are the gateway's own.
//! 2. `headers` says what of a request and an answer is passed on: who asks, signed; the request's id; its trace (`trace`).
//! 3. `forward` asks a `replica` of the service, and another one where that is safe. Bodies are lent (`lend`) and passed
//!    back (`passing`) piece by piece.
//! 4. `watch` finds out which replicas there are, and how they are doing.
//!
//! It opens no store, and knows no caller: credentials are passed on untouched, and each service looks at them itself.

mod forward;
mod handle;
mod headers;
mod health;
mod lend;
mod passing;
mod replica;
mod trace;
mod upstream;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use pintle_auth::GatewayKey;
use pintle_model::{Model, Role};
use pintle_query::Planner;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::body::Incoming;
use crate::connections::{self, Answers, Bounds};
use crate::cors::Cors;
use crate::grpc::Protocol;
use crate::ids::Ids;
use crate::metrics::{self, Meter, Totals};
use crate::routes::Routes;
use crate::{Error, Exposure, Settings, Table, openapi, tls};

pub use upstream::Upstream;

/// How much longer than a service's own time an answer is waited for, so that it is the service that says so.
const GRACE: Duration = Duration::from_secs(1);

/// What a gateway is given.
#[derive(Debug)]
pub struct Gateway {
    /// The app's model, with compiled policies, for its documentation.
    pub planner: Arc<Planner>,
    /// Where each service of the model is found, in the model's order.
    pub upstreams: Vec<Vec<Upstream>>,
    /// What signs requests.
    pub key: GatewayKey,
    /// How it answers. There is no dev mode of a gateway.
    pub settings: Settings,
}

/// What its requests share.
#[derive(Debug)]
struct Front {
    planner: Arc<Planner>,
    services: Vec<Arc<replica::Service>>,
    key: GatewayKey,
    settings: Settings,
    table: Table,
    /// What the gateway answers itself.
    routes: Routes,
    docs: axum::Router,
    protocol: Arc<Protocol>,
    cors: Option<Cors>,
    ids: Ids,
    totals: Totals,
    /// Of what belongs to no service.
    meter: Meter,
}

impl Front {
    fn new(gateway: Gateway) -> Result<Front, Error> {
        let Gateway { planner, upstreams, key, settings } = gateway;
        let totals = Totals::new()?;
        let model = planner.model();
        let whole = Exposure::whole(model);
        let services = model.services.iter().zip(upstreams);
        let encrypted = services.clone().any(|(_, upstreams)| upstreams.iter().any(Upstream::is_encrypted));
        // Whom the system trusts takes a while to read.
        let tls = if encrypted { tls::of_system() } else { tls::none() };
        let tls = tls.map_err(|error| Error::Tls(error.into()))?;
        Ok(Front {
            services: services
                .map(|(service, upstreams)| {
                    Arc::new(replica::Service::new(service.name.clone(), upstreams, tls.clone()))
                })
                .collect(),
            table: Table::new(model)?,
            routes: Routes::new(model, &whole)?,
            docs: openapi::routes(&planner, &whole, Role::Anon, true),
            protocol: Arc::new(Protocol::new(model, &whole)),
            cors: Cors::of(&model.cors),
            ids: Ids::new(),
            meter: Meter::of_service("gateway"),
            totals,
            planner,
            key,
            settings,
        })
    }

    fn model(&self) -> &Model {
        self.planner.model()
    }
}

/// Passes requests on until `shutdown` ends, and answers those that it has then, as [`crate::run()`] does.
///
/// # Errors
/// When the gateway cannot answer as it is told.
pub async fn run(gateway: Gateway, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let front = Arc::new(Front::new(gateway)?);
    let mut upkeep = JoinSet::new();
    upkeep.spawn(metrics::upkeep());
    for service in &front.services {
        let service = Arc::clone(service);
        let key = front.key.clone();
        upkeep.spawn(async move { match watch::watch(service, key).await {} });
    }
    let bounds = Bounds {
        connections_max: front.settings.connections_max,
        drain: front.settings.drain,
        open: front.totals.connections.clone(),
    };
    connections::serve(vec![listener], &bounds, Arc::clone(&front), shutdown).await;
    upkeep.shutdown().await;
    Ok(())
}

impl Answers for Arc<Front> {
    type Body = handle::Body;

    fn url_bytes(&self) -> u64 {
        self.model().limits.url_bytes
    }

    async fn answer(&self, _listener: usize, remote: IpAddr, request: Request<Incoming>) -> handle::Answered {
        handle::handle(self, remote, request).await
    }
}
