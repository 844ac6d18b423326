//! What a call costs beside the script itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pintle_script::{Engine, Program, Request};

use crate::host::{World, compile, engine};

/// What one of these takes: in the fastest of ten rounds, since other tests run beside.
fn each(times: u32, mut run: impl FnMut()) -> Duration {
    let round = |_| {
        let begun = Instant::now();
        (0..times).for_each(|_| run());
        begun.elapsed() / times
    };
    (0..10).map(round).min().unwrap_or_default()
}

fn call(engine: &Engine, program: &Program, world: &mut World) {
    engine.call(program, &Arc::new(Request::default()), Duration::from_secs(5), world).unwrap();
}

/// `cargo test --release -p pintle-script speed -- --ignored --nocapture` prints the figures.
#[test]
#[ignore = "it measures"]
fn what_a_call_takes_beside_an_instance() {
    let row = r#"{"id":7,"name":"Plaine","level":3,"x":1,"y":2,"user":"alice","date":"2026-11-21T10:00:00+00:00"}"#;
    let (engine, world) = (engine(), &mut World::default());
    let made = each(3, || drop(compile("export default () => {}")));
    let nothing = compile("export default () => {}");
    let nothing = each(200, || call(&engine, &nothing, world));
    let reads = compile(
        "export default async ({ params }) => {
           const { data } = await db.from('tiles').select('id,name').eq('id', params.id).limit(1).throwOnError()
           return data[0]
         }",
    );
    let body: &'static str = Box::leak(format!("[{row}]").into_boxed_str());
    let reads = each(200, || call(&engine, &reads, &mut World::answering(&[(200, body)])));
    eprintln!("an instance: {made:?}, a call that does nothing: {nothing:?}, one that reads a row: {reads:?}");
}
