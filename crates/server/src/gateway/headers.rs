//! The headers of a request that is passed on, and of its answer: what belongs to a connection stays there, what callers
//! say of where they come from is dropped, and what the gateway knows of it is signed.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use pintle_auth::{GatewayKey, Passed};

use super::trace;
use crate::answer;
use crate::grpc;
use crate::ids::X_REQUEST_ID;
use crate::passed::{self, FORWARDED, PINTLE_GATEWAY};

/// Headers of one connection (RFC 9110, 7.6.1), and those from which hyper makes a body's frame anew.
const OF_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The headers of a request as its service gets them.
pub(super) fn onward(head: &Parts, remote: IpAddr, id: &HeaderValue, key: &GatewayKey) -> HeaderMap {
    let mut headers = head.headers.clone();
    without_connection(&mut headers);
    // The body is framed anew, and leave to send it is the gateway's own to give.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
    headers.remove(PINTLE_GATEWAY);
    let by_proxy = passed::drop_claims(&mut headers);
    let host = host(head);
    headers.remove(header::HOST);
    if let Some(host) = host {
        headers.insert(header::HOST, answer::value(host.to_owned()));
    }
    join_cookies(&mut headers);
    if grpc::is_grpc(head) {
        // What stands behind its answer is asked for of each connection anew.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    headers.insert(X_REQUEST_ID, id.clone());
    trace::pass(&mut headers);
    let forwarded = answer::value(passed::forwarded(remote, host, by_proxy));
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let told = Passed { method: head.method.as_str(), target, id: id.as_bytes(), forwarded: forwarded.as_bytes() };
    headers.insert(PINTLE_GATEWAY, answer::value(key.sign(told, passed::now())));
    headers.insert(FORWARDED, forwarded);
    headers
}

/// Makes one field of those in which a caller of HTTP/2 may send its cookies (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let all: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if all.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&all.join(b"; ".as_slice()))
    {
        headers.insert(header::COOKIE, joined);
    }
}

/// For which host a request is.
fn host(head: &Parts) -> Option<&str> {
    let of_uri = head.uri.authority().map(Authority::as_str);
    let of_uri = of_uri.map(|authority| authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    of_uri.or_else(|| answer::text(head, header::HOST))
}

/// Drops what belongs to the connection that a request or an answer came by.
pub(super) fn without_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
}

/// Whether an answer says that its connection is not used again.
pub(super) fn closes(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of thirty-two characters";

    fn sent(headers: &[(&str, &str)]) -> HeaderMap {
        let mut request = hyper::Request::builder().method("GET").uri("/a?b=c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let key = GatewayKey::new(SECRET).unwrap();
        onward(&head, [192, 0, 2, 7].into(), &HeaderValue::from_static("id-1"), &key)
    }

    #[test]
    fn what_belongs_to_a_connection_ends_there() {
        let headers = sent(&[
            ("connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("authorization", "Bearer t"),
            ("accept", "a"),
        ]);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["accept", "authorization", "forwarded", "pintle-gateway", "traceparent", "x-request-id"],
            "what else there is, is ours"
        );
    }

    #[test]
    fn cookies_that_came_in_parts_go_on_as_one_field() {
        let headers = sent(&[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("cookie", "d=4")]);
        let all: Vec<_> = headers.get_all("cookie").iter().collect();
        assert_eq!(all, ["a=1; b=2; c=3; d=4"]);
        assert!(!sent(&[("accept", "a")]).contains_key("cookie"));
    }

    #[test]
    fn what_a_caller_says_of_where_it_comes_from_is_dropped_and_the_truth_is_signed() {
        let headers = sent(&[
            ("host", "app.example:8080"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-anything", "x"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("pintle-gateway", "t=1,v1=00"),
        ]);
        assert!(headers.keys().all(|name| !name.as_str().starts_with("x-forwarded") && name != "x-real-ip"));
        assert_eq!(headers["host"], "app.example:8080");
        let forwarded = &headers["forwarded"];
        assert_eq!(forwarded, "for=unknown, for=192.0.2.7;proto=http;host=\"app.example:8080\"");
        let told = Passed { method: "GET", target: "/a?b=c", id: b"id-1", forwarded: forwarded.as_bytes() };
        let signed = headers["pintle-gateway"].to_str().unwrap();
        assert!(GatewayKey::new(SECRET).unwrap().verify(signed, told, passed::now()), "{signed}");
    }

    #[test]
    fn an_answer_says_whether_its_connection_ends() {
        let of = |value| closes(&HeaderMap::from_iter([(header::CONNECTION, HeaderValue::from_static(value))]));
        assert!(of("close") && of("x, Close"));
        assert!(!of("keep-alive") && !closes(&HeaderMap::new()));
    }
}
