//! One statement on its way from the parser's tree to a plan.

use pintle_model::{CollectionId, Role, Type};
use sqlparser::ast::{self, Spanned, Statement};
use sqlparser::tokenizer::Span;

use super::scope::{Level, With};
use super::{OwnPlan, Text};
use crate::expr::Expr;
use crate::functions::calls_slow;
use crate::plan::{Action, Column, Param, ReadPlan};
use crate::planner::{Planner, Right};
use crate::policy::mistake::{Mistake, did_you_mean};
use crate::sql::{Fragment, Scope, Sql};
use crate::{Dialect, Fault};

/// Levels of expressions and subqueries in one another.
const DEPTH_MAX: usize = 64;
/// Pieces of one statement: what is repeated must not grow beyond measure.
const PIECES_MAX: usize = 100_000;

/// What a statement may say `:name` of.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) ty: Type,
    /// It is of this type, whatever it is compared with.
    pub(super) declared: bool,
}

#[derive(Debug)]
pub(super) struct Lower<'a> {
    pub(super) planner: &'a Planner,
    pub(super) dialect: Dialect,
    pub(super) role: Role,
    pub(super) source: &'a str,
    pub(super) params: &'a [Given],
    /// Which of them the statement names.
    pub(super) named: Vec<bool>,
    /// The values that are bound: a parameter, and the type that it is read as.
    pub(super) slots: Vec<(usize, Type)>,
    /// The `SELECT`s that this one stands in, outermost first.
    pub(super) levels: Vec<Level>,
    pub(super) withs: Vec<With>,
    /// How many of those around are out of sight, since what is read stands beside their rows.
    pub(super) apart: usize,
    pub(super) next: usize,
    pub(super) depth: usize,
    /// Something may fail on a row: it must not be asked of one that the policies hide, whose value the failure would tell.
    pub(super) fallible: bool,
    /// Rows in sight that a policy may hide, and those made of them.
    pub(super) hideable: Vec<usize>,
    /// What is read now is only made of the rows that were found.
    pub(super) of_found: bool,
    pub(super) reads: Vec<CollectionId>,
    /// The first thing that the role may not do.
    pub(super) denied: Option<Fault>,
    /// What is read now is what a write answers.
    pub(super) returning: bool,
}

/// A statement as it is run.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) sql: Fragment,
    pub(super) columns: Vec<Column>,
    pub(super) writes: Option<(CollectionId, Action)>,
}

/// Why there is no plan.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The statement is wrong for everybody.
    Mistake(Mistake),
    /// The role may not do this.
    Denied(Fault),
}

/// Compiles one statement for one role.
pub(super) fn compile(planner: &Planner, text: &Text<'_>, parsed: &Statement, role: Role) -> Result<OwnPlan, Wrong> {
    let mut lower = Lower {
        planner,
        dialect: text.dialect,
        role,
        source: text.source,
        params: text.params,
        named: vec![false; text.params.len()],
        slots: Vec::new(),
        levels: Vec::new(),
        withs: Vec::new(),
        apart: 0,
        next: 0,
        depth: 0,
        fallible: false,
        hideable: Vec::new(),
        of_found: false,
        reads: Vec::new(),
        denied: None,
        returning: false,
    };
    if text.params.iter().any(|param| param.declared) {
        // A route's values are all that it declares, in their order.
        lower.slots = text.params.iter().enumerate().map(|(n, param)| (n, param.ty)).collect();
    }
    let lowered = lower.statement(parsed, text.may_write).map_err(Wrong::Mistake)?;
    lower.check_params().map_err(Wrong::Mistake)?;
    match lower.denied.take() {
        Some(fault) => Err(Wrong::Denied(fault)),
        None => Ok(lower.plan(lowered)),
    }
}

impl Lower<'_> {
    fn statement(&mut self, statement: &Statement, may_write: bool) -> Result<Lowered, Mistake> {
        let lowered = match statement {
            Statement::Query(query) => self.outermost(query)?,
            Statement::Insert(insert) => self.insert(insert, Fragment::default())?,
            Statement::Update(update) => self.update(update, Fragment::default())?,
            Statement::Delete(delete) => self.delete(delete, Fragment::default())?,
            other => {
                let verb = other.to_string();
                let verb = verb.split_whitespace().next().unwrap_or_default().to_uppercase();
                return Err(Mistake::new(format!("`{verb}` is no statement of an app's own"))
                    .help("an app's own SQL is one SELECT, INSERT, UPDATE or DELETE"));
            }
        };
        if !may_write && lowered.writes.is_some() {
            return Err(Mistake::new("this only reads, and the statement writes")
                .help("a GET and what it runs only read: let a POST, PUT, PATCH or DELETE write"));
        }
        if lowered.sql.len() > PIECES_MAX {
            return Err(Mistake::new("this statement is too large").help("write it in several statements"));
        }
        Ok(lowered)
    }

    /// Runs deeper, unless that is too deep.
    pub(super) fn deeper<T>(
        &mut self,
        at: impl FnOnce() -> Span,
        work: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        if self.depth == DEPTH_MAX {
            return Err(self.wrong("this statement is nested too deeply", at()));
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// The same, unless it has grown too large.
    pub(super) fn bounded(&self, sql: Fragment) -> Result<Fragment, Mistake> {
        if sql.len() > PIECES_MAX {
            return Err(Mistake::new("this statement is too large").help("write it in several statements"));
        }
        Ok(sql)
    }

    /// What must hold of a row for the role; true where it may not at all, which is remembered.
    pub(super) fn right(&mut self, collection: CollectionId, right: Right) -> Expr {
        match self.planner.right(collection, self.role, right) {
            Ok(policy) => {
                self.reads.extend(policy.sought());
                policy
            }
            Err(fault) => {
                self.denied.get_or_insert(fault);
                Expr::TRUE
            }
        }
    }

    /// The collection that a name in the text means.
    pub(super) fn collection(&self, name: &ast::ObjectName) -> Result<CollectionId, Mistake> {
        let span = name.span();
        let [part] = &name.0[..] else {
            return Err(self
                .wrong(format!("`{name}` is no collection: a name has one part"), span)
                .help("there are the app's collections, and no schemas beside them"));
        };
        let Some(part) = part.as_ident() else { return Err(self.wrong("this is no collection", span)) };
        let known = || self.planner.model.collections.iter().filter(|collection| !collection.system);
        match self.planner.model.find(&part.value) {
            Some((id, collection)) if !collection.system => Ok(id),
            _ => {
                let names: Vec<&str> = known().map(|collection| collection.name.as_str()).collect();
                Err(self
                    .wrong(format!("there is no collection `{}`", part.value), span)
                    .label("unknown collection")
                    .help(did_you_mean(&part.value, names, "there are")))
            }
        }
    }

    fn check_params(&self) -> Result<(), Mistake> {
        let unused = self.params.iter().zip(&self.named).find(|(_, named)| !**named).map(|(param, _)| &param.name);
        match unused {
            Some(name) => Err(Mistake::new(format!("the parameter `{name}` is not used"))
                .help(format!("write `:{name}` where its value belongs, or leave it out"))),
            None => Ok(()),
        }
    }

    fn plan(mut self, lowered: Lowered) -> OwnPlan {
        let mut sql = Sql::new(self.dialect);
        let scope = Scope { fenced: self.fallible, ..self.planner.scope() };
        sql.fragment(scope, &lowered.sql);
        let rows = sql.finish();
        self.reads.sort_unstable();
        self.reads.dedup();
        let of_user = rows.params.iter().any(|param| matches!(param, Param::Uid | Param::Claim(_)));
        let inline = lowered.writes.is_none() && !calls_slow(&rows.sql);
        let plan = ReadPlan {
            rows,
            count: None,
            columns: lowered.columns,
            strip_nulls: false,
            point: false,
            own: true,
            inline,
            reads: self.reads,
            writes: lowered.writes,
        };
        let params = self.slots.iter().map(|(param, ty)| (self.params[*param].name.clone(), *ty)).collect();
        OwnPlan { plan: std::sync::Arc::new(plan), of_user, params, subject: None }
    }
}
