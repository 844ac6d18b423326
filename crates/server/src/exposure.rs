//! What a listener exposes of an app: the parts of some of its services. Only the way in differs: planner, scripts and
//! policies have the whole app everywhere.

use pintle_model::{CollectionId, Model, PipelineId, RouteId, Service, ServiceId};

use crate::Error;

/// Which services a listener exposes, whatever the app is like: a changed app is served by the same listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposes {
    /// Those of these ports. `None` are those without one.
    Ports(Vec<Option<u16>>),
    /// The one of this name, whatever its port.
    Service(String),
    /// None: what tells of the process is all that answers.
    Nothing,
}

/// Some services of an app, as one.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub(crate) services: Vec<ServiceId>,
    pub(crate) collections: Vec<CollectionId>,
    pub(crate) routes: Vec<RouteId>,
    pub(crate) pipelines: Vec<PipelineId>,
    pub(crate) pages: bool,
    /// Whether there are others.
    pub(crate) is_part: bool,
}

impl Exposure {
    /// All of an app.
    #[must_use]
    pub fn whole(model: &Model) -> Exposure {
        Exposure::of(model, |_| true)
    }

    /// What a listener exposes; nothing, where no service is its.
    fn at(model: &Model, listener: &Exposes) -> Exposure {
        Exposure::of(model, |service| match listener {
            Exposes::Ports(ports) => ports.contains(&service.port),
            Exposes::Service(name) => service.name == *name,
            Exposes::Nothing => false,
        })
    }

    /// The services of an app that are chosen.
    fn of(model: &Model, chosen: impl Fn(&Service) -> bool) -> Exposure {
        let here = || model.services.iter().filter(|service| chosen(service));
        let services = model.services.iter().enumerate().filter(|(_, service)| chosen(service));
        let services: Vec<ServiceId> = services.map(|(at, _)| ServiceId(at)).collect();
        let mut collections: Vec<CollectionId> = here().flat_map(|service| service.collections.clone()).collect();
        let mut routes: Vec<RouteId> = here().flat_map(|service| service.routes.clone()).collect();
        let mut pipelines: Vec<PipelineId> = here().flat_map(|service| service.pipelines.clone()).collect();
        // In the manifest's order, as where there are no services.
        collections.sort_unstable();
        routes.sort_unstable();
        pipelines.sort_unstable();
        let is_part = services.len() < model.services.len();
        Exposure { services, collections, routes, pipelines, pages: here().any(|service| service.pages), is_part }
    }

    /// The names of its services.
    pub(crate) fn service_names<'m>(&self, model: &'m Model) -> impl Iterator<Item = &'m str> {
        self.services.iter().map(|id| model.service(*id).name.as_str())
    }

    /// The names of its collections.
    pub(crate) fn names<'m>(&self, model: &'m Model) -> impl Iterator<Item = &'m str> {
        self.collections.iter().map(|id| model.collection(*id).name.as_str())
    }
}

/// What each listener exposes of this app.
///
/// # Errors
/// When a service would be exposed by none, a listener would expose nothing, or there is no service of a name.
pub(crate) fn exposed(model: &Model, listeners: &[Exposes]) -> Result<Vec<Exposure>, Error> {
    let exposed: Vec<Exposure> = listeners.iter().map(|listener| Exposure::at(model, listener)).collect();
    let served = |id: ServiceId| exposed.iter().any(|exposure| exposure.services.contains(&id));
    // Where one was asked for by its name, the others run elsewhere.
    let by_ports = listeners.iter().any(|listener| matches!(listener, Exposes::Ports(_)));
    let unserved = model.services.iter().enumerate().find(|(at, _)| by_ports && !served(ServiceId(*at)));
    if let Some((_, Service { name, port, .. })) = unserved {
        return Err(Error::Unserved { service: name.clone(), port: *port });
    }
    // One that never was for a port tells of the process alone.
    let idle = |(listener, exposure): &(&Exposes, &Exposure)| {
        let told = match listener {
            Exposes::Ports(ports) => ports.is_empty(),
            Exposes::Service(_) => false,
            Exposes::Nothing => true,
        };
        exposure.services.is_empty() && !told
    };
    match listeners.iter().zip(&exposed).find(idle) {
        Some((Exposes::Service(name), _)) => Err(Error::NoService(name.clone())),
        Some((Exposes::Ports(_) | Exposes::Nothing, _)) => Err(Error::IdleListener),
        None => Ok(exposed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(services: &str) -> Model {
        let text = format!("pintle: 1\npublic: none\ncollections: {{ a: {{}}, b: {{}}, c: {{}} }}\n{services}");
        let (model, diagnostics) = pintle_model::load("pintle.yaml", &text, &|_| Err(String::new()));
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        model.unwrap()
    }

    fn names(services: &str, listeners: &[Exposes]) -> Result<Vec<String>, String> {
        let model = model(services);
        let exposed = exposed(&model, listeners).map_err(|error| error.to_string())?;
        Ok(exposed.iter().map(|exposure| exposure.names(&model).collect()).collect())
    }

    const THREE: &str =
        "services: { x: { collections: [c] }, y: { port: 81, collections: [b] }, z: { collections: [a] } }";

    #[test]
    fn services_of_a_port_are_exposed_together_in_the_order_of_the_manifest() {
        let ports = |ports: &[Option<u16>]| Exposes::Ports(ports.to_vec());
        let strings = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(names("", &[ports(&[None])]), strings(&["abc"]));
        assert_eq!(names(THREE, &[ports(&[None]), ports(&[Some(81)])]), strings(&["ac", "b"]));
        assert_eq!(names(THREE, &[ports(&[None, Some(81)])]), strings(&["abc"]));
        assert_eq!(names(THREE, &[ports(&[None, Some(81)]), ports(&[])]), strings(&["abc", ""]));
        assert_eq!(names(THREE, &[Exposes::Service("y".to_owned())]), strings(&["b"]));
        assert!(Exposure::whole(&model(THREE)).services.len() == 3);
    }

    #[test]
    fn listeners_that_do_not_fit_are_refused() {
        for (listeners, reason) in [
            (vec![Exposes::Ports(vec![None])], "the service `y` has the port 81, where this server does not listen"),
            (
                vec![Exposes::Ports(vec![Some(81)])],
                "the service `x` has no port, and this server listens at those of others alone",
            ),
            (
                vec![Exposes::Ports(vec![None, Some(81)]), Exposes::Ports(vec![Some(82)])],
                "this server listens at a port that no service has any more",
            ),
            (vec![Exposes::Service("w".to_owned())], "there is no service `w`"),
        ] {
            assert_eq!(names(THREE, &listeners), Err(reason.to_owned()));
        }
    }
}
