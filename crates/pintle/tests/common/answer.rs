//! What a server answered.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, whole.
#[derive(Clone)]
pub struct Answer {
    /// The request's line and body.
    line: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub(super) async fn read(line: String, response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{line}: {error:?}"));
        Answer { line, status, headers, text }
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header of ASCII"))
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// It must have this status and this JSON body.
    #[track_caller]
    pub fn is(self, status: u16, body: Value) -> Answer {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.json(), body, "{self}");
        self
    }

    /// It must have this status.
    #[track_caller]
    pub fn has(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// It must have this status and no body.
    #[track_caller]
    pub fn bare(self, status: u16) -> Answer {
        assert_eq!((self.status, self.text.as_str()), (status, ""), "{self}");
        self
    }
}

/// The request and its answer, as a snapshot holds them.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", self.line, self.status)?;
        match serde_json::from_str::<Value>(&self.text) {
            Ok(json) if self.status >= 400 => write!(f, "{json:#}"),
            _ => f.write_str(&self.text),
        }
    }
}
