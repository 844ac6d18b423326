//! Whatever stands in a script, it compiles or its mistakes are told; what compiles is called, and ends.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use pintle_script::{DbAnswer, DbRequest, Ended, Engine, FetchRequest, Fetched, Host, Level, Request, Settings};

struct Nothing;

impl Host for Nothing {
    fn database(&mut self, _: &DbRequest) -> Result<Option<DbAnswer>, Ended> {
        Ok(Some(DbAnswer { status: 200, body: Bytes::from_static(b"[]"), count: None }))
    }
    fn sql(&mut self, _: &str, _: &Bytes) -> Result<Option<DbAnswer>, Ended> {
        Err(Ended)
    }
    fn fetch(&mut self, _: FetchRequest) -> Result<Fetched, Ended> {
        Ok(Fetched::AfterCommit)
    }
    fn log(&mut self, _: Level, _: &str) {}
    fn random(&mut self, _: &mut [u8]) {}
}

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(Settings { memory_bytes: 8 << 20, ..Settings::default() }));

fuzz_target!(|text: &str| {
    let Ok(program) = ENGINE.compile("x.js", text, &|_| Err("there are no other files".to_owned())) else { return };
    let _ = ENGINE.call(&program, &Arc::new(Request::default()), Duration::from_millis(50), &mut Nothing);
});
