//! The secret that a gateway and the services behind it share: of the environment, or on one machine of a file in the app's
//! folder, which whoever starts first makes.

use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pintle_auth::GatewayKey;

use crate::failure::Failure;
use crate::secret;

const VARIABLE: &str = "PINTLE_GATEWAY_SECRET";

/// The key of an app's gateway, which cannot do without one.
///
/// # Errors
/// When the environment's is none, or there is none and none can be made. No error shows it.
pub(crate) fn of_gateway(folder: &Path) -> Result<GatewayKey, Failure> {
    if let Some(key) = of_environment()? {
        return Ok(key);
    }
    let path = path(folder);
    let text = made(&path).map_err(|error| {
        Failure::because(format!("cannot make the gateway's key `{}`", path.display()), &error).help(format!(
            "give the gateway and the services the same secret in {VARIABLE}, or in a file that {VARIABLE}_FILE names"
        ))
    })?;
    of_file(&path, &text)
}

/// The key of the gateway that a service believes. Where the app has services to be reached through one, it is made if there is
/// none. Where one is `expected`, it is told when there can be none: a server of all services answers without one.
///
/// # Errors
/// When there is one that is none. No error shows it.
pub(crate) fn of_service(folder: &Path, make: bool, expected: bool) -> Result<Option<GatewayKey>, Failure> {
    if let Some(key) = of_environment()? {
        return Ok(Some(key));
    }
    let path = path(folder);
    match if make { made(&path) } else { read(&path) } {
        Ok(text) => of_file(&path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let (path, what) = (path.display(), "no gateway is believed: its key can be neither read nor made");
            if expected {
                tracing::warn!(%path, reason = %error, "{what}");
            } else {
                tracing::debug!(%path, reason = %error, "{what}");
            }
            Ok(None)
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(".pintle").join("gateway.key")
}

fn of_environment() -> Result<Option<GatewayKey>, Failure> {
    let given = std::env::var(VARIABLE).ok().filter(|secret| !secret.is_empty());
    let Some(secret) = secret::or_file(given, VARIABLE)? else { return Ok(None) };
    let wrong = |reason| Failure::new(format!("{VARIABLE} {reason}")).help("make one of chance: openssl rand -hex 32");
    GatewayKey::new(&secret).map(Some).map_err(wrong)
}

fn of_file(path: &Path, text: &str) -> Result<GatewayKey, Failure> {
    GatewayKey::new(text.trim_end()).map_err(|reason| {
        Failure::new(format!("the gateway's key `{}` {reason}", path.display()))
            .help("remove that file, and start the gateway and the services again: a new one is made")
    })
}

fn read(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(%path, "others may read or change the gateway's key: chmod 600 it");
    }
    Ok(text)
}

/// What stands in the file, which is made if there is none.
fn made(path: &Path) -> io::Result<String> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    // Written whole beside its place, so that who starts at the same time finds all of it or nothing.
    let text = random::<32>()?;
    let beside = path.with_extension(format!("key.{}", random::<8>()?));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| match std::fs::hard_link(&beside, path) {
        // Not every file system has links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => rename_if_absent(&beside, path),
        linked => linked,
    });
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match placed {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(path),
    }
}

/// Bytes of chance, in hex digits.
fn random<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Renames a file to where none is: one process at a time, by a lock of the folder.
///
/// # Errors
/// When there is one, too.
fn rename_if_absent(from: &Path, to: &Path) -> io::Result<()> {
    let folder = std::fs::File::open(to.parent().unwrap_or(Path::new(".")))?;
    folder.lock()?;
    if to.try_exists()? { Err(io::ErrorKind::AlreadyExists.into()) } else { std::fs::rename(from, to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_starts_first_makes_it_for_all_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path());
        assert!(of_service(folder.path(), false, true).unwrap().is_none(), "it is made where it is wanted");
        let all: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| made(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|text| *text == read(&path).unwrap()), "those that come later take it");
        assert_eq!(all[0].len(), 64);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing else is left there");
        assert!(of_service(folder.path(), false, true).unwrap().is_some());
    }

    #[test]
    fn without_links_too_the_first_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made: Vec<bool> = std::thread::scope(|scope| {
            let one = |at: usize| {
                let beside = folder.path().join(at.to_string());
                std::fs::write(&beside, at.to_string()).unwrap();
                match rename_if_absent(&beside, &path) {
                    Ok(()) => true,
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
                        false
                    }
                }
            };
            let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || one(at))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let first = made.iter().position(|made| *made).unwrap();
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first.to_string());
    }

    #[test]
    fn a_file_that_holds_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".pintle")).unwrap();
        std::fs::write(path(folder.path()), "short\n").unwrap();
        let told = of_gateway(folder.path()).unwrap_err().to_string();
        assert!(told.contains("gateway.key` has 5 characters, a secret of a gateway has 32 at the least"), "{told}");
        assert!(!told.contains("short"));
    }
}
