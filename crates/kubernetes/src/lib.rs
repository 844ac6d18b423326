//! An app on Kubernetes: [`manifests`] makes the YAML that `kubectl apply -f FOLDER` takes from a model, the files of the app
//! and a few [`Options`]. The same input makes the same bytes.
//!
//! 1. [`plan`] gives everything its name: the app's services, the ports that they are served at, what callers reach first.
//! 2. One file of this crate makes the objects of one concern, from Kubernetes' own types: [`app`] the folder as ConfigMaps,
//!    [`pod`] the containers with their probes and rights, [`workload`] what keeps them running, [`service`] their addresses,
//!    [`network`] who may speak to whom, [`jobs`] what runs to its end, [`postgres`] a database and [`nats`] a queue for a local cluster,
//!    [`monitoring`] metrics and a dashboard.
//! 3. [`mod@write`] makes text of them, and [`readme`] says how to apply it.
//!
//! A secret stands nowhere here but by the name of the Secret that has it. This crate knows no cluster, no environment and no disk.

mod app;
mod dashboard;
mod environment;
mod jobs;
mod monitoring;
mod nats;
mod network;
mod plan;
mod pod;
mod postgres;
mod readme;
mod service;
mod workload;
mod write;

pub use plan::object_name;

use pintle_model::Model;

use plan::Plan;

/// A file of the app's folder.
#[derive(Debug, Clone)]
pub struct AppFile {
    /// Where it stands in the folder, with `/`: `routes/view.js`.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// For which kind of cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// One on a laptop (k3s, minikube): reached by a port of its node, with a PostgreSQL of its own.
    Local,
    /// A provider's: reached by an Ingress or a load balancer, with the provider's PostgreSQL, and scaled by load.
    Cloud,
}

/// Where the data lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In a file on a volume: one server.
    Sqlite,
    /// In PostgreSQL: any number of servers.
    Postgres,
}

/// Where the records of pipelines wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// In the store itself.
    Embedded,
    /// In NATS JetStream, from where workers store them in PostgreSQL.
    Nats,
}

/// What the manifests are for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The kind of cluster.
    pub overlay: Overlay,
    /// Where the data lives.
    pub store: Store,
    /// Where the records of pipelines wait.
    pub queue: Queue,
    /// The image with the binary at `/pintle`.
    pub image: String,
    /// The namespace; `None` is the one that `kubectl` is set to.
    pub namespace: Option<String>,
    /// The host name that callers use; with it an Ingress leads there.
    pub host: Option<String>,
    /// Servers of each service, on PostgreSQL.
    pub replicas: u16,
    /// Whether the image has the app at `/app`; otherwise ConfigMaps bring it.
    pub app_in_image: bool,
    /// The file name of the app's manifest: `pintle.yaml`.
    pub manifest: String,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its path in the folder of manifests. What stands at the top of the folder is applied together; what stands deeper is not, unless it
    /// is asked for.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What begins every file that is made here, behind the mark of a comment.
const MARK: &str = "Made by `pintle kubernetes`";

/// Whether a file's text was made here: who makes them anew may write over it, or remove it.
#[must_use]
pub fn is_made_here(text: &str) -> bool {
    ["# ", "<!-- "].iter().any(|comment| text.strip_prefix(comment).is_some_and(|rest| rest.starts_with(MARK)))
}

/// Why there are no manifests.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The app does not fit into ConfigMaps.
    #[error("the app has {bytes} bytes, and ConfigMaps bring at most {max}")]
    TooLarge {
        /// Bytes of all files, as they stand in ConfigMaps.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// A file does not fit into a ConfigMap.
    #[error("`{path}` has {bytes} bytes, and `kubectl apply` takes a ConfigMap with at most {max}")]
    FileTooLarge {
        /// The file.
        path: String,
        /// Its bytes, as they stand in a ConfigMap.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// A name that Kubernetes does not take.
    #[error("`{given}` is no {what}")]
    Name {
        /// What it should name.
        what: &'static str,
        /// As it was given.
        given: String,
    },
    /// An image that no node can fetch.
    #[error("`{0}` is no image")]
    Image(String),
    /// Workers are processes of their own, which an SQLite file has not.
    #[error("the queue NATS needs PostgreSQL as the store")]
    QueueOnSqlite,
    /// Nothing would wait in the queue.
    #[error("the app has no pipelines, so it needs no queue")]
    NoPipelines,
    /// YAML cannot say it.
    #[error("cannot write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

impl Error {
    /// What would be right.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Error::TooLarge { .. } | Error::FileTooLarge { .. } => {
                "build the app into the image (COPY it to /app), and say --app-in-image and --image"
            }
            Error::Name { .. } => "it has small letters, digits and `-`, and neither begins nor ends with `-`",
            Error::QueueOnSqlite => "say --store postgres, or leave --queue away",
            Error::NoPipelines => "leave --queue away",
            Error::Image(_) => "it is a name like `pintle:1` or `registry.example/team/pintle:1`",
            Error::Yaml(_) => "this is a mistake of Pintle's: please report it with the app",
        }
    }
}

/// Makes the manifests of an app, in the order in which they are applied, and a `README.md` that says how. `files` are the files of the
/// app's folder that a server reads.
///
/// # Errors
/// When a name is none for Kubernetes, or the app does not fit into ConfigMaps.
pub fn manifests(model: &Model, files: &[AppFile], options: &Options) -> Result<Vec<Manifest>, Error> {
    let plan = Plan::new(model, files, options)?;
    let mut made = Vec::new();
    made.extend(write::namespace(&plan)?);
    made.extend(app::manifest(&plan)?);
    made.push(network::manifest(&plan)?);
    made.extend(postgres::manifest(&plan)?);
    made.extend(nats::manifest(&plan)?);
    made.push(jobs::migrate(&plan)?);
    made.extend(workload::manifests(&plan)?);
    made.extend(service::ingress(&plan)?);
    made.push(jobs::backup(&plan)?);
    made.extend(jobs::seed(&plan)?);
    made.extend(monitoring::manifests(&plan)?);
    made.push(readme::manifest(&plan));
    made.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(made)
}
