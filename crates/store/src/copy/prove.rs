//! The proof that two stores hold the same: every row of both is read, in key order, counted, summed and compared.

use sha2::{Digest, Sha256};

use super::table::{PAGE_ROWS, Row, Table, Whose};
use super::walk::{Pair, Walk};
use super::{Error, Progress, Side, Stage, Tell};

/// What both stores hold, in the model's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A collection each.
    pub collections: Vec<Proved>,
}

impl Proof {
    /// Whether both hold the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.collections.iter().all(Proved::holds)
    }
}

/// What both stores hold of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Its name.
    pub name: String,
    /// The source's rows.
    pub source: Sum,
    /// The target's rows.
    pub target: Sum,
    /// Rows that the target lacks.
    pub missing: u64,
    /// Rows that the source lacks.
    pub extra: u64,
    /// Rows that are not the same on both sides.
    pub changed: u64,
    /// The first key for which one of these is so.
    pub first: Option<String>,
}

impl Proved {
    /// Whether both hold the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.source == self.target
    }
}

/// Rows, counted and summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub rows: u64,
    /// SHA-256, in hex, over the rows as JSON objects in key order, each with a line feed behind it.
    pub sha256: String,
}

/// Reads and compares every row of both.
///
/// # Errors
/// When a store fails.
pub async fn prove(source: Side<'_>, target: Side<'_>, tell: Tell<'_>) -> Result<Proof, Error> {
    let model = source.planner.model();
    let tables = || {
        let ids = (0..model.collections.len()).map(pintle_model::CollectionId);
        ids.map(|id| (Table::new(source, Whose::Source, id), Table::new(target, Whose::Target, id)))
    };
    let mut total = 0;
    for (source, _) in tables() {
        total += source.count(None).await?;
    }
    let mut done = 0;
    let mut collections = Vec::new();
    for (source, target) in tables() {
        let mut told = |rows: u64| {
            let (collection, done) = (source.name(), done + rows);
            tell(Progress { stage: Stage::Prove, collection, done, skipped: 0, total: total.max(done) });
        };
        let proved = collection(source, target, &mut told).await?;
        done += proved.source.rows;
        collections.push(proved);
    }
    Ok(Proof { collections })
}

async fn collection(source: Table<'_>, target: Table<'_>, tell: &mut (dyn FnMut(u64) + Send)) -> Result<Proved, Error> {
    let (mut sums, mut walk) = ([Summing::default(), Summing::default()], Walk::new(source, target));
    let (mut missing, mut extra, mut changed, mut first) = (0, 0, 0, None);
    tell(0);
    while let Some(pair) = walk.next().await? {
        let [of_source, of_target] = &mut sums;
        match &pair {
            Pair::Same(row) => {
                of_source.add(row);
                of_target.add(row);
            }
            Pair::Source(row) => {
                of_source.add(row);
                missing += 1;
            }
            Pair::Target(row) => {
                of_target.add(row);
                extra += 1;
            }
            Pair::Differs { source, target } => {
                of_source.add(source);
                of_target.add(target);
                changed += 1;
            }
        }
        if !matches!(pair, Pair::Same(_)) && first.is_none() {
            first = Some(source.key_text(pair.key()));
        }
        if of_source.rows.is_multiple_of(PAGE_ROWS as u64) {
            tell(of_source.rows);
        }
    }
    let [of_source, of_target] = sums;
    tell(of_source.rows);
    let (source, target, name) = (of_source.finish(), of_target.finish(), source.name().to_owned());
    Ok(Proved { name, source, target, missing, extra, changed, first })
}

#[derive(Default)]
struct Summing {
    rows: u64,
    sha256: Sha256,
}

impl Summing {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.sha256.update(&row.json);
        self.sha256.update(b"\n");
    }

    fn finish(self) -> Sum {
        let hex = self.sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Sum { rows: self.rows, sha256: hex }
    }
}
