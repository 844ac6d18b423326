//! PostgreSQL from the system's packages.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::port::Port;
use crate::started::started;

/// The variable that names the server that a test run shares.
pub const SHARED: &str = "PINTLE_TEST_POSTGRES";

/// What that variable says where a test run goes without PostgreSQL.
pub const NONE: &str = "none";

/// What every server is told: nothing outlives it, so nothing is synced; many tests run side by side.
const SETTINGS: &[&str] = &["fsync=off", "full_page_writes=off", "max_connections=400", "unix_socket_directories="];

/// How long a killed process may take to end.
const KILL_MAX: Duration = Duration::from_secs(30);

/// The end of the server's folder: a shell that waits for its standard input to end, which it does with whoever started
/// it, then stops the server and removes the folder. `$1` is the folder.
const KEEPER: &str = r#"read -r _; [ -s "$1/pid" ] && kill -INT "$(cat "$1/pid")" 2>/dev/null
while [ -s "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; do sleep 0.05; done; rm -rf "$1""#;

/// A server.
#[derive(Debug)]
pub struct Postgres {
    /// `host:port`
    address: String,
    own: Option<Own>,
}

/// What belongs to a server that was started here.
#[derive(Debug)]
struct Own {
    folder: PathBuf,
    programs: PathBuf,
    /// Whom the server runs as, where we are root: it refuses that.
    user: Option<(u32, u32)>,
    port: Port,
    settings: Vec<String>,
    server: Option<Child>,
    keeper: Child,
}

/// A database of one test's own; dropped with it.
#[derive(Debug)]
pub struct Database {
    /// `postgres://postgres@127.0.0.1:PORT/NAME`
    pub url: String,
    name: String,
    address: String,
    /// Whose it is, where that is nobody who was there before: dropped with it.
    owner: Option<String>,
}

impl Postgres {
    /// The server that the test run shares; one of this process's own where none was started.
    ///
    /// # Panics
    /// When there is none and none can be started: the message says what to install.
    #[must_use]
    pub fn shared() -> &'static Postgres {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(|| match std::env::var(SHARED) {
            Ok(none) if none == NONE => panic!("this test run goes without PostgreSQL: {SHARED} is `{NONE}`"),
            Ok(address) => Postgres { address, own: None },
            Err(_) => Postgres::start(&[]).unwrap_or_else(|error| panic!("{error:#}")),
        })
    }

    /// A server of one's own, with settings (`name=value`) beside the usual ones. Stopped, and its folder removed, when it
    /// is dropped or the process ends.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(settings: &[&str]) -> Result<Postgres> {
        let programs = programs()?;
        has_postgis(&programs)?;
        let folder = folder()?;
        let user = plain_user()?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).context("the server's folder cannot be given away")?;
        }
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            // A signal to all that the test run started must not end it before it has done its work.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        let settings = SETTINGS.iter().chain(settings).map(|&setting| setting.to_owned()).collect();
        let mut own = Own { folder, programs, user, port: Port::reserve()?, settings, server: None, keeper };
        let mut initdb = own.command("initdb");
        initdb.arg("-D").arg(own.folder.join("data"));
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
        done(initdb)?;
        own.run()?;
        Ok(Postgres { address: format!("127.0.0.1:{}", own.port.number()), own: Some(own) })
    }

    /// Where it listens: `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its folder, to put certificates and the like into; only of a server of one's own.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.folder.as_path())
    }

    /// A new, empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database_with("")
    }

    /// A new, empty database whose texts are ordered as English is, unless a column says otherwise: what must not depend
    /// on a database's own order is tried here.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn english_database(&self) -> Database {
        self.database_with("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    }

    /// A new, empty database of a user who is no superuser, and so may not make PostGIS: what an app finds on many a managed server, and
    /// but for an error's words on one that has no such package. Whoever looks with [`Database::psql`] finds what stands in for it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database_without_postgis(&self) -> Database {
        let mut database = self.database();
        let (name, owner) = (&database.name, format!("{}_owner", database.name));
        for sql in [
            format!("CREATE ROLE {owner} LOGIN"),
            format!("ALTER DATABASE {name} OWNER TO {owner}"),
            format!("ALTER DATABASE {name} SET search_path = public, public_pintle_points"),
        ] {
            psql(&self.address, "postgres", &sql);
        }
        database.url = format!("postgres://{owner}@{}/{name}", self.address);
        database.owner = Some(owner);
        database
    }

    fn database_with(&self, options: &str) -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("t{}_{moment}_{number}", std::process::id());
        psql(&self.address, "postgres", &format!("CREATE DATABASE {name} {options}"));
        let url = format!("postgres://postgres@{}/{name}", self.address);
        Database { url, name, address: self.address.clone(), owner: None }
    }

    /// Kills every process of the server at once (`kill -9`), as a power cut would end them.
    ///
    /// # Panics
    /// For a server that is shared.
    pub fn kill(&mut self) {
        let own = self.own.as_mut().unwrap_or_else(|| panic!("a shared server is nobody's to kill"));
        own.kill();
    }

    /// Starts it again on the same port, with the same data.
    ///
    /// # Panics
    /// For a server that is shared, or does not start.
    pub fn restart(&mut self) {
        let own = self.own.as_mut().unwrap_or_else(|| panic!("a shared server is nobody's to start"));
        own.run().unwrap_or_else(|error| panic!("{error:#}"));
    }
}

impl Database {
    /// Runs SQL by `psql`, as the superuser, and returns what it prints: unaligned, without headers.
    ///
    /// # Panics
    /// When it fails.
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.address, &self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that was killed has no databases to drop.
        let _ = psql_command(&self.address, "postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            .output();
        if let Some(owner) = &self.owner {
            let _ = psql_command(&self.address, "postgres", &format!("DROP ROLE IF EXISTS {owner}")).output();
        }
    }
}

impl Own {
    /// One of PostgreSQL's programs, as the plain user where we are root.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = match self.user {
            None => Command::new(path),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
                command.arg(path);
                command
            }
        };
        command.current_dir(&self.folder);
        command
    }

    fn run(&mut self) -> Result<()> {
        let mut command = self.command("postgres");
        let port = self.port.number().to_string();
        command.arg("-D").arg(self.folder.join("data")).args(["-h", "127.0.0.1", "-p", &port]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let ready = "database system is ready to accept connections";
        self.server = Some(started(command, &self.folder, "PostgreSQL", ready)?);
        Ok(())
    }

    fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // Its processes end with it only when they notice: each is killed by its own number, and while it stands still none is begun.
        signal("-STOP", &[&server.id().to_string()]);
        until(|| state(server.id()).is_none_or(|state| "TZ".contains(state)));
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &server.id().to_string()]).output();
        let children = children.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
        let children: Vec<&str> = children.split_whitespace().collect();
        let _ = server.kill();
        signal("-KILL", &children);
        let _ = server.wait();
        // Until then they hold its memory, with which no other one starts.
        let gone = |child: &&str| child.parse().ok().and_then(state).is_none_or(|state| state == 'Z');
        until(|| children.iter().all(gone));
        let _ = fs::write(self.folder.join("pid"), "");
        let _ = fs::remove_file(self.folder.join("data").join("postmaster.pid"));
    }
}

/// Sends processes a signal.
fn signal(name: &str, processes: &[&str]) {
    let _ = Command::new("kill").arg(name).args(processes).stderr(Stdio::null()).status();
}

/// What a process does, by `ps`' letter; nothing where it is gone.
fn state(process: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind its name, which may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Waits until it is so.
fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < KILL_MAX, "a killed process is still there");
        std::thread::yield_now();
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.keeper.stdin.take() {
            let _ = stdin.write_all(b"\n");
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
        let _ = self.keeper.wait();
    }
}

/// The folder of PostgreSQL's programs, the newest that is there.
fn programs() -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("postgres").is_file().then_some((version, bin))
        })
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return Ok(bin);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let anywhere =
        std::env::split_paths(&path).find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file());
    anywhere.context(
        "PostgreSQL 15 or newer is not installed: on Debian and Ubuntu `apt-get install postgresql postgresql-postgis`; elsewhere install \
         them so that `postgres`, `initdb` and `psql` are on the PATH",
    )
}

/// Whether PostGIS is beside these programs, where Debian's packages put it.
fn has_postgis(programs: &Path) -> Result<()> {
    let Some(version) = programs.strip_prefix("/usr/lib/postgresql").ok().and_then(|path| path.components().next())
    else {
        return Ok(());
    };
    let version = version.as_os_str().to_string_lossy();
    if Path::new(&format!("/usr/share/postgresql/{version}/extension/postgis.control")).is_file() {
        return Ok(());
    }
    bail!("PostGIS is not installed: on Debian and Ubuntu `apt-get install postgresql-{version}-postgis-3`")
}

fn folder() -> Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("pintle-postgres-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    Ok(folder)
}

/// User and group to run as, where we are root.
fn plain_user() -> Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let id = |flag: &str, user: &str| -> Option<u32> {
        let out = Command::new("id").args([flag, user]).output().ok()?;
        String::from_utf8(out.stdout).ok()?.trim().parse().ok()
    };
    let found = ["postgres", "nobody"].into_iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?)));
    found.context("there is no user `postgres` or `nobody` to run PostgreSQL as").map(Some)
}

fn done(mut command: Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} failed:\n{}", command.get_program().display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn psql_command(address: &str, database: &str, sql: &str) -> Command {
    let (host, port) = address.split_once(':').unwrap_or((address, "5432"));
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", host, "-p", port]);
    command.args(["-d", database, "-c", sql]);
    command
}

fn psql(address: &str, database: &str, sql: &str) -> String {
    let output =
        psql_command(address, database, sql).output().unwrap_or_else(|error| panic!("cannot start psql: {error}"));
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_made_and_a_killed_server_keeps_what_it_had() {
        let mut server = Postgres::start(&[]).unwrap();
        let folder = server.folder().unwrap().to_owned();
        let database = server.database();
        database.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
        server.kill();
        server.restart();
        assert_eq!(database.psql("SELECT n FROM t"), "1");
        drop(database);
        drop(server);
        assert!(!folder.exists(), "nothing is left behind");
    }
}
