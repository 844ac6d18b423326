//! `/rest/v1`: collections in PostgREST's grammar. This folder speaks HTTP (headers, statuses); what is asked for is
//! `pintle-query`'s to understand.

pub(crate) mod media;
mod prefer;
mod range;
mod read;
pub(crate) mod within;
mod write;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use pintle_model::likeness::meant;
use pintle_model::{CollectionId, Model};

use self::media::Media;
use self::prefer::Prefer;
pub(crate) use self::range::Rows as Range;
use crate::Exposure;
use crate::answer::{self, Answer};
use crate::body::Incoming;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::percent;

const ALLOW: HeaderValue = HeaderValue::from_static("OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
const VARY: HeaderValue = HeaderValue::from_static("Accept, Prefer, Range");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Answers a request for a collection.
pub(crate) async fn answer(ask: Ask<'_>, collection: CollectionId, body: Incoming) -> Result<Answer, Failure> {
    let method = &ask.head.method;
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::PUT];
    if *method == Method::OPTIONS {
        return Ok(answer::options(ALLOW));
    }
    if !known.contains(method) {
        return Err(Failure::method(method, ALLOW).code("PGRST117"));
    }
    profile(ask.head)?;
    let media = Media::of(&ask.head.headers)?;
    let prefer = Prefer::of(&ask.head.headers, ask.state.settings.allow_rollback)?;
    if *method == Method::GET || *method == Method::HEAD {
        read::answer(ask, collection, media, prefer).await
    } else {
        write::answer(ask, collection, media, prefer, body).await
    }
}

/// There is one schema, `public`, which may be named.
fn profile(head: &Parts) -> Result<(), Failure> {
    let reads = head.method == Method::GET || head.method == Method::HEAD;
    let name = HeaderName::from_static(if reads { "accept-profile" } else { "content-profile" });
    match answer::text(head, name) {
        None | Some("public") => Ok(()),
        Some(other) => Err(Failure::new(StatusCode::NOT_ACCEPTABLE, format!("Invalid schema: {other}"))
            .code("PGRST106")
            .hint("Only the following schemas are exposed: public")),
    }
}

/// The collection of a name that is written otherwise than it is, with `%`: it means the same (RFC 3986, 6.2.2.2).
///
/// # Errors
/// When it is no text.
pub(crate) fn written_otherwise(
    exposure: &Exposure,
    model: &Model,
    part: &str,
) -> Result<Option<CollectionId>, Failure> {
    let undecoded = |why| Failure::undecoded("the name", part, why).code("PGRST125");
    let name = percent::of_path(part).map_err(undecoded)?;
    Ok(exposure.collections.iter().copied().find(|id| model.collection(*id).name == name))
}

/// There is no such collection among these; perhaps one with a name like it.
pub(crate) fn unknown<'m>(known: impl Iterator<Item = &'m str>, part: &str) -> Failure {
    let name = percent_decode_str(part).decode_utf8_lossy();
    let failure =
        Failure::new(StatusCode::NOT_FOUND, format!("Could not find the table 'public.{name}' in the schema cache"))
            .code("PGRST205");
    match meant(&name, known) {
        Some(meant) => failure.hint(format!("Perhaps you meant the table 'public.{meant}'")),
        None => failure,
    }
}

/// Functions are not built yet.
pub(crate) fn no_functions(part: &str) -> Failure {
    let name = percent_decode_str(part).decode_utf8_lossy();
    Failure::bad_request(format!("functions are not built yet, so there is no `{name}`")).code("PGRST127")
}

/// The root would be an OpenAPI document.
pub(crate) fn no_root() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "Root endpoint metadata is disabled")
        .code("PGRST126")
        .hint("the document stands at /openapi.json")
}

/// Collections have nothing below them.
pub(crate) fn no_path() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "Invalid path specified in request URL").code("PGRST125")
}

/// Adds what answers of this surface have in common.
fn finish(mut answer: Answer, content_range: HeaderValue, applied: Option<HeaderValue>) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_RANGE, content_range);
    headers.insert(header::VARY, VARY);
    if let Some(applied) = applied {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    answer
}
