//! The library of JavaScript that scripts see.
//!
//! It is compiled once in a process, and instances load what was compiled: reading it again would take most of the time in which one is made. It
//! is kept without its text and its places, which nobody asks for, since each call copies all that an instance holds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Context, Ctx, Module, Result, Runtime};

/// What module names of the library begin with.
pub(crate) const LIBRARY: &str = "pintle:";

/// The module that begins it: its imports are found as a script's are.
pub(crate) const BEGIN: &str = "export { install, rehearse } from './main.js';";

/// Its files, each after those that it imports: so none is compiled twice.
const FILES: [(&str, &str); 16] = [
    ("native.js", include_str!("library/native.js")),
    ("errors.js", include_str!("library/errors.js")),
    ("request.js", include_str!("library/request.js")),
    ("builder.js", include_str!("library/builder.js")),
    ("bounds.js", include_str!("library/bounds.js")),
    ("crypto.js", include_str!("library/crypto.js")),
    ("csv.js", include_str!("library/csv.js")),
    ("db.js", include_str!("library/db.js")),
    ("fetch.js", include_str!("library/fetch.js")),
    ("image.js", include_str!("library/image.js")),
    ("log.js", include_str!("library/log.js")),
    ("response.js", include_str!("library/response.js")),
    ("url.js", include_str!("library/url.js")),
    ("warm.js", include_str!("library/warm.js")),
    ("web.js", include_str!("library/web.js")),
    ("main.js", include_str!("library/main.js")),
];

/// What the engine made of each file; nothing where it could not.
static COMPILED: OnceLock<BTreeMap<&'static str, Vec<u8>>> = OnceLock::new();

/// A file of the library; an empty module where there is none of this name.
#[expect(unsafe_code, reason = "loads what the engine of this process has written, and nothing else")]
pub(crate) fn module<'js>(ctx: &Ctx<'js>, file: &str) -> Result<Module<'js, Declared>> {
    let compiled = COMPILED.get_or_init(|| compiled().unwrap_or_default());
    match compiled.get(file) {
        // SAFETY: the same engine wrote it, from a file above, and nobody has changed it since.
        Some(code) => unsafe { Module::load(ctx.clone(), code) },
        None => text(ctx, file),
    }
}

fn text<'js>(ctx: &Ctx<'js>, file: &str) -> Result<Module<'js, Declared>> {
    let text = FILES.iter().find(|(known, _)| *known == file).map_or("", |(_, text)| text);
    Module::declare(ctx.clone(), format!("{LIBRARY}{file}"), text)
}

fn compiled() -> Result<BTreeMap<&'static str, Vec<u8>>> {
    let runtime = Runtime::new()?;
    runtime.set_loader(Texts, Texts);
    Context::full(&runtime)?.with(|ctx| {
        let bare = || WriteOptions { strip_source: true, strip_debug: true, ..WriteOptions::default() };
        FILES.iter().map(|(file, _)| Ok((*file, text(&ctx, file)?.write(bare())?))).collect()
    })
}

/// Finds the library's files as texts.
struct Texts;

impl Resolver for Texts {
    fn resolve<'js>(
        &mut self,
        _ctx: &Ctx<'js>,
        _base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        // As `text` declares it, or the engine would not know it again and compile it for each that imports it.
        Ok(format!("{LIBRARY}{}", name.trim_start_matches("./")))
    }
}

impl Loader for Texts {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        text(ctx, name.trim_start_matches(LIBRARY))
    }
}
