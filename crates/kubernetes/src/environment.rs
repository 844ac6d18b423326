//! What containers are told: variables, and secrets by the name of the Secret that has them.

use k8s_openapi::api::core::v1::{
    EnvVar, EnvVarSource, KeyToPath, SecretKeySelector, SecretVolumeSource, Volume, VolumeMount,
};
use pintle_model::FetchTarget;

use crate::app::PLACE;
use crate::network::NATS_PORT;
use crate::plan::{PORT, Plan};

/// Where containers keep data.
pub(crate) const DATA: &str = "/data";
/// What the cluster sets in each container by itself: the pod's name.
const SET_BY_CLUSTER: &str = "HOSTNAME";

/// A secret that is mounted as a file, since processes show their environment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretFile {
    /// The last part of its Secret's name, and the volume's.
    pub(crate) name: &'static str,
    /// The key in the Secret, and the file's name.
    pub(crate) key: &'static str,
    /// The variable that names the file.
    variable: &'static str,
}

/// The store's URL.
pub(crate) const STORE: SecretFile = SecretFile { name: "store", key: "url", variable: "PINTLE_STORE_FILE" };
/// The password of a local cluster's own PostgreSQL.
pub(crate) const PASSWORD: SecretFile =
    SecretFile { name: "store", key: "password", variable: "POSTGRES_PASSWORD_FILE" };
/// The queue's URL.
pub(crate) const QUEUE: SecretFile = SecretFile { name: "queue", key: "url", variable: "PINTLE_QUEUE_FILE" };
/// What a gateway signs with, and services know it by.
pub(crate) const GATEWAY: SecretFile =
    SecretFile { name: "gateway", key: "secret", variable: "PINTLE_GATEWAY_SECRET_FILE" };

impl SecretFile {
    /// The file.
    pub(crate) fn path(self) -> String {
        format!("/secrets/{}/{}", self.name, self.key)
    }

    /// The variable that names it.
    pub(crate) fn variable(self) -> EnvVar {
        plain(self.variable, &self.path())
    }

    pub(crate) fn mount(self) -> VolumeMount {
        VolumeMount {
            name: self.name.to_owned(),
            mount_path: format!("/secrets/{}", self.name),
            read_only: Some(true),
            ..VolumeMount::default()
        }
    }

    pub(crate) fn volume(self, plan: &Plan<'_>) -> Volume {
        let secret = SecretVolumeSource {
            secret_name: Some(plan.object(self.name)),
            items: Some(vec![KeyToPath { key: self.key.to_owned(), mode: None, path: self.key.to_owned() }]),
            ..SecretVolumeSource::default()
        };
        Volume { name: self.name.to_owned(), secret: Some(secret), ..Volume::default() }
    }
}

/// The variables of whatever opens the app and its store.
pub(crate) fn of_app(plan: &Plan<'_>) -> Vec<EnvVar> {
    let app = match plan.options.manifest.as_str() {
        "pintle.yaml" => PLACE.to_owned(),
        manifest => format!("{PLACE}/{manifest}"),
    };
    vec![plain("PINTLE_APP", &app), plain("PINTLE_LOG_FORMAT", "json")]
}

/// Where the store is, on SQLite.
pub(crate) fn sqlite() -> EnvVar {
    plain("PINTLE_STORE", &format!("sqlite:{DATA}/data.db"))
}

/// Where the queue of a local cluster is: who may reach it needs no password.
pub(crate) fn nats(plan: &Plan<'_>) -> EnvVar {
    plain("PINTLE_QUEUE", &format!("nats://{}:{NATS_PORT}", plan.object("nats")))
}

/// Where a server listens.
pub(crate) fn listen() -> EnvVar {
    plain("PINTLE_LISTEN", &format!("0.0.0.0:{PORT}"))
}

/// The variables that the manifest names, from the app's Secret. What the Secret does not have is not set, as on any machine.
pub(crate) fn of_manifest(plan: &Plan<'_>) -> Vec<EnvVar> {
    let secret = plan.object("environment");
    let from = |name: &str| SecretKeySelector { name: secret.clone(), key: name.to_owned(), optional: Some(true) };
    let variable = |name: &str| EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { secret_key_ref: Some(from(name)), ..EnvVarSource::default() }),
    };
    names(plan).into_iter().map(variable).collect()
}

/// The variables that the manifest names and somebody has to give, each once.
pub(crate) fn names<'p>(plan: &'p Plan<'_>) -> Vec<&'p str> {
    let of_fetch = plan.model.scripts.fetch.iter().filter_map(|target| match target {
        FetchTarget::Variable(name) => Some(name),
        FetchTarget::Origin(_) => None,
    });
    let mut names: Vec<&str> = Vec::new();
    for name in plan.model.credentials.tokens.iter().chain(&plan.model.scripts.environment).chain(of_fetch) {
        if name != SET_BY_CLUSTER && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

pub(crate) fn plain(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}
