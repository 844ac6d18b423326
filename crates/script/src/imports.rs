//! Where imports lead: to files of the app's folder, or inside the library.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Result};

use crate::Mistake;
use crate::library::{self, LIBRARY};

/// The texts of an app's scripts, by path.
pub(crate) type Sources = BTreeMap<String, String>;

/// An import: by which file, as what it is written, which file it is.
pub(crate) type Import = (String, String, String);

/// What imports were met, shared by the resolver and the loader of one engine.
#[derive(Default)]
pub(crate) struct Met {
    pub(crate) imports: Vec<Import>,
    pub(crate) mistakes: Vec<Mistake>,
    /// Whether the app is loaded, so that nothing new may come.
    pub(crate) sealed: bool,
}

/// Finds files and their texts.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) sources: Arc<Sources>,
    pub(crate) met: Arc<Mutex<Met>>,
}

impl Resolver for Files {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if base.starts_with(LIBRARY) {
            return Ok(format!("{LIBRARY}{}", name.trim_start_matches("./")));
        }
        let mut met = self.met.lock();
        match resolved(base, name) {
            Ok(path) => {
                met.imports.push((base.to_owned(), name.to_owned(), path.clone()));
                Ok(path)
            }
            Err((message, help)) if met.sealed => Err(Exception::throw_type(ctx, &format!("{message}: {help}"))),
            Err((message, help)) => {
                let text = self.sources.get(base).map_or("", String::as_str);
                let (line, column) = place_of_import(text, name);
                met.mistakes.push(Mistake {
                    path: base.to_owned(),
                    line,
                    column,
                    message,
                    help: Some(help.to_owned()),
                });
                // An empty module, so that more mistakes may be found.
                Ok(format!("{LIBRARY}nothing"))
            }
        }
    }
}

impl Loader for Files {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if let Some(file) = name.strip_prefix(LIBRARY) {
            return library::module(ctx, file);
        }
        if self.met.lock().sealed {
            let message = format!("{name} was not imported when the app was loaded: import it at the top of a file");
            return Err(Exception::throw_type(ctx, &message));
        }
        let text = self.sources.get(name).map_or("", String::as_str);
        Module::declare(ctx.clone(), name, text).map_err(|error| match error {
            Error::InvalidString(_) => Exception::throw_syntax(ctx, &format!("{name} holds a character NUL")),
            other => other,
        })
    }
}

/// The path that `import "name"` in the file `base` means, or what is wrong with it and what would be right.
pub(crate) fn resolved(base: &str, name: &str) -> std::result::Result<String, (String, &'static str)> {
    if !name.starts_with("./") && !name.starts_with("../") {
        return Err((
            format!("{name:?} is no path of a file"),
            "imports begin with `./` or `../`, as in `import { x } from \"./util.js\"`",
        ));
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err((
                        format!("{name:?} is outside of the app's folder"),
                        "scripts import files of their app only",
                    ));
                }
            }
            _ => parts.push(part),
        }
    }
    let path = parts.join("/");
    if path.ends_with(".js") || path.ends_with(".mjs") {
        Ok(path)
    } else {
        Err((
            format!("{name:?} is no JavaScript file"),
            "imported files end with `.js` or `.mjs`, and that stands in the import too",
        ))
    }
}

/// Line and column of the string that an import names, or of the file's beginning.
pub(crate) fn place_of_import(text: &str, name: &str) -> (u32, u32) {
    for (at, line) in text.lines().enumerate() {
        for quote in ['"', '\''] {
            if let Some(found) = line.find(&format!("{quote}{name}{quote}")) {
                return (number(at + 1), number(line[..found].chars().count() + 1));
            }
        }
    }
    (1, 1)
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
