//! What runs to its end: migrations, the seed, backups.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};

use crate::environment::{self, STORE};
use crate::plan::{Component, Plan};
use crate::pod::{self, Kit};
use crate::write::Writer;
use crate::{Error, Manifest, postgres, workload};

/// Where backups are put.
const BACKUP: &str = "backup";
const BACKUP_PLACE: &str = "/backup";
/// Room for a week's and a day's backup.
const BACKUP_SIZE: &str = "20Gi";
/// Which backups are kept, and when each is made anew: minute, hour, days of the week in UTC.
const BACKUPS: [(&str, &str); 2] = [("day", "17 2 * * *"), ("week", "47 2 * * 0")];
/// How long what ended can be looked at.
const KEEP_SECONDS: i32 = 7 * 24 * 3600;

/// Brings the store's tables to what the manifest says. A server does that at its start too. On PostgreSQL this is a step that can be
/// waited for, and whose log says what was done; on SQLite, where one server has the file, it is for what the server refuses.
pub(crate) fn migrate(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let kit = Kit::with_app(plan).store(plan, Some(workload::data_claim(plan)));
    let pod = pod::running(plan, Component::Migrate, &["migrate"], kit);
    let (path, comment) = if plan.on_sqlite() {
        (
            "once/migrate.yaml",
            "Brings the store's tables to what the manifest says. The server does that at its start, but for what would lose data:\n\
             it tells that in its log, and does not start. If that is meant, add `--allow-loss` to the args below and apply this file.",
        )
    } else {
        (
            "40-migrate.yaml",
            "Brings the store's tables to what the manifest says, but for what would lose data: that is told in its log.\n\
             If it is meant, add `--allow-loss` to the args below.\n\
             Servers do the same at their start, so nothing waits for this. A pipeline may: apply it by itself,\n\
             `kubectl wait --for=condition=complete` for it, then apply all.\n\
             A Job cannot be changed, so its name is made of the app's and the image's hash.",
        )
    };
    let mut file = Writer::new(path, comment);
    file.add(&job(plan, Component::Migrate, pod, 6))?;
    Ok(file.done())
}

/// Stores the app's sample data, when somebody asks for it.
pub(crate) fn seed(plan: &Plan<'_>) -> Result<Option<Manifest>, Error> {
    if plan.model.seed.is_none() {
        return Ok(None);
    }
    let kit = Kit::with_app(plan).store(plan, Some(workload::data_claim(plan)));
    let kit = kit.variables(environment::of_manifest(plan));
    let pod = pod::running(plan, Component::Seed, &["seed"], kit);
    let mut file = Writer::new(
        "once/seed.yaml",
        "Stores the app's sample data, once: `kubectl apply -f` of the folder above leaves it out.\n\
         It stores nothing where there are rows already; with `--again` in its args it writes over them.",
    );
    file.add(&job(plan, Component::Seed, pod, 2))?;
    Ok(Some(file.done()))
}

fn job(plan: &Plan<'_>, component: Component, template: PodTemplateSpec, tries: i32) -> Job {
    let name = plan.object(&format!("{}-{}", component.name(), plan.folder.version));
    Job {
        metadata: plan.meta(&name, Some(component)),
        spec: Some(JobSpec {
            backoff_limit: Some(tries),
            ttl_seconds_after_finished: Some(KEEP_SECONDS),
            template,
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// Copies of the data, made each night and each week.
pub(crate) fn backup(plan: &Plan<'_>) -> Result<Manifest, Error> {
    let mut file = Writer::new(
        "80-backup.yaml",
        "The data, copied each night and each week to a volume of its own; the last of each is kept.\n\
         The volume is in the same cluster: copy what is on it elsewhere, or let the provider do so.",
    );
    let claim = plan.object(BACKUP);
    file.add(&workload::claim(plan.meta(&claim, Some(Component::Backup)), BACKUP_SIZE))?;
    for (which, schedule) in BACKUPS {
        let pod = if plan.on_sqlite() { of_sqlite(plan, which, &claim) } else { of_postgres(plan, which, &claim) };
        let labels = plan.labels(Some(Component::Backup));
        file.add(&CronJob {
            metadata: plan.meta(&plan.object(&format!("{BACKUP}-{which}")), Some(Component::Backup)),
            spec: Some(CronJobSpec {
                schedule: schedule.to_owned(),
                time_zone: Some("Etc/UTC".to_owned()),
                concurrency_policy: Some("Forbid".to_owned()),
                starting_deadline_seconds: Some(3600),
                successful_jobs_history_limit: Some(1),
                failed_jobs_history_limit: Some(3),
                job_template: JobTemplateSpec {
                    metadata: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                        labels: Some(labels),
                        ..Default::default()
                    }),
                    spec: Some(JobSpec { backoff_limit: Some(2), template: pod, ..JobSpec::default() }),
                },
                ..CronJobSpec::default()
            }),
            ..CronJob::default()
        })?;
    }
    Ok(file.done())
}

fn of_sqlite(plan: &Plan<'_>, which: &str, claim: &str) -> PodTemplateSpec {
    let kit = Kit::with_app(plan).store(plan, Some(workload::data_claim(plan)));
    let kit = kit.volume(BACKUP, claim.to_owned(), BACKUP_PLACE);
    pod::running(plan, Component::Backup, &["backup", &format!("{BACKUP_PLACE}/{which}.db")], kit)
}

/// By PostgreSQL's own program, which knows more of it, but nothing of the parameters that are Pintle's own. What it writes takes the
/// older copy's place when it is whole.
fn of_postgres(plan: &Plan<'_>, which: &str, claim: &str) -> PodTemplateSpec {
    let kit = Kit::default().secret(plan, STORE).volume(BACKUP, claim.to_owned(), BACKUP_PLACE).scratch("tmp", "/tmp");
    let at = format!("{BACKUP_PLACE}/{which}");
    let script = format!(
        "set -e\n\
         if grep -q '^[[:space:]]*{{' \"$PINTLE_STORE_FILE\"; then\n\
         \x20 echo 'the store in this Secret is a JSON object, which pg_dump does not take: write it as a URL, postgres://…' >&2\n\
         \x20 exit 1\n\
         fi\n\
         url=$(sed -E 's/([?&])((schema|connections_max)=[^&]*&?)+/\\1/g; s/[?&]$//' \"$PINTLE_STORE_FILE\")\n\
         pg_dump --format=custom --file={at}.part --dbname=\"$url\"\n\
         mv {at}.part {at}.dump\n\
         ls -l {BACKUP_PLACE}\n"
    );
    let container = Container {
        name: BACKUP.to_owned(),
        image: Some(postgres::IMAGE.to_owned()),
        command: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), script]),
        env: Some(kit.environment),
        volume_mounts: Some(kit.mounts),
        security_context: Some(pod::confined()),
        resources: Some(pod::resources(50, 64, 512)),
        ..Container::default()
    };
    pod::ending(plan, Component::Backup, container, kit.volumes)
}
