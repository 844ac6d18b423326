//! Servers are started when they say so.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to say so, on a busy machine too.
const START_MAX: Duration = Duration::from_secs(60);

/// Starts a server whose number is noted in `folder`, and waits until its log says `ready`.
///
/// # Errors
/// With all that it said, when it ends before, or does not say so in a minute.
pub(crate) fn started(mut command: Command, folder: &Path, name: &str, ready: &str) -> Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = command.spawn().with_context(|| format!("cannot start {name}"))?;
    fs::write(folder.join("pid"), server.id().to_string())?;
    let log = BufReader::new(server.stderr.take().context("the server's log")?);
    let (tell, told) = channel();
    // Its log is read to the end, or it would wait for a reader.
    std::thread::spawn(move || {
        for line in log.lines().map_while(std::io::Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = tell.send(line);
        }
    });
    let (mut said, until) = (String::new(), Instant::now() + START_MAX);
    loop {
        let why = match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains(ready) => break,
            Ok(line) => {
                said.push_str(&line);
                said.push('\n');
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => "did not start",
            Err(RecvTimeoutError::Timeout) => "did not start in time",
        };
        let _ = server.kill();
        let _ = server.wait();
        bail!("{name} {why}:\n{said}");
    }
    Ok(server)
}
