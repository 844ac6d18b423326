//! One of the passes over an app: compiles the scripts that its manifest names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pintle_model::{Diagnostic, Model, RouteAnswer, RouteId, ScriptFile, Severity, SourceFile, Span};
use pintle_script::{Engine, Mistake, Program};
use pintle_server::{Environment, Scripts};

/// Compiles every script, also the one that makes sample data; mistakes come file by file. `folder` is the manifest's, as the user would write it, and `file` reads
/// what a script imports.
pub(crate) fn compile(
    model: &Model,
    environment: &Environment,
    folder: &Path,
    file: &dyn Fn(&str) -> Result<String, String>,
) -> (Scripts, Vec<Diagnostic>) {
    let engine = Engine::new(settings(model, environment));
    let mut pass = Pass { engine: &engine, folder, file, done: BTreeMap::new(), found: Vec::new() };
    let mut programs = BTreeMap::new();
    for (at, route) in model.routes.iter().enumerate() {
        if let RouteAnswer::Script(script) = &route.answer
            && let Some(program) = pass.program(script)
        {
            programs.insert(RouteId(at), program);
        }
    }
    model.seed.as_ref().and_then(|script| pass.program(script));
    let found = pass.found;
    (Scripts { engine: Arc::new(engine), programs }, found)
}

pub(crate) fn settings(model: &Model, environment: &Environment) -> pintle_script::Settings {
    let (scripts, bytes) = (&model.scripts, |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX));
    let set = |name: &String| environment.get(name).map(|value| (name.clone(), value.to_owned()));
    pintle_script::Settings {
        memory_bytes: bytes(scripts.limits.memory_bytes),
        stack_bytes: bytes(scripts.limits.stack_bytes),
        environment: scripts.environment.iter().filter_map(set).collect(),
        ..pintle_script::Settings::default()
    }
}

struct Pass<'a> {
    engine: &'a Engine,
    folder: &'a Path,
    file: &'a dyn Fn(&str) -> Result<String, String>,
    /// What was compiled, by its path; nothing where that failed.
    done: BTreeMap<String, Option<Program>>,
    found: Vec<Diagnostic>,
}

impl Pass<'_> {
    fn program(&mut self, script: &ScriptFile) -> Option<Program> {
        let SourceFile { path, text } = &*script.file;
        if let Some(done) = self.done.get(path) {
            return done.clone();
        }
        let compiled = self.engine.compile(path, text, self.file);
        let program = compiled
            .map_err(|mistakes| {
                for mistake in mistakes {
                    let diagnostic = diagnostic(self.folder, self.file, mistake);
                    // A file that several scripts import has its mistakes once.
                    if !self.found.contains(&diagnostic) {
                        self.found.push(diagnostic);
                    }
                }
            })
            .ok();
        self.done.insert(path.clone(), program.clone());
        program
    }
}

/// A mistake as a diagnostic. `folder` is the app's, as the user would write it, and `file` reads what stands in it.
pub(crate) fn diagnostic(folder: &Path, file: &dyn Fn(&str) -> Result<String, String>, mistake: Mistake) -> Diagnostic {
    // It was read to be compiled.
    let text = file(&mistake.path).unwrap_or_default();
    let path = folder.join(&mistake.path).display().to_string();
    let span = span(&text, mistake.line, mistake.column);
    Diagnostic {
        severity: Severity::Error,
        message: mistake.message,
        label: None,
        help: mistake.help,
        file: Arc::new(SourceFile { path, text }),
        span,
    }
}

/// The character at a line and a column, both from 1.
fn span(text: &str, line: u32, column: u32) -> Span {
    let before = |number: u32| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(before(line)).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let (at, length) = line.char_indices().nth(before(column)).map_or((line.len(), 0), |(at, c)| (at, c.len_utf8()));
    Span { start: start + at, end: start + at + length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_character_of_the_text_or_the_end_of_its_line() {
        let text = "aé\nb√c\n";
        let at = |line, column| {
            let Span { start, end } = span(text, line, column);
            (start, &text[start..end])
        };
        assert_eq!((at(1, 2), at(2, 2)), ((1, "é"), (5, "√")));
        assert_eq!((at(1, 9), at(9, 1)), ((3, ""), (text.len(), "")));
    }
}
