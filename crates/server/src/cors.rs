//! CORS, as the manifest has it.

use axum::http::{HeaderName, HeaderValue, Method, header};
use pintle_model::Cors;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// What a page of another origin may read of an answer.
const EXPOSED: [HeaderName; 8] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    HeaderName::from_static("x-request-id"),
];

/// The layer that answers preflights and marks answers; `None` when the manifest allows no origin.
pub(crate) fn layer(cors: &Cors) -> Option<CorsLayer> {
    if cors.origins.is_empty() {
        return None;
    }
    let any = cors.origins.iter().any(|origin| origin == "*");
    let origins = if any {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(cors.origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let mut layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        // What the page asks for: it could send any of them without a browser.
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(cors.credentials)
        .expose_headers(EXPOSED);
    if let Some(age) = cors.max_age {
        layer = layer.max_age(age);
    }
    Some(layer)
}
