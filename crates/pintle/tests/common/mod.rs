//! A small vocabulary for tests that drive the real binary: make an app, serve it on a free port, ask it, stop it.
//!
//! Every test has a folder and a server of its own, so all run side by side. Nothing sleeps: a server is ready when it
//! says so, and is gone when its process has ended.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses a part of the vocabulary")]
#![allow(clippy::expect_used, reason = "a test's way to fail")]

mod answer;
mod ask;
mod place;
mod way;

pub use answer::Answer;
pub use ask::{Ask, Body};
pub use place::Place;
pub use way::Way;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use pintle_testbed::Database;
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up; far more than it needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long after a process wrote others may be asked that have not heard of it: a second, and more where there is no processor for them.
pub const HEARD_MAX: Duration = Duration::from_secs(3);

/// The variable that names another program to test than the one that was built with the tests: the image's.
const PROGRAM: &str = "PINTLE_TEST_PROGRAM";

/// The binary with these words, with nothing of the surrounding environment's `PINTLE_*`.
pub fn pintle(words: &[&str]) -> Command {
    let program = std::env::var_os(PROGRAM);
    let mut command = Command::new(program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_pintle").as_ref()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PINTLE_")) {
        command.env_remove(name);
    }
    command.args(words).stdin(Stdio::null());
    command
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub fn run(words: &[&str]) -> (i32, String, String) {
    finish(&mut pintle(words))
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("the binary speaks UTF-8");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// The shipped apps.
pub fn shipped(app: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../apps").join(app)
}

/// Copies a folder with all that is in it, but for the data that a server left there.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder is made");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".pintle" {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file is copied");
        }
    }
}

/// A folder of its own, gone with the test. The image's program is another user's, who keeps the app's data there.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    if std::env::var_os(PROGRAM).is_some() {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder.path(), all).expect("the folder is everybody's");
    }
    folder
}

/// An app in a folder of its own, gone with the test.
pub struct App {
    pub folder: TempDir,
    /// Where its data lives, when that is not its folder.
    database: Option<Database>,
    way: Way,
}

impl App {
    /// With this manifest.
    pub fn of(manifest: &str) -> App {
        let app = App { folder: folder(), database: None, way: Way::default() };
        app.manifest(manifest);
        app
    }

    /// With its data in a new store of this kind, and served as it says.
    pub fn on(self, place: Place) -> App {
        App { database: place.database(), way: place.way(), ..self }
    }

    /// Served as services, by a process each.
    pub fn by_services(self) -> App {
        App { way: Way::Services, ..self }
    }

    /// With its data in this database.
    pub fn in_database(self, database: Database) -> App {
        App { database: Some(database), ..self }
    }

    /// Words that tell a command where its data lives.
    pub fn store(&self) -> Vec<&str> {
        self.database.iter().flat_map(|database| ["--store", &database.url]).collect()
    }

    /// A copy of a shipped app.
    pub fn shipped(name: &str) -> App {
        let app = App { folder: folder(), database: None, way: Way::default() };
        copy(&shipped(name), app.folder.path());
        app
    }

    /// Runs SQL in its store, past Pintle.
    pub fn by_hand(&self, sql: &str) {
        if let Some(database) = &self.database {
            database.psql(sql);
            return;
        }
        let file = rusqlite::Connection::open(self.file(".pintle/data.db")).expect("the data");
        file.busy_timeout(PATIENCE).expect("patience");
        file.execute_batch(sql).expect("SQL");
    }

    /// Writes its manifest anew, at once: who watches it never finds one that is written in part.
    pub fn manifest(&self, text: &str) {
        let beside = self.file(".pintle.yaml.new");
        std::fs::write(&beside, text).expect("the manifest is written");
        std::fs::rename(beside, self.file("pintle.yaml")).expect("the manifest takes its place");
    }

    pub fn path(&self) -> &str {
        self.folder.path().to_str().expect("a path in UTF-8")
    }

    /// A path inside its folder.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// ` --store …`, as a command that is shown has it: the database has no password. Empty on SQLite.
    pub fn shown_store(&self) -> String {
        self.store().iter().map(|word| format!(" {word}")).collect()
    }

    /// Serves it.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves it with these variables in its environment.
    pub fn serve_in(&self, environment: &[(&str, &str)]) -> Server {
        self.serve_with_in(&[], environment)
    }

    /// Serves it with more words on the command line.
    pub fn serve_with(&self, words: &[&str]) -> Server {
        self.serve_with_in(words, &[])
    }

    /// Serves it with both.
    pub fn serve_with_in(&self, words: &[&str], environment: &[(&str, &str)]) -> Server {
        self.way.start(self, words, environment)
    }

    /// The command that serves it by one process, with more words.
    pub fn serving(&self, words: &[&str]) -> Command {
        let mut command = pintle(&["serve", self.path(), "--listen", "127.0.0.1:0"]);
        command.args(self.store()).args(words);
        command
    }

    /// Runs a command on it to its end, such as `token list`: exit code, standard output, standard error.
    pub fn run(&self, words: &[&str]) -> (i32, String, String) {
        finish(pintle(words).args(["--app", self.path()]).args(self.store()))
    }

    /// A new token.
    pub fn token(&self, name: &str, role: &str) -> String {
        self.token_of(name, role, None)
    }

    /// A new token of a user.
    pub fn token_of(&self, name: &str, role: &str, user: Option<&str>) -> String {
        let mut words = vec!["token", "create", name, "--role", role];
        words.extend(user.iter().flat_map(|user| ["--user", user]));
        let (code, out, err) = self.run(&words);
        // Of what is meant to be odd in a manifest it may warn.
        assert_eq!(code, 0, "a token is made: {err}");
        out.trim_end().to_owned()
    }
}

/// A server process. Killed when it is dropped.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub origin: String,
    /// What it printed on standard output until it was ready.
    pub banner: String,
    log: Arc<Mutex<String>>,
    /// Told at each line of the log.
    logged: Arc<Condvar>,
    client: reqwest::Client,
    /// Those who read what it says, until it says no more.
    readers: Vec<JoinHandle<()>>,
    /// The services that it leads to, if it is a gateway.
    behind: Vec<Server>,
}

impl Server {
    /// Starts `pintle serve …` and waits until it says where it answers.
    pub fn start(command: &mut Command) -> Server {
        Server::try_start(command).unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Starts it, or says what it said instead.
    pub fn try_start(command: &mut Command) -> Result<Server, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = Arc::new(Mutex::new(String::new()));
        let logged = Arc::new(Condvar::new());
        let (found, address) = mpsc::channel();
        let tell = Arc::clone(&logged);
        let errors = follow(child.stderr.take().expect("standard error"), Arc::clone(&log), move |line| {
            tell.notify_all();
            if let Some(address) = announced(line) {
                // Nobody waits any more when a second line says so.
                let _ = found.send(address);
            }
        });
        let banner = Arc::new(Mutex::new(String::new()));
        let (ended, whole) = mpsc::channel();
        let lines = follow(child.stdout.take().expect("standard output"), Arc::clone(&banner), move |line| {
            if line.contains("Ctrl-C") {
                let _ = ended.send(());
            }
        });
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            // It ended, or hangs: either way it is over.
            let _ = child.kill();
            let _ = child.wait();
            let log = log.lock().expect("the log").clone();
            return Err(log);
        };
        whole.recv_timeout(PATIENCE).expect("the start-up lines");
        let banner = banner.lock().expect("the banner").clone();
        let (origin, client) = (format!("http://{address}"), client());
        Ok(Server { child, origin, banner, log, logged, client, readers: vec![errors, lines], behind: Vec::new() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Waits until it has logged this.
    pub fn has_logged(&self, text: &str) {
        let log = self.log.lock().expect("the log");
        let waited = self.logged.wait_timeout_while(log, PATIENCE, |log| !log.contains(text)).expect("the log");
        assert!(!waited.1.timed_out(), "{text:?} is not logged:\n{}", *waited.0);
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("kill starts").success(), "SIG{name} is sent");
    }

    /// Waits for its end, and until all that it said is in the log: the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let status = self.child.wait().expect("the server ends");
        self.readers.drain(..).for_each(|reader| reader.join().expect("its words are read"));
        status.code()
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: impl Into<Body>) -> Ask {
        self.ask(Method::POST, path).body(body)
    }

    pub fn put(&self, path: &str, body: impl Into<Body>) -> Ask {
        self.ask(Method::PUT, path).body(body)
    }

    pub fn patch(&self, path: &str, body: impl Into<Body>) -> Ask {
        self.ask(Method::PATCH, path).body(body)
    }

    pub fn delete(&self, path: &str) -> Ask {
        self.ask(Method::DELETE, path)
    }

    pub fn ask(&self, method: Method, path: &str) -> Ask {
        let request = self.client.request(method.clone(), format!("{}{path}", self.origin));
        Ask { line: format!("{method} {path}"), request, content_type: None }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn client() -> reqwest::Client {
    // A server closes what nobody used for 30 s, which a client does not hear of while its test waits for something else.
    let client = reqwest::Client::builder().pool_idle_timeout(PATIENCE / 6);
    client.timeout(PATIENCE).no_proxy().build().expect("a client")
}

/// The address in a log line that says that the server is ready.
fn announced(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == "ready").then(|| line["address"].as_str().map(str::to_owned))?
}

/// Keeps what a stream says, and shows each line to `see`, until the stream ends.
fn follow(
    stream: impl Read + Send + 'static,
    into: Arc<Mutex<String>>,
    see: impl Fn(&str) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = into.lock().expect("the text");
            text.push_str(&line);
            text.push('\n');
            drop(text);
            see(&line);
        }
    })
}
