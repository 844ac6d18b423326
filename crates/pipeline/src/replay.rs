//! Trying dead letters again.
//!
//! A letter is removed and its record stored in one transaction, so that it is stored once, whatever breaks amid it and whoever else
//! tries it: whoever does not find the letter any more stores nothing.

use std::sync::Arc;
use std::time::Duration;

use pintle_query::rest::Asker;
use pintle_query::{FaultKind, Read, Write};
use pintle_store::{Error as StoreError, Mode, Tx};

use crate::dead::DeadLetters;
use crate::door::Error;
use crate::letter::Letter;
use crate::storing::{Storing, write};

/// Letters that share a transaction: others wait for it, on SQLite.
const PAGE: u64 = 50;
/// How long another replay of the same pipeline is waited for, and how often that is looked at.
const MOMENT: Duration = Duration::from_millis(20);
const PATIENCE: u32 = 1500;
/// What replays hold while they are at work, with the pipeline's number.
const CLAIM: i64 = 0x7265_706c_6179_0000;

/// What trying again came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Stored now, or there already.
    pub stored: u64,
    /// Still there, with the reason of the last attempt.
    pub dead: u64,
}

/// A letter that is tried again.
struct Attempt {
    letter: Letter,
    remove: Write,
    /// What stores its record; or why that cannot even be tried: a code and a message.
    store: Result<Write, (&'static str, String)>,
    /// What looks whether one with its id is there, as it may be where a policy refuses it.
    seen: Option<Read>,
}

impl Storing {
    /// Tries again what could not be stored, as who sent it: the letter of this id, or all.
    pub(crate) async fn replay(&self, only: Option<&str>, asker: &Asker) -> Result<Replayed, Error> {
        let mut done = Replayed::default();
        if let Some(id) = only {
            let letter = self.dead.find(id, asker).await?;
            self.page(letter.as_slice(), asker, &mut done).await?;
            return Ok(done);
        }
        let until = self.dead.newest(asker).await?;
        let mut letters = self.dead.page(PAGE, None, until, asker).await?;
        while !letters.is_empty() {
            self.page(&letters, asker, &mut done).await?;
            letters = self.dead.page(PAGE, letters.last(), until, asker).await?;
        }
        Ok(done)
    }

    /// Tries letters together, or, where the store cannot because of one of them, each alone: that one is put back.
    async fn page(&self, letters: &[Letter], asker: &Asker, done: &mut Replayed) -> Result<(), Error> {
        if self.together(letters, None, asker, done).await?.is_none() {
            return Ok(());
        }
        for letter in letters {
            let letter = std::slice::from_ref(letter);
            if let Some(why) = self.together(letter, None, asker, done).await? {
                self.together(letter, Some(&why), asker, done).await?;
            }
        }
        Ok(())
    }

    /// Tries letters in one transaction, or only puts them back where it is known why they fail. Why the store, which answers others,
    /// cannot store them; they are as they were then.
    async fn together(
        &self,
        letters: &[Letter],
        why: Option<&str>,
        asker: &Asker,
        done: &mut Replayed,
    ) -> Result<Option<String>, Error> {
        let mut tries = 0;
        loop {
            let attempt = |letter| self.attempt(letter, why, asker);
            let attempts = letters.iter().map(attempt).collect::<Result<Vec<_>, _>>()?;
            let (dead, again) = (Arc::clone(&self.dead), asker.clone());
            let claim = Mode::Claim(CLAIM + self.id.0 as i64);
            let page = self.store.transaction(claim, move |tx| try_all(tx, &attempts, &dead, &again)).await;
            match page {
                Err(Error::Store(StoreError::Claimed)) if tries < PATIENCE => {
                    tries += 1;
                    tokio::time::sleep(MOMENT).await;
                }
                Err(Error::Store(error @ (StoreError::Internal(_) | StoreError::Timeout)))
                    if why.is_none() && self.store.ready().await.is_ok() =>
                {
                    return Ok(Some(error.to_string()));
                }
                Err(error) => return Err(error),
                Ok(page) => {
                    done.stored += page.stored;
                    done.dead += page.dead;
                    return Ok(None);
                }
            }
        }
    }

    fn attempt(&self, letter: &Letter, why: Option<&str>, asker: &Asker) -> Result<Attempt, Error> {
        let remove = self.dead.removal(&letter.id, asker)?;
        let mut attempt = Attempt { letter: letter.clone(), remove, store: Err(("XX000", String::new())), seen: None };
        if let Some(why) = why {
            attempt.store = Err(("XX000", why.to_owned()));
            return Ok(attempt);
        }
        let sender = Asker { caller: Arc::new(letter.caller.clone().caller()), ..asker.clone() };
        attempt.store = match self.planner.pipeline_again(self.id, letter.record.get(), &sender) {
            Ok(record) => {
                let key = self.key(&record.values, record.counted);
                attempt.seen = key.map(|key| self.seeking(&[key], asker)).transpose()?;
                match &self.plans(&sender).many[usize::from(record.counted)] {
                    Ok(plan) => Ok(write(Arc::clone(plan), vec![record.values], &sender)),
                    Err(fault) => Err(("42501", fault.to_string())),
                }
            }
            Err(fault) => {
                let code = match fault.kind {
                    FaultKind::NotNull => "23502",
                    FaultKind::Check => "23514",
                    FaultKind::UnknownColumn => "42703",
                    _ => "22P02",
                };
                Err((code, fault.to_string()))
            }
        };
        Ok(attempt)
    }
}

/// Runs in one transaction; an error leaves all letters as they were.
fn try_all(tx: &mut dyn Tx, attempts: &[Attempt], dead: &DeadLetters, asker: &Asker) -> Result<Replayed, Error> {
    let mut done = Replayed::default();
    for Attempt { letter, remove, store, seen } in attempts {
        if tx.write(remove)?.affected == 0 {
            // Somebody else has stored or removed it.
            continue;
        }
        let failed = match store {
            Ok(write) => match tx.write(write) {
                Ok(_) => None,
                Err(error) if error.is_of_a_row() => Some(error),
                Err(error) => return Err(error.into()),
            },
            Err((code, message)) => Some(StoreError::Constraint { code, message: message.clone() }),
        };
        let of_policy = matches!(failed, Some(StoreError::Policy(_) | StoreError::Constraint { code: "42501", .. }));
        let failed = match seen {
            Some(seen) if of_policy && tx.read(seen)?.len > 0 => None,
            _ => failed,
        };
        match failed {
            None => done.stored += 1,
            Some(error) => {
                tx.write(&dead.putting_back(letter, &error, asker)?)?;
                done.dead += 1;
            }
        }
    }
    Ok(done)
}
