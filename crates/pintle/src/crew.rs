//! Processes of this program that run side by side: started, watched, stopped together.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::board::{Board, State};
use crate::commands::health;
use crate::failure::Failure;
use crate::report;
use crate::ui::Look;

/// Between two looks at whether a server is ready: until it was for the first time, and later.
const LOOK_AT_START: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_secs(1);
/// Signals that follow each other as closely are one.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// One to start.
#[derive(Debug)]
pub(crate) struct Process {
    /// What its lines of the log begin with.
    pub(crate) name: String,
    /// What it is told.
    pub(crate) words: Vec<String>,
    /// Whether it tells what its app is warned of: of several processes of an app, one does.
    pub(crate) warns: bool,
    /// What is shown of it: a name, and an address that tells whether it is ready.
    pub(crate) lines: Vec<(String, SocketAddr)>,
}

enum Event {
    /// A line of a process's log.
    Said(usize, String),
    /// What the server at a line's address answers.
    Health(usize, State),
    Ended(usize, ExitStatus),
    /// SIGINT or SIGTERM.
    Signal,
}

/// One that was started.
struct Running {
    pid: Option<Pid>,
    name: String,
    lines: Vec<usize>,
    ended: Arc<AtomicBool>,
}

/// Starts them all and shows how they are, until a signal stops them or all have ended. A second signal ends them at once.
///
/// # Errors
/// When one cannot be started, or ended by itself and not well.
pub(crate) fn run(processes: Vec<Process>, look: Look) -> Result<(), Failure> {
    let (events, heard) = mpsc::channel();
    signals(events.clone())?;
    let all: Vec<(String, SocketAddr)> = processes.iter().flat_map(|process| process.lines.iter().cloned()).collect();
    let mut board = Board::new(&all, look);
    let mut running: Vec<Running> = Vec::new();
    let mut line = 0;
    for process in processes {
        let lines: Vec<usize> = (line..line + process.lines.len()).collect();
        line += lines.len();
        match start(&process) {
            Ok(child) => running.push(follow(child, running.len(), process, lines, &events)),
            Err(failure) => {
                end(&running, Signal::TERM);
                return Err(failure);
            }
        }
    }
    let (mut told, mut failed): (Option<Instant>, _) = (None, Vec::new());
    while running.iter().any(|one| one.pid.is_some()) {
        // This function holds a sender, so there is always another event or a wait for it.
        let Ok(event) = heard.recv() else { break };
        match event {
            Event::Said(at, text) => board.say(&running[at].name, &text),
            Event::Health(line, state) => board.set(line, state),
            Event::Ended(at, status) => {
                let one = &mut running[at];
                one.pid = None;
                for line in &one.lines {
                    board.set(*line, State::Ended(words(status)));
                }
                if told.is_none() || !status.success() {
                    failed.push(format!("{} {}", one.name, words(status)));
                }
            }
            // Whoever started this program may pass on a Ctrl-C that it got itself: one in two.
            Event::Signal if told.is_some_and(|told| told.elapsed() < SAME_SIGNAL) => {}
            Event::Signal => {
                board.stopping();
                end(&running, if told.is_some() { Signal::KILL } else { Signal::TERM });
                told = Some(Instant::now());
            }
        }
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(failed.join("; "))),
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "stopped".to_owned(),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    }
}

fn start(process: &Process) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| Failure::because(format!("cannot start {}", process.name), &error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(&process.words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // What it is told counts, not what this process was told.
    for name in ["PINTLE_APP", "PINTLE_LISTEN", "PINTLE_SERVICE"] {
        command.env_remove(name);
    }
    if !process.warns {
        command.env(report::WARNED, "1");
    }
    if std::env::var_os("PINTLE_LOG").is_none() {
        command.env("PINTLE_LOG", "warn");
    }
    // A group of its own: Ctrl-C reaches this process alone, which stops them in order.
    command.env("PINTLE_LOG_FORMAT", "pretty").process_group(0).spawn().map_err(failed)
}

fn follow(mut child: Child, at: usize, process: Process, lines: Vec<usize>, events: &Sender<Event>) -> Running {
    let ended = Arc::new(AtomicBool::new(false));
    for (line, (_, address)) in lines.iter().zip(process.lines) {
        let (line, events, ended) = (*line, events.clone(), Arc::clone(&ended));
        std::thread::spawn(move || watch(line, address, &events, &ended));
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (events, over) = (events.clone(), Arc::clone(&ended));
    std::thread::spawn(move || {
        if let Some(log) = child.stderr.take() {
            for text in BufReader::new(log).lines().map_while(Result::ok) {
                let _ = events.send(Event::Said(at, text));
            }
        }
        let status = child.wait().unwrap_or_default();
        over.store(true, Ordering::Relaxed);
        let _ = events.send(Event::Ended(at, status));
    });
    Running { pid, name: process.name, lines, ended }
}

/// Looks at a server's health and tells when it changed, until its process has ended.
fn watch(line: usize, address: SocketAddr, events: &Sender<Event>, ended: &AtomicBool) {
    let mut last = State::Starting;
    while !ended.load(Ordering::Relaxed) {
        let now = match health::of(address) {
            Ok(()) => State::Ready,
            // Until it was ready for the first time it starts.
            Err(_) if last == State::Starting => State::Starting,
            Err(reason) => State::NotReady(reason),
        };
        if now != last && !ended.load(Ordering::Relaxed) {
            let _ = events.send(Event::Health(line, now.clone()));
            last = now;
        }
        std::thread::sleep(if last == State::Starting { LOOK_AT_START } else { LOOK });
    }
}

fn end(running: &[Running], signal: Signal) {
    for one in running.iter().filter(|one| !one.ended.load(Ordering::Relaxed)) {
        // One that has just ended is no error.
        let _ = one.pid.map(|pid| kill_process(pid, signal));
    }
}

/// Tells of each SIGINT and SIGTERM, on a thread that waits for them.
fn signals(events: Sender<Event>) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| Failure::because("cannot wait for signals", &error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                if events.send(Event::Signal).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
