//! `/health`: whether the process lives, whether it may be asked, and both in the form that older services answer.

use axum::http::{HeaderValue, StatusCode, header};
use bytes::Bytes;

use super::Outcome;
use crate::answer::json_bytes;
use crate::state::State;

/// The process lives: always, if it answers at all.
pub(crate) fn live() -> Outcome {
    answer(StatusCode::OK, r#"{"status":"ok"}"#.into())
}

/// The store answers and its tables are the model's: otherwise 503, and no requests should be sent.
pub(crate) async fn ready(state: &State) -> Outcome {
    match state.store.ready().await {
        Ok(()) => answer(StatusCode::OK, r#"{"status":"ok"}"#.into()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            let body = serde_json::json!({ "status": "unavailable", "reason": error.to_string() });
            answer(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
        }
    }
}

/// Both at once.
pub(crate) async fn health(state: &State) -> Outcome {
    match state.store.ready().await {
        Ok(()) => answer(StatusCode::OK, r#"{"app":"ok","db":"Success"}"#.into()),
        Err(error) => {
            let body = serde_json::json!({ "app": "ok", "db": error.to_string() });
            answer(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
        }
    }
}

fn answer(status: StatusCode, body: String) -> Outcome {
    let mut answer = json_bytes(status, Bytes::from(body));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
