//! `/health`, `/health/live`, `/health/ready`: open to everybody.

use hyper::{StatusCode, header};
use pintle_pipeline::JetStream;
use pintle_query::Details;
use pintle_store::Store;

use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::status::{self, RETRY_AFTER, Surface};

/// What is said when all is well.
pub(crate) const OK: &[u8] = br#"{"status":"ok"}"#;

const SUCCESS: &str = "Success";

/// How the paths begin that a probe asks for.
pub(crate) const PATHS: &str = "/health/";

/// The process answers.
pub(crate) fn live() -> Answer {
    answer::json(StatusCode::OK, OK.into())
}

/// Requests should be sent here: the store answers and its tables are the model's, and so does the queue, where nothing goes on without it.
pub(crate) async fn ready(store: &Store, queue: Option<&JetStream>) -> Result<Answer, Failure> {
    store.ready().await.map_err(not_ready)?;
    if let Some(Err(error)) = queue.map(JetStream::ready) {
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the queue does not answer");
        return Err(failure.because(&error).header(header::RETRY_AFTER, RETRY_AFTER));
    }
    Ok(answer::json(StatusCode::OK, OK.into()))
}

/// Both, in the words that older monitors know.
pub(crate) async fn both(store: &Store, queue: Option<&JetStream>) -> Answer {
    let (status, db) = match store.ready().await {
        Ok(()) => (StatusCode::OK, SUCCESS.to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("Failure: {}", not_ready(error).message)),
    };
    let mut body = serde_json::json!({ "app": "ok", "db": db });
    if let Some(queue) = queue {
        // Reads go on without it, so nobody is to be sent elsewhere.
        body["queue"] = if queue.ready().is_ok() { SUCCESS } else { "Failure: the queue does not answer" }.into();
    }
    answer::json(status, body.to_string().into())
}

/// Where the tables are at fault, the reason says nothing of what they hold, and it is what an operator looks for.
fn not_ready(error: pintle_store::Error) -> Failure {
    let reason = match &error {
        pintle_store::Error::Migration(reason) => Details::Text(reason.clone()),
        _ => Details::None,
    };
    let mut failure = status::error(error, Surface::Plain, pintle_model::Role::Anon);
    failure.details = reason;
    failure.status = StatusCode::SERVICE_UNAVAILABLE;
    failure
}
