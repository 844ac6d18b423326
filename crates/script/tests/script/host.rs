//! A host that remembers what it was asked, and the words of these tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pintle_script::{
    Body, Caller, DbAnswer, DbRequest, Ended, Engine, Failure, FetchRequest, Fetched, Host, Level, Mistake, Program,
    Request, Response, Settings,
};

/// The world of a test.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) asked: Vec<DbRequest>,
    pub(crate) statements: Vec<(String, String)>,
    pub(crate) fetched: Vec<FetchRequest>,
    pub(crate) log: Vec<(Level, String)>,
    /// What the database answers, one after another; then `[]`.
    pub(crate) answers: VecDeque<DbAnswer>,
    pub(crate) fetches: VecDeque<Fetched>,
    pub(crate) end: bool,
    /// Whatever is asked of the database, the call waits for it.
    pub(crate) waits: bool,
    pub(crate) seed: u8,
}

impl World {
    pub(crate) fn answering(answers: &[(u16, &'static str)]) -> World {
        let answers =
            answers.iter().map(|(status, body)| DbAnswer { status: *status, body: Bytes::from(*body), count: None });
        World { answers: answers.collect(), ..World::default() }
    }

    fn answer(&mut self) -> Result<Option<DbAnswer>, Ended> {
        if self.end {
            return Err(Ended);
        }
        if self.waits {
            return Ok(None);
        }
        let empty = DbAnswer { status: 200, body: Bytes::from("[]"), count: None };
        Ok(Some(self.answers.pop_front().unwrap_or(empty)))
    }
}

impl Host for World {
    fn database(&mut self, request: &DbRequest) -> Result<Option<DbAnswer>, Ended> {
        self.asked.push(request.clone());
        self.answer()
    }

    fn sql(&mut self, text: &str, params: &Bytes) -> Result<Option<DbAnswer>, Ended> {
        self.statements.push((text.to_owned(), String::from_utf8(params.to_vec()).unwrap()));
        self.answer()
    }

    fn fetch(&mut self, request: FetchRequest) -> Result<Fetched, Ended> {
        self.fetched.push(request);
        Ok(self.fetches.pop_front().unwrap_or(Fetched::AfterCommit))
    }

    fn log(&mut self, level: Level, message: &str) {
        self.log.push((level, message.to_owned()));
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.seed = self.seed.wrapping_add(1);
        bytes.fill(self.seed);
    }
}

/// A small engine: its limits are reached soon.
pub(crate) fn engine() -> Engine {
    let environment = vec![("TOKEN".to_owned(), "secret".to_owned())];
    Engine::new(Settings { memory_bytes: 16 << 20, output_bytes: 1 << 20, environment, ..Settings::default() })
}

pub(crate) fn compile(text: &str) -> Program {
    engine().compile("routes/x.js", text, &|path| Err(format!("there is no {path}"))).unwrap()
}

/// Compiles an app of several files, `routes/x.js` first.
pub(crate) fn compile_app(files: &[(&str, &str)]) -> Result<Program, Vec<Mistake>> {
    let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
    let file =
        |path: &str| texts.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "there is no such file".to_owned());
    engine().compile(files[0].0, files[0].1, &file)
}

pub(crate) fn request() -> Request {
    Request {
        method: "POST",
        path: "/x/7".to_owned(),
        params: Bytes::from(r#"{"id":7}"#),
        query: "a=1&b=x+y&b=%C3%A9".to_owned(),
        headers: vec![("accept".to_owned(), "text/html".to_owned()), ("x-a".to_owned(), "b".to_owned())],
        body: Body::Json(Bytes::from(r#"{"n":[1,2]}"#)),
        caller: Caller { role: "authenticated", user: Some("alice".to_owned()), claims: Bytes::from(r#"{"team":3}"#) },
        remote: "127.0.0.1".to_owned(),
        id: "r-1".to_owned(),
    }
}

/// Calls a program with [`request`].
pub(crate) fn call(program: &Program, world: &mut World) -> Result<Response, Failure> {
    engine().call(program, &Arc::new(request()), Duration::from_secs(60), world)
}

/// What a function of this body answers: the JSON text.
pub(crate) fn answer(body: &str) -> String {
    answer_in(body, &mut World::default())
}

pub(crate) fn answer_in(body: &str, world: &mut World) -> String {
    let program = compile(&format!("export default async function (request) {{ {body} }}"));
    let response = call(&program, world).unwrap_or_else(|failure| panic!("{body}: {failure:?}"));
    String::from_utf8(response.body.to_vec()).unwrap()
}

/// How a function of this body fails.
pub(crate) fn failure(body: &str) -> Failure {
    let program = compile(&format!("export default async function (request) {{ {body} }}"));
    call(&program, &mut World::default()).expect_err(body)
}
