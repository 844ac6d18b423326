//! Policies: from a manifest's SQL text to typed expressions, or to diagnostics.
//!
//! 1. [`parse`] reads the text, to its end.
//! 2. [`lower`] turns it into an [`Expr`] over the collection's fields: every name is looked up, every type checked.
//! 3. [`compile`] does so for each policy of a model, and refuses policies that lead back to themselves through `exists`.

mod call;
mod lower;
pub(crate) mod mistake;
mod parse;
pub(crate) mod place;
mod subquery;
mod typed;

use std::sync::Arc;

use pintle_model::{Collection, CollectionId, Diagnostic, KeyOrigin, Model, Pipeline, PipelineId, Policy};

use crate::expr::Expr;
use mistake::Mistake;

/// How many parts a policy may have together with those that its `exists` bring in.
const PARTS_MAX: usize = 10_000;

/// A collection's policies, compiled; `None` is no grant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) select: Option<Expr>,
    pub(crate) insert: Option<Expr>,
    pub(crate) update_using: Option<Expr>,
    pub(crate) update_check: Option<Expr>,
    pub(crate) delete: Option<Expr>,
    /// What pipelines into the collection that say so have in place of `insert`; none in it is a policy with a mistake.
    pub(crate) doors: Vec<(PipelineId, Option<Expr>)>,
}

/// The pipelines into a collection that have a policy of their own.
fn doors(model: &Model, into: CollectionId) -> impl Iterator<Item = (PipelineId, &Policy)> {
    let into = move |(_, pipeline): &(usize, &Pipeline)| pipeline.into == into;
    let pipelines = model.pipelines.iter().enumerate().filter(into);
    pipelines.filter_map(|(n, pipeline)| Some((PipelineId(n), pipeline.insert.as_ref()?)))
}

/// Compiles every policy of a model.
///
/// # Errors
/// Every mistake in them, in the manifest's order.
pub(crate) fn compile(model: &Arc<Model>) -> Result<Vec<Rules>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut rules = Vec::with_capacity(model.collections.len());
    for (n, collection) in model.collections.iter().enumerate() {
        let policies = &collection.policies;
        let mut one = |policy: Option<&Policy>| {
            let policy = policy?;
            match expression(model, CollectionId(n), &policy.source) {
                Ok(expr) => Some(expr),
                Err(mistake) => {
                    let diagnostic = mistake.diagnostic(model, policy);
                    // One expression may stand for both halves of an update.
                    if !diagnostics.contains(&diagnostic) {
                        diagnostics.push(diagnostic);
                    }
                    None
                }
            }
        };
        rules.push(Rules {
            select: one(policies.select.as_ref()),
            insert: one(policies.insert.as_ref()),
            update_using: one(policies.update.as_ref().map(|update| &update.using)),
            update_check: one(policies.update.as_ref().map(|update| &update.check)),
            delete: one(policies.delete.as_ref()),
            doors: doors(model, CollectionId(n)).map(|(id, policy)| (id, one(Some(policy)))).collect(),
        });
    }
    for (n, collection) in model.collections.iter().enumerate() {
        let insert = (collection.policies.insert.as_ref(), &rules[n].insert);
        let doors = doors(model, CollectionId(n)).zip(&rules[n].doors);
        for (policy, expr) in doors.map(|((_, policy), (_, expr))| (Some(policy), expr)).chain([insert]) {
            check_insert(model, collection, policy, expr.as_ref(), &mut diagnostics);
        }
        check_cycles(model, CollectionId(n), &rules, &mut diagnostics);
    }
    if diagnostics.is_empty() {
        check_sizes(model, &rules, &mut diagnostics);
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    if diagnostics.is_empty() { Ok(rules) } else { Err(diagnostics) }
}

/// One policy's text as an expression over the rows of its collection.
pub(crate) fn expression(model: &Model, collection: CollectionId, source: &str) -> Result<Expr, Mistake> {
    let parsed = parse::parse(source)?;
    lower::policy(model, collection, source, &parsed)
}

/// Policies on insert are checked before the store counts a key.
fn check_insert(
    model: &Arc<Model>,
    collection: &Collection,
    policy: Option<&Policy>,
    expr: Option<&Expr>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let (Some(policy), Some(expr)) = (policy, expr) else { return };
    if collection.key.origin == KeyOrigin::Counted && expr.mentions(&|field| field == 0) {
        let name = &collection.fields[0].name;
        let mistake = Mistake::new(format!("an insert policy cannot speak of `{name}`, which the store counts"))
            .help("the number is not known before the row is stored");
        diagnostics.push(mistake.diagnostic(model, policy));
    }
}

/// Follows the `exists` of a select policy from collection to collection; one that leads back here is a mistake.
fn check_cycles(model: &Arc<Model>, from: CollectionId, rules: &[Rules], diagnostics: &mut Vec<Diagnostic>) {
    let mut path = vec![from];
    let Some(policy) = &model.collection(from).policies.select else { return };
    if leads_back(from, from, rules, &mut path, &mut vec![false; rules.len()]) {
        let names: Vec<&str> = path.iter().map(|id| model.collection(*id).name.as_str()).collect();
        let mistake = Mistake::new(format!("this policy leads back to itself: {}", names.join(" → ")))
            .help("an `exists` sees only the rows that the other collection's own select policy lets the caller see");
        diagnostics.push(mistake.diagnostic(model, policy));
    }
}

fn leads_back(
    at: CollectionId,
    home: CollectionId,
    rules: &[Rules],
    path: &mut Vec<CollectionId>,
    seen: &mut [bool],
) -> bool {
    for next in rules[at.0].select.iter().flat_map(Expr::sought) {
        path.push(next);
        if next == home {
            return true;
        }
        if !std::mem::replace(&mut seen[next.0], true) && leads_back(next, home, rules, path, seen) {
            return true;
        }
        path.pop();
    }
    false
}

/// Policies that bring in others that bring in others must not grow beyond measure. There are no cycles here.
fn check_sizes(model: &Arc<Model>, rules: &[Rules], diagnostics: &mut Vec<Diagnostic>) {
    let mut known = vec![None; rules.len()];
    for (n, collection) in model.collections.iter().enumerate() {
        let policies = &collection.policies;
        let each = [
            (policies.select.as_ref(), &rules[n].select),
            (policies.insert.as_ref(), &rules[n].insert),
            (policies.update.as_ref().map(|u| &u.using), &rules[n].update_using),
            (policies.update.as_ref().map(|u| &u.check), &rules[n].update_check),
            (policies.delete.as_ref(), &rules[n].delete),
        ];
        let doors = doors(model, CollectionId(n)).zip(&rules[n].doors);
        for (policy, expr) in each.into_iter().chain(doors.map(|((_, policy), (_, expr))| (Some(policy), expr))) {
            if let (Some(policy), Some(expr)) = (policy, expr)
                && size(expr, rules, &mut known) > PARTS_MAX
            {
                let mistake = Mistake::new("with the policies that its `exists` bring in, this policy is too large")
                    .help("let fewer policies seek rows of collections whose policies seek others");
                diagnostics.push(mistake.diagnostic(model, policy));
            }
        }
    }
}

fn size(expr: &Expr, rules: &[Rules], known: &mut [Option<usize>]) -> usize {
    let mut total: usize = 1;
    for child in expr.children() {
        total = total.saturating_add(size(child, rules, known));
    }
    if let Expr::Exists { collection, .. } = expr {
        let brought = known[collection.0].unwrap_or_else(|| {
            let size = rules[collection.0].select.as_ref().map_or(1, |policy| size(policy, rules, known));
            known[collection.0] = Some(size);
            size
        });
        total = total.saturating_add(brought);
    }
    total
}
