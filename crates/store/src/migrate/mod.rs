//! Migrations: from the tables that the last applied model left to those that this model wants.
//!
//! 1. A model's [`snapshot`] is what of it matters to tables; the one that was applied last is kept in the database.
//! 2. [`diff`] compares two snapshots, whatever the engine.
//! 3. A [`review`] puts each difference into words, and asks the rows: what would be lost, what cannot be.
//! 4. The engine turns each difference into SQL.
//! 5. The plan is applied as one transaction, with a row of history. What would lock large tables for long comes
//!    afterwards, on engines where that can be avoided.

pub(crate) mod describe;
pub(crate) mod diff;
pub(crate) mod review;
pub(crate) mod snapshot;

use std::fmt;

use crate::Error;

/// What a migration would do, as a person reviews it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationPlan {
    /// What changes, collection by collection.
    pub steps: Vec<Step>,
    /// What keeps it from being made, whatever is allowed: `required` on rows without a value, and the like.
    pub refusals: Vec<String>,
    /// The model has been applied before, and others since: an older app meets a newer database.
    pub older: bool,
    /// No model has been applied yet: the database is new.
    pub first: bool,
    /// The app that the tables belong to, if it is another one and would lose collections, be they empty.
    pub other_app: Option<String>,
    /// What the store lacks, so that it is slower than it could be: what, why, and how to mend it.
    pub slower: Option<String>,
}

/// How far a migration may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// What loses nothing, and never back to a model that was left behind: what a server does by itself, so that an old
    /// replica that starts late undoes nothing.
    Forward,
    /// What loses nothing, back as well: what somebody asks for.
    Lossless,
    /// Anything that can be made.
    Loss,
}

/// The change of one collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// One line a change, as a diff has them.
    pub lines: Vec<Line>,
    /// The SQL.
    pub sql: Vec<String>,
    /// The SQL of what is made afterwards, each by itself, so that no table is locked for long.
    pub later: Vec<String>,
}

/// One line of the diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `+`, `~` or `-`.
    pub sign: char,
    /// Whether it stands below the line of its collection.
    pub inner: bool,
    /// What changes.
    pub text: String,
    /// What is lost by it, if rows are there that it concerns: `3 rows`, `12 values`.
    pub loses: Option<String>,
}

impl MigrationPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && !self.older
    }

    /// Whether data would be lost.
    #[must_use]
    pub fn loses_data(&self) -> bool {
        self.lost().next().is_some()
    }

    /// Every statement of the one transaction, in order.
    pub fn sql(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| &step.sql).map(String::as_str)
    }

    /// Every statement that is run by itself afterwards, in order.
    pub fn later(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| &step.later).map(String::as_str)
    }

    fn lost(&self) -> impl Iterator<Item = String> {
        self.steps.iter().flat_map(|step| {
            let collection = step.lines.first().map_or("", |line| line.text.as_str());
            step.lines.iter().filter_map(move |line| {
                let loses = line.loses.as_deref()?;
                Some(if line.inner {
                    format!("{collection}: {} {} loses {loses}", line.sign, line.text)
                } else {
                    format!("{} {} loses {loses}", line.sign, line.text)
                })
            })
        })
    }

    /// Whether it may be applied.
    ///
    /// # Errors
    /// Why not, and what would be right.
    pub fn check(&self, consent: Consent) -> Result<(), Error> {
        if !self.refusals.is_empty() {
            return Err(Error::Migration(format!("the tables cannot be changed:\n  {}", self.refusals.join("\n  "))));
        }
        if self.older && consent == Consent::Forward {
            return Err(Error::Migration(
                "this app is older than its database: a newer one has changed the tables since. Serve the newer app, or \
                 go back on purpose with `pintle migrate`"
                    .to_owned(),
            ));
        }
        if let Some(other) = self.other_app.as_ref().filter(|_| consent != Consent::Loss) {
            return Err(Error::Migration(format!(
                "the store holds another app, `{other}`, whose collections would be removed: serve this app from a store of \
                 its own (another file, database or `schema`). If it is the same app under a new name, run `pintle migrate \
                 --allow-loss`"
            )));
        }
        if self.loses_data() && consent != Consent::Loss {
            let lost: Vec<_> = self.lost().collect();
            return Err(Error::Migration(format!(
                "this would lose data:\n  {}\nIf that is meant, run `pintle migrate --allow-loss`; to keep it, put the \
                 field or collection back, or name its old name in `renamed_from`",
                lost.join("\n  ")
            )));
        }
        Ok(())
    }
}

impl fmt::Display for MigrationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.older {
            writeln!(f, "! this app is older than its database")?;
        }
        for line in self.steps.iter().flat_map(|step| &step.lines) {
            let indent = if line.inner { "    " } else { "" };
            write!(f, "{indent}{} {}", line.sign, line.text)?;
            match &line.loses {
                Some(loses) => writeln!(f, "  (loses {loses})")?,
                None => writeln!(f)?,
            }
        }
        for refusal in &self.refusals {
            writeln!(f, "! {refusal}")?;
        }
        Ok(())
    }
}

impl Line {
    pub(crate) fn outer(sign: char, text: impl Into<String>) -> Line {
        Line { sign, inner: false, text: text.into(), loses: None }
    }

    pub(crate) fn inner(sign: char, text: impl Into<String>) -> Line {
        Line { sign, inner: true, text: text.into(), loses: None }
    }
}
