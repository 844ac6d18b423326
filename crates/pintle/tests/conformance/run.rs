//! Runs a file's cases on each store, over HTTP, with the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::common::{Answer, App, Body, Place, Server};
use crate::expect::{self, Variables};
use crate::parse::{self, Case, Expected, File};

/// The folder of all cases.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance")
}

/// A file of cases by its path without `.hurl`: `reads/filters`.
#[derive(Debug, Clone)]
pub(crate) struct Suite(pub(crate) String);

impl Suite {
    /// Every file, in the order of their names.
    pub(crate) fn all() -> Vec<Suite> {
        let mut found = Vec::new();
        for folder in std::fs::read_dir(root()).expect("the cases' folder").map(|entry| entry.expect("an entry").path())
        {
            for file in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = file.expect("an entry").path();
                if path.extension().is_some_and(|extension| extension == "hurl") {
                    let name = path.strip_prefix(root()).expect("a path below it").with_extension("");
                    found.push(Suite(name.to_str().expect("a name in UTF-8").to_owned()));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// Its cases.
    pub(crate) fn read(&self) -> Result<File, String> {
        let text =
            std::fs::read_to_string(root().join(format!("{}.hurl", self.0))).map_err(|e| self.at(1, &e.to_string()))?;
        parse::parse(&text).map_err(|mistake| self.at(mistake.line, &mistake.what))
    }

    /// Its app: the manifest of its own name, else the folder's.
    fn manifest(&self) -> String {
        let own = root().join(format!("{}.yaml", self.0));
        let shared = root().join(&self.0).with_file_name("pintle.yaml");
        std::fs::read_to_string(&own).or_else(|_| std::fs::read_to_string(&shared)).expect("an app's manifest")
    }

    /// Puts the folders beside it (`routes`, `public`) into its app's.
    fn copy_folders(&self, to: &Path) {
        let home = root().join(&self.0);
        for entry in std::fs::read_dir(home.parent().expect("a folder")).expect("its folder").flatten() {
            if entry.path().is_dir() {
                crate::common::copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("conformance/{}.hurl:{line}: {what}", self.0)
    }

    /// Runs every case in each of these places, and compares what they answer.
    pub(crate) async fn run(&self, places: &[(Place, Way)]) -> Result<(), String> {
        let file = self.read()?;
        let mut runs: Vec<Run> = places.iter().map(|(place, way)| Run::start(self, &file, *place, *way)).collect();
        let mut failures = String::new();
        for case in &file.cases {
            let mut told: Vec<(String, String)> = Vec::new();
            for run in &mut runs {
                let failure = run.case(case).await.map_err(|what| self.at(case.line, &what))?;
                told.push((run.name.clone(), failure));
            }
            self.report(&mut failures, case, &told);
            if let ([one, other], None) =
                (runs.as_slice(), case.differs.iter().find(|difference| difference.place == "postgres"))
                && one.told != other.told
                && told.iter().all(|(_, failure)| failure.is_empty())
            {
                let (one, other) = (indented(&one.told), indented(&other.told));
                let what = format!("the stores answer differently\n\n  sqlite\n{one}\n  postgres\n{other}");
                let _ = writeln!(failures, "{}", self.at(case.line, &what));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// The same failure is told once.
    fn report(&self, failures: &mut String, case: &Case, told: &[(String, String)]) {
        let mut seen: Vec<&str> = Vec::new();
        for (_, failure) in told {
            if failure.is_empty() || seen.contains(&failure.as_str()) {
                continue;
            }
            seen.push(failure);
            let names: Vec<_> =
                told.iter().filter(|(_, other)| other == failure).map(|(name, _)| name.as_str()).collect();
            let _ = writeln!(failures, "{}\n\n{failure}", self.at(case.line, &format!("on {}", names.join(" and "))));
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// How requests come to the servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// To so many, which take turns.
    Direct(usize),
    /// Through a gateway to the app's services.
    Gateway,
}

/// An app that is served in one place.
struct Run {
    name: String,
    place: Place,
    servers: Vec<Server>,
    /// How many cases it has answered: replicas take turns.
    asked: usize,
    variables: Variables,
    /// The last answer, as it is compared with another place's.
    told: String,
    /// Its folder and its database last as long as it does.
    _app: App,
}

impl Run {
    fn start(suite: &Suite, file: &File, place: Place, way: Way) -> Run {
        let app = App::of(&suite.manifest()).on(place);
        suite.copy_folders(app.folder.path());
        let app = if let Way::Gateway = way { split(app) } else { app };
        let mut variables = Variables::new();
        for token in &file.tokens {
            let secret = app.token_of(&token.name, &token.role, token.user.as_deref());
            if token.revoked {
                let (code, _, err) = app.run(&["token", "revoke", &token.name]);
                assert_eq!((code, err.as_str()), (0, ""), "a token is revoked");
            }
            variables.insert(token.name.clone(), secret);
        }
        let words: Vec<&str> = file.serve.iter().map(String::as_str).collect();
        let environment =
            file.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
        let serve = || app.serve_with_in(&words, &environment);
        let (servers, name) = match way {
            Way::Direct(1) => (vec![serve()], place.name().to_owned()),
            Way::Direct(replicas) => {
                ((0..replicas).map(|_| serve()).collect(), format!("{} with {replicas} replicas", place.name()))
            }
            Way::Gateway => (vec![serve()], format!("{} behind a gateway", place.name())),
        };
        Run { name, place, servers, asked: 0, variables, told: String::new(), _app: app }
    }

    /// Sends a case's request: the picture of what is wrong with the answer, empty when nothing is.
    async fn case(&mut self, case: &Case) -> Result<String, String> {
        let answer = self.ask(case).await?;
        let means = |place: &str| match self.place {
            Place::Sqlite | Place::SqliteServices => false,
            Place::Postgres | Place::PostgresServices | Place::PostgresWithoutPostgis => place == "postgres",
            Place::EnglishPostgres => true,
        };
        // The last one is the most particular.
        let other = case.differs.iter().rfind(|difference| means(difference.place));
        let expected = other.map_or(&case.expected, |difference| &difference.expected);
        let differences = expect::differences(expected, &answer, &mut self.variables)?;
        self.told = expect::comparable(expected, &answer, &self.variables)?;
        if differences.is_empty() {
            return Ok(String::new());
        }
        Ok(picture(case, expected, &answer, &differences))
    }

    async fn ask(&mut self, case: &Case) -> Result<Answer, String> {
        let server = &self.servers[self.asked % self.servers.len()];
        self.asked += 1;
        let method = Method::from_bytes(case.method.as_bytes()).map_err(|error| error.to_string())?;
        let mut ask = server.ask(method, &expect::fill_path(&case.path, &self.variables)?);
        if let Some(body) = &case.body {
            // Only text can name something.
            let bytes = match std::str::from_utf8(body) {
                Ok(text) if text.contains("{{") => expect::fill(text, &self.variables)?.into_bytes(),
                _ => body.clone(),
            };
            let json = !case.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            ask = ask.body(Body::bare(bytes));
            if json {
                ask = ask.header("Content-Type", "application/json");
            }
        }
        for (name, value) in case.headers.iter().filter(|(_, value)| !value.is_empty()) {
            ask = ask.header(name, &expect::fill(value, &self.variables)?);
        }
        Ok(ask.await)
    }
}

/// The app, served as services: its first collection is one, and all else another where there is more. Where it names none
/// itself, they are written into its manifest.
fn split(app: App) -> App {
    let path = app.folder.path().join("pintle.yaml");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    let file = |name: &str| std::fs::read_to_string(app.folder.path().join(name)).map_err(|error| error.to_string());
    let (model, mistakes) = pintle_model::load("pintle.yaml", &text, &file);
    let model = model.unwrap_or_else(|| panic!("{mistakes:?}"));
    let own: Vec<_> = model.collections.iter().filter(|collection| !collection.system).collect();
    if model.services_named || own.len() < 2 {
        return app.by_services();
    }
    let pages = if model.pages.as_ref().is_some_and(|pages| pages.given) { ", pages: true" } else { "" };
    let first = &own[0].name;
    let rest = format!("{{ collections: '*', routes: '*', pipelines: '*'{pages} }}");
    app.manifest(&format!("{text}\nservices:\n  first: {{ collections: [{first}] }}\n  rest: {rest}\n"));
    app.by_services()
}

/// What was asked, what should have been answered, what was, and how they differ.
fn picture(case: &Case, expected: &Expected, answer: &Answer, differences: &[String]) -> String {
    let mut text = format!("  {} {}\n", case.method, case.path);
    let mut line = |what: &str| {
        let _ = writeln!(text, "    {what}");
    };
    for (name, value) in &case.headers {
        line(&format!("{name}: {value}"));
    }
    if let Some(body) = &case.body {
        line(&String::from_utf8_lossy(body));
    }
    line(&format!("\n  expected (line {})", expected.line));
    line(&format!("HTTP {}", expected.status));
    for (name, value) in &expected.headers {
        line(&format!("{name}: {value}"));
    }
    if let parse::Body::Json(body) | parse::Body::Exact(body) = &expected.body {
        line(body);
    }
    line("\n  got");
    line(&format!("HTTP {}", answer.status));
    for (name, _) in &expected.headers {
        if let Some(value) = answer.headers.get(name) {
            line(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    line(&answer.text);
    line("\n  difference");
    for difference in differences {
        line(difference);
    }
    text
}
