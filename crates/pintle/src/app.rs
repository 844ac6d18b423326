//! Finds an app, reads its manifest and checks it, in the same passes for every command.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintle_model::{Diagnostic, Model, Severity};
use pintle_query::{Dialect, Planner};
use pintle_server::Scripts;
use pintle_store::Location;

use crate::environment;
use crate::failure::Failure;
use crate::place::StoreArg;
use crate::report;
use crate::scripts;
use crate::ui::{self, Look};

/// The manifest's name in an app's folder.
pub(crate) const MANIFEST: &str = "pintle.yaml";

/// An app, checked.
#[derive(Debug)]
pub(crate) struct App {
    /// What the user called it: a folder or a manifest.
    pub(crate) given: PathBuf,
    /// The folder that the manifest stands in.
    pub(crate) folder: PathBuf,
    /// Its manifest, typed, with its policies compiled.
    pub(crate) planner: Arc<Planner>,
    /// Differs when a file differs that was read: the manifest, or one that it names.
    pub(crate) fingerprint: u64,
    /// The files that the manifest names, and what those import, by their paths in the folder.
    pub(crate) named: BTreeSet<String>,
    /// The scripts of its routes, compiled.
    pub(crate) scripts: Scripts,
}

/// What the passes found.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The manifest's path.
    pub(crate) manifest: PathBuf,
    /// As [`App::fingerprint`], also of an app that is not right.
    pub(crate) fingerprint: u64,
    /// The app, unless a mistake forbids to serve it.
    pub(crate) app: Option<App>,
    /// Every mistake: those of the manifest in its order, then those of each other file.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl App {
    /// The app at a folder or a manifest, and where its data lives; mistakes go to standard error.
    pub(crate) fn load(given: &Path, store: &StoreArg) -> Result<(App, Location), Failure> {
        let location = store.location(&App::folder(given)?)?;
        Ok((App::load_at(given, location.dialect())?, location))
    }

    /// The app at a folder or a manifest, planned for a dialect; mistakes go to standard error.
    pub(crate) fn load_at(given: &Path, dialect: Dialect) -> Result<App, Failure> {
        let checked = App::check(given, dialect)?;
        report::tell(&checked);
        match checked.app {
            Some(app) => Ok(app),
            None => Err(Failure::new(report::verdict(&checked))),
        }
    }

    /// The manifest of the app at a folder or a manifest, whatever its SQL and its scripts are like.
    pub(crate) fn manifest(given: &Path) -> Result<Model, Failure> {
        let (folder, manifest) = find(given)?;
        let text = read(&manifest)?;
        let (model, diagnostics) =
            pintle_model::load(&manifest.display().to_string(), &text, &|path| beside(&folder, path));
        let wrong = diagnostics.iter().any(|d| d.severity == Severity::Error);
        if wrong {
            ui::err(&report::render(&diagnostics, Look::of_err()));
        }
        let checked = Checked { manifest, fingerprint: 0, app: None, diagnostics };
        model.filter(|_| !wrong).ok_or_else(|| Failure::new(report::verdict(&checked)))
    }

    /// Runs every pass over the app at a folder or a manifest.
    pub(crate) fn check(given: &Path, dialect: Dialect) -> Result<Checked, Failure> {
        let (folder, manifest) = find(given)?;
        let text = read(&manifest)?;
        let files = RefCell::new(DefaultHasher::new());
        text.hash(&mut *files.borrow_mut());
        let named = RefCell::new(BTreeSet::new());
        let file = |path: &str| {
            let found = beside(&folder, path);
            (path, &found).hash(&mut *files.borrow_mut());
            named.borrow_mut().insert(path.to_owned());
            found
        };
        let (model, mut diagnostics) = pintle_model::load(&manifest.display().to_string(), &text, &file);
        let (mut planner, mut compiled, mut of_scripts) = (None, None, Vec::new());
        if let Some(model) = model {
            // A variable that cannot be read is told where it is needed.
            let environment = environment::read(&model).unwrap_or_default();
            let beside_manifest = manifest.parent().unwrap_or(Path::new(""));
            let (scripts, found) = scripts::compile(&model, &environment, beside_manifest, &file);
            (compiled, of_scripts) = (Some(scripts), found);
            diagnostics.extend(missing_pages(&model, &folder));
            diagnostics.extend(unserved_pages(&model, &folder));
            match Planner::new(Arc::new(model), dialect) {
                Ok(made) => {
                    diagnostics.extend(made.pipelines_of_nobody());
                    planner = Some(Arc::new(made));
                }
                Err(more) => diagnostics.extend(more),
            }
        }
        let path = manifest.display().to_string();
        diagnostics.sort_by_cached_key(|d| (d.file.path != path, d.file.path.clone(), d.span.start));
        diagnostics.extend(of_scripts);
        let wrong = diagnostics.iter().any(|d| d.severity == Severity::Error);
        let made = planner.zip(compiled).filter(|_| !wrong);
        let fingerprint = files.borrow().finish();
        let named = named.take();
        let app = made.map(|(planner, scripts)| App {
            given: given.to_owned(),
            folder,
            planner,
            fingerprint,
            named,
            scripts,
        });
        Ok(Checked { manifest, fingerprint, app, diagnostics })
    }

    /// The folder of an app whose manifest does not matter.
    pub(crate) fn folder(given: &Path) -> Result<PathBuf, Failure> {
        Ok(find(given)?.0)
    }

    /// The text of a file in its folder, or why there is none.
    pub(crate) fn text(&self, path: &str) -> Result<String, String> {
        beside(&self.folder, path)
    }

    /// What it is made of.
    pub(crate) fn model(&self) -> &Arc<Model> {
        self.planner.model()
    }
}

/// An app's folder and its manifest.
fn find(given: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let shown = given.display();
    if given.is_dir() {
        let manifest = if given == Path::new(".") { PathBuf::from(MANIFEST) } else { given.join(MANIFEST) };
        if manifest.is_file() {
            return Ok((given.to_owned(), manifest));
        }
        let missing = Failure::new(format!("the folder `{shown}` is no app: it has no `{MANIFEST}`"));
        if given.join("pintle.yml").is_file() {
            return Err(missing.help("its manifest is called `pintle.yml`: rename it to `pintle.yaml`"));
        }
        return Err(missing.help("name the folder of an app, or make one: `pintle new DIR`"));
    }
    if given.is_file() {
        let folder = match given.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        return Ok((folder, given.to_owned()));
    }
    Err(absent(given))
}

/// Nothing is where an app should be.
pub(crate) fn absent(given: &Path) -> Failure {
    Failure::new(format!("there is no `{}`", given.display()))
        .help("name the folder of an app, or make one: `pintle new DIR`")
}

fn read(manifest: &Path) -> Result<String, Failure> {
    let shown = manifest.display();
    let bytes = std::fs::read(manifest).map_err(|error| Failure::because(format!("cannot read `{shown}`"), &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(format!("`{shown}` is no UTF-8 text: its byte {} belongs to no character", at + 1))
            .help("save it as UTF-8")
    })
}

/// Pages that the manifest speaks of and that are not there: whatever builds them may not have run yet.
fn missing_pages(model: &Model, folder: &Path) -> Option<Diagnostic> {
    let pages = model.pages.as_ref().filter(|pages| !folder.join(&pages.folder).is_dir())?;
    let of_service = model.services.iter().find(|service| model.services_named && service.pages);
    let span = if pages.given { pages.span } else { of_service?.span };
    Some(Diagnostic {
        severity: Severity::Warning,
        message: format!("there is no folder `{}`", pages.folder),
        label: None,
        help: Some("until there is, its pages are answered with 404".to_owned()),
        file: Arc::clone(&model.source),
        span,
    })
}

/// Pages that are there and that no service has. Where the manifest speaks of them, it is told with its other mistakes.
fn unserved_pages(model: &Model, folder: &Path) -> Option<Diagnostic> {
    let pages = model.pages.as_ref().filter(|pages| !pages.given && folder.join(&pages.folder).is_dir())?;
    if !model.services_named || model.services.iter().any(|service| service.pages) {
        return None;
    }
    Some(Diagnostic {
        severity: Severity::Error,
        message: format!("the pages in `{}` belong to no service", pages.folder),
        label: None,
        help: Some("write `pages: true` below one, or `public: none`".to_owned()),
        file: Arc::clone(&model.source),
        span: model.services.first()?.span,
    })
}

/// A file that the manifest names. Symbolic links do not lead out of the app's folder either.
fn beside(folder: &Path, path: &str) -> Result<String, String> {
    let reason = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::InvalidData => "it is no UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    let home = folder.canonicalize().map_err(reason)?;
    let file = folder.join(path).canonicalize().map_err(reason)?;
    if !file.starts_with(&home) {
        return Err("it lies outside the app's folder".to_owned());
    }
    std::fs::read_to_string(file).map_err(reason)
}
