//! An app's pages: the files of its folder `public`, as they are.
//!
//! 1. `path` refuses what no file of the folder can be called: hidden ones, and ways out.
//! 2. `folder` opens what is left, and only what lies in the folder when all links are followed.
//! 3. tower-http's [`ServeDir`] does the rest of HTTP: types, tags, conditions, ranges, the slash behind a folder's name.
//! 4. Here the answer gets its headers. A text has its compressed form from `coded` where the caller takes one; all else is
//!    sent piece by piece.
//!
//! Pages are for everybody, so no token is looked at.

mod coded;
mod folder;
mod path;

use std::io::ErrorKind;
use std::path::Path;

use http_body_util::{Either, Empty, Full};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use pintle_model::Pages;
use tower_http::services::ServeDir;
use tower_http::services::fs::ServeFileSystemResponseBody;

use crate::answer::{self, Answer};
use crate::compress;
use crate::failure::Failure;
use coded::{Coded, Key};
use folder::Folder;

/// What a page may do: load and ask what comes from this app. Scripts and styles stand in files of their own, and no page
/// of another origin frames one.
pub(crate) const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
);
/// Kept by whoever likes, and asked for again by its tag each time: an answer of a few bytes while it is the same.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-cache");
/// What is said to those who come with other methods.
const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// What the file server answers.
type Served = Response<ServeFileSystemResponseBody>;

/// The pages of an app.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where they are served, without a slash at the end.
    at: String,
    policy: HeaderValue,
    /// The page where none is, from the folder on.
    fallback: Option<String>,
    files: ServeDir<tower_http::services::fs::DefaultServeDirFallback, Folder>,
    coded: Coded,
}

impl Site {
    /// The pages of the app in this folder.
    pub(crate) fn new(pages: &Pages, app: &Path) -> Site {
        let root = app.join(&pages.folder);
        let files = ServeDir::with_backend(&root, Folder::new(&root, app))
            .redirect_path_prefix(&pages.at)
            .ignore_multi_range_requests(true);
        let given = pages.content_security_policy.clone().map(answer::value);
        Site {
            at: pages.at.clone(),
            policy: given.unwrap_or(CONTENT_SECURITY_POLICY),
            fallback: pages.fallback.as_ref().map(|page| format!("/{page}")),
            files,
            coded: Coded::new(),
        }
    }

    /// Answers with a page; nothing when there is none at this path.
    pub(crate) async fn answer(&self, head: &Parts) -> Result<Option<Answer>, Failure> {
        let Some(path) = head.uri.path().strip_prefix(&self.at) else { return Ok(None) };
        if path.is_empty() {
            // Relative links of the first page start from its folder.
            return Ok(Some(to_folder(head)));
        }
        if !path::file(path) {
            return Ok(None);
        }
        if head.method == Method::GET || head.method == Method::HEAD {
            return match (self.page(path, head).await?, &self.fallback) {
                (None, Some(page)) if wants_page(&head.headers) => self.page(page, head).await,
                (None, None) if wants_page(&head.headers) => self.missing(head).await,
                (found, _) => Ok(found),
            };
        }
        // What is there takes no other methods, and what is not is not there.
        match self.ask(&Method::HEAD, path, None, HeaderMap::new()).await? {
            None => Ok(None),
            Some(_) if head.method == Method::OPTIONS => Ok(Some(answer::options(ALLOW))),
            Some(_) => Err(Failure::method(&head.method, ALLOW)),
        }
    }

    async fn page(&self, path: &str, head: &Parts) -> Result<Option<Answer>, Failure> {
        let (method, query) = (&head.method, head.uri.query());
        let mut headers = conditions(&head.headers);
        let Some(mut served) = self.ask(method, path, query, headers.clone()).await? else { return Ok(None) };
        if served.status() == StatusCode::PARTIAL_CONTENT && !continues(&head.headers, served.headers()) {
            headers.remove(header::RANGE);
            let Some(whole) = self.ask(method, path, query, headers).await? else { return Ok(None) };
            served = whole;
        }
        if served.status().is_client_error() || served.status().is_server_error() {
            return Err(refused(&served));
        }
        self.dressed(path, served, head).await.map(Some)
    }

    /// The folder's own page for what is not there.
    async fn missing(&self, head: &Parts) -> Result<Option<Answer>, Failure> {
        let path = "/404.html";
        let Some(served) = self.ask(&head.method, path, None, HeaderMap::new()).await? else { return Ok(None) };
        let mut answer = self.dressed(path, served, head).await?;
        *answer.status_mut() = StatusCode::NOT_FOUND;
        for name in [header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
            answer.headers_mut().remove(name);
        }
        Ok(Some(answer))
    }

    /// Asks the file server; nothing when there is no such file. It sees a path without scheme and host, so that it sends
    /// nobody to another place.
    async fn ask(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        headers: HeaderMap,
    ) -> Result<Option<Served>, Failure> {
        let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let Ok(uri) = Uri::try_from(target) else { return Ok(None) };
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        match self.files.clone().try_call(request).await {
            Ok(served) if served.status() == StatusCode::NOT_FOUND => Ok(None),
            Ok(served) => Ok(Some(served)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").because(&error)),
        }
    }

    /// The answer with the headers that all pages have, and in the form that the caller takes.
    async fn dressed(&self, path: &str, served: Served, asked: &Parts) -> Result<Answer, Failure> {
        let (mut head, body) = served.into_parts();
        let is_text = with_charset(&mut head.headers);
        let more = [
            (header::CACHE_CONTROL, CACHE_CONTROL),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        ];
        head.headers.extend(more);
        let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let may_be_coded = is_text && head.status == StatusCode::OK;
        let Some(length) = length.filter(|length| may_be_coded && compress::is_worth_it(*length)) else {
            return Ok(Answer::from_parts(head, Either::Right(Either::Left(body))));
        };
        head.headers.append(header::VARY, compress::VARY);
        let (Some(coding), Some(tag)) = (compress::coding(asked), head.headers.get(header::ETAG)) else {
            return Ok(Answer::from_parts(head, Either::Right(Either::Left(body))));
        };
        let key = Key { path: path.to_owned(), tag: tag.clone(), coding };
        let form = self.coded.form(key, body, length).await?;
        // It is set anew for what is sent.
        head.headers.remove(header::CONTENT_LENGTH);
        coding.told(&mut head.headers);
        Ok(Answer::from_parts(head, Either::Left(Full::new(form))))
    }
}

/// The way to the same path with a slash behind it.
fn to_folder(head: &Parts) -> Answer {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut answer = answer::empty(StatusCode::TEMPORARY_REDIRECT);
    answer.headers_mut().insert(header::LOCATION, answer::value(format!("{}/{query}", head.uri.path())));
    answer
}

/// The headers that the file server looks at. A range of anything but bytes is none of its.
fn conditions(asked: &HeaderMap) -> HeaderMap {
    let names = [
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::RANGE,
    ];
    let mut headers = HeaderMap::new();
    for name in names {
        if let Some(value) = asked.get(&name)
            && (name != header::RANGE || value.as_bytes().starts_with(b"bytes="))
        {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// Whether a part goes on where an earlier one of the same file ended: `If-Range` is its tag, or its time.
fn continues(asked: &HeaderMap, served: &HeaderMap) -> bool {
    let Some(earlier) = asked.get(header::IF_RANGE) else { return true };
    [header::ETAG, header::LAST_MODIFIED].iter().any(|name| served.get(name) == Some(earlier))
}

/// Whether a caller would rather see a page than JSON.
fn wants_page(asked: &HeaderMap) -> bool {
    asked.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// What the file server refuses, in the shape that all errors have.
fn refused(served: &Served) -> Failure {
    let status = served.status();
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        let range = served.headers().get(header::CONTENT_RANGE).cloned();
        let failure = Failure::new(status, "the file has no such part");
        return range.into_iter().fold(failure, |failure, range| failure.header(header::CONTENT_RANGE, range));
    }
    Failure::new(status, "the file is another by now").hint("ask for it without `If-Match` and `If-Unmodified-Since`")
}

/// Says that a text is UTF-8. Whether it is a text, which compresses well.
fn with_charset(headers: &mut HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok()) else { return false };
    let is_text = given.starts_with("text/")
        || given.ends_with("+xml")
        || given.ends_with("+json")
        || matches!(given, "application/json" | "application/javascript" | "application/xml");
    if is_text {
        // Some file names still have the type that RFC 9239 gave up.
        let given = if given == "application/javascript" { "text/javascript" } else { given };
        let given = answer::value(format!("{given}; charset=utf-8"));
        headers.insert(header::CONTENT_TYPE, given);
    }
    is_text
}
