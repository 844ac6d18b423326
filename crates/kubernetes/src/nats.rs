//! A NATS of the app's own, in a local cluster.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, HTTPGetAction, PodTemplateSpec, Probe, Service, ServicePort, ServiceSpec, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::network::NATS_PORT;
use crate::plan::{Component, Plan};
use crate::pod;
use crate::write::Writer;
use crate::{Error, Manifest, workload};

/// The image of NATS' own server.
const IMAGE: &str = "docker.io/library/nats:2.11";
/// Where it says that it is there; nobody but its node reaches that.
const MONITOR_PORT: u16 = 8222;
const DATA: &str = "/data";
const DATA_SIZE: &str = "10Gi";

/// The queue of a local cluster.
pub(crate) fn manifest(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    if !plan.has_nats() {
        return Ok(None);
    }
    let name = plan.object("nats");
    let mut file = Writer::new(
        "31-nats.yaml",
        "NATS with JetStream, for a cluster on a laptop: one server on one volume. Where data matters, take a cluster of three (NATS' own chart).",
    );
    let metadata = ObjectMeta { name: Some("nats".to_owned()), ..ObjectMeta::default() };
    let labels = Some(plan.labels(Some(Component::Nats)));
    file.add(&StatefulSet {
        metadata: plan.meta(&name, Some(Component::Nats)),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            selector: plan.selector(Component::Nats, None),
            service_name: Some(name.clone()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }),
                spec: Some(pod::spec(server(), Vec::new())),
            },
            volume_claim_templates: Some(vec![workload::claim(metadata, DATA_SIZE)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    })?;
    file.add(&Service {
        metadata: plan.meta(&name, Some(Component::Nats)),
        spec: Some(ServiceSpec {
            selector: plan.selector(Component::Nats, None).match_labels,
            ports: Some(vec![ServicePort {
                name: Some("nats".to_owned()),
                port: i32::from(NATS_PORT),
                target_port: Some(IntOrString::Int(i32::from(NATS_PORT))),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })?;
    Ok(Some(file.done()))
}

fn server() -> Container {
    let monitor = MONITOR_PORT.to_string();
    let ready = Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/healthz".to_owned()),
            port: IntOrString::Int(i32::from(MONITOR_PORT)),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(2),
        timeout_seconds: Some(2),
        ..Probe::default()
    };
    let port = |port: u16| ContainerPort { container_port: i32::from(port), ..ContainerPort::default() };
    Container {
        name: "nats".to_owned(),
        image: Some(IMAGE.to_owned()),
        args: Some(["--jetstream", "--store_dir", DATA, "--http_port", &monitor].map(str::to_owned).to_vec()),
        ports: Some([NATS_PORT, MONITOR_PORT].map(port).to_vec()),
        // After a kill it looks through what it has first.
        startup_probe: Some(Probe { failure_threshold: Some(150), ..ready.clone() }),
        readiness_probe: Some(ready),
        volume_mounts: Some(vec![VolumeMount {
            name: "nats".to_owned(),
            mount_path: DATA.to_owned(),
            ..VolumeMount::default()
        }]),
        security_context: Some(pod::confined()),
        resources: Some(pod::resources(50, 64, 512)),
        ..Container::default()
    }
}
