//! Routes, and what the manifest takes from outside.

use std::time::Duration;

use pintle_model::{
    Credentials, FetchTarget, ParamPlace, ResultShape, Role, RouteAccess, RouteAnswer, Type, Value, load,
};

use crate::{GOOD, file, good, said};

#[test]
fn routes_are_what_the_manifest_says() {
    let model = good();
    let said: Vec<(&str, &str)> = model.routes.iter().map(|route| (route.method, route.path.as_str())).collect();
    let near = "/near/{x}/{y}/{n}";
    let all = "/near/{x}/{y}/all";
    assert_eq!(said, [("GET", "/"), ("GET", "/health"), ("GET", near), ("DELETE", near), ("POST", all)]);
    let [home, health, get, delete, post] = model.routes.as_slice() else { panic!("five routes") };

    let RouteAnswer::Script(script) = &home.answer else { panic!("a script") };
    assert_eq!((script.file.path.as_str(), script.file.text.as_str()), ("routes/home.js", "export default () => 1;\n"));
    assert_eq!((home.access, home.acts_as, home.body.is_none()), (RouteAccess::Optional, None, true));
    assert_eq!(health.summary.as_deref(), Some("Alive"));

    assert_eq!((get.access, get.acts_as), (RouteAccess::Required, Some(Role::ServiceRole)));
    assert_eq!(get.cache.map(|time| time.as_secs()), Some(1800));
    let params: Vec<(&str, ParamPlace, Type, bool)> =
        get.params.iter().map(|p| (p.field.name.as_str(), p.place, p.field.ty, p.field.required)).collect();
    assert_eq!(
        params,
        [
            ("x", ParamPlace::Path, Type::Integer, true),
            ("y", ParamPlace::Path, Type::Integer, true),
            ("n", ParamPlace::Path, Type::Integer, true),
            ("guild", ParamPlace::Query, Type::Text, false),
            ("X_Api", ParamPlace::Header, Type::Text, true),
            ("since", ParamPlace::Query, Type::Timestamp, false),
        ]
    );
    assert_eq!((&get.params[2].field.maximum, get.params[3].field.choices.len()), (&Some(Value::Integer(50)), 2));
    let RouteAnswer::Sql(sql) = &get.answer else { panic!("SQL") };
    assert_eq!(
        (sql.shape, sql.sqlite.text.as_str()),
        (ResultShape::Row, "SELECT name FROM people\n        WHERE level < :n".replace("        ", "").as_str())
    );
    assert_eq!(sql.sqlite.file.path, "apps/shop/pintle.yaml");
    assert!(GOOD[sql.sqlite.span.start..sql.sqlite.span.end].contains("FROM people"));

    let RouteAnswer::Sql(sql) = &delete.answer else { panic!("SQL") };
    assert_eq!((sql.sqlite.file.path.as_str(), sql.sqlite.text.as_str()), ("apps/shop/routes/near.sql", "SELECT 1;\n"));
    assert_eq!(&GOOD[sql.postgres.span.start..sql.postgres.span.end], "DELETE FROM log");
    assert_eq!((delete.access, sql.shape), (RouteAccess::ServiceRole, ResultShape::Rows));
    assert!(post.body.is_some() && post.response.is_some() && &GOOD[post.span.start..post.span.end] == "post");
}

#[test]
fn what_comes_from_outside_is_named_by_the_manifest() {
    let model = good();
    assert_eq!(model.scripts.environment, ["DISCORD_WEBHOOK", "_X2"]);
    let origin = |text: &str| FetchTarget::Origin(text.to_owned());
    let hook = FetchTarget::Variable("DISCORD_WEBHOOK".to_owned());
    assert_eq!(model.scripts.fetch, [origin("https://api.example.com"), origin("http://localhost:3000"), hook]);
    let limits = model.scripts.limits;
    assert_eq!((limits.read_time.as_millis(), limits.write_time), (2000, Some(Duration::from_millis(100))));
    assert_eq!((limits.memory_bytes, limits.stack_bytes), (16 << 20, 128 << 10));
    assert_eq!(model.seed.map(|seed| seed.file.path.clone()).as_deref(), Some("seed/world.js"));
    assert_eq!(model.credentials, Credentials { tokens: Some("AUTH_TOKENS".to_owned()), basic: true });
    let pages = model.pages.expect("pages");
    assert_eq!((pages.folder.as_str(), pages.at.as_str(), pages.given), ("web/pages", "/app", true));
    assert_eq!(pages.fallback.as_deref(), Some("index.html"));
    assert_eq!(pages.content_security_policy.as_deref(), Some("default-src 'self'"));

    let pages = |text: &str| load("pintle.yaml", &format!("pintle: 1\n{text}"), &file).0.expect("a model").pages;
    let usual = pages("").expect("pages");
    assert_eq!((usual.folder.as_str(), usual.at.as_str(), usual.given), ("public", "", false));
    assert_eq!(pages("public: none\n"), None);
    let given = pages("public: web\n").expect("pages");
    assert_eq!((given.folder.as_str(), given.at.as_str(), given.given), ("web", "", true));
}

#[test]
fn a_message_repeats_no_secret() {
    for text in ["tokens: { s3cr3t: a }", "tokens: '{\"s3cr3t\":\"a\"}'", "tokens: s3cr3t", "tokens: [s3cr3t]"] {
        let said = said(&format!("pintle: 1\nauth:\n  {text}\n"));
        assert!(said.len() == 1 && !said[0].contains("s3cr3t"), "{said:?}");
    }
}

#[test]
fn sql_that_speaks_of_a_doubtful_collection_is_not_checked_further() {
    let text = "pintle: 1\ncollections: { a: { fields: { b: strin } }, c: {} }\nroutes:\n  /x: { get: { sql: SELECT b FROM a } }\n  /y: { get: { sql: SELECT 1 FROM c } }\n";
    let (model, diagnostics) = load("pintle.yaml", text, &file);
    let paths: Vec<String> = model.expect("a model for further checks").routes.into_iter().map(|r| r.path).collect();
    assert_eq!((diagnostics.len(), paths), (1, vec!["/y".to_owned()]));
}
