//! `PUT`, `PATCH` and `DELETE` of a record. A condition is checked inside the write, so that nobody slips in between.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use pintle_model::CollectionId;
use pintle_query::rest::Asker;
use pintle_query::{Planner, Write};
use pintle_store::{Mode, Tx, Written};

use super::refused::Refused;
use super::{json, record, with_record};
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::etag::{self, Conditions};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::idempotency;
use crate::routes::Mounted;

/// What is to be done with a record.
enum Change {
    Replace(Bytes),
    Patch(Bytes),
    Remove,
}

/// The steps of a change; they own what they need.
struct Steps {
    planner: Arc<Planner>,
    collection: CollectionId,
    key: String,
    change: Change,
    conditions: Conditions,
    asker: Asker,
}

/// Changes a record, and answers it as it is then.
pub(super) async fn answer(ask: Ask<'_>, mounted: &Mounted, key: &str, body: Incoming) -> Result<Answer, Failure> {
    idempotency::key(ask.head)?;
    let change = match ask.head.method {
        Method::PUT => Change::Replace(json(&ask, body, false).await?),
        Method::PATCH => Change::Patch(json(&ask, body, true).await?),
        _ => Change::Remove,
    };
    let removes = matches!(change, Change::Remove);
    let conditions = Conditions::of(&ask.head.headers);
    // What does not depend on the record as it stands is a single plan.
    let alone = conditions.is_empty() && !matches!(change, Change::Patch(_));
    let steps = Steps {
        planner: Arc::clone(&ask.state.planner),
        collection: mounted.collection,
        key: key.to_owned(),
        change,
        conditions,
        asker: ask.asker.clone(),
    };
    let store = &ask.state.store;
    let done = if alone {
        match steps.write(None) {
            Ok(write) => store.write(write).await.map_err(Refused::from),
            Err(refused) => Err(refused),
        }
    } else {
        store.transaction(Mode::Write, move |tx| steps.run(tx)).await
    };
    let done = done.map_err(|refused| refused.told(&ask, key))?;
    if done.affected == 0 {
        return Err(super::absent(key));
    }
    Ok(match record(&done.rows) {
        Some(record) if !removes => with_record(StatusCode::OK, record),
        _ => answer::empty(StatusCode::NO_CONTENT),
    })
}

impl Steps {
    /// The write, for the record as it stands where that matters.
    fn write(&self, current: Option<&[u8]>) -> Result<Write, Refused> {
        let (planner, collection, key, asker) = (&self.planner, self.collection, &*self.key, &self.asker);
        Ok(match &self.change {
            Change::Replace(body) => planner.replace(collection, key, body, asker)?,
            Change::Patch(body) => planner.patch(collection, key, current.unwrap_or(b"{}"), body, asker)?,
            Change::Remove => planner.remove(collection, key, asker)?,
        })
    }

    /// Reads the record, looks at the condition, writes.
    fn run(&self, tx: &mut dyn Tx) -> Result<Written, Refused> {
        let read = self.planner.get(self.collection, &self.key, &self.asker)?;
        let current = record(&tx.read(&read)?).ok_or(Refused::Absent)?;
        if !self.conditions.is_empty() {
            let tag = etag::of(&current);
            if !self.conditions.wanted(&tag) || self.conditions.known(&tag) {
                return Err(Refused::Changed);
            }
        }
        Ok(tx.write(&self.write(Some(&current))?)?)
    }
}
