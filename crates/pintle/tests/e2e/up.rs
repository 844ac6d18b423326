//! Several apps side by side, in one terminal.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pintle_testbed::Port;

use crate::common::{App, finish, pintle};

/// How long a line may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const ONE: &str = "
pintle: 1
name: one
collections: { a: { policies: { select: 'true' } } }
";

const TWO: &str = "
pintle: 1
name: two
collections: { b: { policies: { select: 'true' } }, c: { policies: { select: 'true' } } }
services: { first: { collections: [b] }, second: { collections: [c] } }
";

struct Up {
    child: Child,
    lines: Receiver<String>,
}

impl Up {
    fn start(words: &[&str]) -> Up {
        // Some port to begin with: those that are taken meanwhile are passed over.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().min(60_000);
        let mut command = pintle(&["up", "--port", &port.to_string()]);
        let mut child = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Up { child, lines }
    }

    /// The next line that ends so, without what is around its words.
    fn until(&self, end: &str) -> Vec<String> {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line that ends with {end:?}"));
            assert!(!line.contains("ERROR"), "what goes as it should is no error: {line}");
            if line.ends_with(end) {
                return line.split_whitespace().map(str::to_owned).collect();
            }
        }
    }

    /// Where so many lines' servers are, by name, once they are ready.
    fn ready(&self, count: usize) -> BTreeMap<String, String> {
        (0..count).map(|_| self.until("  ready")).map(|words| (words[0].clone(), words[1].clone())).collect()
    }

    fn signal(&self, pid: u32, name: &str) {
        let status = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
        assert!(status.unwrap().success());
    }

    fn children(&self) -> Vec<u32> {
        let output = std::process::Command::new("pgrep").args(["-P", &self.child.id().to_string()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        for pid in self.children() {
            self.signal(pid, "KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn status(url: &str) -> u16 {
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn apps_come_up_side_by_side_and_stop_together() {
    let (one, two) = (App::of(ONE), App::of(TWO));
    let mut up = Up::start(&[one.path(), two.path()]);
    let at = up.ready(2);
    assert_eq!(at.keys().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(status(&format!("{}/rest/v1/a", at["one"])).await, 200);
    assert_eq!(status(&format!("{}/rest/v1/c", at["two"])).await, 200);
    up.signal(up.child.id(), "TERM");
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    assert!(reqwest::get(&at["one"]).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn each_service_is_a_process_behind_a_gateway_where_that_is_asked_for() {
    let app = App::of(TWO);
    let mut up = Up::start(&["--services", app.path()]);
    let at = up.ready(3);
    assert_eq!(at.keys().collect::<Vec<_>>(), ["two", "two/first", "two/second"]);
    assert_eq!(status(&format!("{}/rest/v1/b", at["two"])).await, 200);
    assert_eq!(status(&format!("{}/rest/v1/c", at["two"])).await, 200);
    assert_eq!(status(&format!("{}/rest/v1/c", at["two/first"])).await, 404, "another service's");
    up.signal(up.child.id(), "INT");
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_an_app_is_warned_of_is_told_by_one_of_its_processes() {
    let app = App::of(
        &format!("{TWO}pipelines: {{ nobodys: {{ path: /nobodys, into: b }} }}\n")
            .replace("[b]", "[b], pipelines: [nobodys]"),
    );
    let up = Up::start(&["--services", app.path()]);
    let (mut ready, mut warnings) = (0, Vec::new());
    for line in up.lines.iter() {
        if line.ends_with("  ready") {
            ready += 1;
            if ready == 3 {
                up.signal(up.child.id(), "TERM");
            }
        }
        if line.contains("only service_role may add records by the pipeline `nobodys`") {
            warnings.push(line);
        }
    }
    assert_eq!((ready, warnings.len()), (3, 1), "{warnings:?}");
}

#[tokio::test]
async fn services_that_share_a_port_are_behind_a_gateway_there() {
    let ports = [Port::reserve().unwrap(), Port::reserve().unwrap()];
    let [shared, alone] = ports.each_ref().map(Port::number);
    let services = format!(
        "first: {{ port: {shared}, collections: [b] }}, second: {{ port: {shared}, collections: [c] }}, third: {{ port: {alone}, routes: [/r] }}"
    );
    let routes = "routes: { /r: { get: { sql: 'select 1 as one', auth: optional } } }\n";
    let app = App::of(
        &TWO.replace("first: { collections: [b] }, second: { collections: [c] }", &services)
            .replace("services:", &format!("{routes}services:")),
    );
    let up = Up::start(&["--services", app.path()]);
    let at = up.ready(4);
    assert_eq!(at["two"], format!("http://127.0.0.1:{shared}"));
    assert_eq!(at["two/third"], format!("http://127.0.0.1:{alone}"));
    for path in ["/rest/v1/b", "/rest/v1/c", "/r"] {
        assert_eq!(status(&format!("{}{path}", at["two"])).await, 200, "{path}");
    }
    drop(up);
    // As one process, each listens at its own, and no other address is taken.
    let up = Up::start(&[app.path()]);
    let at = up.ready(2);
    assert_eq!(at.keys().collect::<Vec<_>>(), ["two/first,", "two/third"]);
}

#[tokio::test]
async fn one_that_ends_is_told_and_the_others_go_on() {
    let (one, two) = (App::of(ONE), App::of(TWO));
    let mut up = Up::start(&[one.path(), two.path()]);
    let at = up.ready(2);
    // The first that was started is the first app's.
    let first = *up.children().iter().min().unwrap();
    up.signal(first, "KILL");
    assert_eq!(up.until("was ended by signal 9")[0], "one");
    assert_eq!(status(&format!("{}/rest/v1/b", at["two"])).await, 200);
    up.signal(up.child.id(), "TERM");
    assert_eq!(up.child.wait().unwrap().code(), Some(1), "one did not end well");
}

#[test]
fn a_mistake_in_one_app_is_told_before_any_starts() {
    let (one, wrong) = (App::of(ONE), App::of("pintle: 1\nname: wrong\ncolections: {}\n"));
    let (code, out, errors) = finish(&mut pintle(&["up", one.path(), wrong.path()]));
    assert_eq!((code, out.as_str()), (1, ""), "{errors}");
    assert!(errors.contains("did you mean `collections`?"), "{errors}");
}

#[test]
fn what_a_gateway_passes_on_is_not_answered_in_dev_mode_so_both_are_refused() {
    let (code, _, errors) = finish(&mut pintle(&["up", "--services", "--dev", App::of(TWO).path()]));
    assert_eq!(code, 2);
    assert!(errors.contains("leave one of the two away"), "{errors}");
}

#[test]
fn a_store_that_a_variable_names_is_not_shared() {
    let (one, two) = (App::of(ONE), App::of(TWO));
    let mut command = pintle(&["up", one.path(), two.path()]);
    let (code, _, errors) = finish(command.env("PINTLE_STORE", "postgres://u:secret@127.0.0.1/d"));
    assert_eq!(code, 2);
    assert!(errors.contains("PINTLE_STORE names one store") && !errors.contains("secret"), "{errors}");
}
