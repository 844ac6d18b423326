//! Which policies a request falls under.

use pintle_model::{CollectionId, PipelineId, Role};

use super::Planner;
use crate::expr::{Expr, fold};
use crate::{Fault, FaultKind};

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Rows that may be seen.
    Select,
    /// New rows.
    Insert,
    /// New rows that come in by a pipeline.
    Take(PipelineId),
    /// Rows that may be changed.
    UpdateUsing,
    /// What changed rows must satisfy.
    UpdateCheck,
    /// Rows that may be removed.
    Delete,
}

impl Right {
    /// The policy's name in a manifest.
    fn action(self) -> &'static str {
        match self {
            Right::Select => "select",
            Right::Insert | Right::Take(_) => "insert",
            Right::UpdateUsing | Right::UpdateCheck => "update",
            Right::Delete => "delete",
        }
    }
}

impl Planner {
    /// What must hold of a row for this role; true for `service_role`, which passes every policy.
    ///
    /// # Errors
    /// [`FaultKind::Denied`] when there is no policy: none is no grant.
    pub(crate) fn right(&self, collection: CollectionId, role: Role, right: Right) -> Result<Expr, Fault> {
        if role == Role::ServiceRole {
            return Ok(Expr::TRUE);
        }
        let policy = self.policy(collection, right)?;
        let decided = fold(self.under_policies(policy.clone()), role);
        // A policy lets in what it is true for: as a whole, null is no other than false.
        Ok(if decided.is_null() { Expr::FALSE } else { decided })
    }

    /// Whether there is a policy that may give this role this right: what costs nothing to ask before a request is read.
    ///
    /// # Errors
    /// [`FaultKind::Denied`] when there is none.
    pub(crate) fn allowed(&self, collection: CollectionId, role: Role, right: Right) -> Result<(), Fault> {
        if role == Role::ServiceRole { Ok(()) } else { self.policy(collection, right).map(|_| ()) }
    }

    fn policy(&self, collection: CollectionId, right: Right) -> Result<&Expr, Fault> {
        let rules = &self.rules[collection.0];
        let policy = match right {
            Right::Select => &rules.select,
            Right::Insert => &rules.insert,
            Right::Take(by) => rules.doors.iter().find(|(id, _)| *id == by).map_or(&rules.insert, |(_, policy)| policy),
            Right::UpdateUsing => &rules.update_using,
            Right::UpdateCheck => &rules.update_check,
            Right::Delete => &rules.delete,
        };
        policy.as_ref().ok_or_else(|| self.denied(collection, right))
    }

    /// Whether there may be rows for which this role has this right: false where a policy is missing, or the role alone
    /// decides that it does not hold.
    #[must_use]
    pub fn may(&self, collection: CollectionId, role: Role, right: Right) -> bool {
        self.granted(collection, role, right).is_ok()
    }

    /// Whether this role has this right for every row.
    #[must_use]
    pub fn may_always(&self, collection: CollectionId, role: Role, right: Right) -> bool {
        self.right(collection, role, right).is_ok_and(|policy| policy == Expr::TRUE)
    }

    /// Whether there may be rows that this role sees: false where a policy is missing, or the role alone decides it.
    pub(crate) fn may_read(&self, collection: CollectionId, role: Role) -> bool {
        self.right(collection, role, Right::Select).is_ok_and(|policy| policy != Expr::FALSE)
    }

    /// Whether there may be rows for which this role has this right, for plain resources: who is refused whatever the
    /// record holds is told so, and not that there is no such record.
    ///
    /// # Errors
    /// [`FaultKind::Denied`] where a policy is missing, or the role alone decides that it does not hold.
    pub(crate) fn granted(&self, collection: CollectionId, role: Role, right: Right) -> Result<(), Fault> {
        if self.right(collection, role, right)? != Expr::FALSE {
            return Ok(());
        }
        let (name, action) = (&self.model.collection(collection).name, right.action());
        Err(Fault::new(FaultKind::Denied, format!("permission denied for table {name}"))
            .hint(format!("the `{action}` policy of `{name}` never holds for the role {}", role.name())))
    }

    fn denied(&self, collection: CollectionId, right: Right) -> Fault {
        let (name, action) = (&self.model.collection(collection).name, right.action());
        let mut hint = format!("`{name}` has no `{action}` policy, so only service_role may do this");
        let doors = self.rules[collection.0].doors.iter().filter(|_| right == Right::Insert);
        let doors: Vec<&str> = doors.map(|(door, _)| self.model.pipeline(*door).path.as_str()).collect();
        match doors.as_slice() {
            [] => {}
            [door] => hint.push_str(&format!("; its records come in by the pipeline at {door}")),
            doors => hint.push_str(&format!("; its records come in by the pipelines at {}", doors.join(", "))),
        }
        Fault::new(FaultKind::Denied, format!("permission denied for table {name}")).hint(hint)
    }

    /// The same, where each `exists` sees only the rows that its collection's own select policy lets the caller see.
    /// The policies were checked not to lead back to themselves, so this ends.
    fn under_policies(&self, expr: Expr) -> Expr {
        match expr {
            Expr::Exists { collection, depth, body } => {
                let seen = self.rules[collection.0].select.clone().unwrap_or(Expr::FALSE);
                let seen = self.under_policies(seen.deepen(depth));
                Expr::Exists { collection, depth, body: Box::new(Expr::all([self.under_policies(*body), seen])) }
            }
            other => other.map_children(&mut |child| self.under_policies(child)),
        }
    }
}
