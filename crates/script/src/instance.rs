//! One program, loaded into a heap of its own and ready to be called.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use rquickjs::module::Declared;
use rquickjs::promise::PromiseState;
use rquickjs::{CatchResultExt, CaughtError, Ctx, Exception, Function, Module, Object, Value};

use crate::engine::Settings;
use crate::failure::place;
use crate::imports::{Files, Import, Sources, place_of_import};
use crate::library::{BEGIN, LIBRARY};
use crate::memory::Heap;
use crate::state::Shared;
use crate::{Mistake, Place, native};

/// How long the top level of a script may run.
const LOAD_TIME: Duration = Duration::from_secs(2);
/// How long all that comes before may take: milliseconds, but on a machine that does much else.
const ENGINE_TIME: Duration = Duration::from_secs(60);

/// A program in a heap that goes back to its beginning after each call.
pub(crate) struct Instance {
    pub(crate) heap: Heap,
    pub(crate) shared: Arc<Shared>,
}

/// Why a program was not loaded.
pub(crate) enum NotLoaded {
    /// Files are imported that have no text yet.
    Wants(Vec<Import>),
    Wrong(Vec<Mistake>),
}

/// Loads the script `path` and what it imports from `sources`.
pub(crate) fn load(path: &str, sources: &Arc<Sources>, settings: &Settings) -> Result<Instance, NotLoaded> {
    let engine = |error: rquickjs::Error| wrong(path, format!("the engine does not start: {error}"));
    let shared = Shared::new(settings.output_bytes, settings.memory_bytes);
    shared.clock.begin(ENGINE_TIME);
    let clock = Arc::clone(&shared);
    let over = move || clock.clock.is_over();
    let mut heap = Heap::new(settings.memory_bytes, settings.stack_bytes, over).map_err(engine)?;
    let files = Files { sources: Arc::clone(sources), met: Arc::default() };
    heap.runtime().set_loader(files.clone(), files.clone());
    track_rejections(&heap, &shared);
    let kept = heap.keep(|ctx| {
        let module = declare(ctx, path, &files)?;
        let root = library(ctx, &shared, settings).map_err(engine)?;
        evaluate(ctx, path, module, &root, &files, &shared)?;
        Ok(root)
    });
    files.met.lock().sealed = true;
    if heap.ran_out() {
        return Err(wrong(path, format!("the top level wants more than {} bytes of memory", settings.memory_bytes)));
    }
    kept.map(|_| Instance { heap, shared })
}

/// Reads the script and what it imports, without running anything.
fn declare<'js>(ctx: &Ctx<'js>, path: &str, files: &Files) -> Result<Module<'js, Declared>, NotLoaded> {
    let text = files.sources.get(path).map_or("", String::as_str);
    let declared = Module::declare(ctx.clone(), path, text).catch(ctx);
    let mut met = files.met.lock();
    let wants = |(_, _, file): &&Import| !files.sources.contains_key(file);
    let wanted: Vec<Import> = met.imports.iter().filter(wants).cloned().collect();
    let module = match declared {
        Ok(module) => module,
        Err(error) => {
            let mistake = mistake_of(ctx, error, path, files, &met.imports, "");
            met.mistakes.push(mistake);
            return Err(NotLoaded::Wrong(std::mem::take(&mut met.mistakes)));
        }
    };
    if !wanted.is_empty() {
        return Err(NotLoaded::Wants(wanted));
    }
    if !met.mistakes.is_empty() {
        return Err(NotLoaded::Wrong(std::mem::take(&mut met.mistakes)));
    }
    Ok(module)
}

/// Puts the library into the context's global object; gives what Rust calls of it.
fn library<'js>(ctx: &Ctx<'js>, shared: &Arc<Shared>, settings: &Settings) -> rquickjs::Result<Object<'js>> {
    let (main, done) = Module::declare(ctx.clone(), format!("{LIBRARY}begin"), BEGIN)?.eval()?;
    done.finish::<()>()?;
    let environment = Object::new(ctx.clone())?;
    for (name, value) in &settings.environment {
        environment.set(name.as_str(), value.as_str())?;
    }
    let rehearsed: Value<'js> = main.get::<_, Function<'js>>("rehearse")?.call(())?;
    while ctx.execute_pending_job() {}
    let install: Function<'js> = main.get("install")?;
    install.call((native::functions(ctx, shared)?, environment, rehearsed))
}

/// Runs the top level, and gives the default export to the library.
fn evaluate<'js>(
    ctx: &Ctx<'js>,
    path: &str,
    module: Module<'js, Declared>,
    root: &Object<'js>,
    files: &Files,
    shared: &Shared,
) -> Result<(), NotLoaded> {
    shared.clock.begin(LOAD_TIME);
    let run = || -> rquickjs::Result<Option<Function<'js>>> {
        let (module, done) = module.eval()?;
        while done.state() == PromiseState::Pending && !shared.clock.is_over() && ctx.execute_pending_job() {}
        done.result::<()>().unwrap_or(Err(rquickjs::Error::WouldBlock))?;
        let main: Value<'js> = module.namespace()?.get("default")?;
        let Some(main) = main.into_function() else { return Ok(None) };
        root.get::<_, Function<'js>>("use")?.call::<_, ()>((main.clone(),))?;
        Ok(Some(main))
    };
    let done = run().catch(ctx);
    if shared.clock.was_over() {
        return Err(wrong(path, format!("the top level runs longer than {} s", LOAD_TIME.as_secs())));
    }
    match done {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            let help = "write `export default async function (request) { … }`".to_owned();
            let message = "the script has no default export that is a function".to_owned();
            Err(NotLoaded::Wrong(vec![Mistake { help: Some(help), ..first_line(path, message) }]))
        }
        Err(CaughtError::Error(rquickjs::Error::WouldBlock)) => {
            Err(wrong(path, "the top level awaits something that never comes".to_owned()))
        }
        Err(error) => {
            let imports = files.met.lock().imports.clone();
            Err(NotLoaded::Wrong(vec![mistake_of(ctx, error, path, files, &imports, "the top level threw ")]))
        }
    }
}

/// Notes promises that are rejected while nobody waits for them.
fn track_rejections(heap: &Heap, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    heap.runtime().set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, handled| {
        if shared.state.lock().request.is_none() {
            return;
        }
        // The value's bits: an object's address. It is not given to another promise while the call lasts, since one is leaked here
        // (the heap goes back to before).
        let mut hasher = DefaultHasher::new();
        promise.hash(&mut hasher);
        let key = hasher.finish();
        if handled {
            shared.state.lock().rejected.retain(|(rejected, _)| *rejected != key);
        } else {
            std::mem::forget(promise);
            let text = reason.as_exception().and_then(Exception::message);
            let text = text.or_else(|| reason.as_string().and_then(|text| text.to_string().ok()));
            ctx.catch();
            shared.state.lock().reject(key, || text.unwrap_or_else(|| "no Error".to_owned()));
        }
    })));
}

/// The mistake that an exception of the engine tells of.
fn mistake_of(
    ctx: &Ctx<'_>,
    error: CaughtError<'_>,
    path: &str,
    files: &Files,
    imports: &[Import],
    before: &str,
) -> Mistake {
    let exception = match &error {
        CaughtError::Exception(exception) => exception,
        CaughtError::Value(_) => return first_line(path, format!("{before}something that is no Error")),
        CaughtError::Error(error) => return first_line(path, format!("{before}{error}")),
    };
    let message = exception.message().unwrap_or_default();
    let name = exception.as_object().get::<_, String>("name").unwrap_or_default();
    ctx.catch();
    let place = place(&exception.stack().unwrap_or_default(), &files.sources);
    let Some(Place { path, line, column }) = place else {
        // A missing export: the engine names both, but not where they are imported.
        let import = imports.iter().find(|(_, _, file)| message.ends_with(&format!("'{file}'")));
        let Some((base, written, _)) = import else { return first_line(path, format!("{before}{name}: {message}")) };
        let (line, column) = place_of_import(files.sources.get(base).map_or("", String::as_str), written);
        return Mistake { path: base.clone(), line, column, message, help: None };
    };
    let message = if before.is_empty() { message } else { format!("{before}{name}: {message}") };
    Mistake { path, line, column, message, help: None }
}

fn first_line(path: &str, message: String) -> Mistake {
    Mistake { path: path.to_owned(), line: 1, column: 1, message, help: None }
}

fn wrong(path: &str, message: String) -> NotLoaded {
    NotLoaded::Wrong(vec![first_line(path, message)])
}
