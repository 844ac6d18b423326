//! Moves an app's data from one store to another, of the same kind or not, and proves that it arrived.
//!
//! 1. [`order`] puts the collections one behind the other, so that a row comes after those that it refers to; references
//!    that go round are left null at first.
//! 2. [`copy`] reads the source's rows in key order, a page at a time, and inserts those that the target lacks. It goes
//!    on behind the target's last key where nothing before it is missing, so it may be broken off at any moment; else it
//!    [walks](walk) both sides row by row.
//! 3. A second pass sets the references that were left null.
//! 4. [`prove()`] walks both sides once more: it counts, sums, and finds the first row that is not the same.
//!
//! Everything goes through plans, as service_role: there is no second path to a database.

mod order;
mod prove;
mod sink;
mod table;
mod wait;
mod walk;

pub use prove::{Proof, Proved, Sum, prove};

use pintle_model::{CollectionId, Value};
use pintle_query::Planner;

use self::order::Step;
use self::sink::Sink;
use self::table::{Row, Table, Whose};
use self::walk::{Pair, Walk};
use crate::Store;

/// One of the two: a store, and the planner of its dialect. Both planners are of the same model.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Where the rows are. Its tables are the model's.
    pub store: &'a Store,
    /// Makes its SQL.
    pub planner: &'a Planner,
}

/// Why it cannot go on. What was written stays, and the next run goes on there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store does not answer or refuses: doing what, and why.
    #[error("{doing}")]
    Store {
        /// `cannot read notes from the source`
        doing: String,
        /// Why.
        source: crate::Error,
    },
    /// It cannot be done: the message says why, and what would be right.
    #[error("{0}")]
    Cannot(String),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done.
    pub stage: Stage,
    /// To which collection.
    pub collection: &'a str,
    /// Rows that are done in this stage, over all collections.
    pub done: u64,
    /// Of these, rows that were passed over without a look, since all up to there was in the target already.
    pub skipped: u64,
    /// Rows in all; what is written to the source meanwhile is not among them.
    pub total: u64,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What the target has and the source has not is removed from the target.
    Remove,
    /// Rows are inserted.
    Copy,
    /// References that go round are set.
    Link,
    /// Both sides are read and compared.
    Prove,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows that were inserted.
    pub inserted: u64,
    /// Rows that were there already.
    pub there: u64,
    /// Rows that were changed to be the source's.
    pub changed: u64,
    /// Rows that the source does not have, removed from the target.
    pub removed: u64,
    /// What the target refused, a collection each: the proof then finds it missing.
    pub refused: Vec<Refused>,
}

/// Rows that the target refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Whose.
    pub collection: String,
    /// How many.
    pub rows: u64,
    /// Why, of the first.
    pub why: String,
}

/// Tells how far it is.
type Tell<'t> = &'t mut (dyn FnMut(Progress<'_>) + Send);

/// Copies every row that the target does not have. Rows that are there under the same key are left as they are, unless
/// `overwrite`: then they become the source's, and those that the source does not have are removed.
///
/// # Errors
/// When a store fails, or the collections refer to each other so that none can be first.
pub async fn copy(source: Side<'_>, target: Side<'_>, overwrite: bool, tell: Tell<'_>) -> Result<Copied, Error> {
    let steps = order::steps(source.planner.model()).map_err(Error::Cannot)?;
    let mut run = Run { source, target, copied: Copied::default(), tell };
    let mut left = 0;
    if overwrite {
        left = run.remove(&steps).await?;
    }
    run.insert(&steps, overwrite).await?;
    run.link(&steps, overwrite).await?;
    if left > 0 {
        // What could not go before its last reference was changed.
        run.remove(&steps).await?;
    }
    Ok(run.copied)
}

/// A copy at work.
struct Run<'a, 't> {
    source: Side<'a>,
    target: Side<'a>,
    copied: Copied,
    tell: Tell<'t>,
}

impl<'a> Run<'a, '_> {
    fn tables(&self, id: CollectionId) -> (Table<'a>, Table<'a>) {
        (Table::new(self.source, Whose::Source, id), Table::new(self.target, Whose::Target, id))
    }

    fn tell(&mut self, stage: Stage, collection: &str, (done, skipped, total): (u64, u64, u64)) {
        (self.tell)(Progress { stage, collection, done, skipped, total: total.max(done) });
    }

    /// How many rows the source has in these collections.
    async fn total(&self, steps: impl Iterator<Item = &Step>) -> Result<u64, Error> {
        let mut total = 0;
        for step in steps {
            total += self.tables(step.id).0.count(None).await?;
        }
        Ok(total)
    }

    /// Removes what the source does not have, those that refer before those that are referred to. What something still
    /// refers to stays for now: how many rows.
    async fn remove(&mut self, steps: &[Step]) -> Result<u64, Error> {
        let total = self.total(steps.iter()).await?;
        let (mut done, mut found, before) = (0, 0, self.copied.removed);
        for step in steps.iter().rev() {
            let (source, target) = self.tables(step.id);
            let mut walk = Walk::new(source, target);
            let mut extra: Vec<Row> = Vec::new();
            while let Some(pair) = walk.next().await? {
                match pair {
                    Pair::Target(row) => extra.push(row),
                    _ => done += 1,
                }
                if extra.len() >= table::PAGE_ROWS {
                    found += extra.len() as u64;
                    self.copied.removed += target.delete(&std::mem::take(&mut extra)).await?;
                }
                if done % table::PAGE_ROWS as u64 == 0 {
                    self.tell(Stage::Remove, target.name(), (done, 0, total));
                }
            }
            found += extra.len() as u64;
            self.copied.removed += target.delete(&extra).await?;
        }
        Ok(found.saturating_sub(self.copied.removed - before))
    }

    async fn insert(&mut self, steps: &[Step], overwrite: bool) -> Result<(), Error> {
        let total = self.total(steps.iter()).await?;
        let (mut done, mut skipped) = (0, 0);
        for step in steps {
            let (source, target) = self.tables(step.id);
            let mut sink = Sink::new(target, step);
            let mut walk = match if overwrite { None } else { behind(source, target).await? } {
                Some((last, there)) => {
                    self.copied.there += there;
                    (done, skipped) = (done + there, skipped + there);
                    // Behind its last key the target has nothing to be compared with.
                    Walk::tail(source, target, last)
                }
                None => Walk::new(source, target),
            };
            self.tell(Stage::Copy, source.name(), (done, skipped, total));
            while let Some(pair) = walk.next().await? {
                done += u64::from(!matches!(pair, Pair::Target(_)));
                self.copied.there += u64::from(!sink.take(&pair, overwrite)?);
                if sink.is_full() {
                    // The next page is read while this one is written.
                    let (written, read) = tokio::join!(sink.flush(), walk.ahead());
                    written.and(read)?;
                }
                if done % table::PAGE_ROWS as u64 == 0 {
                    self.tell(Stage::Copy, source.name(), (done, skipped, total));
                }
            }
            sink.finish(&mut self.copied).await?;
            self.tell(Stage::Copy, source.name(), (done, skipped, total));
        }
        Ok(())
    }

    /// Sets the references that were left null.
    async fn link(&mut self, steps: &[Step], overwrite: bool) -> Result<(), Error> {
        let round = || steps.iter().filter(|step| !step.later.is_empty());
        let total = self.total(round()).await?;
        let mut done = 0;
        for step in round() {
            let (source, target) = self.tables(step.id);
            let mut sink = Sink::new(target, step);
            let mut walk = Walk::new(source, target);
            while let Some(pair) = walk.next().await? {
                if let Pair::Differs { source, target } = &pair
                    && sink.lacks_links(source, target, overwrite)?
                {
                    sink.link(source)?;
                }
                done += u64::from(!matches!(pair, Pair::Target(_)));
                if sink.is_full() {
                    sink.flush().await?;
                }
                if done % table::PAGE_ROWS as u64 == 0 {
                    self.tell(Stage::Link, source.name(), (done, 0, total));
                }
            }
            let mut linked = Copied::default();
            sink.finish(&mut linked).await?;
            self.copied.refused.extend(linked.refused);
        }
        Ok(())
    }
}

/// The target's last key, behind which to go on, and how many rows it has up to there. None where rows before it are
/// missing, or others are there: then both sides have to be compared.
async fn behind(source: Table<'_>, target: Table<'_>) -> Result<Option<(Vec<Value>, u64)>, Error> {
    let Some(last) = target.last(None).await? else { return Ok(None) };
    if source.last(Some(&last)).await?.as_ref() != Some(&last) {
        return Ok(None);
    }
    let there = target.count(None).await?;
    let wanted = source.count(Some(&last)).await?;
    Ok((there == wanted).then_some((last, there)))
}
