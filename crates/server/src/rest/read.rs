//! `GET` and `HEAD` of a collection.

use hyper::StatusCode;
use hyper::header;
use pintle_model::CollectionId;

use super::media::Media;
use super::prefer::Prefer;
use super::range::{self, Rows};
use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::{self, Surface};

/// Answers the rows.
pub(super) async fn answer(
    ask: Ask<'_>,
    collection: CollectionId,
    media: Media,
    prefer: Prefer,
) -> Result<Answer, Failure> {
    let method = &ask.head.method;
    let mut asked = prefer.asked(method);
    asked.single = media.single;
    asked.strip_nulls = media.strip_nulls;
    let query = range::with_header(ask.query.clone(), &ask.head.headers)?;
    let planned = ask.state.planner.rest_read(collection, &query, &asked, &ask.asker);
    let planned = planned.map_err(|fault| ask.fault(fault, Surface::Rest))?;
    let found = ask.state.store.read(planned.read).await.map_err(|error| ask.error(error, Surface::Rest))?;
    let rows = Rows { offset: planned.offset, len: found.len, total: found.total };
    let (status, body) = if media.single {
        if found.len != 1 {
            return Err(status::single(found.len));
        }
        (StatusCode::OK, found.json.slice(1..found.json.len() - 1))
    } else {
        (rows.status()?, found.json)
    };
    let mut answer = answer::bare(status, body);
    answer.headers_mut().insert(header::CONTENT_TYPE, media.content_type());
    Ok(super::finish(answer, rows.content_range(), prefer.applied(method)))
}
