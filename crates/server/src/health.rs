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
    match store.ready().await {
        Ok(()) => {
            let body: &[u8] = match queue.map(JetStream::ready) {
                None => br#"{"app":"ok","db":"Success"}"#,
                Some(Ok(())) => br#"{"app":"ok","db":"Success","queue":"Success"}"#,
                // Reads go on, so nobody is to be sent elsewhere.
                Some(Err(_)) => br#"{"app":"ok","db":"Success","queue":"Failure: the queue does not answer"}"#,
            };
            answer::json(StatusCode::OK, body.into())
        }
        Err(error) => {
            let message = not_ready(error).message;
            let body = serde_json::json!({ "app": "ok", "db": format!("Failure: {message}") });
            answer::json(StatusCode::SERVICE_UNAVAILABLE, body.to_string().into())
        }
    }
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
