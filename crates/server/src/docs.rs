//! `/openapi.json` and `/docs`: handed to the pages, which are made when one is first asked for.

use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::header;
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::answer::{self, Answer};
use crate::failure::Failure;

/// Answers a page.
pub(crate) async fn answer(pages: &Router, head: &Parts) -> Result<Answer, Failure> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    let Ok(page) = pages.clone().oneshot(request).await;
    let (page, body) = page.into_parts();
    match page.status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allow = page.headers.get(header::ALLOW).cloned();
            return Err(Failure::method(&head.method, allow.unwrap_or(header::HeaderValue::from_static("GET, HEAD"))));
        }
        StatusCode::NOT_FOUND => return Err(Failure::no_such_path(head.uri.path())),
        _ => {}
    }
    let whole = body
        .collect()
        .await
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").because(&error))?;
    let mut answer = answer::bare(page.status, whole.to_bytes());
    *answer.headers_mut() = page.headers;
    // It is set anew for what is sent.
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(answer)
}
