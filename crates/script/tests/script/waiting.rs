//! Calls that wait for others, and go on later, from elsewhere.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pintle_script::{Brought, DbAnswer, Engine, Failure, FetchAnswer, Fetched, Program, Step, Waiting};

use crate::host::{World, compile, engine, request};

const TIME: Duration = Duration::from_secs(60);

/// Fetches two things side by side, with something of its own before and after.
const TWO: &str = "
    let calls = 0
    export default async function () {
      const seen = [++calls]
      const texts = await Promise.all(['a', 'b'].map(async (path) => (await fetch('https://a.example/' + path)).text()))
      seen.push((await db.from('x').select()).data.length, ++calls)
      return [...seen, ...texts]
    }
";

fn begin(engine: &Engine, program: &Program, time: Duration) -> Waiting {
    let mut world = World { fetches: [Fetched::Waits].into(), ..World::default() };
    match engine.begin(program, &Arc::new(request()), time, &mut world).unwrap() {
        Step::Waits(waiting) => waiting,
        Step::Done(response) => panic!("{response:?}"),
    }
}

fn told(text: &'static str) -> Fetched {
    Fetched::Answer(FetchAnswer { status: 200, headers: Vec::new(), body: text.into() })
}

fn go_on(engine: &Engine, waiting: Waiting, answer: &'static str, then: Option<Fetched>) -> Step {
    let mut world = World { fetches: then.into_iter().collect(), ..World::default() };
    engine.go_on(waiting, Brought::Fetched(told(answer)), &mut world).unwrap()
}

fn body(step: Step) -> String {
    match step {
        Step::Done(response) => String::from_utf8(response.body.to_vec()).unwrap(),
        Step::Waits(waiting) => panic!("{waiting:?}"),
    }
}

#[test]
fn calls_that_wait_go_on_where_they_were_each_by_itself_on_any_thread() {
    let (engine, program) = (engine(), compile(TWO));
    // More than are kept ready.
    let waiting: Vec<Waiting> = (0..40).map(|_| begin(&engine, &program, TIME)).collect();
    let second: Vec<Waiting> = thread::scope(|scope| {
        let goes_on = |waiting| match go_on(&engine, waiting, "one", Some(Fetched::Waits)) {
            Step::Waits(waiting) => waiting,
            Step::Done(response) => panic!("{response:?}"),
        };
        let threads: Vec<_> = waiting.into_iter().rev().map(|waiting| scope.spawn(move || goes_on(waiting))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for waiting in second {
        assert_eq!(body(go_on(&engine, waiting, "two", None)), r#"[1,0,2,"one","two"]"#);
    }
}

#[test]
fn a_call_that_nobody_goes_on_with_leaves_nothing() {
    let (engine, program) = (engine(), compile(TWO));
    for _ in 0..40 {
        drop(begin(&engine, &program, TIME));
        let waiting = begin(&engine, &program, TIME);
        assert_eq!(body(go_on(&engine, waiting, "one", Some(told("two")))), r#"[1,0,2,"one","two"]"#);
    }
}

#[test]
fn the_time_goes_on_while_a_call_waits() {
    let (engine, program) = (engine(), compile(TWO));
    let time = Duration::from_millis(50);
    let mut world = World { fetches: [Fetched::Waits].into(), ..World::default() };
    let begun = engine.begin(&program, &Arc::new(request()), time, &mut world);
    // On a busy machine it is over before.
    let failed = match begun {
        Ok(Step::Waits(waiting)) => {
            let since = Instant::now();
            while since.elapsed() < time {
                thread::yield_now();
            }
            engine.go_on(waiting, Brought::Fetched(told("one")), &mut World::default()).map(|_| ())
        }
        other => other.map(|_| ()),
    };
    assert_eq!(failed.unwrap_err(), Failure::Time { limit: time });
}

#[test]
fn a_host_that_lets_a_call_wait_must_go_on_with_it() {
    let mut world = World { fetches: [Fetched::Waits].into(), ..World::default() };
    let failed = engine().call(&compile(TWO), &Arc::new(request()), TIME, &mut world).unwrap_err();
    assert_eq!(failed.to_string(), "nobody brings what it waits for");
}

#[test]
fn a_call_waits_for_its_data_where_the_host_has_it_wait() {
    let text = "export default async () => {
      const { data } = await db.from('tiles').select('x')
      const drawn = await image.png({ width: 1, height: 1, x: 'x', y: 'y', fallback: '#ff0000', rows: db.sql('select 1') })
      return [data, drawn.length > 50]
    }";
    let (engine, program) = (engine(), compile(text));
    let world = &mut World { waits: true, ..World::default() };
    let found = |body: &'static str| Brought::Found(DbAnswer { status: 200, body: body.into(), count: None });
    let mut step = engine.begin_at_once(&program, &Arc::new(request()), TIME, world).unwrap().unwrap();
    for body in [r#"[{"x":7}]"#, r#"[{"x":0,"y":0}]"#] {
        let Step::Waits(mut waiting) = step else { panic!("{step:?}") };
        waiting.may_take(TIME);
        step = engine.go_on(waiting, found(body), world).unwrap();
    }
    assert_eq!(self::body(step), r#"[[{"x":7}],true]"#);
    assert_eq!((world.asked.len(), world.statements.len()), (1, 1));
}

#[test]
fn a_part_of_a_call_may_take_as_long_as_is_said_for_it() {
    let (engine, program) =
        (engine(), compile("export default async () => { await db.from('x').select(); for (;;) ; }"));
    let world = &mut World { waits: true, ..World::default() };
    let begun = engine.begin_at_once(&program, &Arc::new(request()), TIME, world).unwrap().unwrap();
    let Step::Waits(mut waiting) = begun else { panic!("{begun:?}") };
    let limit = Duration::from_millis(5);
    waiting.may_take(limit);
    let answer = Brought::Found(DbAnswer { status: 200, body: "[]".into(), count: None });
    assert_eq!(engine.go_on(waiting, answer, world).unwrap_err(), Failure::Time { limit });
    // Its instance is ready again.
    assert!(engine.begin_at_once(&program, &Arc::new(request()), TIME, world).is_some());
}

#[test]
fn a_call_that_may_not_wait_for_an_instance_says_so() {
    let (engine, program) = (engine(), compile("export default async () => { await db.from('x').select() }"));
    let world = &mut World { waits: true, ..World::default() };
    let begun = engine.begin_at_once(&program, &Arc::new(request()), TIME, world).unwrap().unwrap();
    assert!(engine.begin_at_once(&program, &Arc::new(request()), TIME, world).is_none());
    drop(begun);
    assert!(engine.begin_at_once(&program, &Arc::new(request()), TIME, world).is_some());
}
