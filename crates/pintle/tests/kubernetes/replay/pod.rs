//! A pod on this machine: its one container as a process, with the manifest's words, variables, mounts, user, probes and signals.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::Cluster;
use super::volume;
use crate::common::PATIENCE;

/// A container's command, ready to be started on this machine.
#[derive(Clone)]
pub(crate) struct Container {
    spec: Value,
    pod: Value,
    address: IpAddr,
    name: String,
    folder: PathBuf,
    /// Container path → path on this machine, longest first.
    mounts: Vec<(String, String)>,
    environment: BTreeMap<String, String>,
    binary: PathBuf,
    user: Option<u32>,
}

impl Container {
    /// Of a template, with its volumes made. `claims` are those that the pod brings itself.
    pub(crate) fn new(cluster: &Cluster, template: &Value, name: &str, claims: &[(&str, &str)]) -> Container {
        let pod = template["spec"].clone();
        let spec = pod["containers"][0].clone();
        let (folder, address) = cluster.place(name, &template["metadata"]["labels"]);
        let mut volumes: BTreeMap<String, PathBuf> = BTreeMap::new();
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            let at = volume::made(cluster, &folder, volume);
            volumes.insert(volume["name"].as_str().expect("a name").to_owned(), at);
        }
        for (volume, claim) in claims {
            let of_claim = serde_json::json!({ "name": volume, "persistentVolumeClaim": { "claimName": claim } });
            volumes.insert((*volume).to_owned(), volume::made(cluster, &folder, &of_claim));
        }
        let mount = |mount: &Value| {
            let at = &volumes[mount["name"].as_str().expect("a name")];
            (mount["mountPath"].as_str().expect("a path").to_owned(), at.to_str().expect("a path in UTF-8").to_owned())
        };
        let mut mounts: Vec<_> = spec["volumeMounts"].as_array().expect("mounts").iter().map(mount).collect();
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let mut made = Container {
            address: IpAddr::V4(address),
            name: name.to_owned(),
            folder,
            mounts,
            environment: BTreeMap::from([("HOSTNAME".to_owned(), name.to_owned())]),
            binary: cluster.binary(),
            user: cluster.user(),
            spec,
            pod,
        };
        made.environment.extend(made.variables(cluster));
        made
    }

    fn variables(&self, cluster: &Cluster) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for variable in self.spec["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().expect("a name").to_owned();
            let from = &variable["valueFrom"]["secretKeyRef"];
            let value = match variable["value"].as_str() {
                // A pod listens on all of its addresses: here it has one.
                Some(value) => Some(self.here(&cluster.looked_up(value)).replace("0.0.0.0", &self.address.to_string())),
                None => {
                    let (secret, key) =
                        (from["name"].as_str().expect("a Secret"), from["key"].as_str().expect("a key"));
                    let value = cluster.secret(secret, key).map(str::to_owned);
                    assert!(value.is_some() || from["optional"] == true, "the pod waits for the Secret `{secret}`");
                    value
                }
            };
            all.extend(value.map(|value| (name, value)));
        }
        all
    }

    /// A text with this machine's paths in the place of the container's.
    fn here(&self, text: &str) -> String {
        let (mut made, mut rest) = (String::new(), text);
        while let Some(next) = rest.chars().next() {
            let begins = made.chars().next_back().is_none_or(|c| ":= \"".contains(c));
            let ends = |after: &str| after.chars().next().is_none_or(|c| "/ \"\n".contains(c));
            let fits = |(path, _): &&(String, String)| rest.strip_prefix(path.as_str()).is_some_and(ends);
            match self.mounts.iter().find(fits).filter(|_| begins) {
                Some((path, at)) => {
                    made.push_str(at);
                    rest = &rest[path.len()..];
                }
                None => {
                    made.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        made
    }

    /// Other words in the same container, as `kubectl exec` runs them.
    pub(crate) fn command(&self, words: &[String]) -> Command {
        let mut command = match words[0].as_str() {
            "/pintle" => Command::new(&self.binary),
            program => Command::new(program),
        };
        command.args(words[1..].iter().map(|word| self.here(word))).env_clear().envs(&self.environment);
        if words[0] != "/pintle" {
            // Another image has its programs where this machine has them.
            command.env("PATH", std::env::var_os("PATH").expect("a path"));
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// The words that the manifest starts it with.
    fn words(&self) -> Vec<String> {
        let list = |key: &str| self.spec[key].as_array().cloned().unwrap_or_default();
        let text = |word: Value| word.as_str().expect("a word").to_owned();
        [list("command"), list("args")].concat().into_iter().map(text).collect()
    }

    /// Runs it to its end, as a Job does: what it said.
    pub(crate) fn run(&self) -> String {
        let ended = self.command(&self.words()).output().expect("it starts");
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{}: {said}", self.name);
        said
    }

    fn spawn(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let both = log.try_clone().expect("a log");
        self.command(&self.words()).stdout(log).stderr(both).spawn().expect("it starts")
    }
}

/// What is known of a pod.
#[derive(Default)]
struct State {
    ready: bool,
    /// From its start until it was ready first.
    ready_after: Option<Duration>,
    dead: Option<String>,
}

/// Where a pod is, and whether it is ready.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Endpoint {
    pub(crate) fn is_ready(&self) -> bool {
        self.state.0.lock().expect("the state").ready
    }
}

/// A pod that serves. Killed when it is dropped.
pub(crate) struct Pod {
    pub(crate) container: Container,
    child: Mutex<Child>,
    state: Arc<(Mutex<State>, Condvar)>,
    /// Dropped when the pod is, which ends its probes.
    _probing: Sender<()>,
}

impl Pod {
    /// Starts it, and its probes.
    pub(crate) fn start(container: Container) -> Pod {
        let child = Mutex::new(container.spawn());
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (probing, ended) = channel();
        let probes = ["startupProbe", "readinessProbe", "livenessProbe"].map(|name| Probe::of(&container, name));
        let known = Arc::clone(&state);
        std::thread::spawn(move || probe(&probes, &known, &ended, Instant::now()));
        Pod { container, child, state, _probing: probing }
    }

    /// Where it serves: its address, and the port of its first probe.
    pub(crate) fn address(&self) -> SocketAddr {
        Probe::of(&self.container, "readinessProbe").address
    }

    /// What a Service knows of it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint { address: self.address(), state: Arc::clone(&self.state) }
    }

    /// Waits until its probes say that it is ready: how long that took from its start.
    pub(crate) fn ready(&self) -> Duration {
        let state = self.state.0.lock().expect("the state");
        let waiting = |state: &mut State| state.ready_after.is_none() && state.dead.is_none();
        let (state, _) = self.state.1.wait_timeout_while(state, PATIENCE, waiting).expect("the state");
        let name = &self.container.name;
        let after =
            state.ready_after.unwrap_or_else(|| panic!("{name} is not ready: {:?}\n{}", state.dead, self.log()));
        // What it did not work it waited; for a processor that others had is no fault of its own.
        let waited = self.waited();
        eprintln!("{name} is ready after {after:?}, has worked for {:?}, and waited {waited:?}", self.worked());
        after.saturating_sub(waited)
    }

    /// How long it has waited for a processor: the thread that did so longest.
    fn waited(&self) -> Duration {
        let id = self.child.lock().expect("the process").id();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("its threads");
        let waited = threads.filter_map(|thread| {
            let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            stat.split(' ').nth(1)?.parse().ok()
        });
        Duration::from_nanos(waited.max().unwrap_or_default())
    }

    /// The processors' time that it has taken.
    fn worked(&self) -> Duration {
        let id = self.child.lock().expect("the process").id();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Behind the name, in hundredths of a second: its own time and the system's.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        Duration::from_millis(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.container.folder.join("log")).unwrap_or_default()
    }

    /// `kubectl exec`: what it printed.
    pub(crate) fn exec(&self, words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let ended = self.container.command(&words).output().expect("it starts");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8_lossy(&ended.stdout).trim_end().to_owned()
    }

    /// Ends it as a node does: its hook, SIGTERM, and at most the rest of its grace. Returns what is left of that.
    pub(crate) fn end(&self) -> Duration {
        let began = Instant::now();
        let seconds = |value: &Value| Duration::from_secs(value.as_u64().expect("seconds"));
        let grace = seconds(&self.container.pod["terminationGracePeriodSeconds"]);
        // The hook is a pause, and so it is here.
        std::thread::sleep(seconds(&self.container.spec["lifecycle"]["preStop"]["sleep"]["seconds"]));
        let mut child = self.child.lock().expect("the process");
        let sent = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().expect("kill starts");
        assert!(sent.success(), "SIGTERM is sent");
        let status = child.wait().expect("it ends");
        assert!(status.success(), "{} ended with {status}\n{}", self.container.name, self.log());
        grace.checked_sub(began.elapsed()).expect("it ends within its grace")
    }

    /// Kills it, as when it has no memory left, and returns it started again as its node would do.
    pub(crate) fn kill(self) -> Pod {
        let mut child = self.child.lock().expect("the process");
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        drop(child);
        Pod::start(self.container.clone())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A probe over HTTP, as the manifest has it.
#[derive(Clone)]
struct Probe {
    address: SocketAddr,
    path: String,
    period: Duration,
    timeout: Duration,
    failures_max: u64,
}

impl Probe {
    fn of(container: &Container, name: &str) -> Probe {
        let probe = &container.spec[name];
        let number = |key: &str| probe[key].as_u64().expect("a number");
        let port = probe["httpGet"]["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Probe {
            address: SocketAddr::new(container.address, port),
            path: probe["httpGet"]["path"].as_str().expect("a path").to_owned(),
            period: Duration::from_secs(number("periodSeconds")),
            timeout: Duration::from_secs(number("timeoutSeconds")),
            failures_max: number("failureThreshold"),
        }
    }

    fn succeeds(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect_timeout(&self.address, self.timeout)?;
            stream.set_read_timeout(Some(self.timeout))?;
            write!(stream, "GET {} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n", self.path)?;
            let mut head = [0; 12];
            stream.read_exact(&mut head)?;
            Ok(&head[9..12] == b"200")
        };
        ask().unwrap_or(false)
    }
}

/// What a node does for a pod until it ends: asks whether it has started, then whether it is ready and alive, each in its own time.
fn probe(
    [startup, readiness, liveness]: &[Probe; 3],
    known: &(Mutex<State>, Condvar),
    ended: &Receiver<()>,
    began: Instant,
) {
    let pause = |period| ended.recv_timeout(period) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
    let say = |change: &dyn Fn(&mut State)| {
        change(&mut known.0.lock().expect("the state"));
        known.1.notify_all();
    };
    let mut failures = 0;
    while !startup.succeeds() {
        failures += 1;
        if failures == startup.failures_max {
            return say(&|state| state.dead = Some("it did not start in time".to_owned()));
        }
        if !pause(startup.period) {
            return;
        }
    }
    let (mut unready, mut dead, mut asked) = (0, 0, Instant::now());
    loop {
        unready = if readiness.succeeds() { 0 } else { unready + 1 };
        say(&|state| {
            if unready == 0 {
                state.ready = true;
                state.ready_after.get_or_insert_with(|| began.elapsed());
            } else if unready >= readiness.failures_max {
                state.ready = false;
            }
        });
        if asked.elapsed() >= liveness.period {
            asked = Instant::now();
            dead = if liveness.succeeds() { 0 } else { dead + 1 };
            if dead == liveness.failures_max {
                return say(&|state| {
                    state.ready = false;
                    state.dead = Some("it would be started again: it is not alive".to_owned());
                });
            }
        }
        if !pause(readiness.period) {
            return;
        }
    }
}
