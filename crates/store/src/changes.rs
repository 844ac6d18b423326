//! Numbers that tell when a collection was written, so that what was made of its rows can be kept until then.
//!
//! A number goes up after the commit and before the write is answered. So whoever asks for it before reading, and finds it
//! the same later, has read what still is. Each store adds what it hears of other processes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use pintle_model::{CollectionId, Model, OnDelete};
use pintle_query::plan::Action;
use pintle_query::{Read, Write};

/// A model's numbers.
#[derive(Debug)]
pub(crate) struct Changes {
    numbers: Arc<Numbers>,
    /// The number of each collection, by its place.
    own: Vec<Arc<AtomicU64>>,
    /// What a delete in each collection changes: it, and those that its cascades reach.
    deleted: Vec<Vec<CollectionId>>,
    /// The how manieth model of the open store this is, from 0.
    generation: u64,
}

/// The numbers of an open store, by the collections' names, since its model may be swapped.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Part of each number.
    all: AtomicU64,
    by_name: Mutex<HashMap<String, Arc<AtomicU64>>>,
    /// How many models there were.
    generations: AtomicU64,
    /// The one whose tables there are.
    in_force: AtomicU64,
}

impl Numbers {
    /// All collections may have been written.
    pub(crate) fn all_changed(&self) {
        self.all.fetch_add(1, Ordering::AcqRel);
    }

    /// The collection of this name was written.
    pub(crate) fn changed(&self, name: &str) {
        self.of(name).fetch_add(1, Ordering::AcqRel);
    }

    fn of(&self, name: &str) -> Arc<AtomicU64> {
        let mut by_name = self.by_name.lock();
        if let Some(number) = by_name.get(name) {
            return Arc::clone(number);
        }
        Arc::clone(by_name.entry(name.to_owned()).or_default())
    }
}

impl Changes {
    /// The numbers of a model whose store is `numbers`'.
    pub(crate) fn new(model: &Model, numbers: &Arc<Numbers>) -> Changes {
        Changes {
            own: model.collections.iter().map(|collection| numbers.of(&collection.name)).collect(),
            deleted: (0..model.collections.len()).map(|place| deleted(model, CollectionId(place))).collect(),
            generation: numbers.generations.fetch_add(1, Ordering::AcqRel),
            numbers: Arc::clone(numbers),
        }
    }

    /// The numbers of the open store.
    pub(crate) fn numbers(&self) -> &Arc<Numbers> {
        &self.numbers
    }

    /// The tables are this model's from now on, or may be, and all collections may have changed with them.
    pub(crate) fn migrated(&self) {
        // First: a write that still went by the other model's cascades is one of all.
        self.numbers.in_force.store(self.generation, Ordering::Release);
        self.numbers.all_changed();
    }

    /// A collection's number; 0 for one that the model does not have.
    pub(crate) fn number(&self, collection: CollectionId) -> u64 {
        let own = self.own.get(collection.0).map_or(0, |number| number.load(Ordering::Acquire));
        // Both only go up, so their sum changes with either.
        own + self.numbers.all.load(Ordering::Acquire)
    }

    /// What a write of this kind changes.
    pub(crate) fn of_write<'a>(&'a self, write: &'a Write) -> &'a [CollectionId] {
        self.of(&write.plan.collection, write.plan.action)
    }

    /// What a statement of the app's own changes.
    pub(crate) fn of_read<'a>(&'a self, read: &'a Read) -> &'a [CollectionId] {
        read.plan.writes.as_ref().map_or(&[], |(collection, action)| self.of(collection, *action))
    }

    fn of<'a>(&'a self, collection: &'a CollectionId, action: Action) -> &'a [CollectionId] {
        let alone = std::slice::from_ref(collection);
        match action {
            Action::Insert | Action::Upsert | Action::Update => alone,
            Action::Delete => self.deleted.get(collection.0).map_or(alone, Vec::as_slice),
        }
    }

    /// These were written.
    pub(crate) fn changed(&self, collections: &[CollectionId]) {
        if collections.is_empty() {
            return;
        }
        if self.numbers.in_force.load(Ordering::Acquire) != self.generation {
            // The tables are another model's by now, and with it perhaps their cascades.
            return self.numbers.all_changed();
        }
        for number in collections.iter().filter_map(|collection| self.own.get(collection.0)) {
            number.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The collection, and those whose rows go, or lose a value, when rows of it go.
fn deleted(model: &Model, collection: CollectionId) -> Vec<CollectionId> {
    let (mut changed, mut gone, mut next) = (vec![collection], vec![collection], 0);
    while let Some(&target) = gone.get(next) {
        next += 1;
        for (place, other) in model.collections.iter().enumerate() {
            let references = other.fields.iter().filter_map(|field| field.reference.as_ref());
            for reference in references.filter(|reference| reference.collection == target) {
                let reached: &mut [&mut Vec<CollectionId>] = match reference.on_delete {
                    OnDelete::Restrict => &mut [],
                    OnDelete::SetNull => &mut [&mut changed],
                    OnDelete::Cascade => &mut [&mut changed, &mut gone],
                };
                for found in reached {
                    if !found.contains(&CollectionId(place)) {
                        found.push(CollectionId(place));
                    }
                }
            }
        }
    }
    changed
}
