//! Who may speak to whom. Nothing is allowed but what stands here.

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use pintle_model::FetchTarget;

use crate::plan::{COMPONENT, Component, PORT, Plan};
use crate::write::Writer;
use crate::{Error, Manifest};

/// PostgreSQL's port.
pub(crate) const POSTGRES_PORT: u16 = 5432;
/// Where whoever reads metrics lives.
const MONITORING: &str = "monitoring";
/// NATS' port.
pub(crate) const NATS_PORT: u16 = 4222;
/// What opens the store; the last of them where there is a queue.
const STORE_USERS: [Component; 5] =
    [Component::Server, Component::Migrate, Component::Seed, Component::Backup, Component::Worker];
/// What opens the queue.
const QUEUE_USERS: [Component; 2] = [Component::Server, Component::Worker];

/// All policies.
pub(crate) fn manifest(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let mut file = Writer::new(
        "20-network.yaml",
        &format!(
            "Who may speak to whom, where the cluster's network holds policies (k3s, GKE with Dataplane V2; minikube with --cni=calico).\n\
             Whoever reads metrics is thought to live in the namespace `{MONITORING}`."
        ),
    );
    file.explained(
        "All of the app: names may be looked up, and nothing else.",
        &policy(plan, &plan.name, &[], Way::Both(vec![], vec![names()])),
    )?;
    entries(plan, &mut file)?;
    let metrics = NetworkPolicyPeer { namespace_selector: Some(namespace(MONITORING)), ..NetworkPolicyPeer::default() };
    let mut served = vec![Component::Server];
    served.extend(plan.has_gateway().then_some(Component::Gateway));
    served.extend(plan.has_workers().then_some(Component::Worker));
    let metrics = ingress(vec![metrics], &every_port(plan));
    file.explained("Metrics are read.", &policy(plan, &plan.object("metrics"), &served, Way::In(vec![metrics])))?;
    if !plan.on_sqlite() {
        store(plan, &mut file)?;
    }
    if plan.has_workers() {
        queue(plan, &mut file)?;
    }
    let ports = fetch_ports(plan);
    if !ports.is_empty() {
        let rule =
            NetworkPolicyEgressRule { to: Some(outside()), ports: Some(ports.iter().map(|&port| tcp(port)).collect()) };
        file.explained(
            "Scripts fetch. A policy knows addresses and no host names, so it is the manifest that says which hosts: here stand their ports,\n\
             anywhere but where providers tell a machine's own secrets.",
            &policy(plan, &plan.object("fetch"), &[Component::Server], Way::Out(vec![rule])),
        )?;
    }
    Ok(file.done())
}

/// Callers reach the gateway, and it the services; without one they reach the server.
fn entries(plan: &Plan<'_>, file: &mut Writer) -> Result<(), Error> {
    let anybody =
        |ports: &[u16]| NetworkPolicyIngressRule { from: None, ports: Some(ports.iter().map(|&p| tcp(p)).collect()) };
    if !plan.has_gateway() {
        let rule = anybody(&plan.server_ports());
        let policy = policy(plan, &plan.object("entry"), &[Component::Server], Way::In(vec![rule]));
        return file.explained("Callers reach the server.", &policy);
    }
    let opened = policy(plan, &plan.object("entry"), &[Component::Gateway], Way::In(vec![anybody(&[PORT])]));
    file.explained("Callers reach the gateway.", &opened)?;
    let ports = plan.server_ports();
    let from = ingress(vec![pods(plan, &[Component::Gateway])], &ports);
    let to = NetworkPolicyEgressRule {
        to: Some(vec![pods(plan, &[Component::Server])]),
        ports: Some(ports.iter().map(|&port| tcp(port)).collect()),
    };
    let services = policy(plan, &plan.object("services"), &[Component::Server], Way::In(vec![from]));
    file.explained("The gateway reaches the services, and nobody else does.", &services)?;
    file.add(&policy(plan, &plan.object("gateway"), &[Component::Gateway], Way::Out(vec![to])))?;
    for part in plan.parts.iter().filter(|part| part.node_port.is_some()) {
        let mut opened =
            policy(plan, &format!("{}-entry", part.object), &[Component::Server], Way::In(vec![anybody(&[part.port])]));
        if let Some(spec) = &mut opened.spec {
            spec.pod_selector = Some(plan.selector(Component::Server, Some(part)));
        }
        file.explained("But this one has a port of each node for itself.", &opened)?;
    }
    Ok(())
}

/// Whoever opens the store reaches PostgreSQL.
fn store(plan: &Plan<'_>, file: &mut Writer) -> Result<(), Error> {
    let database = plan.has_postgres().then(|| vec![pods(plan, &[Component::Postgres])]);
    let users = &STORE_USERS[..STORE_USERS.len() - usize::from(!plan.has_workers())];
    let rule = NetworkPolicyEgressRule { to: database, ports: Some(vec![tcp(POSTGRES_PORT)]) };
    let comment = match plan.has_postgres() {
        true => "Whoever opens the store reaches PostgreSQL, and nobody else does.",
        false => {
            "Whoever opens the store reaches PostgreSQL, wherever it is. If its port is another one, write that here."
        }
    };
    file.explained(comment, &policy(plan, &plan.object("store"), users, Way::Out(vec![rule])))?;
    if plan.has_postgres() {
        let from = ingress(vec![pods(plan, users)], &[POSTGRES_PORT]);
        file.add(&policy(plan, &plan.object("postgres"), &[Component::Postgres], Way::In(vec![from])))?;
    }
    Ok(())
}

/// Servers and workers reach NATS.
fn queue(plan: &Plan<'_>, file: &mut Writer) -> Result<(), Error> {
    let own = plan.has_nats().then(|| vec![pods(plan, &[Component::Nats])]);
    let rule = NetworkPolicyEgressRule { to: own, ports: Some(vec![tcp(NATS_PORT)]) };
    let comment = match plan.has_nats() {
        true => "Servers and workers reach the queue, and nobody else does.",
        false => "Servers and workers reach the queue, wherever it is. If its port is another one, write that here.",
    };
    file.explained(comment, &policy(plan, &plan.object("queue"), &QUEUE_USERS, Way::Out(vec![rule])))?;
    if plan.has_nats() {
        let from = ingress(vec![pods(plan, &QUEUE_USERS)], &[NATS_PORT]);
        file.add(&policy(plan, &plan.object("nats"), &[Component::Nats], Way::In(vec![from])))?;
    }
    Ok(())
}

/// The ports that scripts fetch from. A variable is thought to hold a URL of the usual port of HTTPS.
fn fetch_ports(plan: &Plan<'_>) -> Vec<u16> {
    let of_origin = |origin: &str| {
        let after = origin.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        after.unwrap_or(if origin.starts_with("http:") { 80 } else { 443 })
    };
    let mut ports: Vec<u16> = plan
        .model
        .scripts
        .fetch
        .iter()
        .map(|target| match target {
            FetchTarget::Origin(origin) => of_origin(origin),
            FetchTarget::Variable(_) => 443,
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// What a policy rules.
enum Way {
    In(Vec<NetworkPolicyIngressRule>),
    Out(Vec<NetworkPolicyEgressRule>),
    Both(Vec<NetworkPolicyIngressRule>, Vec<NetworkPolicyEgressRule>),
}

/// A policy for the pods of some components; of all, where none is named.
fn policy(plan: &Plan<'_>, name: &str, of: &[Component], way: Way) -> NetworkPolicy {
    let (types, ingress, egress) = match way {
        Way::In(rules) => (vec!["Ingress"], Some(rules), None),
        Way::Out(rules) => (vec!["Egress"], None, Some(rules)),
        Way::Both(ingress, egress) => (vec!["Ingress", "Egress"], Some(ingress), Some(egress)),
    };
    NetworkPolicy {
        metadata: plan.meta(name, None),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(plan, of)),
            policy_types: Some(types.into_iter().map(str::to_owned).collect()),
            ingress: ingress.filter(|rules| !rules.is_empty()),
            egress,
        }),
    }
}

fn selector(plan: &Plan<'_>, of: &[Component]) -> LabelSelector {
    match of {
        [] => LabelSelector { match_labels: Some(plan.selected(None)), ..LabelSelector::default() },
        [one] => plan.selector(*one, None),
        several => LabelSelector {
            match_labels: Some(plan.selected(None)),
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: COMPONENT.to_owned(),
                operator: "In".to_owned(),
                values: Some(several.iter().map(|component| component.name().to_owned()).collect()),
            }]),
        },
    }
}

fn pods(plan: &Plan<'_>, of: &[Component]) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selector(plan, of)), ..NetworkPolicyPeer::default() }
}

fn namespace(name: &str) -> LabelSelector {
    let labels = [("kubernetes.io/metadata.name".to_owned(), name.to_owned())].into();
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

fn every_port(plan: &Plan<'_>) -> Vec<u16> {
    let mut ports = plan.server_ports();
    if (plan.has_gateway() || plan.has_workers()) && !ports.contains(&PORT) {
        ports.push(PORT);
    }
    ports
}

fn ingress(from: Vec<NetworkPolicyPeer>, ports: &[u16]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: Some(from), ports: Some(ports.iter().map(|&port| tcp(port)).collect()) }
}

/// Looking up names, wherever the cluster does that.
fn names() -> NetworkPolicyEgressRule {
    let port = |protocol: &str| NetworkPolicyPort { protocol: Some(protocol.to_owned()), ..tcp(53) };
    NetworkPolicyEgressRule { to: None, ports: Some(vec![port("UDP"), port("TCP")]) }
}

fn outside() -> Vec<NetworkPolicyPeer> {
    let block = |cidr: &str, except: &str| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.to_owned(), except: Some(vec![except.to_owned()]) }),
        ..NetworkPolicyPeer::default()
    };
    vec![block("0.0.0.0/0", "169.254.0.0/16"), block("::/0", "fe80::/10")]
}

fn tcp(port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(port))),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }
}
