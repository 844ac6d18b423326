//! `GET /configs`

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use pintle_store::Rows;

use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::rest::Range;
use crate::routes::Mounted;
use crate::status::Surface;

/// Lists records: a page, and where the next one is.
pub(super) async fn answer(ask: Ask<'_>, mounted: &Mounted) -> Result<Answer, Failure> {
    let planned = ask.state.planner.list(mounted.collection, &ask.query, &ask.asker);
    let planned = planned.map_err(|fault| ask.fault(fault, Surface::Plain))?;
    let rows = ask.state.store.read(planned.read).await.map_err(|error| ask.error(error, Surface::Plain))?;
    let limit = planned.limit.unwrap_or(u64::MAX);
    let (len, more) = (rows.len.min(limit), rows.len > limit);
    let body = if more { without_last(rows) } else { rows.json };
    let mut answer = answer::json(StatusCode::OK, body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_RANGE, Range { offset: planned.offset, len, total: None }.content_range());
    if more && limit > 0 {
        headers.insert(header::LINK, next(mounted, &ask.query, planned.offset.saturating_add(limit)));
    }
    Ok(answer)
}

/// The rows without the one that only told that there are more. The bytes are not copied, as nobody else holds them.
fn without_last(rows: Rows) -> Bytes {
    let mut json = rows.json.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    json.truncate(rows.last_row);
    // What stands before the last row is a comma, or the bracket of an array that is empty now.
    match json.last_mut() {
        Some(comma @ b',') => *comma = b']',
        _ => json.extend_from_slice(b"]"),
    }
    json.freeze()
}

/// `Link` to the next page: the same parameters with another offset.
fn next(mounted: &Mounted, query: &str, offset: u64) -> HeaderValue {
    let path = if mounted.path.is_empty() { "/" } else { &mounted.path };
    let mut target = format!("<{path}?");
    for part in query.split('&').filter(|part| !part.is_empty() && !part.starts_with("offset=")) {
        target.push_str(part);
        target.push('&');
    }
    answer::value(format!("{target}offset={offset}>; rel=\"next\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(json: &'static str, last_row: usize) -> Bytes {
        without_last(Rows { json: json.into(), last_row, ..Rows::default() })
    }

    #[test]
    fn the_row_too_many_is_cut_off() {
        assert_eq!(cut(r#"[{"a":1},{"a":2}]"#, 9), r#"[{"a":1}]"#);
        assert_eq!(cut(r#"[{"a":1}]"#, 1), "[]");
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let mounted = Mounted {
            collection: pintle_model::CollectionId(0),
            path: "/configs".to_owned(),
            before_key: String::new(),
            methods: Vec::new(),
            allow: HeaderValue::from_static(""),
        };
        assert_eq!(next(&mounted, "", 1000), "</configs?offset=1000>; rel=\"next\"");
        assert_eq!(
            next(&mounted, "offset=30&limit=30&data.id=1", 60),
            "</configs?limit=30&data.id=1&offset=60>; rel=\"next\""
        );
    }
}
