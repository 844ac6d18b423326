//! A request on its way to a server.

use serde_json::Value;

use super::Answer;

/// A body with its content type.
pub struct Body {
    content_type: Option<&'static str>,
    bytes: Vec<u8>,
}

impl Body {
    /// These bytes, with no content type.
    pub fn bare(bytes: Vec<u8>) -> Body {
        Body { content_type: None, bytes }
    }
}

impl From<Value> for Body {
    fn from(json: Value) -> Body {
        Body { content_type: Some("application/json"), bytes: json.to_string().into_bytes() }
    }
}

impl From<&str> for Body {
    /// JSON as it stands, also broken.
    fn from(text: &str) -> Body {
        Body { content_type: Some("application/json"), bytes: text.as_bytes().to_vec() }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::from(text.as_str())
    }
}

/// A request on its way. `.await` sends it.
pub struct Ask {
    pub(super) line: String,
    pub(super) request: reqwest::RequestBuilder,
    pub(super) content_type: Option<String>,
}

impl Ask {
    pub fn token(self, token: &str) -> Ask {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A header; another content type takes the place of JSON's.
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        if name == "Content-Type" {
            self.content_type = Some(value.to_owned());
        } else {
            self.request = self.request.header(name, value);
        }
        self
    }

    pub fn body(mut self, body: impl Into<Body>) -> Ask {
        let body = body.into();
        self.line = format!("{} {}", self.line, shortened(&body.bytes));
        self.content_type = self.content_type.or_else(|| body.content_type.map(str::to_owned));
        self.request = self.request.body(body.bytes);
        self
    }
}

/// A body as a test's report shows it.
fn shortened(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(160) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], bytes.len()),
        None => text.into_owned(),
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = match self.content_type {
                Some(content_type) => self.request.header("Content-Type", content_type),
                None => self.request,
            };
            let answered = request.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.line));
            Answer::read(self.line, answered).await
        })
    }
}
