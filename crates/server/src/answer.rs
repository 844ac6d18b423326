//! Answers: what every endpoint sends, and every error in PostgREST's shape.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use pintle_query::Details;
use serde_json::{Value, json};

/// An answer.
pub(crate) type Answer = Response<Body>;

/// The type of every JSON answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// An answer with a body of JSON.
pub(crate) fn json_bytes(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// A header's value of text that we made; what no header can hold is left out.
pub(crate) fn header_value(text: impl AsRef<str>) -> HeaderValue {
    HeaderValue::from_str(text.as_ref()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// An error on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The code, or nothing for `PT` and the status.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) details: Details,
    pub(crate) hint: Option<String>,
    /// More headers: `Allow`, `WWW-Authenticate`, `Retry-After`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure { status, code: None, message: message.into(), details: Details::None, hint: None, headers: Vec::new() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, message)
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

    /// Which methods the endpoint answers.
    pub(crate) fn method_not_allowed(method: &axum::http::Method, allow: &str) -> Failure {
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not answered here"))
            .hint(format!("What is: {allow}"))
            .header(header::ALLOW, header_value(allow))
    }

    /// Writes the answer.
    pub(crate) fn answer(self) -> Answer {
        let code = self.code.map_or_else(|| format!("PT{}", self.status.as_u16()), str::to_owned);
        let details = match self.details {
            Details::None => Value::Null,
            Details::Text(text) => Value::String(text),
            Details::List(list) => {
                list.into_iter().map(|(path, message)| json!({ "path": path, "message": message })).collect()
            }
        };
        let body = json!({ "code": code, "message": self.message, "details": details, "hint": self.hint });
        let mut answer = json_bytes(self.status, body.to_string().into());
        let headers: &mut HeaderMap = answer.headers_mut();
        headers.insert(PROXY_STATUS, header_value(format!("Pintle; error={code}")));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        answer
    }
}
