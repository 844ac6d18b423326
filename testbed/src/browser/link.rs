//! The pipe to Chromium: messages in JSON, each with a zero byte behind it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long an answer may take; far more than it needs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// One end of it.
#[derive(Debug)]
pub(super) struct Link {
    /// Nothing once it is closed.
    to: Mutex<Option<ChildStdin>>,
    heard: Arc<Mutex<Heard>>,
    /// What Chromium says on its standard error.
    log: Arc<Mutex<String>>,
}

/// What came, and what is waited for.
#[derive(Debug, Default)]
struct Heard {
    asked: u64,
    waiting: HashMap<u64, mpsc::Sender<Value>>,
    /// Events, by the session that they belong to.
    events: HashMap<String, Vec<Value>>,
    ended: bool,
}

impl Link {
    pub(super) fn new(keeper: &mut Child) -> Result<Arc<Link>> {
        let to = keeper.stdin.take().context("no way to the browser")?;
        let from = keeper.stdout.take().context("no way from the browser")?;
        let mut said = keeper.stderr.take().context("no log of the browser")?;
        let link = Link { to: Mutex::new(Some(to)), heard: Arc::default(), log: Arc::default() };
        let (heard, log) = (Arc::clone(&link.heard), Arc::clone(&link.log));
        std::thread::spawn(move || listen(from, &heard));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = said.read(&mut bytes) {
                locked(&log).push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Ok(Arc::new(link))
    }

    /// Asks the browser, or a page's session, and waits for the answer.
    pub(super) fn ask(&self, session: Option<&str>, method: &str, params: &Value) -> Result<Value> {
        let (answer, answered) = mpsc::channel();
        let id = {
            let mut heard = locked(&self.heard);
            if heard.ended {
                bail!("the browser has ended:\n{}", locked(&self.log));
            }
            heard.asked += 1;
            let id = heard.asked;
            heard.waiting.insert(id, answer);
            id
        };
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let sent = match locked(&self.to).as_mut() {
            Some(to) => to.write_all(format!("{message}\0").as_bytes()),
            None => bail!("the browser was closed"),
        };
        let told = sent.ok().and_then(|()| answered.recv_timeout(PATIENCE).ok());
        let Some(mut told) = told else { bail!("{method} was not answered:\n{}", locked(&self.log)) };
        match told.get("error") {
            Some(error) => bail!("{method}: {}", error["message"].as_str().unwrap_or_default()),
            None => Ok(told["result"].take()),
        }
    }

    /// The events of a session so far.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        locked(&self.heard).events.get(session).cloned().unwrap_or_default()
    }

    /// Ends the browser.
    pub(super) fn close(&self) {
        locked(&self.to).take();
    }
}

fn listen(from: ChildStdout, heard: &Mutex<Heard>) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while let Ok(1..) = from.read_until(0, &mut bytes) {
        let message = serde_json::from_slice::<Value>(bytes.strip_suffix(b"\0").unwrap_or(&bytes));
        bytes.clear();
        let Ok(message) = message else { continue };
        let mut heard = locked(heard);
        if let Some(answer) = message["id"].as_u64().and_then(|id| heard.waiting.remove(&id)) {
            // Who asked may have lost patience.
            let _ = answer.send(message);
        } else if let Some(session) = message["sessionId"].as_str() {
            heard.events.entry(session.to_owned()).or_default().push(message);
        }
    }
    let mut heard = locked(heard);
    heard.ended = true;
    // Whoever waits is told by that.
    heard.waiting.clear();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
