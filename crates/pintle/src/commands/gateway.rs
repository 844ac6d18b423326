//! `pintle gateway APP`: one address for the services of an app, which run elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use pintle_model::{Model, Service};
use pintle_query::Dialect;
use pintle_server::Settings;
use pintle_server::gateway::{self, Gateway, Upstream};
use tokio::net::TcpListener;

use super::serve::{address, ended, listen_for};
use crate::app::App;
use crate::banner::origin;
use crate::failure::Failure;
use crate::gateway_key;
use crate::logs;
use crate::ui::{self, Look};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app: a folder with a pintle.yaml, or a manifest
    #[arg(default_value = ".", env = "PINTLE_APP")]
    app: PathBuf,
    /// Where to listen: IP:PORT; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080", env = "PINTLE_LISTEN", value_name = "ADDRESS", value_parser = address)]
    listen: SocketAddr,
    /// Where a service is found: NAME=URL[,URL…]; may be given for each [default: PINTLE_UPSTREAM_NAME, else
    /// http://127.0.0.1:PORT with its port of the manifest]
    #[arg(long, value_name = "NAME=URL", value_parser = named)]
    upstream: Vec<(String, Vec<Upstream>)>,
    /// How log lines look [default: pretty on a terminal, json otherwise]; PINTLE_LOG says how much (info)
    #[arg(long, env = "PINTLE_LOG_FORMAT", value_enum)]
    log_format: Option<logs::Format>,
    /// Log no line for each request
    #[arg(long, env = "PINTLE_NO_ACCESS_LOG", value_parser = BoolishValueParser::new())]
    no_access_log: bool,
}

/// `NAME=URL[,URL…]`
fn named(text: &str) -> Result<(String, Vec<Upstream>), String> {
    let (name, urls) = text.split_once('=').ok_or("it is NAME=URL, like persons=http://127.0.0.1:30001")?;
    Ok((name.to_owned(), list(urls)?))
}

fn list(urls: &str) -> Result<Vec<Upstream>, String> {
    urls.split(',').map(|url| Upstream::parse(url.trim())).collect()
}

/// 1. The app is checked. 2. It is found out where its services are, and the key that they share is read or made. 3. Requests are
///    passed on until a signal drains it. No store is opened.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    logs::start(args.log_format)?;
    let app = App::load_at(&args.app, Dialect::Sqlite)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let upstreams = upstreams(app.model(), &args.upstream, &variable)?;
    let key = gateway_key::of_gateway(&app.folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::because("cannot start", &error))?;
    let _inside = runtime.enter();
    let listener = listen_for(args.listen, None)?;
    let stopped = |error: std::io::Error| Failure::because("the gateway stopped", &error);
    let text = banner(&app, listener.local_addr().map_err(stopped)?, &upstreams, Look::of_out());
    let settings = Settings { access_log: !args.no_access_log, ..Settings::default() };
    let gateway = Gateway { planner: app.planner, upstreams, key, settings };
    runtime.block_on(serve(gateway, listener, &text))
}

async fn serve(gateway: Gateway, listener: TcpListener, banner: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::because("the gateway stopped", &error);
    let (address, ended) = (listener.local_addr().map_err(failed)?, ended().map_err(failed)?);
    tracing::info!(address = %address, "ready");
    ui::out(banner);
    gateway::run(gateway, listener, ended).await.map_err(|error| Failure::because("the gateway stopped", &error))
}

/// Where each service is found: as the command line says, else the environment, else at its port on this machine.
fn upstreams(
    model: &Model,
    given: &[(String, Vec<Upstream>)],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Vec<Upstream>>, Failure> {
    let names = || model.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut by_name: BTreeMap<&str, Vec<Upstream>> = BTreeMap::new();
    for (name, urls) in given {
        if !model.services.iter().any(|service| service.name == *name) {
            return Err(Failure::usage(format!("--upstream {name}=…: the app has no service `{name}`"))
                .help(format!("its services: {}", names())));
        }
        by_name.entry(name).or_default().extend(urls.iter().cloned());
    }
    let mut lost: Vec<&Service> = Vec::new();
    let mut found = Vec::with_capacity(model.services.len());
    for service in &model.services {
        let name = variable_of(service);
        let here = service.port.and_then(|port| Upstream::parse(&format!("http://127.0.0.1:{port}")).ok());
        let of_variable = variable(&name).map(|urls| list(&urls)).transpose();
        let of_variable =
            of_variable.map_err(|reason| Failure::new(format!("{name} holds no list of URLs: {reason}")))?;
        let urls = by_name.remove(service.name.as_str()).or(of_variable).or_else(|| here.map(|here| vec![here]));
        if urls.is_none() {
            lost.push(service);
        }
        found.push(urls.unwrap_or_default());
    }
    match lost.first() {
        None => Ok(found),
        Some(first) => {
            let all = lost.iter().map(|service| format!("`{}`", service.name)).collect::<Vec<_>>().join(", ");
            let what = format!("nothing says where the gateway finds {all}: the manifest gives no port");
            Err(Failure::usage(what).help(format!(
                "say --upstream {}=http://HOST:PORT or {}=http://HOST:PORT, or give it a port in the manifest",
                first.name,
                variable_of(first)
            )))
        }
    }
}

/// The variable that says where a service is found.
fn variable_of(service: &Service) -> String {
    format!("PINTLE_UPSTREAM_{}", service.name.to_uppercase().replace('-', "_"))
}

/// What is said once it answers.
fn banner(app: &App, address: SocketAddr, upstreams: &[Vec<Upstream>], look: Look) -> String {
    let (model, origin) = (app.model(), origin(address));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "\n  {} is the gateway of {} {}\n",
        look.bold(concat!("Pintle ", env!("CARGO_PKG_VERSION"))),
        look.bold(&model.name),
        look.dim(&format!("({})", app.given.display())),
    );
    let width = model.services.iter().map(|service| service.name.len()).max().unwrap_or(0).max("Gateway".len());
    let mut line = |name: &str, place: &str| {
        let _ = writeln!(text, "  {}  {}", look.dim(&format!("{name:<width$}")), look.link(place));
    };
    line("Gateway", &origin);
    line("Docs", &format!("{origin}/docs"));
    line("Health", &format!("{origin}/health/ready"));
    for (service, upstreams) in model.services.iter().zip(upstreams) {
        let all: Vec<String> = upstreams.iter().map(ToString::to_string).collect();
        line(&service.name, &format!("→ {}", all.join(", ")));
    }
    let _ = write!(text, "\n  {}", look.dim("Ctrl-C stops it."));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
pintle: 1
name: a
public: none
collections: { a: {}, b: {} }
services: { first-one: { port: 30001, collections: [a] }, second: { collections: [b] } }
";

    fn found(given: &[&str], set: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let (model, _) = pintle_model::load("pintle.yaml", MANIFEST, &|_| Err(String::new()));
        let given: Result<Vec<_>, _> = given.iter().map(|text| named(text)).collect();
        let variable = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let found = upstreams(&model.unwrap(), &given?, &variable).map_err(|failure| failure.to_string())?;
        let shown = |urls: &Vec<Upstream>| urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        Ok(found.iter().map(shown).collect())
    }

    #[test]
    fn a_service_is_where_the_command_line_the_environment_or_the_manifest_says() {
        let (first, second) = ("first-one=http://a:1,http://a:2", "second=http://b:1");
        assert_eq!(found(&[second], &[]).unwrap(), ["http://127.0.0.1:30001", "http://b:1"]);
        let set = [("PINTLE_UPSTREAM_FIRST_ONE", "http://c:1"), ("PINTLE_UPSTREAM_SECOND", "http://c:2, http://c:3")];
        assert_eq!(found(&[], &set).unwrap(), ["http://c:1", "http://c:2 http://c:3"]);
        assert_eq!(
            found(&[first, second, "second=http://b:2"], &set).unwrap(),
            ["http://a:1 http://a:2", "http://b:1 http://b:2"]
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        assert_eq!(
            found(&[], &[]).unwrap_err(),
            "error: nothing says where the gateway finds `second`: the manifest gives no port\n  \
             help: say --upstream second=http://HOST:PORT or PINTLE_UPSTREAM_SECOND=http://HOST:PORT, or give it a port in the manifest"
        );
        assert_eq!(
            found(&["third=http://a:1"], &[]).unwrap_err(),
            "error: --upstream third=…: the app has no service `third`\n  help: its services: first-one, second"
        );
        assert!(found(&["second"], &[]).unwrap_err().contains("NAME=URL"));
        let told = found(&[], &[("PINTLE_UPSTREAM_SECOND", "b:1")]).unwrap_err();
        assert_eq!(
            told,
            "error: PINTLE_UPSTREAM_SECOND holds no list of URLs: `b:1` is no URL: an upstream is http://HOST:PORT or https://HOST:PORT"
        );
    }
}
