//! Where an app's services listen: those without a port at the app's address, each other port beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pintle_model::likeness::meant;
use pintle_model::{Model, Service, ServiceId};
use pintle_server::Exposes;
use tokio::net::TcpListener;

use crate::commands::serve::listen_for;
use crate::failure::Failure;

/// Where an app is served unless `--listen` says.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// An address to listen at, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) exposes: Exposes,
    /// The services that are exposed there; with none, what tells of the process is all that answers.
    pub(crate) services: Vec<ServiceId>,
}

/// Where to listen for an app, or for one of its services. With a `listen` of port 0, each takes a free port.
pub(crate) fn places(model: &Model, listen: Option<SocketAddr>, service: Option<&str>) -> Result<Vec<Place>, Failure> {
    let base = listen.unwrap_or(ADDRESS);
    if let Some(name) = service {
        let (id, service) = model.find_service(name).ok_or_else(|| no_service(model, name))?;
        let own = service.port.map(|port| SocketAddr::new(base.ip(), port));
        let address = listen.or(own).unwrap_or(ADDRESS);
        return Ok(vec![Place { address, exposes: Exposes::Service(name.to_owned()), services: vec![id] }]);
    }
    let mut places: Vec<(Place, Vec<Option<u16>>)> = Vec::new();
    for (at, Service { port, .. }) in model.services.iter().enumerate() {
        let address = port.filter(|_| base.port() != 0).map_or(base, |port| SocketAddr::new(base.ip(), port));
        // Free ports are others each time, but those of one port share one.
        let same = |(place, ports): &&mut (Place, Vec<_>)| {
            ports.contains(port) || (place.address == address && address.port() != 0)
        };
        match places.iter_mut().find(same) {
            Some((place, ports)) => {
                place.services.push(ServiceId(at));
                ports.push(*port);
            }
            None => {
                let place = Place { address, exposes: Exposes::Ports(Vec::new()), services: vec![ServiceId(at)] };
                places.push((place, vec![*port]));
            }
        }
    }
    // Whoever says where expects an answer there, if only about the health.
    if let Some(address) = listen.filter(|listen| places.iter().all(|(place, _)| place.address != *listen)) {
        let place = Place { address, exposes: Exposes::Ports(Vec::new()), services: Vec::new() };
        places.push((place, Vec::new()));
    }
    Ok(places.into_iter().map(|(place, ports)| Place { exposes: Exposes::Ports(ports), ..place }).collect())
}

/// Takes the address.
pub(crate) fn listen(model: &Model, place: &Place) -> Result<TcpListener, Failure> {
    // The one at the app's address is chosen on the command line.
    let at_its_port = place.services.iter().map(|id| model.service(*id));
    let named = at_its_port.filter(|service| service.port == Some(place.address.port())).map(|service| &service.name);
    listen_for(place.address, named.map(String::as_str).next())
}

/// The names of the services of a place, in a row.
pub(crate) fn names(model: &Model, services: &[ServiceId]) -> String {
    services.iter().map(|id| model.service(*id).name.as_str()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn no_service(model: &Model, name: &str) -> Failure {
    let known = || model.services.iter().map(|service| service.name.as_str());
    let help = match meant(name, known()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if !model.services_named => "its manifest has no `services`: it is one, with all of it".to_owned(),
        None => format!("its services are {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    Failure::usage(format!("the app `{}` has no service `{name}`", model.name)).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(services: &str, listen: Option<&str>, service: Option<&str>) -> Result<Vec<String>, String> {
        let text =
            format!("pintle: 1\npublic: none\ncollections: {{ a: {{}}, b: {{}}, c: {{}}, d: {{}} }}\n{services}");
        let (model, diagnostics) = pintle_model::load("pintle.yaml", &text, &|_| Err(String::new()));
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let model = model.unwrap();
        let listen = listen.map(|address| address.parse().unwrap());
        let places = places(&model, listen, service).map_err(|failure| failure.to_string())?;
        Ok(places.iter().map(|place| format!("{} {}", place.address, names(&model, &place.services))).collect())
    }

    const FOUR: &str = "services:
  a: { collections: [a] }
  b: { port: 81, collections: [b] }
  c: { port: 82, collections: [c] }
  d: { port: 81, collections: [d] }
";

    #[test]
    fn services_listen_at_their_ports_and_all_others_at_the_apps_address() {
        let strings = |words: &[&str]| Ok(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(at("", None, None), strings(&["127.0.0.1:8080 app"]));
        assert_eq!(at(FOUR, None, None), strings(&["127.0.0.1:8080 a", "127.0.0.1:81 b, d", "127.0.0.1:82 c"]));
        assert_eq!(at(FOUR, Some("[::]:81"), None), strings(&["[::]:81 a, b, d", "[::]:82 c"]));
        assert_eq!(
            at(FOUR, Some("127.0.0.1:0"), None),
            strings(&["127.0.0.1:0 a", "127.0.0.1:0 b, d", "127.0.0.1:0 c"])
        );
        let ports = "services: { a: { port: 81, collections: '*' } }";
        assert_eq!(at(ports, None, None), strings(&["127.0.0.1:81 a"]), "nothing is at the app's address");
        assert_eq!(at(ports, Some("0.0.0.0:80"), None), strings(&["0.0.0.0:81 a", "0.0.0.0:80 "]), "but its health");
    }

    #[test]
    fn one_service_listens_at_its_port_unless_another_address_is_given() {
        let strings = |word: &str| Ok(vec![word.to_owned()]);
        assert_eq!(at(FOUR, None, Some("b")), strings("127.0.0.1:81 b"));
        assert_eq!(at(FOUR, None, Some("a")), strings("127.0.0.1:8080 a"));
        assert_eq!(at(FOUR, Some("0.0.0.0:9000"), Some("b")), strings("0.0.0.0:9000 b"));
    }

    #[test]
    fn a_service_that_is_not_there_is_told_with_those_that_are() {
        for (services, name, help) in [
            (FOUR, "bb", "did you mean `b`?"),
            (FOUR, "pages", "its services are `a`, `b`, `c`, `d`"),
            ("", "pages", "its manifest has no `services`: it is one, with all of it"),
        ] {
            let told = at(services, None, Some(name)).unwrap_err();
            assert_eq!(told, format!("error: the app `app` has no service `{name}`\n  help: {help}"));
        }
    }
}
