//! A store's credential as secret managers write it: one JSON object, which becomes a URL.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::likeness::meant_by;
use serde_json::{Map, Value};

/// What is needed, in its names, the first of which errors show.
const USER: [&str; 2] = ["username", "user"];
const DATABASE: [&str; 2] = ["dbname", "database"];

/// Parameters of the URL that may stand beside them.
const PARAMETERS: [&str; 9] = [
    "sslmode",
    "sslrootcert",
    "schema",
    "connections_max",
    "connect_timeout",
    "target_session_attrs",
    "application_name",
    "keepalives_idle",
    "options",
];

/// What `engine` may say: that AWS writes it so is why it is looked at.
const ENGINES: [&str; 4] = ["postgres", "postgresql", "aurora-postgresql", "aurora-postgres"];

/// What people and other programs call some keys.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("hostname", "host"),
    ("pass", "password"),
    ("pwd", "password"),
    ("db", "dbname"),
    ("database_name", "dbname"),
    ("ssl", "sslmode"),
];

/// The URL that a JSON object stands for. No mistake repeats any part of it, since any of it may be the secret.
pub(super) fn url(json: &str) -> Result<String, String> {
    let object: Map<String, Value> = serde_json::from_str(json)
        .map_err(|error| format!("the store's JSON is broken at line {}, column {}", error.line(), error.column()))?;
    refuse_misspelt(&object)?;
    if let Some(engine) = text(&object, &["engine"])?
        && !ENGINES.contains(&engine.as_str())
    {
        return Err("`engine` in the store's JSON is another database than `postgres`".to_owned());
    }
    let missing = |name: &str| {
        format!(
            "the store's JSON has no `{name}`: it is {{\"username\": …, \"password\": …, \"host\": …, \"port\": …, \"dbname\": …}}"
        )
    };
    let user = text(&object, &USER)?.ok_or_else(|| missing(USER[0]))?;
    let host = text(&object, &["host"])?.ok_or_else(|| missing("host"))?;
    let mut url = format!("postgres://{}", encoded(&user));
    if let Some(password) = text(&object, &["password"])? {
        url = format!("{url}:{}", encoded(&password));
    }
    url = format!("{url}@{}", encoded(&host));
    if let Some(port) = text(&object, &["port"])? {
        let port: u16 = port.parse().map_err(|_| "`port` in the store's JSON is no number of a port".to_owned())?;
        url = format!("{url}:{port}");
    }
    let database = text(&object, &DATABASE)?.unwrap_or_default();
    url = format!("{url}/{}", encoded(&database));
    let mut separator = '?';
    for name in PARAMETERS {
        if let Some(value) = text(&object, &[name])? {
            url = format!("{url}{separator}{name}={}", encoded(&value));
            separator = '&';
        }
    }
    Ok(url)
}

/// Keys of other programs are let be, since managers allow any; but not one that was meant for Pintle.
fn refuse_misspelt(object: &Map<String, Value>) -> Result<(), String> {
    let others = ["host", "port", "password", "engine"];
    let known = || USER.iter().chain(&DATABASE).chain(&PARAMETERS).chain(&others).copied();
    for key in object.keys().filter(|key| !known().any(|known| known == *key)) {
        if let Some(right) = meant_by(key, known().map(|name| (name, name)).chain(OTHER_NAMES)) {
            return Err(format!("a key in the store's JSON is not known: is it meant to be `{right}`?"));
        }
    }
    Ok(())
}

/// The value of the one of these names that is there. Numbers are taken for their digits.
fn text(object: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, String> {
    let mut found = None;
    for name in names {
        let value = match object.get(*name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if *name != "password" => number.to_string(),
            Some(_) => return Err(format!("`{name}` in the store's JSON is no text: write it in quotes")),
        };
        if value.contains('\0') {
            return Err(format!("`{name}` in the store's JSON holds a NUL, which PostgreSQL has no place for"));
        }
        if found.is_some() {
            return Err(format!("the store's JSON has both `{}`", names.join("` and `")));
        }
        found = Some(value);
    }
    Ok(found)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PostgresUrl;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(json: &str) -> Result<PostgresUrl, String> {
        json.parse()
    }

    #[test]
    fn what_secret_managers_write_is_read() {
        let rds = r#"{
            "engine": "postgres", "host": "db.example", "username": "ann", "password": "p w", "dbname": "app", "port": 5433,
            "dbInstanceIdentifier": "app-1", "masterarn": "arn:aws:…"
        }"#;
        let url = read(rds).unwrap();
        assert_eq!(url.to_string(), "postgres://ann@db.example:5433/app");
        assert_eq!(url.config().get_password(), Some(b"p w".as_slice()));
        for (json, shown) in [
            (json!({ "username": "a", "host": "h" }), "postgres://a@h:5432/a"),
            (json!({ "user": "a", "host": "h", "database": "d", "port": "6000" }), "postgres://a@h:6000/d"),
            (json!({ "username": "a", "host": "::1", "password": null }), "postgres://a@::1:5432/a"),
            (json!({ "username": "a", "host": "/cloudsql/p:r:i" }), "postgres://a@/cloudsql/p:r:i:5432/a"),
            (
                json!({ "username": "a", "host": "h", "instanceId": "i", "url": "x", "replica": {} }),
                "postgres://a@h:5432/a",
            ),
        ] {
            assert_eq!(read(&json.to_string()).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn parameters_stand_beside_it() {
        let json = json!({
            "username": "a", "host": "h", "schema": "s", "connections_max": 3, "sslmode": "verify-full", "sslrootcert": "/a&b.crt"
        });
        let url = read(&json.to_string()).unwrap();
        assert_eq!((url.schema(), url.connections_max()), ("s", 3));
        assert_eq!(format!("{:?}", url.trust()), r#"Named(File("/a&b.crt"))"#);
    }

    #[test]
    fn mistakes_are_told_without_any_part_of_it() {
        let of = |key: &str, value: Value| {
            let mut object = json!({ "username": "zxcv", "password": "zxcv", "host": "zxcv", "dbname": "zxcv" });
            object[key] = value;
            object.to_string()
        };
        for (json, told) in [
            (r#"{"username": "zxcv", "password": "zxcv}"#.to_owned(), "broken at line 1, column 39"),
            (r#"{"username": "zxcv"} zxcv"#.to_owned(), "broken at line 1, column 22"),
            (r#"{"zxcv": "zxcv"}"#.to_owned(), "has no `username`"),
            (r#"{"username": "zxcv", "password": "zxcv"}"#.to_owned(), "has no `host`"),
            (of("engine", json!("zxcv")), "`engine`"),
            (of("port", json!("zxcv")), "`port`"),
            (of("port", json!(65536)), "`port`"),
            (of("password", json!(12345)), "`password` in the store's JSON is no text"),
            (of("password", json!(["zxcv"])), "`password` in the store's JSON is no text"),
            (of("password", json!("zx\0cv")), "holds a NUL"),
            (of("user", json!("zxcv")), "both `username` and `user`"),
            (of("pasword", json!("zxcv")), "meant to be `password`"),
            (of("sslMode", json!("zxcv")), "meant to be `sslmode`"),
            (of("ssl", json!(true)), "meant to be `sslmode`"),
            (of("sslmode", json!("zxcv")), "`sslmode`"),
            (of("schema", json!("zx-cv")), "`schema`"),
        ] {
            let said = read(&json).unwrap_err();
            assert!(said.contains(told) && !said.contains("zx") && !said.contains("12345"), "{json}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_name_and_password_arrive_as_they_are(user in "[^\0]{1,12}", password in "[^\0]{0,24}", database in "[^\0]{1,12}") {
            let json = json!({ "username": user, "password": password, "host": "h", "dbname": database });
            let of_json = read(&json.to_string()).unwrap();
            let of_url: PostgresUrl =
                format!("postgres://{}:{}@h/{}", encoded(&user), encoded(&password), encoded(&database)).parse().unwrap();
            for url in [of_json, of_url] {
                let config = url.config();
                prop_assert_eq!(config.get_user(), Some(user.as_str()));
                prop_assert_eq!(config.get_password(), Some(password.as_bytes()));
                prop_assert_eq!(config.get_dbname(), Some(database.as_str()));
            }
        }
    }
}
