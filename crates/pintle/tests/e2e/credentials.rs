//! A store's credential: what secret managers write is taken, and nothing that is wrong in one is ever shown.

use serde_json::json;

use crate::common::{App, Place, Server, finish, pintle};

/// The parts that a test's credential is made of: no word of Pintle's own.
const PARTS: [&str; 3] = ["quxuser", "quxpass", "quxbase"];

#[tokio::test]
async fn a_json_object_of_a_secret_manager_is_a_store_on_postgres() {
    let app = App::shipped("configs").on(Place::Postgres);
    let [_, url] = app.store()[..] else { panic!("a database") };
    let rest = url.strip_prefix("postgres://postgres@").unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let secret = json!({
        "engine": "postgres", "username": "postgres", "password": "any: @/?#%", "host": host, "port": port.parse::<u16>().unwrap(),
        "dbname": database, "dbInstanceIdentifier": "one", "connections_max": 3,
    });
    let file = app.file("secret.json");
    std::fs::write(&file, format!("{secret:#}\n")).unwrap();

    let serving = ["serve", app.path(), "--listen", "127.0.0.1:0"];
    for variable in [("PINTLE_STORE", secret.to_string()), ("PINTLE_STORE_FILE", file)] {
        let server = Server::start(pintle(&serving).env(variable.0, variable.1));
        server.get("/health/ready").await.has(200);
        assert!(!server.banner.contains("any:") && !server.log().contains("any:"), "{}", server.banner);
    }
}

/// Commands that open a store, and end when it cannot be opened.
fn commands<'a>(app: &'a App, file: &'a str) -> [Vec<&'a str>; 4] {
    [
        vec!["serve", app.path(), "--listen", "127.0.0.1:0", "--log-format", "json"],
        vec!["migrate", app.path(), "--dry-run"],
        vec!["token", "list", "--app", app.path()],
        vec!["copy", app.path(), "--from", file],
    ]
}

#[test]
fn no_word_of_a_credential_is_shown_when_it_is_wrong() {
    let [user, password, database] = PARTS;
    let app = App::shipped("configs");
    let file = format!("sqlite:{}", app.file("empty.db"));
    let object = json!({ "username": user, "password": password, "dbname": database, "port": 1 });
    let mut misspelt = object.clone();
    misspelt["host"] = json!("127.0.0.1");
    misspelt["passwrd"] = misspelt["password"].take();
    let wrong = [
        format!("{user}:{password}@127.0.0.1/{database}"),
        password.to_owned(),
        format!("postgres://{user}:{password}@127.0.0.1:{password}/{database}"),
        format!("postgres://{user}:{password}@{password}@127.0.0.1/{database}"),
        format!("postgres://{user}@127.0.0.1/{database}?password={password}&{password}=1"),
        format!("postgres://{user}:{password}@127.0.0.1/{database}?sslmode={password}"),
        object.to_string(),
        misspelt.to_string(),
        format!("{object}{password}"),
        object.to_string().replace(':', "="),
    ];
    for store in &wrong {
        for words in commands(&app, &file) {
            let variable = if words[0] == "copy" { "PINTLE_COPY_TO" } else { "PINTLE_STORE" };
            let (code, out, err) = finish(pintle(&words).env(variable, store).env("PINTLE_LOG", "trace"));
            let said = format!("{out}{err}");
            assert_ne!(code, 0, "{words:?} with {store}: {said}");
            assert!(said.contains("store"), "{said}");
            assert!(!PARTS.iter().any(|part| said.contains(part)), "{words:?} with {store}: {said}");
        }
    }
}

/// Where the form is right, errors name the user and the database: whoever reads them must know which. Never the password.
#[test]
fn no_password_is_shown_when_its_store_cannot_be_reached() {
    let [user, password, database] = PARTS;
    let app = App::shipped("configs");
    let file = format!("sqlite:{}", app.file("empty.db"));
    let object = json!({ "username": user, "password": password, "host": "127.0.0.1", "port": 1, "dbname": database });
    let url = format!("postgres://{user}:{password}@127.0.0.1:1/{database}?connect_timeout=1");
    for store in [url, object.to_string()] {
        for words in commands(&app, &file) {
            let variable = if words[0] == "copy" { "PINTLE_COPY_TO" } else { "PINTLE_STORE" };
            let (code, out, err) = finish(pintle(&words).env(variable, &store).env("PINTLE_LOG", "trace"));
            let said = format!("{out}{err}");
            assert_ne!(code, 0, "{words:?}: {said}");
            assert!(!said.contains(password), "{words:?}: {said}");
        }
    }
}
