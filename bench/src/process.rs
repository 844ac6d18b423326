//! Servers as processes: started, watched from outside, stopped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit of the processor time that Linux tells, in Hz: `USER_HZ`, the same on every machine that Rust runs on.
const TICKS: f64 = 100.0;

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// A port of the loopback that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Processor time of a process and its children, also of those that have ended, in seconds.
pub(crate) fn family_cpu_seconds(parent: &str) -> Result<f64> {
    let first = Used::of(parent)?;
    let mut ticks = first.own + first.ended;
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // Others may end while they are looked at.
        let number = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(Ok(used)) = number.map(Used::of)
            && used.parent == parent
        {
            ticks += used.own;
        }
    }
    Ok(ticks / TICKS)
}

/// What Linux tells of a process: processor time in ticks.
struct Used {
    parent: String,
    own: f64,
    /// Of its children that have ended.
    ended: f64,
}

impl Used {
    fn of(process: &str) -> Result<Used> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name stands in parentheses and may hold spaces; the parent is the 4th word; utime, stime, cutime and cstime are
        // the 14th to 17th.
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        let parent = words.get(1).map(|&parent| parent.to_owned());
        let times = (ticks(11), ticks(12), ticks(13), ticks(14));
        match (parent, times) {
            (Some(parent), (Some(user), Some(system), Some(user_ended), Some(system_ended))) => {
                Ok(Used { parent, own: user + system, ended: user_ended + system_ended })
            }
            _ => bail!("cannot read the processor time of process {process}"),
        }
    }
}

impl Server {
    /// Starts a server that will listen on `address`, and waits until it does.
    pub(crate) fn start(mut command: Command, address: SocketAddr) -> Result<Server> {
        let begun = Instant::now();
        let mut server = Server::spawn(&mut command, address)?;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{:?} ended with {status}", command.get_program());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{:?} does not listen", command.get_program());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// Starts it and waits for nothing.
    pub(crate) fn spawn(command: &mut Command, address: SocketAddr) -> Result<Server> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {:?}", command.get_program()))?;
        Ok(Server { child, address })
    }

    /// Processor time used so far, user's and system's, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let used = Used::of(&self.child.id().to_string())?;
        Ok(used.own / TICKS)
    }

    /// Memory in use now, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// The most memory since [`Server::forget_peak`], in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        self.memory_mib("VmHWM:")
    }

    /// What is in use now is the most from now on.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")
            .context("Linux keeps the peak of the memory")
    }

    fn memory_mib(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
        Ok(kib.context("Linux does not tell how much memory the server uses")? / 1024.0)
    }

    /// Ends it as an operator would, and waits.
    pub(crate) fn stop(&mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
