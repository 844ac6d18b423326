//! The plans of mounts, made once when the app is loaded.

use std::sync::Arc;

use pintle_model::{CollectionId, KeyOrigin, Role};

use crate::plan::{ReadPlan, WritePlan};
use crate::planner::Right;
use crate::request::{Comparison, Filter, ReadShape, Returning, Target, Test, WriteShape};
use crate::rest::select;
use crate::{Fault, FaultKind, Planner};

/// The plans of one collection for one role; a fault where the role may not.
#[derive(Debug)]
pub(super) struct Plans {
    pub(super) get: Result<Arc<ReadPlan>, Fault>,
    /// For rows with every field.
    pub(super) create: Result<Arc<WritePlan>, Fault>,
    /// For rows whose key is to be counted.
    pub(super) create_counted: Result<Arc<WritePlan>, Fault>,
    pub(super) replace: Result<Arc<WritePlan>, Fault>,
    pub(super) remove: Result<Arc<WritePlan>, Fault>,
}

/// The plans of all collections with a single key.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<Option<[Plans; ROLES.len()]>>);

const ROLES: [Role; 3] = [Role::Anon, Role::Authenticated, Role::ServiceRole];

impl Mounts {
    /// Makes them.
    pub(crate) fn new(planner: &Planner) -> Mounts {
        let ids = (0..planner.model.collections.len()).map(CollectionId);
        Mounts(ids.map(|id| plans(planner, id)).collect())
    }

    pub(super) fn of(&self, collection: CollectionId, role: Role) -> Result<&Plans, Fault> {
        let plans = self.0.get(collection.0).and_then(Option::as_ref).ok_or_else(|| {
            Fault::new(FaultKind::Unsupported, "a collection whose key has several fields is no plain resource")
        })?;
        Ok(&plans[place(role)])
    }
}

fn place(role: Role) -> usize {
    match role {
        Role::Anon => 0,
        Role::Authenticated => 1,
        Role::ServiceRole => 2,
    }
}

/// A collection's plans for each role, in the order of [`place`].
fn plans(planner: &Planner, id: CollectionId) -> Option<[Plans; ROLES.len()]> {
    let single = planner.model.collection(id).key.len == 1;
    single.then(|| ROLES.map(|role| Plans::new(planner, id, role)))
}

/// The filter for the record whose key is in slot 0.
pub(super) fn by_key() -> Filter {
    Filter::Test(Target::field(0), Test::Compare(Comparison::Eq, 0))
}

impl Plans {
    fn new(planner: &Planner, id: CollectionId, role: Role) -> Plans {
        let collection = planner.model.collection(id);
        let returning = Returning { select: select::all(collection), ..Returning::default() };
        let fields = |from: usize| (from..collection.fields.len()).collect::<Vec<_>>();
        // Who may add but not read gets no record back.
        let shown = if planner.may_read(id, role) { returning.clone() } else { Returning::default() };
        let create = |fields: Vec<usize>| {
            planner.granted(id, role, Right::Insert)?;
            planner.plan_write(id, role, WriteShape::Insert { fields, conflict: None, returning: shown.clone() })
        };
        let read = ReadShape {
            select: None,
            filter: by_key(),
            order: Vec::new(),
            limit: None,
            offset: None,
            count: false,
            strip_nulls: false,
        };
        let changed = fields(1).into_iter().filter(|at| !collection.fields[*at].readonly);
        let set = changed.zip(1..).collect();
        let replace = WriteShape::Update { set, filter: by_key(), returning: returning.clone() };
        let remove = WriteShape::Delete { filter: by_key(), returning: Returning::default() };
        let counted = collection.key.origin == KeyOrigin::Counted;
        Plans {
            get: planner.plan_read(id, role, read),
            create: create(fields(0)),
            create_counted: create(fields(usize::from(counted))),
            replace: planner.granted(id, role, Right::UpdateUsing).and_then(|()| planner.plan_write(id, role, replace)),
            remove: planner.granted(id, role, Right::Delete).and_then(|()| planner.plan_write(id, role, remove)),
        }
    }
}
