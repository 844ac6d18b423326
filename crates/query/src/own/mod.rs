//! SQL of the app's own: a route's statement, or a script's.
//!
//! 1. The text is parsed as one statement, to its end ([`parse`]).
//! 2. Every name is looked up ([`scope`]) and every expression typed ([`expr`]); each table becomes the rows that the role may
//!    see ([`from`]). What is not known to mean the same on both stores is refused, or written so that it does.
//! 3. What comes out is a [`ReadPlan`] as a request's is: words of this crate's source, quoted names and bound values. No
//!    piece of the text itself goes to a database.
//!
//! Routes are compiled when the planner is made, and their mistakes are diagnostics. What scripts run is compiled when it
//! is first met, and kept in a bounded cache.

mod aggregate;
mod cached;
mod cast;
mod condition;
mod expr;
mod fence;
mod from;
mod function;
mod insert;
mod lower;
mod parse;
mod place;
mod query;
mod returning;
mod scope;
mod select;
mod settle;
#[cfg(test)]
mod tests;
mod typed;
mod with;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use moka::sync::Cache;
use pintle_model::{
    CollectionId, Diagnostic, ProximityAnswer, ResultShape, Role, Route, RouteAccess, RouteAnswer, RouteId, Severity,
    SqlAnswer, SqlText, Type,
};

use crate::plan::{Column, Dialect, ReadPlan};
use crate::planner::Planner;
use crate::policy::mistake::{Mistake, written_at};
use crate::{Fault, FaultKind, near};
use lower::{Given, Wrong};

/// Bytes of statements and plans that are kept for scripts, roughly.
const KEPT_BYTES_MAX: u64 = 4 << 20;

/// A compiled statement of the app's own.
#[derive(Debug, Clone)]
pub struct OwnPlan {
    /// What the store runs. With anything in `writes` it is run in a transaction that may write.
    pub plan: Arc<ReadPlan>,
    /// The answer depends on the caller's user or claims, beyond the role.
    pub of_user: bool,
    /// The nth value of the plan's inputs is the parameter of this name, read as this type.
    pub params: Vec<(String, Type)>,
    /// Finds the row that a route of proximity is about, with the same inputs: without one there is no answer.
    pub subject: Option<Arc<ReadPlan>>,
}

/// What was compiled so far.
#[derive(Debug)]
pub(crate) struct Own {
    /// By route, then by role; nothing where a script answers, or the role may not call.
    routes: Vec<[Option<Result<OwnPlan, Fault>>; 3]>,
    scripts: Cache<ScriptSql, Arc<OwnPlan>>,
}

/// A script's statement, and all that its plan hangs on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ScriptSql {
    text: String,
    params: Vec<(String, Type)>,
    role: Role,
    may_write: bool,
}

impl Default for Own {
    fn default() -> Own {
        let weigh = |key: &ScriptSql, plan: &Arc<OwnPlan>| {
            let bytes = key.text.len() + 2 * plan.plan.rows.sql.len() + 64 * plan.plan.rows.params.len();
            u32::try_from(bytes + 1024).unwrap_or(u32::MAX)
        };
        Own { routes: Vec::new(), scripts: Cache::builder().max_capacity(KEPT_BYTES_MAX).weigher(weigh).build() }
    }
}

impl Own {
    /// Compiles the statements of all routes.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(crate) fn new(planner: &Planner) -> Result<Own, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let routes = planner.model.routes.iter().map(|route| compiled(planner, route, &mut diagnostics)).collect();
        if diagnostics.is_empty() { Ok(Own { routes, ..Own::default() }) } else { Err(diagnostics) }
    }
}

/// A statement, and all that its meaning hangs on beside the role.
#[derive(Debug, Clone, Copy)]
struct Text<'a> {
    source: &'a str,
    params: &'a [Given],
    dialect: Dialect,
    may_write: bool,
}

impl Planner {
    /// The collections that kept answers are made of: what cached routes read, and all of the app's where one of them is a script's. Each
    /// once, in the model's order.
    #[must_use]
    pub fn remembered(&self) -> Vec<CollectionId> {
        let mut reads = BTreeSet::new();
        let routes = self.model.routes.iter().zip(&self.own.routes);
        for (route, plans) in routes.filter(|(route, _)| route.cache.is_some()) {
            match route.answer {
                RouteAnswer::Script(_) => reads.extend(self.app_s_own()),
                RouteAnswer::Sql(_) | RouteAnswer::Proximity(_) => {
                    reads.extend(plans.iter().flatten().flatten().flat_map(|own| &own.plan.reads));
                }
            }
        }
        reads.into_iter().collect()
    }

    fn app_s_own(&self) -> impl Iterator<Item = CollectionId> {
        let all = self.model.collections.iter().enumerate();
        all.filter(|(_, collection)| !collection.system).map(|(at, _)| CollectionId(at))
    }
}

/// The plans of one route.
fn compiled(
    planner: &Planner,
    route: &Route,
    diagnostics: &mut Vec<Diagnostic>,
) -> [Option<Result<OwnPlan, Fault>>; 3] {
    let mut plans = [None, None, None];
    let mut answered: [Option<Vec<Column>>; 3] = Default::default();
    let answer = match &route.answer {
        RouteAnswer::Sql(answer) => answer,
        RouteAnswer::Script(_) => {
            diagnostics.extend(cached::script(planner, route));
            return plans;
        }
        RouteAnswer::Proximity(answer) => return near(planner, route, answer, diagnostics),
    };
    let params = params(route);
    let mut outlived = None;
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        // The other store's statement is looked at too, where it is another one.
        let text = text_for(answer, dialect);
        if dialect != planner.dialect && text.text == text_for(answer, planner.dialect).text {
            continue;
        }
        let mut mistakes: Vec<Mistake> = Vec::new();
        for role in Role::ALL.into_iter().filter(|role| may_call(route.access, *role)) {
            let acts_as = route.acts_as.unwrap_or(role);
            let of = Text { source: &text.text, params: &params, dialect, may_write: route.method != "GET" };
            let plan = match parse::parse(of.source).map_err(Wrong::Mistake) {
                Ok(parsed) => lower::compile(planner, &of, &parsed, acts_as),
                Err(wrong) => Err(wrong),
            };
            match plan {
                Err(Wrong::Mistake(mistake)) if mistakes.contains(&mistake) => {}
                Err(Wrong::Mistake(mistake)) => mistakes.push(mistake),
                Err(Wrong::Denied(fault)) if dialect == planner.dialect => plans[place(role)] = Some(Err(fault)),
                Ok(plan) => {
                    outlived = outlived.or_else(|| cached::statement(planner, route, acts_as, &plan.plan));
                    let columns = columns(&plan.plan, answer.shape);
                    let mistake = unlike(answered[place(role)].get_or_insert_with(|| columns.clone()), &columns);
                    mistakes.extend(mistake.filter(|mistake| !mistakes.contains(mistake)));
                    if dialect == planner.dialect {
                        plans[place(role)] = Some(Ok(plan));
                    }
                }
                Err(Wrong::Denied(_)) => {}
            }
        }
        diagnostics.extend(mistakes.into_iter().map(|mistake| diagnostic(mistake, text)));
    }
    diagnostics.extend(outlived);
    plans
}

/// What is seen of a plan's columns: a single value has no name.
fn columns(plan: &ReadPlan, shape: ResultShape) -> Vec<Column> {
    match shape {
        ResultShape::Value => plan.columns.iter().take(1).map(|column| Column::new("value", column.ty())).collect(),
        ResultShape::Rows | ResultShape::Row => plan.columns.clone(),
    }
}

/// What is wrong with what PostgreSQL would answer, beside what SQLite would.
fn unlike(sqlite: &[Column], postgres: &[Column]) -> Option<Mistake> {
    let named = |columns: &[Column]| {
        let named = columns.iter().map(|column| format!("{}: {}", column.name(), column.ty().name()));
        let named = named.collect::<Vec<_>>().join(", ");
        if named.is_empty() { "nothing".to_owned() } else { format!("`{named}`") }
    };
    (sqlite != postgres).then(|| {
        Mistake::new(format!("this answers {} and the statement for SQLite {}", named(postgres), named(sqlite)))
            .help("give the columns of both the same names and types, in the same order: callers do not know the store")
    })
}

/// The plans of a route of proximity.
fn near(
    planner: &Planner,
    route: &Route,
    answer: &ProximityAnswer,
    diagnostics: &mut Vec<Diagnostic>,
) -> [Option<Result<OwnPlan, Fault>>; 3] {
    let mut plans = [None, None, None];
    let mut outlived = None;
    for role in Role::ALL.into_iter().filter(|role| may_call(route.access, *role)) {
        let acts_as = route.acts_as.unwrap_or(role);
        let plan = near::compile(planner, route, answer, acts_as);
        if let Ok(plan) = &plan {
            outlived = outlived.or_else(|| cached::statement(planner, route, acts_as, &plan.plan));
        }
        plans[place(role)] = Some(plan);
    }
    diagnostics.extend(outlived);
    plans
}

fn text_for(answer: &SqlAnswer, dialect: Dialect) -> &SqlText {
    match dialect {
        Dialect::Sqlite => &answer.sqlite,
        Dialect::Postgres => &answer.postgres,
    }
}

fn may_call(access: RouteAccess, role: Role) -> bool {
    match access {
        RouteAccess::Optional => true,
        RouteAccess::Required => role != Role::Anon,
        RouteAccess::ServiceRole => role == Role::ServiceRole,
    }
}

/// What a route's statement may speak of.
fn params(route: &Route) -> Vec<Given> {
    let declared = route.params.iter().map(|param| (param.field.name.clone(), param.field.ty));
    let body = route.body.iter().map(|_| ("body".to_owned(), Type::Json));
    declared.chain(body).map(|(name, ty)| Given { name, ty, declared: true }).collect()
}

/// A mistake at the very words where they can be found in the file.
fn diagnostic(mistake: Mistake, text: &SqlText) -> Diagnostic {
    let span = written_at(&text.file.text, text.span, &text.text, mistake.at);
    Diagnostic {
        severity: Severity::Error,
        message: mistake.message,
        label: mistake.label,
        help: mistake.help,
        file: Arc::clone(&text.file),
        span,
    }
}

/// A mistake in a script's statement. Where it names a parameter, it may be the parameter's: of another type it might be right.
fn fault(mistake: Mistake, source: &str, params: &[Given]) -> Fault {
    let piece = mistake.at.clone().and_then(|at| source.get(at)).unwrap_or_default();
    let of_params = params.iter().any(|param| piece.contains(&format!(":{}", param.name)));
    let kind = if of_params { FaultKind::Parse } else { FaultKind::Statement };
    let mut fault = Fault::new(kind, mistake.message);
    if let Some(at) = mistake.at {
        let before = source.get(..at.start).unwrap_or_default();
        let (line, column) =
            (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        fault = fault.details(format!(
            "line {line}, column {column} of the statement: {}",
            crate::fault::shortened(piece, crate::fault::NAMED_MAX)
        ));
    }
    match mistake.help {
        Some(help) => fault.hint(help),
        None => fault,
    }
}

/// The place of a role in a route's plans.
fn place(role: Role) -> usize {
    match role {
        Role::Anon => 0,
        Role::Authenticated => 1,
        Role::ServiceRole => 2,
    }
}

impl Planner {
    /// The plan of a `sql` route for callers of a role. Its `params` are all that the route declares, in their order, and
    /// `body` at the end if it takes one.
    ///
    /// # Errors
    /// When the role may not do what the statement does ([`FaultKind::Denied`]).
    pub fn route_sql(&self, route: RouteId, role: Role) -> Result<&OwnPlan, Fault> {
        let compiled = self.own.routes.get(route.0).and_then(|roles| roles[place(role)].as_ref());
        match compiled {
            Some(Ok(plan)) => Ok(plan),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(Fault::new(FaultKind::Denied, "permission denied for this route")),
        }
    }

    /// The plan of a script's statement. `params` are what the script gives, each with the type that its value has by itself:
    /// a parameter that is compared with a column, or written to one, gets that column's type instead, as the plan's
    /// `params` tell.
    ///
    /// # Errors
    /// When the statement has a mistake, or the role may not do what it does.
    pub fn own_sql(
        &self,
        text: &str,
        params: &[(String, Type)],
        role: Role,
        may_write: bool,
    ) -> Result<Arc<OwnPlan>, Fault> {
        let key = ScriptSql { text: text.to_owned(), params: params.to_vec(), role, may_write };
        if let Some(plan) = self.own.scripts.get(&key) {
            return Ok(plan);
        }
        let params: Vec<Given> =
            params.iter().map(|(name, ty)| Given { name: name.clone(), ty: *ty, declared: false }).collect();
        let of = Text { source: text, params: &params, dialect: self.dialect, may_write };
        let parsed = parse::parse(text).map_err(|mistake| fault(mistake, text, &params))?;
        match lower::compile(self, &of, &parsed, role) {
            Ok(plan) => {
                let plan = Arc::new(plan);
                self.own.scripts.insert(key, Arc::clone(&plan));
                Ok(plan)
            }
            Err(Wrong::Mistake(mistake)) => Err(fault(mistake, text, &params)),
            Err(Wrong::Denied(fault)) => Err(fault),
        }
    }
}
