//! The queue NATS JetStream: doors put records into streams, workers take them out and store them.
//!
//! 1. Each pipeline has a stream ([`mod@stream`]), which Pintle makes, checks and looks at: a work queue on disk with the bound of the manifest.
//! 2. A door publishes records ([`mod@publish`]) in messages of one partition ([`mod@message`]), and answers when the stream has them.
//! 3. A [`Worker`] stores what waits ([`mod@partition`]), and tells the stream when it is committed. Of a partition one worker takes at a
//!    time, from its first message on: the stream itself lets no second one in.
//! 4. What breaks is begun anew from the first message that was not stored: what is stored already is known by its id.

mod batch;
mod message;
mod partition;
mod presence;
mod publish;
mod reader;
mod stream;
mod url;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, Request};
use bytes::Bytes;
use pintle_model::{KeyOrigin, Model, PipelineId};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::watch;

pub(crate) use self::publish::Publisher;
use self::stream::Stream;
use self::url::Login;
pub use self::url::NatsUrl;
pub use self::worker::Worker;

/// How long the server may take to answer. Who waits at a door hears by then.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long a server may take to let a connection in.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How soon a queue that was away at the start is looked at again.
const LOOK: Duration = Duration::from_millis(500);
/// JetStream's numbers for what passes by itself: a cluster without a leader, one that is being elected, too little room just now,
/// a stream or a consumer whose server is away.
const PASSING: [u64; 5] = [10008, 10009, 10023, 10118, 10119];
/// When a silent connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);

/// A connection to NATS, of one app. Cheap to clone; it is made again by itself when it breaks.
#[derive(Debug, Clone)]
pub struct JetStream(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    client: Client,
    url: NatsUrl,
    /// What the names of streams begin with: the prefix and the app.
    name: (String, String),
    /// How often the connection broke.
    breaks: watch::Receiver<u64>,
    /// Why it could not be made the last time.
    refusal: Arc<parking_lot::Mutex<Option<String>>>,
    /// The streams that are open, by their names.
    streams: parking_lot::Mutex<std::collections::BTreeMap<String, Arc<Stream>>>,
}

/// Why the queue cannot do what it should.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct QueueError {
    message: String,
    help: Option<String>,
    /// The server says so: trying again changes nothing, unless somebody does something about it.
    told: bool,
    code: u64,
}

impl QueueError {
    fn away(message: impl Into<String>) -> QueueError {
        QueueError { message: message.into(), help: None, told: false, code: 0 }
    }

    fn told(message: impl Into<String>) -> QueueError {
        QueueError { told: true, ..QueueError::away(message) }
    }

    fn help(self, help: impl Into<String>) -> QueueError {
        QueueError { help: Some(help.into()), ..self }
    }

    /// What would be right, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// What JetStream says of what it did not do.
#[derive(Debug, Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// An answer of JetStream's.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reply<T> {
    Refused { error: Refusal },
    Done(T),
}

impl JetStream {
    /// Connects for an app of this name. Where no server answers it is tried again by itself, and until then nothing can be done by it.
    ///
    /// # Errors
    /// When a server lets nobody in, or the URL's own file cannot be read.
    pub async fn connect(url: &NatsUrl, app: &str) -> Result<JetStream, QueueError> {
        let (broke, breaks) = watch::channel(0_u64);
        let refusal = Arc::new(parking_lot::Mutex::new(None));
        let options = options(url, broke, &refusal);
        // Each has its time, and the names of all may have to be looked up.
        let time = CONNECT_MAX * u32::try_from(url.servers.len() + 1).unwrap_or(u32::MAX);
        let client = match tokio::time::timeout(time, options.clone().connect(&url.servers)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) if is_of_login(error.kind()) => {
                return Err(QueueError::told(format!("{url} refuses this user or token"))
                    .help("say who connects in the URL: nats://USER:PASSWORD@HOST:PORT or nats://TOKEN@HOST:PORT"));
            }
            other => {
                // Who looks at the streams tells it, and how it goes on.
                *refusal.lock() = Some(other.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |tried| tried.err().map_or_else(String::new, |error| reasons(&error)),
                ));
                let client = options.retry_on_initial_connect().connect(&url.servers).await;
                client.map_err(|error| QueueError::told(format!("{url}: {}", reasons(&error))))?
            }
        };
        let name = (url.prefix.clone(), app.to_owned());
        let streams = parking_lot::Mutex::default();
        Ok(JetStream(Arc::new(Connection { client, url: url.clone(), name, breaks, refusal, streams })))
    }

    /// Makes the streams of a model's pipelines, or brings them to what it says; as soon as the queue answers, where it does not now.
    ///
    /// # Errors
    /// When one cannot be made, or is there and is another one.
    pub async fn prepare(&self, model: &Arc<Model>) -> Result<(), QueueError> {
        JetStream::fits(model)?;
        let streams: Vec<_> = (0..model.pipelines.len()).map(|at| self.stream(model, PipelineId(at))).collect();
        match self.prepared(model, &streams).await {
            Err(error) if !error.told => {
                tokio::spawn(JetStream::prepared_later(self.weak(), Arc::clone(model), streams));
                Ok(())
            }
            other => other,
        }
    }

    /// Each stream looks after itself; that all are there at last is told once.
    async fn prepared_later(connection: std::sync::Weak<Connection>, model: Arc<Model>, streams: Vec<Arc<Stream>>) {
        while let Some(queue) = connection.upgrade().map(JetStream) {
            match queue.prepared(&model, &streams).await {
                Ok(()) => return tracing::info!("the queue is ready"),
                Err(error) if error.told => return,
                Err(_) => {}
            }
            drop(queue);
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn prepared(&self, model: &Model, streams: &[Arc<Stream>]) -> Result<(), QueueError> {
        for stream in streams {
            stream.ensure().await?;
        }
        self.tell_of_left(model).await;
        Ok(())
    }

    /// Warns of records that wait for a pipeline that the app has no more: nobody stores them.
    async fn tell_of_left(&self, model: &Model) {
        let (prefix, app) = &self.0.name;
        let (names, subjects) = (format!("{prefix}-{app}-"), format!("{prefix}.{app}."));
        // Who may not list what is there can work all the same.
        let Ok(there) = self.ask::<Json>("STREAM.LIST", &Json::Null).await else { return };
        for stream in there["streams"].as_array().into_iter().flatten() {
            let name = stream["config"]["name"].as_str().unwrap_or_default();
            let Some(pipeline) = name.strip_prefix(&names) else { continue };
            let own = stream["config"]["subjects"][0].as_str().is_some_and(|subject| subject.starts_with(&subjects));
            let messages = stream["state"]["messages"].as_u64().unwrap_or(0);
            if own && messages > 0 && model.pipelines.iter().all(|there| there.name != pipeline) {
                tracing::warn!(
                    stream = name,
                    messages,
                    "records wait for the pipeline `{pipeline}`, which the app has no more: nobody stores them"
                );
            }
        }
    }

    /// Whether a model's records can wait in a queue: each must be known by an id that it has from the door on, since it may come
    /// to the store more than once.
    ///
    /// # Errors
    /// For a pipeline whose records can not.
    pub fn fits(model: &Model) -> Result<(), QueueError> {
        // What an app is called that has no name.
        if model.name == "app" && !model.pipelines.is_empty() {
            let what = "the app has no name, by which this queue tells apps apart";
            return Err(QueueError::told(what).help("give it one of its own in its manifest, such as `name: meetings`"));
        }
        for pipeline in &model.pipelines {
            let collection = model.collection(pipeline.into);
            let of_key = pipeline.id.iter().all(|field| collection.is_key(*field));
            let (name, field) = (&pipeline.name, &collection.fields[pipeline.id.first().copied().unwrap_or(0)]);
            if of_key && collection.key.origin == KeyOrigin::Counted {
                let what = format!(
                    "the pipeline `{name}` cannot use this queue: the store counts the key of `{}`",
                    collection.name
                );
                return Err(QueueError::told(what).help(
                    "a record needs an id before it waits: make the key `type: uuid, generated: true`, or name a field as the pipeline's \
                     `id` that is `unique` and `required`",
                ));
            }
            if !of_key && !field.required {
                let what =
                    format!("the pipeline `{name}` cannot use this queue: its `id`, `{}`, may be null", field.name);
                return Err(QueueError::told(what).help(format!("make `{}` `required`", field.name)));
            }
        }
        Ok(())
    }

    /// Whether it answers, and has what it needs.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), QueueError> {
        self.connected()?;
        let streams: Vec<Arc<Stream>> = self.0.streams.lock().values().cloned().collect();
        streams.iter().try_for_each(|stream| stream.ready())
    }

    fn connected(&self) -> Result<(), QueueError> {
        match self.0.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => {
                let why = self.0.refusal.lock().as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                Err(QueueError::away(format!("{} does not answer{why}", self.0.url)).help(START))
            }
        }
    }

    /// The stream of a pipeline; from now on it is to be what this model says.
    fn stream(&self, model: &Model, id: PipelineId) -> Arc<Stream> {
        let wanted = stream::Wanted::of(self, model.pipeline(id));
        let mut streams = self.0.streams.lock();
        if let Some(stream) = streams.get(&wanted.name) {
            stream.want(wanted);
            return Arc::clone(stream);
        }
        let stream = Arc::new(Stream::new(self.weak(), wanted));
        streams.insert(stream.name().to_owned(), Arc::clone(&stream));
        tokio::spawn(Stream::look_after(Arc::clone(&stream)));
        stream
    }

    fn weak(&self) -> std::sync::Weak<Connection> {
        Arc::downgrade(&self.0)
    }

    /// Tells the stream that a message is done with, and waits until it knows.
    async fn confirm(&self, reply: async_nats::Subject) -> Result<(), QueueError> {
        self.send(reply.to_string(), Bytes::new()).await.map(drop)
    }

    /// Asks JetStream's API.
    async fn ask<T: for<'d> Deserialize<'d>>(&self, subject: &str, payload: &Json) -> Result<T, QueueError> {
        // Where nothing is to be said, some of its parts take no word, not even `null`.
        let payload = if payload.is_null() { Bytes::new() } else { payload.to_string().into() };
        self.request(format!("$JS.API.{subject}"), payload).await
    }

    /// Sends a message and reads what JetStream answers.
    async fn request<T: for<'d> Deserialize<'d>>(&self, subject: String, payload: Bytes) -> Result<T, QueueError> {
        let answer = self.send(subject, payload).await?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Reply::Done(done)) => Ok(done),
            Ok(Reply::Refused { error: Refusal { err_code, description } }) => {
                Err(QueueError { code: err_code, told: !PASSING.contains(&err_code), ..QueueError::away(description) })
            }
            Err(error) => Err(QueueError::told(format!("the queue's answer cannot be read: {error}"))),
        }
    }

    /// Sends a message and waits for an answer, as long as the connection holds.
    async fn send(&self, subject: String, payload: Bytes) -> Result<async_nats::Message, QueueError> {
        let mut breaks = self.0.breaks.clone();
        breaks.mark_unchanged();
        self.connected()?;
        let request = Request::new().payload(payload);
        let answer = tokio::select! {
            biased;
            answer = self.0.client.send_request(subject, request) => answer,
            // The client keeps its own time only once it has sent it, which a server that hangs can hold up.
            () = tokio::time::sleep(ANSWER_MAX) => return Err(QueueError::away("the queue did not answer in time")),
            _ = breaks.changed() => return Err(QueueError::away("the connection to the queue broke")),
        };
        answer.map_err(|error| match error.kind() {
            async_nats::RequestErrorKind::NoResponders => QueueError::away("nobody answers at the queue").help(ENABLE),
            async_nats::RequestErrorKind::TimedOut => QueueError::away("the queue did not answer in time"),
            _ => QueueError::away(reasons(&error)),
        })
    }
}

/// How a queue is connected to; what breaks is told by `broke`, and why a connection is refused by `refusal`.
fn options(
    url: &NatsUrl,
    broke: watch::Sender<u64>,
    refusal: &Arc<parking_lot::Mutex<Option<String>>>,
) -> ConnectOptions {
    let refusal = Arc::clone(refusal);
    let mut options = ConnectOptions::new()
        .name("pintle")
        .connection_timeout(CONNECT_MAX)
        .request_timeout(Some(ANSWER_MAX))
        .ping_interval(PING)
        // Streams' filters end in `*`, and are a part of the names that consumers are made by.
        .skip_subject_validation(true)
        .event_callback(move |event| {
            match event {
                Event::Connected => {
                    *refusal.lock() = None;
                    tracing::info!("the queue answers");
                }
                Event::Disconnected => {
                    broke.send_modify(|breaks| *breaks += 1);
                    tracing::warn!("the connection to the queue broke: it is made again");
                }
                Event::SlowConsumer(_) => broke.send_modify(|breaks| *breaks += 1),
                Event::ClientError(error) => *refusal.lock() = Some(error.to_string()),
                event => tracing::debug!(%event, "queue"),
            }
            async {}
        });
    options = match &url.login {
        Login::Open => options,
        Login::Token(token) => options.token(token.clone()),
        Login::User(user, password) => options.user_and_password(user.clone(), password.clone()),
    };
    // Also where the cluster names other servers, and one is connected to later.
    if url.ca.is_some() || url.servers.iter().any(|server| server.starts_with("tls://")) {
        options = options.require_tls(true);
    }
    match &url.ca {
        Some(ca) => options.add_root_certificates(ca.clone()),
        None => options,
    }
}

fn is_of_login(kind: ConnectErrorKind) -> bool {
    matches!(kind, ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation)
}

const START: &str = "start it with JetStream, `nats-server -js -sd FOLDER`, or name another one";
const ENABLE: &str = "JetStream must be on: `nats-server -js -sd FOLDER`";

/// An error with what is behind it.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let reason = error.to_string();
        if !message.ends_with(&reason) {
            message = format!("{message}: {reason}");
        }
        source = error.source();
    }
    message
}
