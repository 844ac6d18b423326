//! The engine: compiles scripts, calls them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::call::{Call, Stop, Wait, run};
use crate::imports::{Sources, place_of_import};
use crate::instance::{Instance, NotLoaded, load};
use crate::pool::Pool;
use crate::{Brought, Failure, Host, Mistake, Request, Response};

/// What of the calling thread's stack a script may take at most: threads have 2 MiB.
const STACK_BYTES_MAX: usize = 1 << 20;

/// What calls may take, and what scripts see of the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of memory that a call may take. Default 64 MiB.
    pub memory_bytes: usize,
    /// Bytes of stack that a call may take, at most 1 MiB: the calling thread must have 256 KiB more. Default 256 KiB.
    pub stack_bytes: usize,
    /// Bytes that an answer may have. Default 32 MiB.
    pub output_bytes: usize,
    /// How many instances of a program are kept ready, once so many calls came at once; one takes about 1 MiB. Default 16.
    pub ready: usize,
    /// What scripts see as `env`: names and values.
    pub environment: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            memory_bytes: 64 << 20,
            stack_bytes: 256 << 10,
            output_bytes: 32 << 20,
            ready: 16,
            environment: Vec::new(),
        }
    }
}

/// Compiles scripts and calls them; shared by all threads.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
}

/// A compiled script with all that it imports, of one engine. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    inner: Arc<Inner>,
}

struct Inner {
    files: Vec<String>,
    sources: Arc<Sources>,
    instances: Pool,
}

impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Program").field(&self.inner.files).finish()
    }
}

impl Program {
    /// The script's path in the app's folder.
    pub fn path(&self) -> &str {
        &self.inner.files[0]
    }

    /// Every file that it is made of, itself first.
    pub fn files(&self) -> &[String] {
        &self.inner.files
    }
}

impl Engine {
    /// An engine with these settings.
    pub fn new(settings: Settings) -> Engine {
        let stack_bytes = settings.stack_bytes.min(STACK_BYTES_MAX);
        Engine { settings: Settings { stack_bytes, ..settings } }
    }

    /// Compiles the script `text` of the file `path` (relative to the app's folder, with `/`), and runs its top level. `file` gives the
    /// text of another file of the folder, or says why it does not.
    ///
    /// # Errors
    /// What is wrong with it: its grammar, its imports, what its top level throws, a default export that is missing or no function.
    pub fn compile(
        &self,
        path: &str,
        text: &str,
        file: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Program, Vec<Mistake>> {
        let mut sources: Sources = BTreeMap::from([(path.to_owned(), text.to_owned())]);
        loop {
            let known = Arc::new(sources.clone());
            let wanted = match load(path, &known, &self.settings) {
                Ok(first) => {
                    let others = known.keys().filter(|file| *file != path).cloned();
                    let files = std::iter::once(path.to_owned()).chain(others).collect();
                    let inner = Inner { files, sources: known, instances: Pool::new(first) };
                    return Ok(Program { inner: Arc::new(inner) });
                }
                Err(NotLoaded::Wrong(mistakes)) => return Err(mistakes),
                Err(NotLoaded::Wants(wanted)) => wanted,
            };
            let mut mistakes = Vec::new();
            for (base, written, wanted) in wanted {
                if sources.contains_key(&wanted) {
                    continue;
                }
                match file(&wanted) {
                    Ok(text) => drop(sources.insert(wanted, text)),
                    Err(why) => {
                        let (line, column) = place_of_import(&known[&base], &written);
                        let message = format!("{wanted} cannot be imported: {why}");
                        mistakes.push(Mistake { path: base, line, column, message, help: None });
                    }
                }
            }
            if !mistakes.is_empty() {
                return Err(mistakes);
            }
        }
    }

    /// Runs the program's default export for one request, for at most `time`, with a host that lets nothing wait. Blocks.
    ///
    /// # Errors
    /// [`Failure`]: the call has no answer, and what it wrote must not be kept.
    pub fn call(
        &self,
        program: &Program,
        request: &Arc<Request>,
        time: Duration,
        host: &mut dyn Host,
    ) -> Result<Response, Failure> {
        match self.begin(program, request, time, host)? {
            Step::Done(response) => Ok(response),
            Step::Waits(_) => Err(thrown("nobody brings what it waits for".to_owned())),
        }
    }

    /// As [`Engine::call`], up to where the host lets it wait. The time goes on meanwhile.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn begin(
        &self,
        program: &Program,
        request: &Arc<Request>,
        time: Duration,
        host: &mut dyn Host,
    ) -> Result<Step, Failure> {
        let each = &mut |_| Err(NO_SEED.to_owned());
        self.run(program, Call { begin: "call", request: Arc::clone(request), time, host, each, answer: None })
    }

    /// As [`Engine::begin`] where an instance is ready, so that it never waits for one; else `None`.
    pub fn begin_at_once(
        &self,
        program: &Program,
        request: &Arc<Request>,
        time: Duration,
        host: &mut dyn Host,
    ) -> Option<Result<Step, Failure>> {
        let instance = program.inner.instances.idle()?;
        let each = &mut |_| Err(NO_SEED.to_owned());
        let call = Call { begin: "call", request: Arc::clone(request), time, host, each, answer: None };
        Some(self.run_in(program, instance, call))
    }

    /// Goes on with a call that waited, from whatever thread, with what it waited for.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn go_on(&self, mut waiting: Waiting, brought: Brought, host: &mut dyn Host) -> Result<Step, Failure> {
        let (Some(instance), Some(wait)) = (waiting.instance.take(), waiting.wait.take()) else {
            return Err(thrown("it has ended".to_owned()));
        };
        waiting.program.inner.instances.back();
        let (request, time) = (Arc::default(), waiting.time);
        let each = &mut |_| Err(NO_SEED.to_owned());
        let call = Call { begin: "call", request, time, host, each, answer: Some((wait, brought)) };
        self.run_in(&waiting.program, instance, call)
    }

    /// Runs the program's default export, a generator, with `params`, a JSON object, and hands each value that it yields to `each`, as JSON. For
    /// at most `time`. What `each` refuses is thrown into the generator; members of `params` that it does not ask for are a mistake.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn produce(
        &self,
        program: &Program,
        params: Bytes,
        time: Duration,
        host: &mut dyn Host,
        each: &mut dyn FnMut(Bytes) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let request = Arc::new(Request { params, ..Request::default() });
        let call = Call { begin: "produce", request, time, host, each, answer: None };
        match self.run(program, call)? {
            Step::Done(_) => Ok(()),
            Step::Waits(_) => Err(thrown("nobody brings what it waits for".to_owned())),
        }
    }

    fn run(&self, program: &Program, call: Call<'_>) -> Result<Step, Failure> {
        let Inner { sources, instances, .. } = &*program.inner;
        let idle = instances.take(self.settings.ready);
        let loaded = idle.map_or_else(|| load(program.path(), sources, &self.settings), Ok);
        let instance = loaded.map_err(|error| {
            instances.put(None, self.settings.ready);
            not_loaded(error)
        })?;
        self.run_in(program, instance, call)
    }

    fn run_in(&self, program: &Program, mut instance: Instance, call: Call<'_>) -> Result<Step, Failure> {
        let Inner { sources, instances, .. } = &*program.inner;
        let (time, ready) = (call.time, self.settings.ready);
        let run = AssertUnwindSafe(|| run(&mut instance, &self.settings, sources, call));
        let fault = |_| Err(thrown("the server has a fault: a panic in a call of this script".to_owned()));
        let done = match catch_unwind(run).unwrap_or_else(fault) {
            Ok(Stop::Waits(wait)) => {
                instances.away();
                let (program, instance, wait) = (program.clone(), Some(instance), Some(wait));
                return Ok(Step::Waits(Waiting { program, instance, wait, time, ready }));
            }
            Ok(Stop::Done(response)) => Ok(Step::Done(response)),
            Err(failure) => Err(failure),
        };
        instance.heap.end();
        instances.put(Some(instance).filter(|instance| !instance.heap.is_broken()), ready);
        done
    }
}

/// What a call's `yield` comes to, which only seeds have.
const NO_SEED: &str = "only a seed is a generator";

/// How far a call came.
#[derive(Debug)]
pub enum Step {
    /// To its answer.
    Done(Response),
    /// To where it waits for what its host has been asked for.
    Waits(Waiting),
}

/// A call that waits. Dropped, it has ended.
pub struct Waiting {
    program: Program,
    instance: Option<Instance>,
    wait: Option<Wait>,
    time: Duration,
    ready: usize,
}

impl Waiting {
    /// From now on it may run for so long, whatever it has taken before.
    pub fn may_take(&mut self, time: Duration) {
        self.time = time;
        if let Some(instance) = &self.instance {
            instance.shared.clock.begin(time);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Waiting").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(mut instance) = self.instance.take() {
            instance.heap.end();
            let instances = &self.program.inner.instances;
            instances.back();
            instances.put(Some(instance), self.ready);
        }
    }
}

/// What was loaded once and is not again.
fn not_loaded(error: NotLoaded) -> Failure {
    match error {
        NotLoaded::Wrong(mistakes) => thrown(mistakes.into_iter().map(|m| m.message).collect::<Vec<_>>().join("; ")),
        NotLoaded::Wants(_) => thrown("a file of the script is gone".to_owned()),
    }
}

fn thrown(message: String) -> Failure {
    Failure::Thrown { message, at: None, stack: String::new() }
}
