//! Errors on their way to the caller, all in one shape: `{code, message, details, hint}`.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use pintle_query::Details;
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};
use serde_json::value::RawValue;

use crate::answer::{self, Answer};
use crate::percent::Undecoded;

/// How to say who asks.
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What went wrong, as the caller is told.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The code; without one it is `PT` and the status.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) details: Details,
    pub(crate) hint: Option<String>,
    /// More headers, such as `Allow`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The reason, for the log alone.
    pub(crate) cause: Option<String>,
}

/// An error in a script's own words.
#[derive(Debug)]
pub(crate) struct Worded {
    /// The code; without one it is `PT` and the status.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    /// JSON.
    pub(crate) details: Option<String>,
    pub(crate) hint: Option<String>,
}

#[derive(Serialize)]
struct Body<'f, D> {
    code: &'f str,
    message: &'f str,
    details: D,
    hint: Option<&'f str>,
}

#[derive(Serialize)]
struct Place<'f> {
    path: &'f str,
    message: &'f str,
}

struct Listed<'f>(&'f Details);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Details::None => serializer.serialize_none(),
            Details::Text(text) => serializer.serialize_str(text),
            Details::List(list) => {
                let mut sequence = serializer.serialize_seq(Some(list.len()))?;
                for (path, message) in list {
                    sequence.serialize_element(&Place { path, message })?;
                }
                sequence.end()
            }
        }
    }
}

/// The code of an error that has none of its own.
fn plain_code(status: StatusCode) -> String {
    format!("PT{}", status.as_u16())
}

fn told(status: StatusCode, code: &str, json: Vec<u8>) -> Answer {
    let mut answer = answer::json(status, json.into());
    answer.headers_mut().insert(PROXY_STATUS, answer::value(format!("Pintle; error={code}")));
    answer
}

impl Worded {
    /// Writes the answer.
    pub(crate) fn answer(self, status: StatusCode) -> Answer {
        let code = self.code.unwrap_or_else(|| plain_code(status));
        let details: Option<Box<RawValue>> = self.details.and_then(|json| RawValue::from_string(json).ok());
        let body = Body { code: &code, message: &self.message, details, hint: self.hint.as_deref() };
        let mut answer = told(status, &code, serde_json::to_vec(&body).unwrap_or_default());
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, BEARER);
        }
        answer
    }
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure {
            status,
            code: None,
            message: message.into(),
            details: Details::None,
            hint: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, message)
    }

    /// A part of the path that does not read as text.
    pub(crate) fn undecoded(what: &str, part: &str, (wrong, right): Undecoded) -> Failure {
        Failure::bad_request(format!("{what} `{part}` {wrong}")).hint(right)
    }

    /// Nothing is at this path.
    pub(crate) fn no_such_path(path: &str) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}")).hint("what there is stands at /docs")
    }

    /// The address does not answer this method.
    pub(crate) fn method(method: &Method, allow: HeaderValue) -> Failure {
        let known = allow.to_str().unwrap_or_default().to_owned();
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("this address does not answer {method}"))
            .hint(format!("it answers {known}"))
            .header(header::ALLOW, allow)
    }

    pub(crate) fn code(mut self, code: &'static str) -> Failure {
        self.code = Some(code);
        self
    }

    pub(crate) fn details(mut self, details: impl Into<String>) -> Failure {
        self.details = Details::Text(details.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Failure {
        self.headers.push((name, value));
        self
    }

    /// Whether it is none of the request's.
    pub(crate) fn is_to_be_logged(&self) -> bool {
        self.status.is_server_error() || self.cause.is_some()
    }

    /// Keeps the reason of an error for the log, with the reasons of its reasons.
    pub(crate) fn because(mut self, error: &dyn Error) -> Failure {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        self.cause = Some(text);
        self
    }

    /// Tells who asks how to say so.
    pub(crate) fn challenge(self) -> Failure {
        self.header(header::WWW_AUTHENTICATE, BEARER)
    }

    /// The error as JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        let code = &*self.code_text();
        let body = Body { code, message: &self.message, details: Listed(&self.details), hint: self.hint.as_deref() };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    pub(crate) fn code_text(&self) -> Cow<'static, str> {
        self.code.map_or_else(|| plain_code(self.status).into(), Cow::Borrowed)
    }

    /// Writes the answer.
    pub(crate) fn answer(self) -> Answer {
        let mut answer = told(self.status, &self.code_text(), self.json());
        answer.headers_mut().extend(self.headers);
        answer
    }
}

/// An error with its reasons, the last of which says most.
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn body(failure: Failure) -> String {
        let bytes = futures_util::FutureExt::now_or_never(failure.answer().into_body().collect()).unwrap().unwrap();
        String::from_utf8(bytes.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn an_error_has_four_members_also_where_it_has_nothing_to_say() {
        let failure = Failure::bad_request("no");
        assert_eq!(body(failure), r#"{"code":"PT400","message":"no","details":null,"hint":null}"#);
    }

    #[test]
    fn details_are_a_text_or_a_list_of_places() {
        let failure = Failure::bad_request("no").code("PGRST100").details("\"here\"").hint("so");
        assert_eq!(body(failure), r#"{"code":"PGRST100","message":"no","details":"\"here\"","hint":"so"}"#);
        let mut failure = Failure::bad_request("no");
        failure.details = Details::List(vec![("data/0".to_owned(), "is no object".to_owned())]);
        assert!(body(failure).contains(r#""details":[{"path":"data/0","message":"is no object"}]"#));
    }

    #[test]
    fn proxies_are_told_the_code() {
        let answer = Failure::no_such_path("/x").answer();
        assert_eq!(answer.headers()["proxy-status"], "Pintle; error=PT404");
    }
}
