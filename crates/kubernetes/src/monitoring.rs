//! Metrics: who reads them, and what of them is looked at.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Serialize;

use crate::plan::{NAME, Plan};
use crate::write::Writer;
use crate::{Error, Manifest, dashboard, service};

/// What the operator of Prometheus calls a list of what is read. Kubernetes itself does not know it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceMonitor {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: ServiceMonitorSpec,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceMonitorSpec {
    /// The label of a Service whose value is `job` of its metrics.
    job_label: &'static str,
    selector: LabelSelector,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    port: &'static str,
    path: &'static str,
    interval: &'static str,
}

/// Both are applied where there is a Prometheus and a Grafana, so they stand by themselves.
pub(crate) fn manifests(plan: &Plan<'_>) -> Result<Vec<Manifest>, Error> {
    let mut monitor = Writer::new(
        "monitoring/servicemonitor.yaml",
        "What Prometheus reads, where its operator is installed (kube-prometheus-stack). Some look only for a label of theirs,\n\
         such as `release`: add it.",
    );
    let mut labels: BTreeMap<String, String> = plan.selected(None);
    labels.insert(service::METRICS.to_owned(), "true".to_owned());
    monitor.add(&ServiceMonitor {
        api_version: "monitoring.coreos.com/v1",
        kind: "ServiceMonitor",
        metadata: plan.meta(&plan.name, None),
        spec: ServiceMonitorSpec {
            job_label: NAME,
            selector: LabelSelector { match_labels: Some(labels), ..LabelSelector::default() },
            endpoints: vec![Endpoint { port: service::HTTP.0, path: "/metrics", interval: "15s" }],
        },
    })?;
    let mut grafana = Writer::new(
        "monitoring/dashboard.yaml",
        "A dashboard, for a Grafana that looks for ConfigMaps with this label (kube-prometheus-stack's does). Others take the JSON inside.",
    );
    let mut metadata = plan.meta(&plan.object("dashboard"), None);
    metadata.labels.get_or_insert_default().insert("grafana_dashboard".to_owned(), "1".to_owned());
    let data = BTreeMap::from([(format!("pintle-{}.json", plan.name), dashboard::json(plan))]);
    grafana.add(&ConfigMap { metadata, data: Some(data), ..ConfigMap::default() })?;
    Ok(vec![monitor.done(), grafana.done()])
}
