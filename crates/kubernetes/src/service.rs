//! Addresses: a Service for each service of the app and for the gateway, and what leads to them from outside.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::plan::{Component, PORT, Part, Plan};
use crate::write::Writer;
use crate::{Error, Manifest};

/// The port of every Service, and its name.
pub(crate) const HTTP: (&str, i32) = ("http", 80);
/// The label of the Services that metrics are read from: one for each process.
pub(crate) const METRICS: &str = "pintle/metrics";

/// The address of a service.
pub(crate) fn of_part(plan: &Plan<'_>, part: &Part, has_metrics: bool) -> Service {
    let entry = !plan.has_gateway() && plan.entry() == part.object;
    service(plan, &part.object, Component::Server, Some(part), entry, has_metrics)
}

/// The addresses of a service's servers, one by one: the gateway chooses among them.
pub(crate) fn of_replicas(plan: &Plan<'_>, part: &Part) -> Service {
    let mut service = service(plan, &replicas(part), Component::Server, Some(part), false, false);
    if let Some(spec) = &mut service.spec {
        spec.cluster_ip = Some("None".to_owned());
        spec.type_ = None;
        for port in spec.ports.iter_mut().flatten() {
            // Nothing stands before them that could lead another port to theirs.
            (port.port, port.node_port) = (i32::from(part.port), None);
        }
    }
    service
}

/// Where the gateway finds a service: each server on PostgreSQL, the one server on SQLite.
pub(crate) fn upstream(plan: &Plan<'_>, part: &Part) -> String {
    if plan.on_sqlite() {
        format!("http://{}", part.object)
    } else {
        format!("http://{}:{}", replicas(part), part.port)
    }
}

fn replicas(part: &Part) -> String {
    format!("{}-replicas", part.object)
}

pub(crate) fn of_gateway(plan: &Plan<'_>) -> Service {
    service(plan, &plan.object("gateway"), Component::Gateway, None, true, true)
}

pub(crate) fn of_workers(plan: &Plan<'_>) -> Service {
    service(plan, &plan.object("worker"), Component::Worker, None, false, true)
}

fn service(
    plan: &Plan<'_>,
    name: &str,
    component: Component,
    part: Option<&Part>,
    entry: bool,
    has_metrics: bool,
) -> Service {
    let node_port = part.and_then(|part| part.node_port);
    let kind = match () {
        // An Ingress leads to it inside of the cluster.
        () if entry && plan.options.host.is_some() => "ClusterIP",
        () if entry && !plan.is_local() => "LoadBalancer",
        () if entry || node_port.is_some() => "NodePort",
        () => "ClusterIP",
    };
    let mut metadata = plan.meta(name, Some(component));
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(plan.service_label(component, part));
    labels.extend(has_metrics.then(|| (METRICS.to_owned(), "true".to_owned())));
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: plan.selector(component, part).match_labels,
            ports: Some(vec![ServicePort {
                name: Some(HTTP.0.to_owned()),
                port: HTTP.1,
                target_port: Some(IntOrString::Int(i32::from(part.map_or(PORT, |part| part.port)))),
                node_port: node_port.filter(|_| kind == "NodePort").map(i32::from),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// What leads a host name to the app.
pub(crate) fn ingress(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    let Some(host) = &plan.options.host else { return Ok(None) };
    let backend = IngressBackend {
        service: Some(IngressServiceBackend {
            name: plan.entry(),
            port: Some(ServiceBackendPort { name: Some(HTTP.0.to_owned()), number: None }),
        }),
        resource: None,
    };
    let path = HTTPIngressPath { path: Some("/".to_owned()), path_type: "Prefix".to_owned(), backend };
    let tls = IngressTLS { hosts: Some(vec![host.clone()]), secret_name: Some(plan.object("tls")) };
    let rule = IngressRule { host: Some(host.clone()), http: Some(HTTPIngressRuleValue { paths: vec![path] }) };
    let mut file = Writer::new(
        "70-ingress.yaml",
        &format!(
            "Where callers from outside come in: https://{host}/\n\
             Its certificate is in the Secret `{}`, which cert-manager fills, or `kubectl create secret tls`.",
            plan.object("tls")
        ),
    );
    file.add(&Ingress {
        metadata: plan.meta(&plan.name, None),
        spec: Some(IngressSpec {
            // A laptop has no certificate that anybody trusts.
            tls: (!plan.is_local()).then(|| vec![tls]),
            rules: Some(vec![rule]),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    })?;
    Ok(Some(file.done()))
}
