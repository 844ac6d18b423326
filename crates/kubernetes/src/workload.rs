//! What keeps servers running: a StatefulSet on SQLite, Deployments on PostgreSQL, and how many of them there are.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment, StatefulSet, StatefulSetSpec,
};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::{Component, Part, Plan};
use crate::pod::{self, DATA_VOLUME};
use crate::write::Writer;
use crate::{Error, Manifest, service};

/// Servers of one service where load asks for them. Each takes up to 18 connections, and PostgreSQL has a hundred by default.
const REPLICAS_MAX: u16 = 5;
/// How busy servers are, in percent of what is kept for them, before there are more.
const BUSY_PERCENT: i32 = 80;
/// How long a new server is there before an old one ends, where a gateway has to find it by its name first: a name's addresses are kept for
/// up to half a minute.
const KNOWN_SECONDS: i32 = 30;
/// Room for an app's data.
const DATA_SIZE: &str = "10Gi";

/// The servers, and the gateway where there is one.
pub(crate) fn manifests(plan: &Plan<'_>) -> Result<Vec<Manifest>, Error> {
    let mut made = Vec::new();
    if plan.on_sqlite() {
        made.push(stateful(plan)?);
    } else {
        for part in &plan.parts {
            made.push(deployed(plan, part)?);
        }
    }
    if plan.has_gateway() {
        made.push(gateway(plan)?);
    }
    if plan.has_workers() {
        made.push(workers(plan)?);
    }
    Ok(made)
}

/// The claim that the StatefulSet's only pod makes.
pub(crate) fn data_claim(plan: &Plan<'_>) -> String {
    format!("{DATA_VOLUME}-{}-0", plan.name)
}

/// A claim for room on a disk.
pub(crate) fn claim(metadata: ObjectMeta, size: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(size.to_owned()))].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// On SQLite: one server with its volume.
fn stateful(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let mut file = Writer::new(
        format!("50-{}.yaml", plan.name),
        "The server, with its data on a volume that outlives it.\n\
         One server has an SQLite file at a time, so there is one: a new version comes when the old one has ended, and callers wait\n\
         for some seconds. It has no PodDisruptionBudget, which would keep its node from being emptied.",
    );
    let metadata = ObjectMeta { name: Some(DATA_VOLUME.to_owned()), ..ObjectMeta::default() };
    file.add(&StatefulSet {
        metadata: plan.meta(&plan.name, Some(Component::Server)),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            selector: plan.selector(Component::Server, None),
            service_name: Some(plan.parts[0].object.clone()),
            template: pod::serving(plan, Component::Server, None),
            volume_claim_templates: Some(vec![claim(metadata, DATA_SIZE)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    })?;
    for (at, part) in plan.parts.iter().enumerate() {
        // One process tells its metrics once, however many addresses it has.
        file.add(&service::of_part(plan, part, at == 0))?;
    }
    Ok(file.done())
}

/// On PostgreSQL: a service's servers.
fn deployed(plan: &Plan<'_>, part: &Part) -> Result<Manifest, Error> {
    let mut file = Writer::new(
        format!("50-{}.yaml", part.object),
        "A service: its servers, its address, how many there are at least, and how many more when they are busy.",
    );
    file.add(&deployment(plan, &part.object, Component::Server, Some(part)))?;
    file.add(&service::of_part(plan, part, true))?;
    if plan.has_gateway() {
        let comment = "The same servers one by one, for the gateway, which chooses among them.";
        file.explained(comment, &service::of_replicas(plan, part))?;
    }
    bounds(plan, &mut file, &part.object, Component::Server, Some(part))?;
    Ok(file.done())
}

fn gateway(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let name = plan.object("gateway");
    let mut file = Writer::new(
        format!("60-{name}.yaml"),
        "The gateway: callers reach it, and it leads each request to the service that answers it. It opens no store.",
    );
    file.add(&deployment(plan, &name, Component::Gateway, None))?;
    file.add(&service::of_gateway(plan))?;
    bounds(plan, &mut file, &name, Component::Gateway, None)?;
    Ok(file.done())
}

fn workers(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let name = plan.object("worker");
    let mut file = Writer::new(
        format!("55-{name}.yaml"),
        "The workers: they store what waits in the queue of the app's pipelines. More of them share the work.",
    );
    file.add(&deployment(plan, &name, Component::Worker, None))?;
    file.explained("Their metrics are read by it. Nobody calls them.", &service::of_workers(plan))?;
    bounds(plan, &mut file, &name, Component::Worker, None)?;
    Ok(file.done())
}

fn deployment(plan: &Plan<'_>, name: &str, component: Component, part: Option<&Part>) -> Deployment {
    let mut metadata = plan.meta(name, Some(component));
    metadata.labels.get_or_insert_default().extend(plan.service_label(component, part));
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            // Where load decides, a number here would undo that at each `kubectl apply`.
            replicas: plan.is_local().then(|| i32::from(plan.options.replicas)),
            min_ready_seconds: (part.is_some() && plan.has_gateway()).then_some(KNOWN_SECONDS),
            selector: plan.selector(component, part),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: pod::serving(plan, component, part),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// How many pods there are at least, whatever is done to nodes, and at most.
fn bounds(
    plan: &Plan<'_>,
    file: &mut Writer,
    name: &str,
    component: Component,
    part: Option<&Part>,
) -> Result<(), Error> {
    file.add(&PodDisruptionBudget {
        metadata: plan.meta(name, Some(component)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(plan.selector(component, part)),
            // A pod that does not work keeps nobody from emptying its node.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })?;
    if plan.is_local() {
        return Ok(());
    }
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(BUSY_PERCENT),
        ..MetricTarget::default()
    };
    let cpu = ResourceMetricSource { name: "cpu".to_owned(), target };
    file.add(&HorizontalPodAutoscaler {
        metadata: plan.meta(name, Some(component)),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: name.to_owned(),
            },
            min_replicas: Some(i32::from(plan.options.replicas)),
            max_replicas: i32::from(plan.options.replicas.max(REPLICAS_MAX)),
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(cpu),
                ..MetricSpec::default()
            }]),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        ..HorizontalPodAutoscaler::default()
    })
}
