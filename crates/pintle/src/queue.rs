//! Where the records of an app's pipelines wait.

use std::str::FromStr as _;
use std::sync::Arc;

use pintle_model::Model;
use pintle_pipeline::JetStream;
use pintle_pipeline::jetstream::{NatsUrl, QueueError};
use pintle_query::Dialect;

use crate::failure::Failure;
use crate::secret;

/// `--queue`, for commands that take records in.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct QueueArg {
    /// Where the records of pipelines wait until they are stored: `embedded` (in the store itself) or
    /// `nats://USER:PASSWORD@HOST:PORT` (NATS JetStream, with `pintle worker` and PostgreSQL) [default: embedded]
    ///
    /// A token may stand for user and password, tls:// for nats://, and several HOST:PORT with commas between them. Behind a `?` may
    /// stand replicas=3 (of each stream), prefix=NAME (of the streams' names) and ca=FILE. May also stand in a file that
    /// PINTLE_QUEUE_FILE names.
    #[arg(long, value_name = "URL", env = "PINTLE_QUEUE", hide_env_values = true)]
    pub(crate) queue: Option<String>,
}

impl QueueArg {
    /// Where it is; nothing for the store itself.
    pub(crate) fn url(&self) -> Result<Option<NatsUrl>, Failure> {
        match secret::or_file(self.queue.clone(), "PINTLE_QUEUE")?.as_deref() {
            None | Some("embedded") => Ok(None),
            Some(text) => NatsUrl::from_str(text).map(Some).map_err(Failure::usage),
        }
    }
}

/// Connects, and makes what the model's pipelines need; as soon as the queue answers, where it does not now.
pub(crate) async fn open(url: &NatsUrl, model: &Arc<Model>) -> Result<JetStream, Failure> {
    let queue = JetStream::connect(url, &model.name).await.map_err(|error| failed("cannot open the queue", &error))?;
    queue.prepare(model).await.map_err(|error| failed("cannot open the queue", &error))?;
    if url.replicas() == 1 && !model.pipelines.is_empty() {
        tracing::warn!(
            "the queue keeps one copy of each record, on one server: what was answered within its `sync_interval` (2 minutes, unless its \
             configuration says otherwise) may be lost with that machine; `?replicas=3` in a cluster keeps three"
        );
    }
    Ok(queue)
}

/// Whether the app's pipelines can use this queue.
pub(crate) fn fits(model: &Model, dialect: Dialect) -> Result<(), Failure> {
    if dialect != Dialect::Postgres {
        return Err(Failure::usage(
            "the queue NATS needs PostgreSQL as the store: its workers are processes of their own",
        )
        .help("--store postgres://USER:PASSWORD@HOST/DATABASE, or leave --queue away: SQLite has its own"));
    }
    JetStream::fits(model).map_err(|error| failed("the app cannot be served", &error))
}

pub(crate) fn failed(context: &str, error: &QueueError) -> Failure {
    let failure = Failure::because(context, error);
    match error.hint() {
        Some(hint) => failure.help(hint),
        None => failure,
    }
}
