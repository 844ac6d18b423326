//! `/openapi.json` and `/docs`: the document, the page that shows it, and the protocol of pipelines.
//!
//! Everything comes from the binary, so the page works without a network. Swagger UI's files are kept compressed and
//! are sent as they are to whoever takes gzip.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::read::GzDecoder;
use pintle_model::Role;
use pintle_query::Planner;
use sha2::{Digest, Sha256};

use crate::{Exposure, grpc};

/// The page may load and ask what comes from here, and nothing else. Swagger UI's pictures are in its style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const START: &str = include_str!("page/start.js");
const STYLE: &str = include_str!("page/style.css");

/// The files of Swagger UI that the page needs.
const SWAGGER_FILES: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

/// What is answered, made once from a model.
#[derive(Debug)]
struct Pages {
    document: File,
    index: File,
    start: File,
    style: File,
    /// Where there are pipelines.
    protocol: Option<File>,
}

/// A file with its type and its ETag.
#[derive(Debug, Clone)]
struct File {
    content_type: &'static str,
    bytes: Bytes,
    etag: HeaderValue,
}

/// Routes `/openapi.json`, `/docs` and what the page needs under `/docs/`; with `root` also `/`. Anonymous callers
/// act as `nobody`.
pub fn routes<S>(planner: &Planner, exposure: &Exposure, nobody: Role, root: bool) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let pages = Arc::new(Pages::of(planner, exposure, nobody));
    let document = pages.clone();
    let index = pages.clone();
    let files = pages.clone();
    let mut router = Router::new()
        .route("/openapi.json", get(move |headers: HeaderMap| async move { document.document.answer(&headers) }))
        .route("/docs", get(move |headers: HeaderMap| async move { page(&index, &headers) }))
        .route("/docs/", get(|| async { Redirect::permanent("../docs") }))
        .route(
            "/docs/{file}",
            get(move |Path(name): Path<String>, headers: HeaderMap| async move { file(&files, &name, &headers) }),
        );
    if root {
        router = router.route("/", get(move |headers: HeaderMap| async move { page(&pages, &headers) }));
    }
    router
}

impl Pages {
    fn of(planner: &Planner, exposure: &Exposure, nobody: Role) -> Pages {
        let document = super::document(planner, exposure, nobody).to_string();
        let title = escaped(&super::title(planner.model(), exposure));
        let index = include_str!("page/index.html").replace("{title}", &title);
        Pages {
            document: File::of("application/json; charset=utf-8", document.into()),
            index: File::of("text/html; charset=utf-8", index.into()),
            start: File::of("text/javascript; charset=utf-8", START.into()),
            style: File::of("text/css; charset=utf-8", STYLE.into()),
            protocol: grpc::proto(planner.model(), exposure)
                .map(|text| File::of("text/plain; charset=utf-8", text.into())),
        }
    }
}

impl File {
    fn of(content_type: &'static str, bytes: Bytes) -> File {
        let etag = etag(&bytes);
        File { content_type, bytes, etag }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        if is_known(headers, &self.etag) {
            return (StatusCode::NOT_MODIFIED, [(header::ETAG, self.etag.clone())]).into_response();
        }
        let head = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (header::ETAG, self.etag.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (head, self.bytes.clone()).into_response()
    }
}

fn page(pages: &Pages, headers: &HeaderMap) -> Response {
    let mut answer = pages.index.answer(headers);
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

fn file(pages: &Pages, name: &str, headers: &HeaderMap) -> Response {
    match name {
        "start.js" => pages.start.answer(headers),
        "style.css" => pages.style.answer(headers),
        grpc::FILE => match &pages.protocol {
            Some(protocol) => protocol.answer(headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        name => swagger(name, headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()),
    }
}

/// A file of Swagger UI, compressed as it is kept if the caller takes that.
fn swagger(name: &str, headers: &HeaderMap) -> Option<Response> {
    if !SWAGGER_FILES.contains(&name) {
        return None;
    }
    let config = Arc::new(utoipa_swagger_ui::Config::from("openapi.json"));
    let file = utoipa_swagger_ui::serve(name, config).ok()??;
    let etag = etag(&file.bytes);
    if is_known(headers, &etag) {
        return Some((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let plain = !takes_gzip(headers);
    let bytes = match file.bytes {
        compressed if file.gzpipped && plain => inflate(&compressed)?,
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    };
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_str(&file.content_type).ok()?),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400")),
        (header::VARY, HeaderValue::from_static("Accept-Encoding")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut answer = (head, bytes).into_response();
    if file.gzpipped && !plain {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(answer)
}

fn inflate(compressed: &[u8]) -> Option<Bytes> {
    let mut bytes = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut bytes).ok()?;
    Some(bytes.into())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let all = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // A layer that compresses makes the tag weak: the same file all the same.
    all.flat_map(|value| value.split(',')).any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

fn etag(bytes: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(bytes);
    let mut tag = String::from("\"");
    for byte in digest.iter().take(12) {
        tag.push_str(&format!("{byte:02x}"));
    }
    tag.push('"');
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
