//! Migrations of a PostgreSQL schema.
//!
//! 1. One process at a time: the others wait, and then find nothing to do.
//! 2. What an interrupted migration left is gone on with.
//! 3. All that is quick is one transaction, with a row of history. It never waits long for a table's lock, since all
//!    others would wait behind it.
//! 4. What must read tables from end to end comes afterwards, piece by piece, while others read and write.

mod columns;
mod convert;
mod ddl;
mod extensions;
mod later;
mod plan;
mod session;
mod system;

use std::sync::Arc;

use pintle_model::{CollectionId, Model};
use pintle_query::{Dialect, Planner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use self::ddl::Postgres;
use self::extensions::Points;
use self::later::Work;
pub(super) use self::session::{Early, early};
use self::session::{Failed, Session};
use self::system::HISTORY;
pub(super) use self::system::TOLD;
use crate::migrate::diff::{Difference, diff, other_app};
use crate::migrate::review::{Review, quoted};
use crate::migrate::snapshot::{self, Snapshot};
use crate::migrate::{Line, Step};
use crate::postgres::names::points_schema;
use crate::{Consent, Error, MigrationPlan, PostgresUrl};

/// The collection of tokens.
const TOKENS: &str = "_pintle_tokens";

/// What the tables lack to be the model's. Nothing is changed.
pub(super) async fn plan(url: &PostgresUrl, model: &Arc<Model>) -> Result<MigrationPlan, Error> {
    let session = Session::open(url, None).await?;
    let last = Last::read(&session).await?;
    let wanted = Wanted::of(&session, model, last.as_ref()).await?;
    let mut plan = match &last {
        Some(last) if !last.finished => resumed(&later::left(&session, &last.snapshot).await?),
        _ => MigrationPlan::default(),
    };
    if wanted.points_whole() && last.as_ref().is_some_and(|last| last.is(&wanted)) {
        plan.slower = wanted.nothing().slower;
        return Ok(plan);
    }
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let made = make(&session, model, &wanted, last.as_ref()).await;
    session.run("ROLLBACK").await?;
    let mut made = made?;
    made.steps.splice(0..0, plan.steps.drain(..));
    Ok(made)
}

/// Brings the tables to the model's state. What was done is returned; an empty plan if they were there already. When it
/// fails, `begun` says whether something is made that stays.
pub(super) async fn apply(
    (url, early): (&PostgresUrl, Option<Early>),
    model: &Arc<Model>,
    consent: Consent,
    begun: &mut bool,
) -> Result<MigrationPlan, Error> {
    let (session, last) = began(url, early).await?;
    let wanted = Wanted::of(&session, model, last.as_ref()).await?;
    if nothing_to_do(&session, last.as_ref(), &wanted, consent).await? {
        return Ok(wanted.nothing());
    }
    session.alone().await?;
    let last = Last::read(&session).await?;
    let wanted = Wanted::of(&session, model, last.as_ref()).await?;
    let mut done = wanted.nothing();
    if let Some(last) = last.as_ref().filter(|last| !last.finished) {
        let works = later::left(&session, &last.snapshot).await?;
        done = resumed(&works);
        *begun = true;
        match later::finish(&session, works).await {
            Ok(()) => finished(&session).await?,
            // The model that is wanted now may ask for less.
            Err(Error::Migration(_)) if last.hash != wanted.hash => {}
            Err(error) => return Err(error),
        }
    }
    let last = Last::read(&session).await?;
    if nothing_to_do(&session, last.as_ref(), &wanted, consent).await? {
        return Ok(done);
    }
    session.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let planned = make(&session, model, &wanted, last.as_ref()).await;
    session.run("ROLLBACK").await?;
    let planned = planned?;
    planned.check(consent)?;
    let until = session::patience();
    let plan = loop {
        match change(&session, model, &wanted, last.as_ref(), consent, &planned).await {
            Ok(plan) => break plan,
            Err(failed) => session.roll_back(failed, until).await?,
        }
    };
    *begun = true;
    if !is_whole(&plan, last.as_ref()) {
        later::finish(&session, later::left(&session, &wanted.snapshot).await?).await?;
        finished(&session).await?;
    }
    Ok(MigrationPlan { steps: [done.steps, plan.steps].concat(), ..plan })
}

/// The connection, with what was applied last. One that was made early may have broken since, and that is found when it is asked.
async fn began(url: &PostgresUrl, early: Option<Early>) -> Result<(Session, Option<Last>), Error> {
    let session = Session::open(url, early).await?;
    match Last::read(&session).await {
        Err(Error::Unavailable(_)) => {
            let session = Session::open(url, None).await?;
            let last = Last::read(&session).await?;
            Ok((session, last))
        }
        last => Ok((session, last?)),
    }
}

/// Whether nothing is still to be made after the transaction, neither of this plan nor of one that was interrupted.
fn is_whole(plan: &MigrationPlan, last: Option<&Last>) -> bool {
    plan.later().next().is_none() && last.is_none_or(|last| last.finished)
}

/// What tells the model's tables from another's.
pub(super) fn hash(model: &Model) -> String {
    Snapshot::of(model, Dialect::Postgres).hash()
}

/// Whether the tables are those of the model with this hash: the last one of which nothing is still to be made. So while
/// indexes of a newer one are being made, which may take hours, the servers of the one before stay ready.
pub(super) async fn is_current(client: &Client, hash: &str) -> Result<bool, Error> {
    let sql =
        format!("SELECT hash = $1::text FROM {HISTORY} WHERE finished_at IS NOT NULL ORDER BY counter DESC LIMIT 1");
    match client.query_opt(&sql, &[&hash]).await {
        Ok(row) => Ok(row.is_some_and(|row| row.get(0))),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(false),
        Err(error) => Err(session::failed(error)),
    }
}

/// The collections whose changes every server must learn of: tokens are remembered, and so is what cached routes read. Each costs whoever
/// writes it some triggers.
fn watched(model: &Arc<Model>) -> Vec<String> {
    let caches = model.routes.iter().any(|route| route.cache.is_some());
    let planner = caches.then(|| Planner::new(Arc::clone(model), Dialect::Postgres));
    let all = || (0..model.collections.len()).map(CollectionId).filter(|id| !model.collection(*id).system).collect();
    let read: Vec<CollectionId> = match planner {
        None => Vec::new(),
        Some(Ok(planner)) => planner.remembered(),
        // Nobody serves such a model.
        Some(Err(_)) => all(),
    };
    let read = read.into_iter().map(|id| model.collection(id).name.clone());
    read.chain(model.collections.iter().map(|c| c.name.clone()).filter(|name| name == TOKENS)).collect()
}

/// What a model wants.
struct Wanted {
    snapshot: Snapshot,
    /// The same for all ways to keep points.
    hash: String,
    points: Points,
    /// What points need before tables are made.
    points_system: Option<String>,
    /// The collections whose changes every server must learn of.
    watched: Vec<String>,
    /// The SQL of what Pintle keeps for itself.
    system: Vec<String>,
}

impl Wanted {
    async fn of(session: &Session, model: &Arc<Model>, last: Option<&Last>) -> Result<Wanted, Error> {
        let points = Points::of(session, model, last.map(|last| &last.snapshot)).await?;
        let snapshot = Snapshot::of(model, Dialect::Postgres);
        let (hash, snapshot) = (snapshot.hash(), points.kept(snapshot));
        let (watched, points_system) = (watched(model), points.system(&session.schema));
        Ok(Wanted { hash, points, points_system, system: system::rest(&watched), watched, snapshot })
    }

    fn system_hash(&self) -> String {
        let all: Vec<&str> = self.system.iter().chain(&self.points_system).map(String::as_str).collect();
        snapshot::hash(&all.join(";\n"))
    }

    /// Whether what points need was made, and is all there.
    fn points_whole(&self) -> bool {
        match &self.points {
            Points::None => true,
            Points::Postgis { missing, moved } => missing.is_empty() && !moved,
            Points::Pairs { whole, .. } => *whole,
        }
    }

    /// The plan that changes nothing.
    fn nothing(&self) -> MigrationPlan {
        let slower = match &self.points {
            Points::Pairs { why, .. } => Some(why.clone()),
            Points::None | Points::Postgis { .. } => None,
        };
        MigrationPlan { slower, ..MigrationPlan::default() }
    }
}

/// What was applied last.
struct Last {
    hash: String,
    system: String,
    snapshot: Snapshot,
    finished: bool,
}

impl Last {
    async fn read(session: &Session) -> Result<Option<Last>, Error> {
        // Not that of another app, whose schema is named as this one's for points.
        let table = format!("{}.{HISTORY}", quoted(&session.schema));
        let sql = format!(
            "SELECT hash, system, model::text, finished_at IS NOT NULL FROM {table} ORDER BY counter DESC LIMIT 1"
        );
        let Some(row) = session.at_once(&sql).await? else { return Ok(None) };
        let snapshot = serde_json::from_str(row.get(2)).map_err(|error| {
            Error::Migration(format!(
                "the last model in `{HISTORY}` cannot be read ({error}): was it applied by a newer Pintle?"
            ))
        })?;
        Ok(Some(Last { hash: row.get(0), system: row.get(1), snapshot, finished: row.get(3) }))
    }

    /// Whether it is this model, with its descriptions and all that Pintle needs beside it.
    fn is(&self, wanted: &Wanted) -> bool {
        self.hash == wanted.hash && self.snapshot == wanted.snapshot && self.system == wanted.system_hash()
    }
}

async fn nothing_to_do(
    session: &Session,
    last: Option<&Last>,
    wanted: &Wanted,
    consent: Consent,
) -> Result<bool, Error> {
    let same = |last: &&Last| last.hash == wanted.hash && last.snapshot.hash() == wanted.snapshot.hash();
    let Some(last) = last.filter(|last| last.finished && wanted.points_whole()).filter(same) else { return Ok(false) };
    if last.is(wanted) || consent != Consent::Forward {
        return Ok(last.is(wanted));
    }
    let told: Vec<String> = session.query(system::TOLD).await?.iter().map(|row| row.get(0)).collect();
    if wanted.watched.iter().any(|name| !told.contains(name)) {
        return Ok(false);
    }
    // Descriptions and functions that were there before are an older app's: it undoes nothing.
    let sql = format!("SELECT 1 FROM {HISTORY} WHERE model = $1::text::jsonb AND system = $2::text LIMIT 1");
    Ok(session.one(&sql, &[&wanted.snapshot.to_json(), &wanted.system_hash()]).await?.is_some())
}

/// What an interrupted migration left to do.
fn resumed(works: &[Work]) -> MigrationPlan {
    let later: Vec<String> = works.iter().flat_map(|work| &work.sql).cloned().collect();
    let mut plan = MigrationPlan::default();
    if !later.is_empty() {
        let lines = vec![Line::outer('~', "what an interrupted migration left to do")];
        plan.steps.push(Step { lines, sql: Vec::new(), later });
    }
    plan
}

/// The plan, made inside a transaction.
async fn make(session: &Session, model: &Model, wanted: &Wanted, last: Option<&Last>) -> Result<MigrationPlan, Error> {
    let none = Snapshot::default();
    let old = last.map_or(&none, |last| &last.snapshot);
    let differences = diff(old, &wanted.snapshot, model);
    let review = Review::of(&Postgres, old, &differences);
    let questions = review.questions();
    for function in convert::readers(questions.iter().map(String::as_str)) {
        session.run(&function).await?;
    }
    let mut counts = Vec::new();
    for sql in &questions {
        counts.push(session.count(sql).await?);
    }
    let mut plan = review.answered(&counts);
    plan.first = last.is_none();
    plan.other_app = other_app(old, &wanted.snapshot, &differences);
    plan::write(&mut plan, old, &wanted.snapshot, &differences);
    let readers = convert::readers(plan.sql());
    if !readers.is_empty() {
        plan.steps.insert(0, Step { sql: readers, ..Step::default() });
    }
    if last.is_none_or(|last| last.system != wanted.system_hash()) {
        let mut sql = wanted.system.clone();
        let mut lines = Vec::new();
        match last {
            None => sql.insert(0, system::history()),
            Some(_) => lines.push(Line::outer('~', "functions of Pintle's own")),
        }
        plan.steps.push(Step { lines, sql, ..Step::default() });
    }
    points(&mut plan, wanted, last, &session.schema);
    if (session.schema != "public" || wanted.points_system.is_some()) && plan.sql().next().is_some() {
        // For whoever runs it by hand.
        let points = wanted.points_system.as_ref().map(|_| format!(", {}", quoted(&points_schema(&session.schema))));
        let path = format!("{}{}", quoted(&session.schema), points.unwrap_or_default());
        let mut sql = vec![format!("SET search_path TO {path}")];
        if !session.has_schema(&session.schema).await? {
            sql.insert(0, format!("CREATE SCHEMA {}", quoted(&session.schema)));
        }
        plan.steps.insert(0, Step { sql, ..Step::default() });
    }
    if last.is_some_and(|last| last.hash != wanted.hash) {
        let sql = format!("SELECT 1 FROM {HISTORY} WHERE hash = $1::text LIMIT 1");
        plan.older = session.one(&sql, &[&wanted.hash]).await?.is_some();
    }
    Ok(plan)
}

/// What points need goes before all else, and what they need no more after it.
fn points(plan: &mut MigrationPlan, wanted: &Wanted, last: Option<&Last>, schema: &str) {
    plan.slower = wanted.nothing().slower;
    let made = last.is_some_and(|last| last.system == wanted.system_hash()) && wanted.points_whole();
    if let Some(sql) = wanted.points_system.as_ref().filter(|_| !made) {
        plan.steps.insert(0, Step { sql: vec![sql.clone()], ..Step::default() });
    }
    if let Points::Postgis { missing, moved } = &wanted.points {
        if !missing.is_empty() {
            plan.steps.insert(0, Step { sql: missing.clone(), ..Step::default() });
        }
        if *moved {
            let lines = vec![Line::outer('~', "points are kept with PostGIS from now on")];
            plan.steps.push(Step { lines, sql: vec![Points::removal(schema)], ..Step::default() });
        }
    }
}

/// The transaction.
async fn change(
    session: &Session,
    model: &Model,
    wanted: &Wanted,
    last: Option<&Last>,
    consent: Consent,
    planned: &MigrationPlan,
) -> Result<MigrationPlan, Failed> {
    session.begin().await?;
    let mut plan = planned.clone();
    if let Some(last) = last {
        let differences = diff(&last.snapshot, &wanted.snapshot, model);
        let locked: Vec<String> = plan::locked(&differences).into_iter().map(quoted).collect();
        if !locked.is_empty() {
            // What is lost is what was there when nobody could write any more.
            session.step(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", locked.join(", "))).await?;
            if consent != Consent::Loss && loses(session, &last.snapshot, &differences).await? {
                plan = make(session, model, wanted, Some(last)).await?;
                plan.check(consent)?;
            }
        }
    }
    for sql in plan.sql() {
        session.step(sql).await?;
    }
    let sql: Vec<&str> = plan.sql().collect();
    let pending: Vec<&str> = plan.later().collect();
    let insert = format!(
        "INSERT INTO {HISTORY} (hash, system, finished_at, sql, model, pending) VALUES ($1::text, $2::text, \
         CASE WHEN $3::boolean THEN now() END, $4::text, $5::text::jsonb, $6::text::jsonb)"
    );
    let (model, waits) = (wanted.snapshot.to_json(), serde_json::json!(pending).to_string());
    session
        .one(&insert, &[&wanted.hash, &wanted.system_hash(), &is_whole(&plan, last), &sql.join(";\n"), &model, &waits])
        .await?;
    session.step(system::ALL_CHANGED).await?;
    session.step("COMMIT").await?;
    Ok(plan)
}

/// Whether rows lose something. Everybody else waits for the answer, so it is asked for one row, not for their number.
async fn loses(session: &Session, old: &Snapshot, differences: &[Difference<'_>]) -> Result<bool, Error> {
    let losses = Review::of(&Postgres, old, differences).losses();
    for function in convert::readers(losses.iter().map(String::as_str)) {
        session.run(&function).await?;
    }
    for sql in &losses {
        if session.count(sql).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn finished(session: &Session) -> Result<(), Error> {
    let last = format!("(SELECT max(counter) FROM {HISTORY})");
    session.run(&format!("UPDATE {HISTORY} SET finished_at = now(), pending = '[]' WHERE counter = {last}")).await
}
