//! A store that has no room, or may not be written: writes say so, reads go on, nothing is lost, and it works again.
//!
//! The disk is a small file system in memory, mounted in a namespace of the server's own, which needs no rights where the
//! system lets users make such namespaces. Where it does not, the limit on a file's size stands in for it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::client::Client;
use super::record;
use crate::common::{App, Server, finish, pintle};

/// More writes than find room.
const WRITES_MAX: usize = 20_000;

#[test]
fn a_full_disk_refuses_writes_clearly_and_works_again_when_there_is_room() {
    let (app, _) = record::app();
    let disk = app.file("disk");
    std::fs::create_dir(&disk).unwrap();
    // Its filler is what somebody will remove.
    let mount = format!("mount -t tmpfs -o size=6m tmpfs '{disk}' && head -c 4m /dev/zero > '{disk}/filler'");
    let Some(mut command) = in_namespace(&mount, &app) else { return };
    // Nobody can make a token on a disk that is the server's alone.
    let server = Server::start(command.args(["--store", &format!("sqlite:{disk}/data.db"), "--dev"]));
    let mut client = Client::anonymous(&server);
    let (answered, (status, text)) = fill(&mut client);
    assert_eq!(status, 507, "{text}");
    clear(&text);
    goes_on(&mut client, &answered);
    // From outside, a process' own mounts are found below its root.
    std::fs::remove_file(PathBuf::from(format!("/proc/{}/root{disk}/filler", server.pid()))).unwrap();
    works_again(&mut client, answered);
}

#[test]
fn a_file_that_may_not_grow_refuses_writes_clearly_and_works_again_when_it_may() {
    let (app, token) = record::app();
    let mut command = Command::new("sh");
    // In units of 512 bytes; ignoring the signal makes the system answer an error, as other limits do.
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" \"$@\""]);
    let server = Server::start(within(&mut command, &app));
    let mut client = Client::of(&server, &token);
    let (answered, (status, text)) = fill(&mut client);
    assert!(matches!(status, 503 | 507), "{status} {text}");
    clear(&text);
    goes_on(&mut client, &answered);
    let (code, _, err) =
        finish(Command::new("prlimit").args(["--pid", &server.pid().to_string(), "--fsize=unlimited"]));
    assert_eq!((code, err.as_str()), (0, ""));
    works_again(&mut client, answered);
}

#[test]
fn a_store_that_cannot_be_written_is_read_and_says_so() {
    let (app, token) = record::app();
    let mut server = app.serve();
    let (status, text) = Client::of(&server, &token).post("/records", &record::record("first", "first", 0)).unwrap();
    assert_eq!(status, 201, "{text}");
    server.signal("TERM");
    server.wait();
    let file = app.file(".pintle/data.db");
    // Not by permissions: they do not hold for root.
    let mount = format!("mount --bind '{file}' '{file}' && mount -o remount,bind,ro '{file}'");
    let Some(mut command) = in_namespace(&mount, &app) else { return };
    let server = Server::start(&mut command);
    let mut client = Client::of(&server, &token);
    let (status, text) = client.post("/records", &record::record("second", "second", 0)).unwrap();
    assert_eq!(status, 503, "{text}");
    clear(&text);
    goes_on(&mut client, &BTreeSet::from(["first".to_owned()]));
}

/// `pintle serve` after `mount`, in a namespace where that can be done; `None` where the system lets nobody make one.
fn in_namespace(mount: &str, app: &App) -> Option<Command> {
    let able = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if able.map_or(true, |run| !run.status.success()) {
        eprintln!("SKIPPED: this system lets the test mount nothing: a disk of its own was NOT tried");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
    within(&mut command, app);
    Some(command)
}

/// Adds the words of `pintle serve` to a command that runs what follows it.
fn within<'a>(command: &'a mut Command, app: &App) -> &'a mut Command {
    let serve = pintle(&["serve", app.path(), "--listen", "127.0.0.1:0"]);
    command.arg(serve.get_program()).args(serve.get_args())
}

/// Writes until one is refused: the names that were answered, and the refusal.
fn fill(client: &mut Client) -> (BTreeSet<String>, (u16, String)) {
    let mut answered = BTreeSet::new();
    for n in 0..WRITES_MAX {
        let name = format!("n{n}");
        let (status, text) = client.post("/records", &record::record(&name, &name, 0)).expect("an answer");
        if status != 201 {
            assert!(n > 100, "the first write that is refused is {n}: {text}");
            return (answered, (status, text));
        }
        answered.insert(name);
    }
    panic!("{WRITES_MAX} writes found room");
}

/// The error's shape, with a message for people.
fn clear(text: &str) {
    let error: Value = serde_json::from_str(text).expect("an error is JSON");
    let keys: Vec<_> = error.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "message", "details", "hint"], "{text}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
}

/// Everything that was answered is read, and a write is still refused.
fn goes_on(client: &mut Client, answered: &BTreeSet<String>) {
    let found = client.list("/records");
    record::check(&found, answered);
    assert_eq!(found.len(), answered.len(), "what was refused is not there");
}

fn works_again(client: &mut Client, mut answered: BTreeSet<String>) {
    for n in 0..100 {
        let name = format!("again{n}");
        let (status, text) = client.post("/records", &record::record(&name, &name, 0)).expect("an answer");
        assert_eq!(status, 201, "{text}");
        answered.insert(name);
    }
    goes_on(client, &answered);
}
