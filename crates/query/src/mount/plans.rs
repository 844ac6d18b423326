//! The plans of mounts, made once when the app is loaded.

use std::sync::Arc;

use pintle_model::{CollectionId, KeyOrigin, Role};

use crate::plan::{ReadPlan, WritePlan};
use crate::planner::Right;
use crate::request::{Comparison, Filter, ReadShape, Returning, SelectItem, Target, Test, WriteShape};
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
pub(crate) struct Mounts(Vec<Option<Mounted>>);

#[derive(Debug)]
struct Mounted {
    select: Arc<[SelectItem]>,
    roles: [Plans; 3],
}

impl Mounts {
    /// Makes them.
    pub(crate) fn new(planner: &Planner) -> Mounts {
        let ids = (0..planner.model.collections.len()).map(CollectionId);
        Mounts(ids.map(|id| Mounted::new(planner, id)).collect())
    }

    fn mounted(&self, collection: CollectionId) -> Result<&Mounted, Fault> {
        self.0.get(collection.0).and_then(Option::as_ref).ok_or_else(|| {
            Fault::new(FaultKind::Unsupported, "a collection whose key has several fields is no plain resource")
        })
    }

    pub(super) fn of(&self, collection: CollectionId, role: Role) -> Result<&Plans, Fault> {
        Ok(&self.mounted(collection)?.roles[place(role)])
    }

    /// Every field, as records are answered.
    pub(super) fn select(&self, collection: CollectionId) -> Result<Vec<SelectItem>, Fault> {
        Ok(self.mounted(collection)?.select.to_vec())
    }
}

fn place(role: Role) -> usize {
    match role {
        Role::Anon => 0,
        Role::Authenticated => 1,
        Role::ServiceRole => 2,
    }
}

impl Mounted {
    fn new(planner: &Planner, id: CollectionId) -> Option<Mounted> {
        let collection = planner.model.collection(id);
        if collection.key.len != 1 {
            return None;
        }
        let select: Arc<[SelectItem]> = select::all(collection).into();
        let roles =
            [Role::Anon, Role::Authenticated, Role::ServiceRole].map(|role| Plans::new(planner, id, role, &select));
        Some(Mounted { select, roles })
    }
}

/// The filter for the record whose key is in slot 0.
pub(super) fn by_key() -> Filter {
    Filter::Test(Target::field(0), Test::Compare(Comparison::Eq, 0))
}

impl Plans {
    fn new(planner: &Planner, id: CollectionId, role: Role, select: &[SelectItem]) -> Plans {
        let collection = planner.model.collection(id);
        let returning = Returning { select: select.to_vec(), ..Returning::default() };
        let fields = |from: usize| (from..collection.fields.len()).collect::<Vec<_>>();
        // Who may add but not read gets no record back.
        let shown = if planner.may_read(id, role) { returning.clone() } else { Returning::default() };
        let create = |fields: Vec<usize>| {
            planner.granted(id, role, Right::Insert)?;
            planner.plan_write(id, role, WriteShape::Insert { fields, conflict: None, returning: shown.clone() })
        };
        let read = ReadShape {
            select: select.to_vec(),
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
