//! SQL of the app's own: a route's statement, or a script's.
//!
//! 1. The text is parsed as one statement, to its end.
//! 2. Every name is looked up and every expression typed; each table becomes the rows that the role may see. What is not
//!    known to mean the same on both stores is refused.
//! 3. What comes out is a [`ReadPlan`] as a request's is: words of this crate's source, quoted names and bound values. No
//!    piece of the text itself goes to a database.
//!
//! Routes are compiled when the planner is made, and their mistakes are diagnostics. What scripts run is compiled when it
//! is first met, and kept in a bounded cache.

use std::sync::Arc;

use moka::sync::Cache;
use pintle_model::{Diagnostic, Role, RouteId, Type};

use crate::plan::ReadPlan;
use crate::planner::Planner;
use crate::{Fault, FaultKind};

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
        let routes = planner.model.routes.iter().map(|_| [None, None, None]).collect();
        Ok(Own { routes, ..Own::default() })
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
        Err(Fault::new(FaultKind::Unsupported, "SQL of the app's own is not built yet"))
    }
}
