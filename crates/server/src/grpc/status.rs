//! What went wrong, as gRPC tells it: a status, a message, and for programs a `google.rpc.Status` with its details.

use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode, Version};
use pintle_query::Details;

use super::wire::{integer, message, text};
use crate::answer::{self, Answer};
use crate::failure::Failure;

/// The type of every answer.
pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
/// What stands behind the body, which HTTP/1.1 has to be told: a gateway asks by it.
const TRAILERS: HeaderValue =
    HeaderValue::from_static("grpc-status, grpc-message, grpc-status-details-bin, grpc-retry-pushback-ms");

/// gRPC's names of how a call ended, by their numbers.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// That of a call whose caller has gone.
pub(super) const CANCELLED: u32 = 1;

/// The name of a status.
pub(super) fn name(status: u32) -> &'static str {
    NAMES.get(status as usize).copied().unwrap_or("UNKNOWN")
}

/// The status that headers tell, if they do.
pub(super) fn number(headers: &HeaderMap) -> Option<u32> {
    headers.get(STATUS)?.to_str().ok()?.parse().ok()
}

/// The name of the status that headers tell, if they do.
pub(crate) fn status_of(headers: &HeaderMap) -> Option<&'static str> {
    number(headers).map(name)
}

/// gRPC's numbers of what went wrong.
fn code(status: StatusCode) -> u32 {
    match status.as_u16() {
        // INVALID_ARGUMENT
        400 | 413 | 414 => 3,
        // DEADLINE_EXCEEDED
        408 | 504 => 4,
        // PERMISSION_DENIED
        403 => 7,
        // RESOURCE_EXHAUSTED
        429 | 507 => 8,
        // UNIMPLEMENTED
        404 | 405 | 415 => 12,
        // UNAVAILABLE
        502 | 503 => 14,
        // UNAUTHENTICATED
        401 => 16,
        // INTERNAL
        500.. => 13,
        // UNKNOWN
        _ => 2,
    }
}

/// The head of an answer.
pub(crate) fn head(mut answer: Answer, version: Version) -> Answer {
    answer.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    if version < Version::HTTP_2 {
        answer.headers_mut().insert(header::TRAILER, TRAILERS);
    }
    answer
}

/// The answer to what failed before anything could be answered.
pub(crate) fn answer(failure: &Failure) -> Answer {
    let mut answer = answer::bare(StatusCode::OK, Bytes::new());
    answer.headers_mut().extend(failed(failure));
    answer.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    answer
}

/// What stands behind an answer that is whole.
pub(crate) fn good() -> HeaderMap {
    HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))])
}

/// What stands behind an answer that is not.
pub(crate) fn failed(failure: &Failure) -> HeaderMap {
    let code = code(failure.status);
    let told = match &failure.hint {
        Some(hint) => format!("{}: {hint}", failure.message),
        None => failure.message.clone(),
    };
    let mut trailers = HeaderMap::from_iter([
        (STATUS, HeaderValue::from(code)),
        (MESSAGE, answer::value(percent(&told))),
        (DETAILS, answer::value(base64(&status(code, &told, failure)))),
    ]);
    if let Some(wait) = wait(failure) {
        trailers.insert(PUSHBACK, HeaderValue::from(wait * 1000));
    }
    trailers
}

/// What stands behind an answer to who asked for what there is not: NOT_FOUND.
pub(crate) fn unknown(message: &str) -> HeaderMap {
    HeaderMap::from_iter([(STATUS, HeaderValue::from(5)), (MESSAGE, answer::value(percent(message)))])
}

/// When to try again, in seconds.
fn wait(failure: &Failure) -> Option<u64> {
    let (_, value) = failure.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok()
}

/// A `google.rpc.Status`: with `RetryInfo` where it is worth trying again, and `BadRequest` where fields are at fault.
fn status(code: u32, told: &str, failure: &Failure) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, 1, u64::from(code));
    text(&mut out, 2, told);
    let mut detail = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        message(&mut out, 3, |out| {
            text(out, 1, &format!("type.googleapis.com/google.rpc.{name}"));
            message(out, 2, write);
        });
    };
    if let Some(wait) = wait(failure) {
        detail("RetryInfo", &|out| message(out, 1, |out| integer(out, 1, wait)));
    }
    if let Details::List(faults) = &failure.details {
        detail("BadRequest", &|out| {
            for (path, fault) in faults {
                message(out, 1, |out| {
                    text(out, 1, path);
                    text(out, 2, fault);
                });
            }
        });
    }
    out
}

/// Writes an `Error`, as an outcome has it.
pub(crate) fn error(out: &mut Vec<u8>, failure: &Failure) {
    text(out, 1, &failure.code_text());
    text(out, 2, &failure.message);
    if let Details::Text(details) = &failure.details {
        text(out, 3, details);
    }
    text(out, 4, failure.hint.as_deref().unwrap_or_default());
    if let Details::List(faults) = &failure.details {
        for (path, fault) in faults {
            message(out, 5, |out| {
                text(out, 1, path);
                text(out, 2, fault);
            });
        }
    }
}

/// A message as a header holds it.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Bytes as a header holds them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let all = chunk.iter().enumerate().fold(0_u32, |all, (at, byte)| all | u32::from(*byte) << (16 - 8 * at));
        for at in 0..=chunk.len() {
            out.push(char::from(DIGITS[(all >> (18 - 6 * at)) as usize & 63]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::wire::bytes;
    use crate::status::RETRY_AFTER;

    #[test]
    fn who_is_to_wait_is_told_how_long_in_both_ways() {
        let full = Failure::new(StatusCode::TOO_MANY_REQUESTS, "7 % of é").hint("wait");
        let trailers = failed(&full.header(header::RETRY_AFTER, RETRY_AFTER));
        assert_eq!(trailers["grpc-status"], "8");
        assert_eq!(trailers["grpc-message"], "7 %25 of %C3%A9: wait");
        assert_eq!(trailers["grpc-retry-pushback-ms"], "1000");
        let name = b"type.googleapis.com/google.rpc.RetryInfo";
        let any = [&[10, name.len() as u8][..], name, &[18, 4, 10, 2, 8, 1]].concat();
        let mut status = Vec::new();
        integer(&mut status, 1, 8);
        text(&mut status, 2, "7 % of é: wait");
        bytes(&mut status, 3, &any);
        assert_eq!(trailers["grpc-status-details-bin"], base64(&status));
    }

    #[test]
    fn each_failure_has_the_status_that_the_documentation_says() {
        for (http, grpc) in [
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (429, "RESOURCE_EXHAUSTED"),
            (507, "RESOURCE_EXHAUSTED"),
            (503, "UNAVAILABLE"),
            (408, "DEADLINE_EXCEEDED"),
            (504, "DEADLINE_EXCEEDED"),
            (500, "INTERNAL"),
            (400, "INVALID_ARGUMENT"),
            (404, "UNIMPLEMENTED"),
            (415, "UNIMPLEMENTED"),
        ] {
            let trailers = failed(&Failure::new(StatusCode::from_u16(http).unwrap(), ""));
            assert_eq!(status_of(&trailers), Some(grpc), "{http}");
        }
        assert_eq!(status_of(&HeaderMap::new()), None);
    }

    #[test]
    fn base64_is_that_of_others() {
        for (bytes, wanted) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("\u{ff}>?", "w78+Pw")]
        {
            assert_eq!(base64(bytes.as_bytes()), wanted);
        }
    }
}
