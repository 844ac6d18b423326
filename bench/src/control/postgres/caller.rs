//! Who calls: a token, looked for in memory by its hash.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::Server;
use crate::{control, item};

/// Who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) user: Arc<str>,
}

/// Those who may call, by their token's SHA-256.
pub(super) struct Callers(HashMap<[u8; 32], Caller>);

impl Callers {
    /// The one caller that the benchmark has.
    pub(super) fn of(token: &str) -> Callers {
        Callers(HashMap::from([(Sha256::digest(token).into(), Caller { user: item::OWNER.into() })]))
    }

    fn find(&self, token: &str) -> Option<&Caller> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        self.0.get(&hash)
    }
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Caller, Response> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller =
            header.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| server.callers.find(token));
        caller.cloned().ok_or_else(|| control::failed(StatusCode::UNAUTHORIZED, "send a token"))
    }
}
