//! Encrypted connections to PostgreSQL, with certificates that are good and that are not.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use pintle_model::Type;
use pintle_store::Error;
use pintle_testbed::Postgres;
use support::postgres::{self, CONFIGS, configs, psql, until};
use support::{Place, read, text};

/// Runs `openssl`, which Debian's PostgreSQL brings with it.
fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap();
    assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// A server for `localhost`, with its authority's certificate and another authority's.
struct Encrypted {
    place: Place,
    authority: PathBuf,
    other: PathBuf,
    _server: Postgres,
}

impl Encrypted {
    fn start() -> Encrypted {
        let server = Postgres::start(&[]).unwrap();
        let place = postgres::place_on(&server, configs(), CONFIGS);
        let folder = place.folder.path();
        for name in ["ca", "other"] {
            openssl(folder, &format!("req -x509 {KEY} -keyout {name}.key -out {name}.crt -days 2 -subj /CN={name}"));
        }
        fs::write(folder.join("names"), "subjectAltName=DNS:localhost").unwrap();
        openssl(folder, &format!("req {KEY} -keyout server.key -out server.csr -subj /CN=localhost"));
        openssl(
            folder,
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        );
        let home = server.folder().unwrap();
        let owner = fs::metadata(home.join("data")).unwrap();
        for name in ["server.key", "server.crt"] {
            let to = home.join(name);
            fs::copy(folder.join(name), &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
            psql(
                &place,
                &format!("ALTER SYSTEM SET ssl_{}_file = '{}'", &name[7..].replace("crt", "cert"), to.display()),
            );
        }
        psql(&place, "ALTER SYSTEM SET ssl = on");
        psql(&place, "SELECT pg_reload_conf()");
        let (authority, other) = (folder.join("ca.crt"), folder.join("other.crt"));
        Encrypted { place, authority, other, _server: server }
    }

    /// Whether a connection by this host and these parameters is encrypted, or why there is none.
    async fn at(&self, host: &str, parameters: &str) -> Result<bool, String> {
        let url = self.place.database.as_ref().unwrap().url.replace("127.0.0.1", host);
        let store = postgres::open(&format!("{url}?{parameters}"), &self.place.model);
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        match store.read(read(sql, &[("ssl", Type::Boolean)], Vec::new())).await {
            Ok(rows) => Ok(text(&rows) == r#"[{"ssl":true}]"#),
            Err(Error::Unavailable(reason)) => Err(reason.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_is_as_safe_as_its_url_asks() {
    let server = Encrypted::start();
    until(&server.place, "SELECT current_setting('ssl')::boolean").await;
    let (good, other) = (server.authority.display(), server.other.display());
    assert_eq!(server.at("127.0.0.1", "sslmode=disable").await, Ok(false));
    for parameters in ["", "sslmode=prefer", "sslmode=require"] {
        assert_eq!(server.at("127.0.0.1", parameters).await, Ok(true), "{parameters}");
    }
    assert_eq!(server.at("localhost", &format!("sslmode=verify-full&sslrootcert={good}")).await, Ok(true));
    assert_eq!(server.at("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={good}")).await, Ok(true));

    // What is broken off is broken off by a connection of its own, which is as safe.
    let url = server.place.database.as_ref().unwrap().url.replace("127.0.0.1", "localhost");
    let store = postgres::open(&format!("{url}?sslmode=verify-full&sslrootcert={good}"), &server.place.model);
    let asker = tokio::spawn(async move { store.read(postgres::number("SELECT 1 FROM pg_sleep(3600)")).await });
    until(&server.place, postgres::ASLEEP).await;
    asker.abort();
    until(&server.place, &format!("SELECT NOT ({})", postgres::ASLEEP)).await;

    let unnamed = server.at("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={good}")).await.unwrap_err();
    assert!(unnamed.contains("not valid for name"), "{unnamed}");
    for mode in ["verify-full", "verify-ca", "require"] {
        let unknown = server.at("localhost", &format!("sslmode={mode}&sslrootcert={other}")).await.unwrap_err();
        assert!(unknown.contains("invalid peer certificate"), "{mode}: {unknown}");
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_required() {
    let place = postgres::place(configs(), CONFIGS);
    for mode in ["require", "verify-full"] {
        let store = postgres::open_with(&place, &format!("?sslmode={mode}"));
        let Err(Error::Unavailable(reason)) = store.read(postgres::number("SELECT 1")).await else { panic!("{mode}") };
        assert!(reason.to_string().contains("TLS"), "{reason}");
    }
    postgres::open_with(&place, "?sslmode=prefer").read(postgres::number("SELECT 1")).await.unwrap();
}
