//! A PostgreSQL of the app's own, in a local cluster.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ExecAction, PodSecurityContext, PodTemplateSpec, Probe, Service, ServicePort, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::environment::{PASSWORD, plain};
use crate::network::POSTGRES_PORT;
use crate::plan::{Component, Plan};
use crate::pod::{self, Kit};
use crate::write::Writer;
use crate::{Error, Manifest, workload};

/// The image of PostgreSQL's own programs.
pub(crate) const IMAGE: &str = "docker.io/library/postgres:17";
/// The same with PostGIS, which points need.
const IMAGE_OF_POINTS: &str = "docker.io/postgis/postgis:17-3.5";
/// Whom those images' servers run as.
const USER: i64 = 999;
/// The name of the database, and of its user.
pub(crate) const DATABASE: &str = "app";
/// Connections that servers may have together.
const CONNECTIONS: &str = "max_connections=200";
const DATA: &str = "/var/lib/postgresql/data";
const DATA_SIZE: &str = "10Gi";

/// The database of a local cluster.
pub(crate) fn manifest(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    if !plan.has_postgres() {
        return Ok(None);
    }
    let name = plan.object("postgres");
    let mut file = Writer::new(
        "30-postgres.yaml",
        "PostgreSQL, for a cluster on a laptop: one server on one volume. Where data matters, take a provider's, or an operator's.",
    );
    let metadata = ObjectMeta { name: Some("postgres".to_owned()), ..ObjectMeta::default() };
    let labels = Some(plan.labels(Some(Component::Postgres)));
    file.add(&StatefulSet {
        metadata: plan.meta(&name, Some(Component::Postgres)),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            selector: plan.selector(Component::Postgres, None),
            service_name: Some(name.clone()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }),
                spec: Some(server(plan)),
            },
            volume_claim_templates: Some(vec![workload::claim(metadata, DATA_SIZE)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    })?;
    file.add(&Service {
        metadata: plan.meta(&name, Some(Component::Postgres)),
        spec: Some(ServiceSpec {
            selector: plan.selector(Component::Postgres, None).match_labels,
            ports: Some(vec![ServicePort {
                name: Some("postgres".to_owned()),
                port: i32::from(POSTGRES_PORT),
                target_port: Some(IntOrString::Int(i32::from(POSTGRES_PORT))),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })?;
    Ok(Some(file.done()))
}

fn server(plan: &Plan<'_>) -> k8s_openapi::api::core::v1::PodSpec {
    let variables = [
        ("POSTGRES_USER", DATABASE),
        ("POSTGRES_DB", DATABASE),
        // By code point, as Pintle compares texts.
        ("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --no-locale"),
        ("PGDATA", "/var/lib/postgresql/data/pgdata"),
    ];
    let has_points = plan.model.collections.iter().any(|collection| !collection.positions.is_empty());
    let kit = Kit::default().variables(variables.map(|(name, value)| plain(name, value))).secret(plan, PASSWORD);
    let mut kit = kit.scratch("run", "/var/run/postgresql").scratch("tmp", "/tmp");
    kit.mounts.push(k8s_openapi::api::core::v1::VolumeMount {
        name: "postgres".to_owned(),
        mount_path: DATA.to_owned(),
        ..Default::default()
    });
    let ready = Probe {
        exec: Some(ExecAction {
            command: Some(["pg_isready", "-h", "127.0.0.1", "-U", DATABASE].map(str::to_owned).to_vec()),
        }),
        period_seconds: Some(2),
        timeout_seconds: Some(2),
        ..Probe::default()
    };
    let container = Container {
        name: "postgres".to_owned(),
        image: Some(if has_points { IMAGE_OF_POINTS } else { IMAGE }.to_owned()),
        args: Some(vec!["-c".to_owned(), CONNECTIONS.to_owned()]),
        env: Some(kit.environment),
        ports: Some(vec![ContainerPort { container_port: i32::from(POSTGRES_PORT), ..ContainerPort::default() }]),
        // While it makes its database it listens nowhere.
        startup_probe: Some(Probe { failure_threshold: Some(150), ..ready.clone() }),
        readiness_probe: Some(ready),
        volume_mounts: Some(kit.mounts),
        security_context: Some(pod::confined()),
        resources: Some(pod::resources(100, 256, 1024)),
        ..Container::default()
    };
    let spec = pod::spec(container, kit.volumes);
    let user = Some(USER);
    let security = spec.security_context.map(|security| PodSecurityContext {
        run_as_user: user,
        run_as_group: user,
        fs_group: user,
        ..security
    });
    k8s_openapi::api::core::v1::PodSpec {
        security_context: security,
        termination_grace_period_seconds: Some(60),
        ..spec
    }
}
