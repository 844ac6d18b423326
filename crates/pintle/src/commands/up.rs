//! `pintle up`: several apps side by side, each a process of its own, with one line a service.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use pintle_model::Model;

use crate::app::App;
use crate::banner::origin;
use crate::crew::{self, Process};
use crate::failure::Failure;
use crate::listeners;
use crate::ui::Look;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The apps: folders with a pintle.yaml, or manifests
    #[arg(default_value = ".")]
    apps: Vec<PathBuf>,
    /// Run each service as a process of its own, behind a gateway at its app's address
    #[arg(long)]
    services: bool,
    /// The port of the first app that needs one; the others take the next free ones
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Let anonymous callers act as service_role: for trying things out
    #[arg(long, env = "PINTLE_DEV", value_parser = BoolishValueParser::new())]
    dev: bool,
    /// Take over each change of an app's files
    #[arg(long, env = "PINTLE_WATCH", value_parser = BoolishValueParser::new())]
    watch: bool,
}

/// 1. Every app is checked, before any starts. 2. Each gets its ports. 3. The processes start, and are watched until a signal stops them.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.services && args.dev {
        return Err(Failure::usage(
            "--dev answers nothing that a gateway passes on, and --services puts one before each app",
        )
        .help("leave one of the two away"));
    }
    let apps: Vec<(&Path, Result<Model, Failure>)> =
        args.apps.iter().map(|given| (given.as_path(), App::manifest(given))).collect();
    let mut models = Vec::new();
    for (given, model) in apps {
        models.push((given, model?));
    }
    refuse_one_store(models.len())?;
    let mut ports = Ports::new(args.port, models.iter().map(|(_, model)| model));
    let mut processes = Vec::new();
    for (given, model) in &models {
        let several = models.iter().filter(|(_, other)| other.name == model.name).count() > 1;
        let name = if several { given.display().to_string() } else { model.name.clone() };
        processes.extend(if args.services && model.services_named {
            apart(args, given, model, &name, &mut ports)?
        } else {
            vec![whole(args, given, model, &name, &mut ports)?]
        });
    }
    crew::run(processes, Look::of_out())
}

/// A variable that names one store would have two apps share it, which cannot be.
fn refuse_one_store(apps: usize) -> Result<(), Failure> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match ["PINTLE_STORE", "PINTLE_STORE_FILE"].into_iter().find(set).filter(|_| apps > 1) {
        Some(name) => Err(Failure::usage(format!("{name} names one store, and each of {apps} apps needs its own"))
            .help("unset it: each app then has its data in its own folder; or bring one app up at a time")),
        None => Ok(()),
    }
}

/// Ports that are free.
struct Ports {
    next: u16,
    /// Those that manifests name.
    named: BTreeSet<u16>,
}

impl Ports {
    fn new<'a>(first: u16, models: impl Iterator<Item = &'a Model>) -> Ports {
        let named = models.flat_map(|model| &model.services).filter_map(|service| service.port).collect();
        Ports { next: first, named }
    }

    fn take(&mut self) -> Result<SocketAddr, Failure> {
        loop {
            let address = here(self.next);
            let port = self.next;
            self.next = port.checked_add(1).ok_or_else(|| {
                Failure::new("there is no free port").help("choose a lower one to begin with: --port")
            })?;
            if !self.named.contains(&port) && TcpListener::bind(address).is_ok() {
                return Ok(address);
            }
        }
    }
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// An app as one process, with a line for each of its addresses.
fn whole(args: &Args, given: &Path, model: &Model, name: &str, ports: &mut Ports) -> Result<Process, Failure> {
    let shared = model.services.iter().any(|service| service.port.is_none());
    // Where all have a port of their own, nothing listens at the app's.
    let address = if shared { Some(ports.take()?) } else { None };
    let places = listeners::places(model, address, None)?;
    let lines = places.iter().map(|place| {
        let whole = place.services.len() == model.services.len();
        let name = if whole { name.to_owned() } else { format!("{name}/{}", listeners::names(model, &place.services)) };
        (name, place.address)
    });
    let listen: Vec<String> = address.iter().flat_map(|address| ["--listen".to_owned(), address.to_string()]).collect();
    Ok(Process { name: name.to_owned(), words: serve(args, given, &listen), warns: true, lines: lines.collect() })
}

/// Each service of an app as a process, and the gateway: at the ports that several services share, else at one of its own.
fn apart(args: &Args, given: &Path, model: &Model, name: &str, ports: &mut Ports) -> Result<Vec<Process>, Failure> {
    let of_port = |port: u16| model.services.iter().filter(|service| service.port == Some(port)).count();
    let several: BTreeSet<u16> =
        model.services.iter().filter_map(|service| service.port).filter(|port| of_port(*port) > 1).collect();
    let mut entrances: Vec<SocketAddr> = several.iter().map(|port| here(*port)).collect();
    if entrances.is_empty() {
        entrances.push(ports.take()?);
    }
    let (mut upstreams, mut processes) = (Vec::new(), Vec::new());
    for service in &model.services {
        let own = service.port.filter(|port| !several.contains(port));
        let address = own.map_or_else(|| ports.take(), |port| Ok(here(port)))?;
        upstreams.extend(["--upstream".to_owned(), format!("{}={}", service.name, origin(address))]);
        let label = format!("{name}/{}", service.name);
        let words = ["--service", &service.name, "--listen", &address.to_string()].map(str::to_owned);
        processes.push(Process {
            name: label.clone(),
            words: serve(args, given, &words),
            warns: processes.is_empty(),
            lines: vec![(label, address)],
        });
    }
    let gateways = entrances.into_iter().map(|address| {
        let words = ["gateway", &given.display().to_string(), "--listen", &address.to_string()].map(str::to_owned);
        Process {
            name: name.to_owned(),
            words: [&words, &upstreams[..]].concat(),
            warns: false,
            lines: vec![(name.to_owned(), address)],
        }
    });
    Ok(gateways.chain(processes).collect())
}

fn serve(args: &Args, given: &Path, more: &[String]) -> Vec<String> {
    let mut words = vec!["serve".to_owned(), given.display().to_string()];
    words.extend_from_slice(more);
    words.extend(
        [(args.dev, "--dev"), (args.watch, "--watch")].iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()),
    );
    words
}
