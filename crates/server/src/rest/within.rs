//! A request to the data API from inside a transaction: what a script asks for with `db.from(…)`.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_model::{CollectionId, Role};
use pintle_query::rest::{Asker, Preferences, Return};
use pintle_query::{Fault, FaultKind, Planner, Read};
use pintle_store::{Error, Tx, Written};

use super::prefer::Prefer;
use super::range::Rows;
use super::write::status_of;
use crate::failure::Failure;
use crate::status::{self, Surface};

/// A request.
#[derive(Debug)]
pub(crate) struct Inside<'r> {
    pub(crate) method: Method,
    pub(crate) collection: &'r str,
    /// The parameters, percent-encoded.
    pub(crate) query: &'r str,
    /// `Prefer`
    pub(crate) prefer: &'r str,
    /// One record is wanted, not an array.
    pub(crate) single: bool,
    pub(crate) body: &'r [u8],
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: StatusCode,
    /// JSON, or nothing where no representation was asked for.
    pub(crate) body: Bytes,
    /// How many rows there are or were written, if that was asked for.
    pub(crate) count: Option<u64>,
    /// What was looked into.
    pub(crate) reads: Vec<CollectionId>,
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The request is wrong, or a rule forbids it: the transaction goes on without it.
    Told(Box<Failure>),
    /// The script is wrong, whatever it was called with. It goes on too.
    Mistake(Box<Failure>),
    /// The store cannot go on with the transaction.
    Store(Error),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Told(Box::new(failure))
    }
}

/// A read that is to run, and how its rows are told.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) read: Read,
    offset: u64,
    single: bool,
    /// Its rows are of no interest: they are counted where that was asked for.
    head: bool,
    role: Role,
}

impl Look {
    /// What a request asks for that only reads, as `/rest/v1` would answer it, but that the manifest's `limits.rows` does not hold: a
    /// script's rows stay inside.
    pub(crate) fn of(planner: &Planner, asker: &Asker, asked: &Inside<'_>) -> Result<Look, Refused> {
        let (collection, mut preferences) = meant(planner, asked)?;
        preferences.all_rows = true;
        let role = asker.caller.role;
        let head = asked.method == Method::HEAD;
        let mut query = Cow::Borrowed(asked.query);
        // What is not told need not be found.
        if head && !asked.single && !query.split('&').any(|pair| pair.starts_with("limit=")) {
            query = format!("{query}&limit=0").into();
        }
        let planned = planner.rest_read(collection, &query, &preferences, asker);
        let planned = planned.map_err(|fault| told(fault, role))?;
        Ok(Look { read: planned.read, offset: planned.offset, single: asked.single, head, role })
    }

    /// What is told of the rows.
    pub(crate) fn told(&self, found: Result<pintle_store::Rows, Error>) -> Result<Done, Refused> {
        let found = found.map_err(|error| refused(error, self.role))?;
        let rows = Rows { offset: self.offset, len: found.len, total: found.total };
        let reads = self.read.plan.reads.clone();
        if self.head && !self.single {
            rows.status()?;
            return Ok(Done { status: StatusCode::OK, body: Bytes::new(), count: found.total, reads });
        }
        let (status, body) = if self.single {
            if found.len != 1 {
                return Err(status::single(found.len).into());
            }
            (StatusCode::OK, found.json.slice(1..found.json.len() - 1))
        } else {
            (rows.status()?, found.json)
        };
        let body = if self.head { Bytes::new() } else { body };
        Ok(Done { status, body, count: found.total, reads })
    }
}

/// The collection that a request names, and how it wants its answer.
fn meant(planner: &Planner, asked: &Inside<'_>) -> Result<(CollectionId, Preferences), Refused> {
    let found = planner.model().find(asked.collection).filter(|(_, collection)| !collection.system);
    let Some((collection, _)) = found else {
        let part = utf8_percent_encode(asked.collection, NON_ALPHANUMERIC).to_string();
        let known = planner.model().collections.iter().filter(|c| !c.system).map(|c| c.name.as_str());
        return Err(Refused::Mistake(Box::new(super::unknown(known, &part))));
    };
    let prefer = Prefer::of_words(asked.prefer.split(','), false)?;
    let mut preferences = prefer.asked(&asked.method);
    preferences.single = asked.single;
    Ok((collection, preferences))
}

/// Runs a request in a transaction.
pub(crate) fn run(tx: &mut dyn Tx, planner: &Planner, asker: &Asker, asked: &Inside<'_>) -> Result<Done, Refused> {
    if asked.method == Method::GET || asked.method == Method::HEAD {
        let look = Look::of(planner, asker, asked)?;
        return look.told(tx.read(&look.read));
    }
    let (collection, preferences) = meant(planner, asked)?;
    let role = asker.caller.role;
    let told = |fault: Fault| self::told(fault, role);
    let failed = |error: Error| refused(error, role);
    let planned =
        super::write::planned(planner, asker, &asked.method, collection, asked.query, &preferences, asked.body);
    let done = match planned.map_err(told)?.write {
        Some(write) => tx.write(&write).map_err(failed)?,
        None if asked.single => return Err(status::single(0).into()),
        None => Written::default(),
    };
    let body = match preferences.returning {
        Return::Representation if done.rows.json.is_empty() => Bytes::from_static(b"[]"),
        Return::Representation if asked.single => done.rows.json.slice(1..done.rows.json.len() - 1),
        Return::Representation => done.rows.json.clone(),
        _ => Bytes::new(),
    };
    let count = preferences.count.then_some(done.affected);
    Ok(Done { status: status_of(&asked.method, &preferences, &done), body, count, reads: Vec::new() })
}

/// A fault: the script's own where what scripts write, and callers do not, is wrong. Values and the names in a body may be the caller's,
/// and so may be what does not parse: a `limit`, a pattern that is too long.
pub(crate) fn told(fault: Fault, role: Role) -> Refused {
    let mistake = matches!(
        fault.kind,
        FaultKind::Statement
            | FaultKind::NotEmbedded
            | FaultKind::Unsupported
            | FaultKind::UnknownOperator
            | FaultKind::UndefinedColumn
            | FaultKind::UndefinedOperator
            | FaultKind::ConflictTarget
    );
    let failure = Box::new(status::fault(fault, Surface::Rest, role));
    if mistake { Refused::Mistake(failure) } else { Refused::Told(failure) }
}

/// An error of the store: told where it is the request's own, with which the transaction goes on.
pub(crate) fn refused(error: Error, role: Role) -> Refused {
    match error {
        Error::Unique { .. }
        | Error::ForeignKey { .. }
        | Error::Constraint { .. }
        | Error::Policy(_)
        | Error::NotSingle(_)
        | Error::MaxAffected(_)
        | Error::TooLarge(_) => status::error(error, Surface::Rest, role).into(),
        _ => Refused::Store(error),
    }
}
