//! Pods: containers with their probes, their limits, and no more rights than they need.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, LifecycleHandler,
    PersistentVolumeClaimVolumeSource, PodAffinity, PodAffinityTerm, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, ResourceRequirements, SeccompProfile, SecurityContext, SleepAction, TopologySpreadConstraint, Volume,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use pintle_model::RouteAnswer;

use crate::environment::{self, DATA, GATEWAY, QUEUE, STORE, SecretFile};
use crate::plan::{Component, Part, Plan};
use crate::service;

/// The binary in the image.
const BINARY: &str = "/pintle";
/// Whom containers run as: nobody that a system knows.
pub(crate) const USER: i64 = 65_532;
/// How long a pod that ends goes on as before, while the cluster takes it off its lists: it gets no more requests then.
const LEAVE_SECONDS: i64 = 5;
/// How long a server answers what it has begun, at the most; then some room to close its store.
const DRAIN_SECONDS: i64 = 30;
const CLOSE_SECONDS: i64 = 5;
/// How long a server may take to start, in tries of a second: it migrates its store then, or waits for another that does.
const START_TRIES: i32 = 600;
/// Memory of a server beside its cache and its scripts.
const SERVER_MIB: u64 = 256;
/// Memory of a seed: its script may take as much as a program on its author's machine.
const SEED_MIB: u64 = 1536;
const MIB: u64 = 1 << 20;

/// Whether the process answers, and whether it can do what it is there for.
const LIVE: &str = "/health/live";
const READY: &str = "/health/ready";

/// The volume of an app's data on SQLite.
pub(crate) const DATA_VOLUME: &str = "data";

/// What a container is told and given.
#[derive(Default)]
pub(crate) struct Kit {
    pub(crate) environment: Vec<EnvVar>,
    pub(crate) mounts: Vec<VolumeMount>,
    pub(crate) volumes: Vec<Volume>,
}

impl Kit {
    /// The app's folder.
    pub(crate) fn with_app(plan: &Plan<'_>) -> Kit {
        Kit {
            environment: environment::of_app(plan),
            mounts: plan.folder.mount().into_iter().collect(),
            volumes: plan.folder.volume().into_iter().collect(),
        }
    }

    /// The store: on SQLite a folder, which is the volume that `claim` names unless the pod brings it, else a URL.
    pub(crate) fn store(mut self, plan: &Plan<'_>, claim: Option<String>) -> Kit {
        if !plan.on_sqlite() {
            return self.secret(plan, STORE);
        }
        self.mounts.push(mount(DATA_VOLUME, DATA));
        self.volumes.extend(claim.map(|claim| claimed(DATA_VOLUME, claim)));
        self.variables([environment::sqlite()])
    }

    /// A secret as a file, and the variable that names it.
    pub(crate) fn secret(mut self, plan: &Plan<'_>, file: SecretFile) -> Kit {
        self.mounts.push(file.mount());
        self.volumes.push(file.volume(plan));
        self.variables([file.variable()])
    }

    /// Variables.
    pub(crate) fn variables(mut self, more: impl IntoIterator<Item = EnvVar>) -> Kit {
        self.environment.extend(more);
        self
    }

    /// A volume of its own, at this place.
    pub(crate) fn volume(mut self, name: &str, claim: String, place: &str) -> Kit {
        self.mounts.push(mount(name, place));
        self.volumes.push(claimed(name, claim));
        self
    }

    /// A folder that is gone with the pod.
    pub(crate) fn scratch(mut self, name: &str, place: &str) -> Kit {
        self.mounts.push(mount(name, place));
        self.volumes.push(Volume { name: name.to_owned(), empty_dir: Some(Default::default()), ..Volume::default() });
        self
    }

    /// Where the queue is, if there is one beside the store.
    pub(crate) fn queue(self, plan: &Plan<'_>) -> Kit {
        match () {
            () if plan.has_nats() => self.variables([environment::nats(plan)]),
            () if plan.has_workers() => self.secret(plan, QUEUE),
            () => self,
        }
    }

    /// What every server and gateway has where there is a gateway: the secret that it signs with.
    pub(crate) fn gateway(self, plan: &Plan<'_>) -> Kit {
        if plan.has_gateway() { self.secret(plan, GATEWAY) } else { self }
    }
}

fn mount(name: &str, place: &str) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: place.to_owned(), ..VolumeMount::default() }
}

fn claimed(name: &str, claim: String) -> Volume {
    let claim = PersistentVolumeClaimVolumeSource { claim_name: claim, read_only: None };
    Volume { name: name.to_owned(), persistent_volume_claim: Some(claim), ..Volume::default() }
}

/// A pod that serves: all services in one process, one service, or the gateway.
pub(crate) fn serving(plan: &Plan<'_>, component: Component, part: Option<&Part>) -> PodTemplateSpec {
    let (words, ports, kit) = match component {
        Component::Gateway => {
            let kit = Kit::with_app(plan).variables([environment::listen()]).variables(upstreams(plan)).gateway(plan);
            (vec!["gateway".to_owned()], vec![crate::plan::PORT], kit)
        }
        Component::Worker => {
            let kit = Kit::with_app(plan).variables([environment::listen()]).store(plan, None).queue(plan);
            (vec!["worker".to_owned()], vec![crate::plan::PORT], kit.variables(environment::of_manifest(plan)))
        }
        _ => {
            let kit = Kit::with_app(plan).variables([environment::listen()]).store(plan, None).queue(plan);
            let kit = kit.variables(environment::of_manifest(plan)).gateway(plan);
            let words = match plan.serves_one(part) {
                Some(service) => vec!["serve".to_owned(), "--service".to_owned(), service.to_owned()],
                None => vec!["serve".to_owned()],
            };
            (words, plan.server_ports(), kit)
        }
    };
    let kit = kit.scratch("tmp", "/tmp");
    // A gateway begins when it knows where all services are. Later one of them that is away is no reason to reach none.
    let (started, ready) = if component == Component::Gateway { (READY, LIVE) } else { (LIVE, READY) };
    let probed = IntOrString::Int(i32::from(ports[0]));
    let container = Container {
        ports: Some(ports.into_iter().map(port).collect()),
        startup_probe: Some(Probe { failure_threshold: Some(START_TRIES), ..probe(started, &probed, 1) }),
        // Where a new version changes the tables, servers of the one before are not ready any more: by then there must be new ones.
        readiness_probe: Some(Probe { failure_threshold: Some(3), ..probe(ready, &probed, 2) }),
        liveness_probe: Some(Probe { failure_threshold: Some(3), ..probe(LIVE, &probed, 10) }),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: LEAVE_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        resources: Some(resources(50, 64, if component == Component::Gateway { 128 } else { memory_mib(plan) })),
        ..container(plan, component, words, &kit)
    };
    let spec = PodSpec {
        termination_grace_period_seconds: Some(LEAVE_SECONDS + DRAIN_SECONDS + CLOSE_SECONDS),
        topology_spread_constraints: (!plan.on_sqlite() || component == Component::Gateway)
            .then(|| spread(plan, component, part)),
        ..spec(container, kit.volumes)
    };
    let mut labels = plan.labels(Some(component));
    labels.extend(plan.service_label(component, part));
    PodTemplateSpec { metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }), spec: Some(spec) }
}

/// A pod that runs a command of Pintle's to its end.
pub(crate) fn running(plan: &Plan<'_>, component: Component, words: &[&str], kit: Kit) -> PodTemplateSpec {
    let mib = if component == Component::Seed { SEED_MIB } else { memory_mib(plan) };
    let kit = kit.scratch("tmp", "/tmp");
    let words = words.iter().map(|&word| word.to_owned()).collect();
    let container = Container { resources: Some(resources(50, 64, mib)), ..container(plan, component, words, &kit) };
    ending(plan, component, container, kit.volumes)
}

/// A pod with one container that runs to its end. On SQLite it goes where the server is, for they share a volume.
pub(crate) fn ending(
    plan: &Plan<'_>,
    component: Component,
    container: Container,
    volumes: Vec<Volume>,
) -> PodTemplateSpec {
    let beside = |plan: &Plan<'_>| {
        let term = PodAffinityTerm {
            label_selector: Some(plan.selector(Component::Server, None)),
            topology_key: "kubernetes.io/hostname".to_owned(),
            ..PodAffinityTerm::default()
        };
        let affinity = PodAffinity {
            required_during_scheduling_ignored_during_execution: Some(vec![term]),
            ..PodAffinity::default()
        };
        Affinity { pod_affinity: Some(affinity), ..Affinity::default() }
    };
    let spec = PodSpec {
        restart_policy: Some("Never".to_owned()),
        affinity: plan.on_sqlite().then(|| beside(plan)),
        ..spec(container, volumes)
    };
    let labels = Some(plan.labels(Some(component)));
    PodTemplateSpec { metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }), spec: Some(spec) }
}

/// A pod without rights in the cluster or on its node.
pub(crate) fn spec(container: Container, volumes: Vec<Volume>) -> PodSpec {
    PodSpec {
        containers: vec![container],
        volumes: Some(volumes).filter(|volumes| !volumes.is_empty()),
        automount_service_account_token: Some(false),
        // They would set variables that may be called as ours are.
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

/// A container of our image.
fn container(plan: &Plan<'_>, component: Component, words: Vec<String>, kit: &Kit) -> Container {
    Container {
        name: component.name().to_owned(),
        image: Some(plan.options.image.clone()),
        // A laptop's images come from nowhere else.
        image_pull_policy: plan.is_local().then(|| "IfNotPresent".to_owned()),
        command: Some(vec![BINARY.to_owned()]),
        args: Some(words),
        env: Some(kit.environment.clone()),
        volume_mounts: Some(kit.mounts.clone()),
        security_context: Some(confined()),
        ..Container::default()
    }
}

/// What every container gives up.
pub(crate) fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

/// What is kept for a container, and how much memory it may take. Its time is not limited: what nobody else needs makes answers quicker.
pub(crate) fn resources(cpu_milli: u64, request_mib: u64, limit_mib: u64) -> ResourceRequirements {
    let mib = |mib: u64| Quantity(format!("{mib}Mi"));
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), Quantity(format!("{cpu_milli}m"))),
            ("memory".to_owned(), mib(request_mib)),
        ])),
        limits: Some(BTreeMap::from([("memory".to_owned(), mib(limit_mib))])),
        ..ResourceRequirements::default()
    }
}

/// Memory that a server may take: what it needs itself, what it may keep of answers, and scripts of several requests.
fn memory_mib(plan: &Plan<'_>) -> u64 {
    let routes = &plan.model.routes;
    let cache = if routes.iter().any(|route| route.cache.is_some()) { plan.model.limits.cache_bytes } else { 0 };
    let scripts = routes.iter().any(|route| matches!(route.answer, RouteAnswer::Script(_)));
    let scripts = if scripts { 4 * plan.model.scripts.limits.memory_bytes } else { 0 };
    SERVER_MIB + (cache + scripts).div_ceil(MIB)
}

fn port(port: u16) -> ContainerPort {
    ContainerPort { container_port: i32::from(port), ..ContainerPort::default() }
}

fn probe(path: &str, port: &IntOrString, every_seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction { path: Some(path.to_owned()), port: port.clone(), ..HTTPGetAction::default() }),
        period_seconds: Some(every_seconds),
        timeout_seconds: Some(if every_seconds < 10 { 2 } else { 5 }),
        ..Probe::default()
    }
}

/// Where the gateway finds each service.
fn upstreams(plan: &Plan<'_>) -> Vec<EnvVar> {
    let variable = |name: &str| format!("PINTLE_UPSTREAM_{}", name.to_ascii_uppercase().replace('-', "_"));
    let of_part = |part: &Part| {
        let url = service::upstream(plan, part);
        part.services.iter().map(|name| environment::plain(&variable(name), &url)).collect::<Vec<_>>()
    };
    plan.parts.iter().flat_map(of_part).collect()
}

/// On different nodes, and on a provider's in different zones, if that can be.
fn spread(plan: &Plan<'_>, component: Component, part: Option<&Part>) -> Vec<TopologySpreadConstraint> {
    let keys: &[&str] = match plan.is_local() {
        true => &["kubernetes.io/hostname"],
        false => &["topology.kubernetes.io/zone", "kubernetes.io/hostname"],
    };
    let over = |key: &&str| TopologySpreadConstraint {
        topology_key: (*key).to_owned(),
        max_skew: 1,
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(plan.selector(component, part)),
        ..TopologySpreadConstraint::default()
    };
    keys.iter().map(over).collect()
}
