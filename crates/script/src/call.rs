//! One call, step by step.
//!
//! 1. The library's `call` runs the script's function with the request, up to where it first waits.
//! 2. What the script asked of its host is done, in its order, and its promises get the answers; then the script goes on. Where it has to wait
//!    for somebody else, the call stops, and goes on with the answer.
//! 3. When it waits for nothing more and asks for nothing more, its outcome is the call's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rquickjs::{CatchResultExt, CaughtError, Ctx, Function, IntoJs, Object, TypedArray, Value};

use crate::engine::Settings;
use crate::failure::{in_characters, place};
use crate::imports::Sources;
use crate::instance::Instance;
use crate::native::{failure, json};
use crate::state::{Asked, Shared};
use crate::{Brought, DbAnswer, Failure, Fetched, Host, Request, Response, image};

/// What a call is made with.
pub(crate) struct Call<'a> {
    /// The library's function that begins it: `call` or `produce`.
    pub(crate) begin: &'static str,
    pub(crate) request: Arc<Request>,
    pub(crate) time: Duration,
    pub(crate) host: &'a mut dyn Host,
    /// What takes the batches of a generator.
    pub(crate) each: &'a mut dyn FnMut(Bytes) -> Result<(), String>,
    /// What the call waited for, and what it goes on with; none at its beginning.
    pub(crate) answer: Option<(Wait, Brought)>,
}

/// How far a call came.
pub(crate) enum Stop {
    Done(Response),
    Waits(Wait),
}

/// What a call waits for.
pub(crate) struct Wait {
    /// The number of the promise.
    id: u32,
    /// How the rows are to be drawn, if they are.
    picture: Option<String>,
}

/// Runs a call in an instance, or goes on with it, and says where in its `sources` a failure happened.
pub(crate) fn run(
    instance: &mut Instance,
    settings: &Settings,
    sources: &Sources,
    mut call: Call<'_>,
) -> Result<Stop, Failure> {
    let shared = Arc::clone(&instance.shared);
    if call.answer.is_none() {
        instance.heap.begin();
        let mut seed = [0; 32];
        call.host.random(&mut seed);
        shared.state.lock().begin(Some(Arc::clone(&call.request)), seed);
        shared.clock.begin(call.time);
    }
    let outcome = instance.heap.run(|ctx, root| steps(ctx, root, &shared, &mut call));
    if matches!(outcome, Ok(Stop::Waits(_))) && !instance.heap.ran_out() && !shared.clock.was_over() {
        return outcome;
    }
    // What was logged before a failure is what helps to understand it.
    while let Some(asked) = shared.state.lock().next() {
        if let Asked::Log(level, text) = asked {
            call.host.log(level, &text);
        }
    }
    let memory = Failure::Memory { limit_bytes: settings.memory_bytes };
    match outcome {
        Err(Failure::Ended) => Err(Failure::Ended),
        // What the script made of it does not count: it may have caught the engine's error.
        _ if instance.heap.ran_out() => Err(memory),
        _ if shared.clock.was_over() => Err(Failure::Time { limit: call.time }),
        Err(Failure::Thrown { message, stack, .. }) => Err(match message.as_str() {
            "RangeError: Maximum call stack size exceeded" => Failure::Stack { limit_bytes: settings.stack_bytes },
            // More than a billion letters.
            "InternalError: string too long" => memory,
            _ => Failure::Thrown { message, at: place(&stack, sources), stack: in_characters(&stack, sources) },
        }),
        other => other,
    }
}

fn steps<'js>(ctx: &Ctx<'js>, root: &Object<'js>, shared: &Shared, call: &mut Call<'_>) -> Result<Stop, Failure> {
    match call.answer.take() {
        None => {
            let begun = root.get::<_, Function<'js>>(call.begin).and_then(|begin| begin.call::<_, ()>(()));
            begun.catch(ctx).map_err(|error| thrown(ctx, root, error))?;
        }
        Some((Wait { id, picture }, brought)) => {
            let answer = match brought {
                Brought::Found(answer) => rows(ctx, answer, picture.as_deref()),
                Brought::Fetched(fetched) => answered(ctx, fetched),
            };
            settle(ctx, root, shared, id, answer)?;
        }
    }
    loop {
        jobs(ctx, shared, call.time)?;
        let Some(asked) = shared.state.lock().next() else { break };
        if let Some(wait) = perform(ctx, root, shared, asked, call)? {
            return Ok(Stop::Waits(wait));
        }
        ctx.catch();
    }
    let mut state = shared.state.lock();
    let lost = state.rejected.first().map(|(_, text)| text.clone());
    match (state.outcome.take(), lost) {
        (Some(Ok(_)), Some(text)) => Err(failed(format!("a promise was rejected and nobody waited for it: {text}"))),
        (Some(outcome), _) => outcome.map(Stop::Done),
        (None, _) => {
            Err(failed("the script awaits something that never comes: no promise is left to settle".to_owned()))
        }
    }
}

/// Runs what can run without the host.
fn jobs(ctx: &Ctx<'_>, shared: &Shared, limit: Duration) -> Result<(), Failure> {
    loop {
        if shared.clock.was_over() {
            return Err(Failure::Time { limit });
        }
        if !ctx.execute_pending_job() {
            return Ok(());
        }
        shared.clock.is_over();
    }
}

/// Does what the script asks for, and settles its promise, or says which one has to wait.
fn perform<'js>(
    ctx: &Ctx<'js>,
    root: &Object<'js>,
    shared: &Shared,
    asked: Asked,
    call: &mut Call<'_>,
) -> Result<Option<Wait>, Failure> {
    let ended = |_| Failure::Ended;
    let (id, answer) = match asked {
        Asked::Log(level, text) => {
            call.host.log(level, &text);
            return Ok(None);
        }
        Asked::Database { id, request, picture } => {
            let Some(answer) = call.host.database(&request).map_err(ended)? else {
                return Ok(Some(Wait { id, picture }));
            };
            (id, rows(ctx, answer, picture.as_deref()))
        }
        Asked::Sql { id, text, params, picture } => {
            let Some(answer) = call.host.sql(&text, &params).map_err(ended)? else {
                return Ok(Some(Wait { id, picture }));
            };
            (id, rows(ctx, answer, picture.as_deref()))
        }
        Asked::Fetch { id, request } => match call.host.fetch(request).map_err(ended)? {
            Fetched::Waits => return Ok(Some(Wait { id, picture: None })),
            fetched => (id, answered(ctx, fetched)),
        },
        Asked::Picture { id, options, rows } => (id, drawn(ctx, &options, rows.as_bytes())),
        Asked::Batch { id, rows } => {
            let taken = (call.each)(rows).map_err(Refused::Message);
            (id, taken.map(|()| Value::new_undefined(ctx.clone())))
        }
    };
    settle(ctx, root, shared, id, answer).map(|()| None)
}

/// Settles a promise of the script's.
fn settle<'js>(
    ctx: &Ctx<'js>,
    root: &Object<'js>,
    shared: &Shared,
    id: u32,
    answer: Result<Value<'js>, Refused>,
) -> Result<(), Failure> {
    shared.clock.is_over();
    let settle = root.get::<_, Function<'js>>("settle");
    let settled = settle.and_then(|settle| match answer {
        Ok(value) => settle.call::<_, ()>((id, Value::new_undefined(ctx.clone()), value)),
        Err(Refused::Message(message)) => settle.call::<_, ()>((id, message)),
        Err(Refused::Engine(error)) => Err(error),
    });
    settled.catch(ctx).map_err(|error| thrown(ctx, root, error))
}

/// Why something that was asked for gives no value.
enum Refused {
    /// The promise is rejected.
    Message(String),
    /// The engine could not make the value: the memory is used up.
    Engine(rquickjs::Error),
}

/// The answer of the database as the library takes it: `[status, rows, count]`, or the picture of the rows.
fn rows<'js>(ctx: &Ctx<'js>, answer: DbAnswer, picture: Option<&str>) -> Result<Value<'js>, Refused> {
    if let Some(options) = picture.filter(|_| answer.status < 400) {
        return drawn(ctx, options, &answer.body);
    }
    let make = || {
        let body = if answer.body.is_empty() { Value::new_null(ctx.clone()) } else { json(ctx, &answer.body)? };
        let count =
            answer.count.map_or(Value::new_null(ctx.clone()), |count| Value::new_number(ctx.clone(), count as f64));
        vec![Value::new_int(ctx.clone(), answer.status.into()), body, count].into_js(ctx)
    };
    make().map_err(Refused::Engine)
}

fn drawn<'js>(ctx: &Ctx<'js>, options: &str, rows: &[u8]) -> Result<Value<'js>, Refused> {
    let picture = image::png(options, rows).map_err(Refused::Message)?;
    TypedArray::<u8>::new_copy(ctx.clone(), picture).map(TypedArray::into_value).map_err(Refused::Engine)
}

/// What became of a `fetch`, as the library takes it: `[status, headers, body]`, or null.
fn answered<'js>(ctx: &Ctx<'js>, fetched: Fetched) -> Result<Value<'js>, Refused> {
    let answer = match fetched {
        Fetched::Answer(answer) => answer,
        Fetched::AfterCommit => return Ok(Value::new_null(ctx.clone())),
        Fetched::Failed(message) => return Err(Refused::Message(message)),
        Fetched::Waits => return Err(Refused::Message("nothing became of it".to_owned())),
    };
    let flat: Vec<String> = answer.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let make = || {
        let body = TypedArray::<u8>::new_copy(ctx.clone(), &answer.body)?.into_value();
        vec![Value::new_int(ctx.clone(), answer.status.into()), flat.into_js(ctx)?, body].into_js(ctx)
    };
    make().map_err(Refused::Engine)
}

/// What was thrown where nothing of the script catches it.
fn thrown<'js>(ctx: &Ctx<'js>, root: &Object<'js>, error: CaughtError<'js>) -> Failure {
    let value = match error {
        CaughtError::Exception(exception) => exception.into_object().into_value(),
        CaughtError::Value(value) => value,
        CaughtError::Error(error) => return failed(error.to_string()),
    };
    let described =
        root.get::<_, Function<'js>>("describe").and_then(|describe| describe.call::<_, Vec<Value<'js>>>((value,)));
    let failure = described.and_then(|parts| failure(&parts));
    failure.catch(ctx).unwrap_or_else(|error| failed(error.to_string()))
}

fn failed(message: String) -> Failure {
    Failure::Thrown { message, at: None, stack: String::new() }
}
