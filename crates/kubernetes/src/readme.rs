//! What to do with the files, beside them: the Secrets that they name, and the commands in their order.

use crate::environment::{self, GATEWAY, PASSWORD, QUEUE, STORE};
use crate::plan::Plan;
use crate::postgres::DATABASE;
use crate::{MARK, Manifest};

/// The commands that make the Secrets that the manifests name, each with a line of what it is for. Values are the reader's own variables.
pub(crate) fn secrets(plan: &Plan<'_>) -> Vec<(String, String)> {
    let create = |name: &str, rest: &str| {
        format!("kubectl{} create secret generic {}{rest}", namespace(plan), plan.object(name))
    };
    let mut made = Vec::new();
    if plan.has_postgres() {
        let url = format!("postgres://{DATABASE}:$PASSWORD@{}/{DATABASE}", plan.object("postgres"));
        let rest = format!(
            " \\\n  --from-literal={}=\"$PASSWORD\" \\\n  --from-literal={}=\"{url}\"",
            PASSWORD.key, STORE.key
        );
        let command = format!("PASSWORD=$(openssl rand -hex 24)\n{}", create(STORE.name, &rest));
        made.push(("The password of PostgreSQL, and the URL with it.".to_owned(), command));
    } else if !plan.on_sqlite() {
        let rest = format!(
            " \\\n  --from-literal={}=\"postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full\"",
            STORE.key
        );
        made.push(("The URL of your PostgreSQL.".to_owned(), create(STORE.name, &rest)));
    }
    if plan.has_workers() && !plan.has_nats() {
        let rest = format!(" \\\n  --from-literal={}=\"tls://USER:PASSWORD@HOST:4222?replicas=3\"", QUEUE.key);
        made.push(("The URL of your NATS, with JetStream.".to_owned(), create(QUEUE.name, &rest)));
    }
    if plan.has_gateway() {
        let rest = format!(" --from-literal={}=\"$(openssl rand -hex 32)\"", GATEWAY.key);
        made.push((
            "What the gateway signs with, so that services trust it and nobody else.".to_owned(),
            create(GATEWAY.name, &rest),
        ));
    }
    let names = environment::names(plan);
    if !names.is_empty() {
        let each: Vec<String> = names.iter().map(|name| format!(" \\\n  --from-literal={name}=\"${name}\"")).collect();
        made.push((
            "The variables that the manifest names, from those of your shell. Leave out what the app shall do without."
                .to_owned(),
            create("environment", &each.concat()),
        ));
    }
    made
}

fn namespace(plan: &Plan<'_>) -> String {
    plan.options.namespace.as_ref().map(|name| format!(" --namespace {name}")).unwrap_or_default()
}

pub(crate) fn manifest(plan: &Plan<'_>) -> Manifest {
    let kubectl = format!("kubectl{}", namespace(plan));
    let mut text = format!(
        "<!-- {MARK}: change the app or the flags, and make it anew. -->\n\n# {} on Kubernetes\n\nCommands for this folder, in their order. What each file is for stands at its top.\n",
        plan.model.name
    );
    let mut section = |title: &str, said: &str, commands: &str| {
        text.push_str(&format!("\n## {title}\n\n{said}\n"));
        if !commands.is_empty() {
            text.push_str(&format!("\n```sh\n{commands}\n```\n"));
        }
    };
    if plan.options.namespace.is_some() {
        section("Its namespace", "What follows lives there.", "kubectl apply -f 00-namespace.yaml");
    }
    let secrets = secrets(plan);
    if !secrets.is_empty() {
        let commands: Vec<String> = secrets.iter().map(|(what, command)| format!("# {what}\n{command}")).collect();
        section("Its secrets", "No file here has a value of theirs. Make them once:", &commands.join("\n\n"));
    }
    let wait = match plan.on_sqlite() {
        true => format!("{kubectl} rollout status statefulset/{}", plan.name),
        false => {
            let each = plan.parts.iter().map(|part| part.object.clone());
            let each = each.chain(plan.has_gateway().then(|| plan.object("gateway")));
            let each = each.chain(plan.has_workers().then(|| plan.object("worker")));
            each.map(|name| format!("{kubectl} rollout status deployment/{name}")).collect::<Vec<_>>().join("\n")
        }
    };
    section(
        "Apply",
        "The same command brings a new version, once these files were made anew.",
        &format!("kubectl apply -f .\n{wait}"),
    );
    section("Reach it", &reached(plan), &format!("{kubectl} get service {}", plan.entry()));
    let server =
        if plan.on_sqlite() { format!("{}-0", plan.name) } else { format!("deployment/{}", plan.parts[0].object) };
    section(
        "A token",
        "The image has no shell, but it has the command:",
        &format!("{kubectl} exec {server} -- /pintle token create me --role authenticated"),
    );
    if plan.model.seed.is_some() {
        section("Sample data", "Once, if you like:", "kubectl apply -f once/seed.yaml");
    }
    section(
        "Metrics",
        "Where the operator of Prometheus is installed, with Grafana (kube-prometheus-stack):",
        "kubectl apply -f monitoring",
    );
    Manifest { path: "README.md".to_owned(), text }
}

fn reached(plan: &Plan<'_>) -> String {
    match (&plan.options.host, plan.is_local()) {
        (Some(host), true) => format!("At http://{host}/, once that name leads to the cluster's Ingress."),
        (Some(host), false) => format!(
            "At https://{host}/, once that name leads to the address of the Ingress and its certificate is in the Secret `{}`.",
            plan.object("tls")
        ),
        (None, true) => "At the port that this shows behind `80:`, on the address of a node (minikube: `minikube service …`).".to_owned(),
        (None, false) => "At the external address that this shows, after a minute. Over HTTP alone: make the files with `--host` for an \
                          Ingress with a certificate."
            .to_owned(),
    }
}
