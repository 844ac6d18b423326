//! `POST /configs`

use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pintle_store::Written;
use serde_json::value::RawValue;

use super::{json, record, with_record};
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::etag::Conditions;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::idempotency::{self, Asked, once};
use crate::routes::Mounted;
use crate::status::Surface;

/// What stands for itself in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Stores a record.
pub(super) async fn answer(ask: Ask<'_>, mounted: &Mounted, body: Incoming) -> Result<Answer, Failure> {
    super::no_parameters(&ask)?;
    let key = idempotency::key(ask.head)?;
    // `If-None-Match` holds in any case: what is created was not there.
    if Conditions::of(&ask.head.headers).want_one() {
        let message = "a new record is none that `If-Match` could name";
        return Err(Failure::new(StatusCode::PRECONDITION_FAILED, message)
            .hint("leave `If-Match` out, or change the record at its own address"));
    }
    let body = json(&ask, body, false).await?;
    let write = ask.state.planner.create(mounted.collection, &body, &ask.asker);
    let write = write.map_err(|fault| ask.fault(fault, Surface::Plain))?;
    if let Some(key) = key {
        let asked = Asked::new(key, mounted.path.clone(), &ask.asker.caller, &[&body]);
        let mounted = mounted.clone();
        // In a box, since its room would be every request's.
        let answered = move |done| created(&mounted, &done);
        return Box::pin(once(&ask, Surface::Plain, asked, Some(write), answered)).await;
    }
    let done = ask.state.store.write(write).await.map_err(|error| ask.error(error, Surface::Plain))?;
    Ok(created(mounted, &done))
}

/// The answer with the record.
fn created(mounted: &Mounted, done: &Written) -> Answer {
    // Who may write and not read gets no record.
    let Some(record) = record(&done.rows) else { return answer::empty(StatusCode::CREATED) };
    let location = location(mounted, &record);
    let mut answer = with_record(StatusCode::CREATED, record);
    if let Some(location) = location {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// The record's address. Its key is the first of its members, so no more of it is read.
fn location(mounted: &Mounted, record: &[u8]) -> Option<HeaderValue> {
    let rest = record.strip_prefix(mounted.before_key.as_bytes())?;
    let key: &RawValue = serde_json::Deserializer::from_slice(rest).into_iter().next()?.ok()?;
    let text = match key.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(key.get()).ok()?,
        _ => key.get().to_owned(),
    };
    Some(answer::value(format!("{}/{}", mounted.path, utf8_percent_encode(&text, PLAIN))))
}

#[cfg(test)]
mod tests {
    use pintle_model::CollectionId;

    use super::*;

    fn location_of(record: &str) -> Option<String> {
        let mounted = Mounted {
            collection: CollectionId(0),
            path: "/configs".to_owned(),
            before_key: "{\"name\":".to_owned(),
            methods: Vec::new(),
            allow: HeaderValue::from_static(""),
        };
        location(&mounted, record.as_bytes()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_record_s_address_ends_with_its_key() {
        assert_eq!(location_of(r#"{"name":"a","data":[]}"#).unwrap(), "/configs/a");
        assert_eq!(location_of(r#"{"name":17,"data":[]}"#).unwrap(), "/configs/17");
        assert_eq!(location_of(r#"{"name":17}"#).unwrap(), "/configs/17");
        assert_eq!(location_of(r#"{"name":"a/b \"é\"","x":1}"#).unwrap(), "/configs/a%2Fb%20%22%C3%A9%22");
        assert_eq!(location_of(r#"{"other":1}"#), None);
    }
}
