//! What a script is asked and what it answers.

use bytes::Bytes;

/// One request, as a script sees it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path as it was asked for: `/tiles/1/2/3`.
    pub path: String,
    /// The route's parameters, checked and typed: a JSON object. Empty stands for one without members.
    pub params: Bytes,
    /// The query string as it was asked for, without `?`.
    pub query: String,
    /// The headers, names in lower case; without those that are credentials.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Who asks.
    pub caller: Caller,
    /// The address of who asks: `127.0.0.1`.
    pub remote: String,
    /// The request's id, as it stands in the log.
    pub id: String,
}

/// The body of a request.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// There is none: `undefined`.
    #[default]
    None,
    /// JSON, in UTF-8: its value. What is no JSON after all makes the script throw.
    Json(Bytes),
    /// A string.
    Text(String),
    /// A `Uint8Array`.
    Bytes(Bytes),
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// `anon`, `authenticated` or `service_role`.
    pub role: &'static str,
    /// The user's id, where there is one.
    pub user: Option<String>,
    /// The claims, a JSON object. Empty stands for one without members.
    pub claims: Bytes,
}

/// What a script answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status: 200 to 599.
    pub status: u16,
    /// Headers beside `Content-Type`, names as the script wrote them.
    pub headers: Vec<(String, String)>,
    /// What the body is; `None` where there is none.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}
