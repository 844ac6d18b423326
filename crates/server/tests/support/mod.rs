//! A small vocabulary for tests over real HTTP: an app on a port and in a folder of its own, and what it answers.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the vocabulary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pintle_model::{Caller, Role, Severity, Value as FieldValue};
use pintle_query::rest::{Asker, Preferences};
use pintle_query::{Dialect, Planner};
use pintle_server::{App, Environment, Error, Scripts, Server, Settings};
use pintle_store::{Access, Location, Store};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Two collections: one as `apps/configs` has it, one with every role's own rights.
pub const APP: &str = r#"
pintle: 1
name: test
limits: { body: 64KiB, url: 2KiB, depth: 8 }
cors: { origins: ["https://page.example"] }
collections:
  configs:
    key: { name: { type: text, pattern: "^[A-Za-z0-9_ /é]+$" } }
    fields:
      data: { type: json, required: true }
    policies:
      select: "true"
      insert: auth.role() = 'authenticated'
      update: auth.role() = 'authenticated'
      delete: auth.role() = 'authenticated'
    rest: { path: /configs, limit: { default: 3, max: 5 } }
  notes:
    key: { id: { type: integer, generated: true } }
    fields:
      owner: { type: text, default: auth.uid(), readonly: true }
      text: { type: text, required: true }
      rank: integer
    policies:
      select: owner = auth.uid()
      insert: owner = auth.uid()
      update: owner = auth.uid()
    rest: { path: /api/notes, methods: [GET, POST, PUT] }
"#;

/// A role of tokens.
pub const AUTHENTICATED: Role = Role::Authenticated;

/// An app that is served.
pub struct Served {
    /// The first listener's.
    pub address: SocketAddr,
    /// All listeners', in the order of the settings.
    pub addresses: Vec<SocketAddr>,
    pub client: reqwest::Client,
    pub folder: tempfile::TempDir,
    planner: Arc<Planner>,
    store: Option<Store>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), Error>>,
}

/// What was answered.
pub struct Answered {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// Serves [`APP`] as it is served to the world.
pub async fn serve() -> Served {
    serve_with(APP, Settings { access_log: false, ..Settings::default() }).await
}

/// Serves [`APP`] in dev mode.
pub async fn serve_dev() -> Served {
    serve_with(APP, Settings { dev: true, access_log: false, ..Settings::default() }).await
}

/// Serves a manifest.
pub async fn serve_with(manifest: &str, settings: Settings) -> Served {
    serve_in(tempfile::tempdir().unwrap(), manifest, settings).await
}

/// Serves [`APP`] on the store that a stopped server left in this folder.
pub async fn serve_again(folder: tempfile::TempDir) -> Served {
    serve_in(folder, APP, Settings { access_log: false, ..Settings::default() }).await
}

async fn serve_in(folder: tempfile::TempDir, manifest: &str, settings: Settings) -> Served {
    let mut listeners = Vec::new();
    for _ in &settings.listeners {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let app = app_in(&folder, manifest, settings);
    let (planner, store) = (Arc::clone(&app.planner), app.store.clone());
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(pintle_server::run(listeners, Server::new(app).unwrap(), shutdown));
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    Served { address: addresses[0], addresses, client, folder, planner, store: Some(store), stop: Some(stop), task }
}

/// An app with a new store, and the store's folder.
pub fn app(manifest: &str, settings: Settings) -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (app_in(&folder, manifest, settings), folder)
}

fn app_in(folder: &tempfile::TempDir, manifest: &str, settings: Settings) -> App {
    pintle_server::metrics::install().unwrap();
    let (model, diagnostics) = pintle_model::load("pintle.yaml", manifest, &|path| Err(format!("no {path}")));
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let model = Arc::new(model.unwrap());
    let planner = Arc::new(Planner::new(Arc::clone(&model), Dialect::Sqlite).unwrap());
    let location = Location::Sqlite(folder.path().join("data.db"));
    let store = Store::open(&location, &model, Access::Serve).unwrap();
    store.migrate(pintle_store::Consent::Forward).unwrap();
    let engine = Arc::new(pintle_script::Engine::new(pintle_script::Settings::default()));
    let scripts = Scripts { engine, programs: std::collections::BTreeMap::new() };
    App {
        planner,
        scripts,
        folder: folder.path().to_owned(),
        environment: Environment::default(),
        store,
        queue: None,
        settings,
    }
}

fn service() -> Asker {
    Asker { caller: Arc::new(Caller::of(Role::ServiceRole)), now: 0, new_uuid: uuid::Uuid::now_v7 }
}

impl Served {
    /// A request for a path.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request for a path, by the listener at this place.
    pub async fn get_at(&self, listener: usize, path: &str) -> Answered {
        self.client.get(format!("http://{}{path}", self.addresses[listener])).answered().await
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.ask(Method::GET, path).answered().await
    }

    /// Writes JSON with a token.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: &str) -> Answered {
        self.ask(method, path).bearer_auth(token).json_text(body).answered().await
    }

    /// Makes a token.
    pub async fn token(&self, role: Role, user: Option<&str>) -> String {
        let random = *uuid::Uuid::now_v7().as_bytes();
        let mut bytes = [0; pintle_auth::RANDOM_BYTES];
        bytes[..16].copy_from_slice(&random);
        let token = pintle_auth::token(bytes);
        let hash = pintle_auth::hash_text(&pintle_auth::hash(&token));
        let name = uuid::Uuid::now_v7().to_string();
        let row = serde_json::json!({ "name": name, "role": role.name(), "user": user, "hash": hash });
        let (collection, _) = self.planner.model().find("_pintle_tokens").unwrap();
        let planned =
            self.planner.rest_insert(collection, "", row.to_string().as_bytes(), &Preferences::default(), &service());
        self.store.as_ref().unwrap().write(planned.unwrap().write.unwrap()).await.unwrap();
        token
    }

    /// Makes every answer that is kept for an `Idempotency-Key` so old.
    pub async fn age_answers(&self, seconds: u64) {
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(seconds);
        let made = FieldValue::Timestamp(i64::try_from(made.as_micros()).unwrap()).to_text();
        let (collection, asker, body) = (self.kept_answers(), service(), format!(r#"{{"created_at":"{made}"}}"#));
        let planned = self.planner.rest_update(collection, "", body.as_bytes(), &Preferences::default(), &asker);
        self.store.as_ref().unwrap().write(planned.unwrap().write.unwrap()).await.unwrap();
    }

    /// How many answers are kept for an `Idempotency-Key`.
    pub async fn answers(&self) -> u64 {
        let planned = self.planner.rest_read(self.kept_answers(), "select=key", &Preferences::default(), &service());
        self.store.as_ref().unwrap().read(planned.unwrap().read).await.unwrap().len
    }

    fn kept_answers(&self) -> pintle_model::CollectionId {
        self.planner.model().find("_pintle_idempotency").unwrap().0
    }

    /// A token that may write configs.
    pub async fn writer(&self) -> String {
        self.token(Role::Authenticated, Some("ann")).await
    }

    /// A token of somebody.
    pub async fn writer_of(&self, user: &str) -> String {
        self.token(Role::Authenticated, Some(user)).await
    }

    /// Tells the server to stop, as a signal does.
    pub fn stop(&mut self) {
        self.store = None;
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until it has; the store's folder stays as long as it is held.
    pub async fn stopped(self) -> tempfile::TempDir {
        self.task.await.unwrap().unwrap();
        self.folder
    }

    /// SQLite's place.
    pub fn location(&self) -> Location {
        Location::Sqlite(self.folder.path().join("data.db"))
    }

    pub fn planner(&self) -> &Planner {
        &self.planner
    }
}

/// What a request gets.
pub trait Ask {
    fn json_text(self, body: &str) -> RequestBuilder;
    fn answered(self) -> impl Future<Output = Answered>;
}

impl Ask for RequestBuilder {
    fn json_text(self, body: &str) -> RequestBuilder {
        self.header("content-type", "application/json").body(body.to_owned())
    }

    async fn answered(self) -> Answered {
        let response = self.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        Answered { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts an error of the one shape, and its code.
    #[track_caller]
    pub fn is_error(&self, status: u16, code: &str) -> &Answered {
        assert_eq!(self.status, status, "{}", self.text);
        let error = self.json();
        let members: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["code", "message", "details", "hint"]);
        assert_eq!(error["code"], code, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(self.header("proxy-status"), format!("Pintle; error={code}"));
        self
    }

    /// Asserts a status, showing the body if it is another.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Answered {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}
