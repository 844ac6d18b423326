//! What everything is called, and what there is of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use pintle_model::Model;

use crate::app::Folder;
use crate::{AppFile, Error, Options, Overlay, Queue, Store};

/// Where containers listen, unless the app has another port for a service.
pub(crate) const PORT: u16 = 8080;
/// The ports that nodes may open to the outside, as clusters are set up by default.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;
/// The label of what belongs to an app.
pub(crate) const NAME: &str = "app.kubernetes.io/name";
/// The label of what a pod does.
pub(crate) const COMPONENT: &str = "app.kubernetes.io/component";
/// The label of the service that a server is for, or of the app where a server has all.
pub(crate) const SERVICE: &str = "pintle/service";
/// The longest name of an app: others are made of it, and a CronJob's may have 52 characters.
const NAME_MAX: usize = 40;

/// What a pod does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Server,
    Gateway,
    Migrate,
    Seed,
    Backup,
    Postgres,
    Worker,
    Nats,
}

impl Component {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Component::Server => "server",
            Component::Gateway => "gateway",
            Component::Migrate => "migrate",
            Component::Seed => "seed",
            Component::Backup => "backup",
            Component::Postgres => "postgres",
            Component::Worker => "worker",
            Component::Nats => "nats",
        }
    }
}

/// What is found at one address: a service of the app, or those that one process serves at one port.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The names of its services in the manifest; never empty.
    pub(crate) services: Vec<String>,
    /// The name of its Service, and on PostgreSQL of its Deployment.
    pub(crate) object: String,
    /// The port that its container listens on.
    pub(crate) port: u16,
    /// The port of each node that leads to it.
    pub(crate) node_port: Option<u16>,
}

/// Everything that files are made from.
pub(crate) struct Plan<'a> {
    pub(crate) model: &'a Model,
    pub(crate) options: &'a Options,
    /// The app's name, as Kubernetes takes it.
    pub(crate) name: String,
    /// The app's folder, as containers have it.
    pub(crate) folder: Folder,
    /// Where the app's services are found; never empty.
    pub(crate) parts: Vec<Part>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(model: &'a Model, files: &[AppFile], options: &'a Options) -> Result<Plan<'a>, Error> {
        for (what, given) in [("namespace", &options.namespace), ("host name", &options.host)] {
            let fits = |name: &str| match what {
                "namespace" => is_label(name),
                _ => name.len() <= 253 && name.split('.').all(is_label),
            };
            if let Some(given) = given.as_ref().filter(|given| !fits(given)) {
                return Err(Error::Name { what, given: given.clone() });
            }
        }
        if options.image.is_empty() || options.image.contains(char::is_whitespace) {
            return Err(Error::Image(options.image.clone()));
        }
        if options.queue == Queue::Nats && options.store == Store::Sqlite {
            return Err(Error::QueueOnSqlite);
        }
        if options.queue == Queue::Nats && model.pipelines.is_empty() {
            return Err(Error::NoPipelines);
        }
        let name = object_name(&model.name);
        let folder = Folder::new(&name, files, options)?;
        let parts = parts(model, &name, options);
        Ok(Plan { model, options, name, folder, parts })
    }

    pub(crate) fn is_local(&self) -> bool {
        self.options.overlay == Overlay::Local
    }

    pub(crate) fn on_sqlite(&self) -> bool {
        self.options.store == Store::Sqlite
    }

    /// Whether the cluster has a PostgreSQL of the app's own.
    pub(crate) fn has_postgres(&self) -> bool {
        self.is_local() && !self.on_sqlite()
    }

    /// Whether records wait in a queue beside the store, from where workers store them.
    pub(crate) fn has_workers(&self) -> bool {
        self.options.queue == Queue::Nats
    }

    /// Whether the cluster has a NATS of the app's own.
    pub(crate) fn has_nats(&self) -> bool {
        self.is_local() && self.has_workers()
    }

    /// Whether a gateway leads to the services: what is found at one address needs none.
    pub(crate) fn has_gateway(&self) -> bool {
        self.parts.len() > 1
    }

    /// `NAME-WHAT`
    pub(crate) fn object(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }

    /// The Service that callers reach first.
    pub(crate) fn entry(&self) -> String {
        if self.has_gateway() { self.object("gateway") } else { self.parts[0].object.clone() }
    }

    /// The ports that servers' containers listen on.
    pub(crate) fn server_ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.parts.iter().map(|part| part.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// An object's name, place and labels.
    pub(crate) fn meta(&self, name: &str, component: Option<Component>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: self.options.namespace.clone(),
            labels: Some(self.labels(component)),
            ..ObjectMeta::default()
        }
    }

    /// The labels of an object, or of a pod.
    pub(crate) fn labels(&self, component: Option<Component>) -> BTreeMap<String, String> {
        let mut labels = self.selected(component);
        labels.insert("app.kubernetes.io/managed-by".to_owned(), "pintle".to_owned());
        // The version of a database or a queue is not the app's.
        let version = label_value(&self.model.version);
        if !version.is_empty() && !matches!(component, Some(Component::Postgres | Component::Nats)) {
            labels.insert("app.kubernetes.io/version".to_owned(), version);
        }
        labels
    }

    /// The labels by which pods are found; they never change.
    pub(crate) fn selected(&self, component: Option<Component>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([(NAME.to_owned(), self.name.clone())]);
        labels.extend(component.map(|component| (COMPONENT.to_owned(), component.name().to_owned())));
        labels
    }

    /// Finds the pods of a component; those of one service where each has its own.
    pub(crate) fn selector(&self, component: Component, part: Option<&Part>) -> LabelSelector {
        let mut labels = self.selected(Some(component));
        labels.extend(self.service_label(component, part));
        LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
    }

    /// What tells the pods of one service from those of another, also of one that was there before the app was split. A server that has
    /// all of them goes by the app's name: on SQLite, and where there is one.
    pub(crate) fn service_label(&self, component: Component, part: Option<&Part>) -> Option<(String, String)> {
        if component != Component::Server {
            return None;
        }
        let name = match (self.serves_one(part), part) {
            (Some(service), _) => service,
            (None, None) if !self.on_sqlite() => return None,
            _ => &self.name,
        };
        Some((SERVICE.to_owned(), name.to_owned()))
    }

    /// The service that a server is for alone: one of several on PostgreSQL.
    pub(crate) fn serves_one<'b>(&self, part: Option<&'b Part>) -> Option<&'b str> {
        let part = part.filter(|_| !self.on_sqlite() && self.parts.len() > 1)?;
        Some(&part.services[0])
    }
}

/// On PostgreSQL each service is a part. On SQLite one process serves them all: those without a port of their own at the app's, under the
/// app's name.
fn parts(model: &Model, name: &str, options: &Options) -> Vec<Part> {
    let one = model.services.len() == 1;
    let sqlite = options.store == Store::Sqlite;
    let mut parts: Vec<Part> = Vec::new();
    for service in &model.services {
        // One of several has a container of its own on PostgreSQL, and is told where to listen.
        let port = service.port.filter(|_| one || sqlite).unwrap_or(PORT);
        if let Some(same) = parts.iter_mut().find(|part| sqlite && part.port == port) {
            same.services.push(service.name.clone());
            continue;
        }
        let of_app = one || sqlite && port == PORT;
        parts.push(Part {
            services: vec![service.name.clone()],
            object: if of_app { name.to_owned() } else { format!("{name}-{}", service.name) },
            port,
            node_port: service.port.filter(|port| options.overlay == Overlay::Local && NODE_PORTS.contains(port)),
        });
    }
    parts
}

fn is_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// An app's name as Kubernetes takes one: `My_App` is `my-app`.
#[must_use]
pub fn object_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let name: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(NAME_MAX).collect();
    // A Service's name begins with a letter.
    match name.trim_matches('-') {
        name if name.starts_with(|c: char| c.is_ascii_lowercase()) => name.to_owned(),
        name => format!("app-{name}").trim_end_matches('-').to_owned(),
    }
}

/// What a label can say of a text.
fn label_value(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let value: String = text.chars().map(|c| if fits(c) { c } else { '-' }).take(63).collect();
    value.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_what_kubernetes_takes() {
        for (given, name) in [("configs", "configs"), ("My_App", "my-app"), ("_x_", "x"), ("4", "app-4"), ("_", "app")]
        {
            assert_eq!(object_name(given), name);
        }
        assert!(is_label(&object_name(&"a_".repeat(60))));
        assert_eq!(label_value("1.0.0+build 7"), "1.0.0-build-7");
    }
}
