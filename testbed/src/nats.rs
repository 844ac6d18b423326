//! NATS with JetStream, from the system's packages.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

use crate::port::Port;
use crate::started::started;

/// The end of the server's folder, as PostgreSQL's has it: a shell that waits for its standard input to end, which it does with whoever
/// started it, then stops the server and removes the folder. `$1` is the folder.
const KEEPER: &str = r#"read -r _; [ -s "$1/pid" ] && kill -9 "$(cat "$1/pid")" 2>/dev/null
while [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; do sleep 0.05; done; rm -rf "$1""#;

/// A server, whose streams are in a folder of its own.
#[derive(Debug)]
pub struct Nats {
    program: PathBuf,
    folder: PathBuf,
    port: Port,
    /// More arguments.
    arguments: Vec<String>,
    server: Option<Child>,
    keeper: Child,
}

impl Nats {
    /// The server's program, if it is installed.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Debian has it where an ordinary user's path may not lead.
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/bin".into()]);
        folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file())
    }

    /// A server on a free port. Stopped, and its folder removed, when it is dropped or the process ends.
    ///
    /// # Errors
    /// When NATS is not installed, or does not start.
    pub fn start() -> Result<Nats> {
        Nats::start_with(&[])
    }

    /// The same with more arguments, such as `--user` and `--pass`.
    ///
    /// # Errors
    /// As [`Nats::start`].
    pub fn start_with(arguments: &[&str]) -> Result<Nats> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let program = Nats::program().context(
            "NATS is not installed: on Debian and Ubuntu `apt-get install nats-server`; elsewhere see that `nats-server` is on the PATH",
        )?;
        let name = format!("pintle-nats-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        let port = Port::reserve()?;
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut nats = Nats { program, folder, port, arguments, server: None, keeper };
        nats.run()?;
        Ok(nats)
    }

    /// Where it listens: `nats://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// The same without the scheme.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// Kills it at once (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
            let _ = fs::write(self.folder.join("pid"), "");
        }
    }

    /// Sends it a signal by its name: `STOP` has it hang, `CONT` go on.
    pub fn signal(&self, name: &str) {
        if let Some(server) = &self.server {
            let _ = Command::new("kill").arg(format!("-{name}")).arg(server.id().to_string()).status();
        }
    }

    /// Starts it again on the same port, with the same folder.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.run().unwrap_or_else(|error| panic!("{error:#}"));
    }

    fn run(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.number().to_string(), "-sd"])
            .arg(self.folder.join("store"));
        command.args(&self.arguments);
        self.server = Some(started(command, &self.folder, "NATS", "Server is ready")?);
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
        if let Some(mut stdin) = self.keeper.stdin.take() {
            let _ = stdin.write_all(b"\n");
        }
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_nats_starts_again_at_its_port_and_leaves_nothing_behind() {
        if Nats::program().is_none() {
            return;
        }
        let mut nats = Nats::start().unwrap();
        let (url, folder) = (nats.url(), nats.folder.clone());
        nats.kill();
        nats.restart();
        assert_eq!(nats.url(), url);
        assert!(folder.join("store/jetstream").is_dir());
        drop(nats);
        assert!(!folder.exists(), "nothing is left behind");
    }
}
