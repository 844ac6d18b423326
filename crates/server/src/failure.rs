//! Errors on their way to the caller, all in one shape: `{code, message, details, hint}`.

use std::error::Error;
use std::fmt::Write as _;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use pintle_query::Details;
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use crate::answer::{self, Answer};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What went wrong, as the caller is told.
#[derive(Debug)]
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

#[derive(Serialize)]
struct Body<'f> {
    code: &'f str,
    message: &'f str,
    #[serde(serialize_with = "details")]
    details: &'f Details,
    hint: Option<&'f str>,
}

#[derive(Serialize)]
struct Place<'f> {
    path: &'f str,
    message: &'f str,
}

fn details<S: Serializer>(details: &&Details, serializer: S) -> Result<S::Ok, S::Error> {
    match details {
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
        self.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Writes the answer.
    pub(crate) fn answer(self) -> Answer {
        let made;
        let code = match self.code {
            Some(code) => code,
            None => {
                made = format!("PT{}", self.status.as_u16());
                &made
            }
        };
        let body = Body { code, message: &self.message, details: &self.details, hint: self.hint.as_deref() };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = answer::json(self.status, bytes.into());
        let headers = answer.headers_mut();
        headers.insert(PROXY_STATUS, answer::value(format!("Pintle; error={code}")));
        headers.extend(self.headers);
        answer
    }
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
