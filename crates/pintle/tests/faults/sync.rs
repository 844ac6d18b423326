//! The order of system calls: no answer leaves before its write is synced. Surviving `kill -9` does not show that, since
//! the system's cache survives it too.

use std::path::Path;
use std::process::Command;

use super::client::Client;
use super::record::{self, MANIFEST};
use crate::common::{App, Server, finish, pintle};

const WRITERS: usize = 4;
const WRITES: usize = 25;

/// A trace's events, in the order in which they were seen.
#[derive(Debug, PartialEq)]
enum Event<'a> {
    /// Bytes came in.
    In(&'a str),
    /// Bytes go out: seen when the call begins.
    Out(&'a str),
    /// A sync of the write-ahead log begins, in this thread.
    SyncBegins(&'a str),
    /// And has succeeded.
    SyncEnds(&'a str),
    /// Both, with nothing seen between.
    Synced,
}

#[test]
fn every_answer_follows_a_sync_that_began_after_its_request_came() {
    let Some(trace) = traced_load(MANIFEST) else { return };
    let early = answers_without_sync(&trace);
    assert!(early.is_empty(), "{} answers left before their sync: {early:?}", early.len());
}

/// The same look at an app that asks for no sync finds answers without one: so it would find them above.
#[test]
fn relaxed_durability_answers_without_a_sync() {
    let Some(trace) = traced_load(&format!("{MANIFEST}\ndurability: relaxed\n")) else { return };
    assert!(!answers_without_sync(&trace).is_empty(), "relaxed durability syncs before each answer");
}

/// Writes under strace; its trace. `None` where there is no strace, or it may not trace.
fn traced_load(manifest: &str) -> Option<String> {
    let app = App::of(manifest);
    let token = app.token("writer", "authenticated");
    let output = app.file("trace");
    let strace =
        ["-f", "-y", "-s", "2000", "-e", "trace=read,recvfrom,readv,write,writev,sendto,sendmsg,fsync,fdatasync"];
    if Command::new("strace").args(["-o", "/dev/null", "true"]).output().map_or(true, |run| !run.status.success()) {
        eprintln!("SKIPPED: strace is not installed, or may not trace: the order of answers and syncs was NOT checked");
        return None;
    }
    let serve = pintle(&["serve", app.path(), "--listen", "127.0.0.1:0"]);
    let mut command = Command::new("strace");
    command.args(strace).args(["-o", &output]).arg(serve.get_program()).args(serve.get_args());
    let mut server = Server::start(&mut command);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let mut client = Client::of(&server, &token);
            scope.spawn(move || {
                for n in 0..WRITES {
                    let name = name(writer, n);
                    let (status, text) = client.post("/records", &record::record(&name, &name, 0)).expect("an answer");
                    assert_eq!(status, 201, "{text}");
                }
            });
        }
    });
    stop_traced(&mut server);
    Some(std::fs::read_to_string(Path::new(&output)).expect("strace's output"))
}

/// strace passes no signal on: the traced process is its child.
fn stop_traced(server: &mut Server) {
    let children = format!("/proc/{0}/task/{0}/children", server.pid());
    let child = std::fs::read_to_string(children).expect("strace's children");
    let (code, _, err) = finish(Command::new("kill").arg(child.trim()));
    assert_eq!((code, err.as_str()), (0, ""));
    server.wait();
}

fn name(writer: usize, n: usize) -> String {
    format!("w{writer}n{n}e")
}

/// Names whose answer left without a sync of the log that began after the request came and ended before the answer.
fn answers_without_sync(trace: &str) -> Vec<String> {
    let events: Vec<Event> = trace.lines().filter_map(event).collect();
    let names = (0..WRITERS).flat_map(|writer| (0..WRITES).map(move |n| name(writer, n)));
    names.filter(|name| !follows_its_sync(&events, name)).collect()
}

fn follows_its_sync(events: &[Event], name: &str) -> bool {
    let field = format!(r#"\"name\":\"{name}\""#);
    let came = events.iter().position(|event| matches!(event, Event::In(text) if text.contains(&field)));
    let left = events.iter().position(|event| matches!(event, Event::Out(text) if text.contains(&field)));
    let (Some(came), Some(left)) = (came, left) else { panic!("the trace lacks the request or the answer of {name}") };
    let between = &events[came..left];
    between.iter().enumerate().any(|(at, event)| match event {
        Event::SyncBegins(thread) => between[at..].contains(&Event::SyncEnds(thread)),
        Event::Synced => true,
        _ => false,
    })
}

/// Reads a line such as `123 fdatasync(7</data.db-wal>) = 0` or `123 <... fdatasync resumed>) = 0`.
fn event(line: &str) -> Option<Event<'_>> {
    let (thread, call) = line.split_once(' ')?;
    let call = call.trim_start();
    if let Some(call) = call.strip_prefix("<... ") {
        // The second half of a call that others interrupted in the trace.
        return match call.split(' ').next()? {
            "fdatasync" | "fsync" => call.ends_with("= 0").then_some(Event::SyncEnds(thread)),
            "read" | "recvfrom" | "readv" => Some(Event::In(call)),
            _ => None,
        };
    }
    match call.split('(').next()? {
        "fdatasync" | "fsync" if !call.contains("-wal>") => None,
        "fdatasync" | "fsync" if call.ends_with("<unfinished ...>") => Some(Event::SyncBegins(thread)),
        "fdatasync" | "fsync" => call.ends_with("= 0").then_some(Event::Synced),
        "read" | "recvfrom" | "readv" => Some(Event::In(call)),
        "write" | "writev" | "sendto" | "sendmsg" => Some(Event::Out(call)),
        _ => None,
    }
}
