//! The engine: compiles scripts, calls them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rquickjs::{CatchResultExt, Context, Ctx, Function, Module, Runtime, Value};

use crate::{Body, Failure, Host, Mistake, Request, Response};

/// What calls may take, and what scripts see of the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of memory that a call may take.
    pub memory_bytes: usize,
    /// Bytes of stack that a call may take: the calling thread must have more.
    pub stack_bytes: usize,
    /// Bytes that an answer may have.
    pub output_bytes: usize,
    /// How many instances of a program are kept ready.
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
            ready: 4,
            environment: Vec::new(),
        }
    }
}

/// Compiles scripts and calls them; shared by all threads.
pub struct Engine {
    settings: Settings,
}

/// A compiled script with all that it imports. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Program {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: String,
    text: String,
    files: Vec<String>,
}

impl Program {
    /// The script's path in the app's folder.
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// Every file that it is made of, itself first.
    pub fn files(&self) -> &[String] {
        &self.inner.files
    }
}

impl Engine {
    /// An engine with these settings.
    pub fn new(settings: Settings) -> Engine {
        Engine { settings }
    }

    /// Compiles the script `text` of the file `path` (relative to the app's folder, with `/`). `file` gives the text of another file of the folder,
    /// or says why it does not.
    ///
    /// # Errors
    /// All that is wrong with it: its grammar, its imports, what its top level throws, a default export that is missing or no function.
    pub fn compile(
        &self,
        path: &str,
        text: &str,
        _file: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Program, Vec<Mistake>> {
        let inner = Inner { path: path.to_owned(), text: text.to_owned(), files: vec![path.to_owned()] };
        let program = Program { inner: Arc::new(inner) };
        let compiled = self.with_function(&program, None, |_, _| Ok(()));
        compiled.map(|()| program).map_err(|failure| {
            let (line, column, help) = (1, 1, None);
            vec![Mistake { path: path.to_owned(), line, column, message: failure.to_string(), help }]
        })
    }

    /// Runs the program's default export for one request, for at most `time`. Blocks.
    ///
    /// # Errors
    /// [`Failure`]: the call has no answer, and what it wrote must not be kept.
    pub fn call(
        &self,
        program: &Program,
        request: &Arc<Request>,
        time: Duration,
        _host: &mut dyn Host,
    ) -> Result<Response, Failure> {
        let body = self.with_function(program, Some(time), |ctx, function| {
            let body = match &request.body {
                Body::Json(json) => ctx.json_parse(json.to_vec())?,
                _ => Value::new_undefined(ctx.clone()),
            };
            let asked = rquickjs::Object::new(ctx.clone())?;
            asked.set("method", request.method)?;
            asked.set("path", &request.path)?;
            asked.set("body", body)?;
            let answer: rquickjs::promise::MaybePromise<'_> = function.call((asked,))?;
            let answer: Value<'_> = answer.finish()?;
            ctx.json_stringify(answer)?.map(|text| text.to_string()).transpose()
        })?;
        let content_type = body.is_some().then(|| "application/json".to_owned());
        let status = if body.is_some() { 200 } else { 204 };
        Ok(Response { status, headers: Vec::new(), content_type, body: Bytes::from(body.unwrap_or_default()) })
    }

    /// Runs the program's default export, an async generator, and hands each value that it yields to `each`, as JSON. For at most `time`.
    /// What `each` refuses is thrown into the generator.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn produce(
        &self,
        program: &Program,
        time: Duration,
        _host: &mut dyn Host,
        _each: &mut dyn FnMut(Bytes) -> Result<(), String>,
    ) -> Result<(), Failure> {
        self.with_function(program, Some(time), |_, _| Ok(()))
    }

    fn with_function<T>(
        &self,
        program: &Program,
        time: Option<Duration>,
        run: impl for<'js> FnOnce(&Ctx<'js>, Function<'js>) -> rquickjs::Result<T>,
    ) -> Result<T, Failure> {
        let thrown = |message: String| Failure::Thrown { message, at: None, stack: String::new() };
        let runtime = Runtime::new().map_err(|error| thrown(error.to_string()))?;
        runtime.set_memory_limit(self.settings.memory_bytes);
        runtime.set_max_stack_size(self.settings.stack_bytes);
        let end = time.map(|time| Instant::now() + time);
        runtime.set_interrupt_handler(Some(Box::new(move || end.is_some_and(|end| Instant::now() > end))));
        let context = Context::full(&runtime).map_err(|error| thrown(error.to_string()))?;
        context.with(|ctx| {
            let run = || {
                let module = Module::declare(ctx.clone(), program.path(), program.inner.text.as_str())?;
                let (module, done) = module.eval()?;
                done.finish::<()>()?;
                run(&ctx, module.get("default")?)
            };
            run().catch(&ctx).map_err(|error| thrown(error.to_string()))
        })
    }
}
