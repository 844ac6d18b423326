//! `GET /configs/KEY`

use hyper::StatusCode;
use hyper::header;

use super::refused::of_key;
use super::{absent, changed, record, with_record};
use crate::answer::{self, Answer};
use crate::compress;
use crate::etag::Conditions;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::routes::Mounted;
use crate::status::Surface;

/// Fetches a record.
pub(super) async fn answer(ask: Ask<'_>, mounted: &Mounted, key: &str) -> Result<Answer, Failure> {
    let read = ask.state.planner.get(mounted.collection, key, &ask.asker);
    let read = read.map_err(|fault| of_key(fault, &ask, key))?;
    let rows = ask.state.store.read(read).await.map_err(|error| ask.error(error, Surface::Plain))?;
    let answer = with_record(StatusCode::OK, record(&rows).ok_or_else(|| absent(key))?);
    let conditions = Conditions::of(&ask.head.headers);
    if let Some(tag) = answer.headers().get(header::ETAG).filter(|_| !conditions.is_empty()) {
        if !conditions.wanted(tag) {
            return Err(changed());
        }
        if conditions.known(tag) {
            let mut same = answer::empty(StatusCode::NOT_MODIFIED);
            same.headers_mut().insert(header::ETAG, tag.clone());
            // Caches take the header from here too: it is that of the record.
            if compress::may_be_coded(&answer) {
                same.headers_mut().insert(header::VARY, compress::VARY);
            }
            return Ok(same);
        }
    }
    Ok(answer)
}
