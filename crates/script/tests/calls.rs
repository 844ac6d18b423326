//! Calls of scripts, as a server makes them.

use std::sync::Arc;
use std::time::Duration;

use pintle_script::{Body, DbAnswer, DbRequest, Ended, Engine, FetchRequest, Fetched, Host, Level, Request, Settings};

struct Nothing;

impl Host for Nothing {
    fn database(&mut self, _: &DbRequest) -> Result<DbAnswer, Ended> {
        Err(Ended)
    }
    fn sql(&mut self, _: &str, _: &bytes::Bytes) -> Result<DbAnswer, Ended> {
        Err(Ended)
    }
    fn fetch(&mut self, _: FetchRequest) -> Result<Fetched, Ended> {
        Err(Ended)
    }
    fn log(&mut self, _: Level, _: &str) {}
    fn random(&mut self, _: &mut [u8]) {}
}

#[test]
fn a_script_answers_with_what_it_returns() {
    let engine = Engine::new(Settings::default());
    let text = "export default async function (request) { return { twice: request.body.n * 2 } }";
    let program = engine.compile("routes/twice.js", text, &|path| Err(format!("no {path}"))).unwrap();
    let request = Request { method: "POST", body: Body::Json("{\"n\":21}".into()), ..Request::default() };
    let response = engine.call(&program, &Arc::new(request), Duration::from_secs(5), &mut Nothing).unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &br#"{"twice":42}"#[..]));
    assert_eq!(response.content_type.as_deref(), Some("application/json"));
}

#[test]
fn a_script_that_is_none_does_not_compile() {
    let engine = Engine::new(Settings::default());
    let mistakes = engine.compile("routes/x.js", "export default function (", &|path| Err(format!("no {path}")));
    assert_eq!(mistakes.unwrap_err()[0].path, "routes/x.js");
}
