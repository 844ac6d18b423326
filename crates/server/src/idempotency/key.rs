//! The header: a string of RFC 8941 in quotes, or the bare word that most clients send.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName};

use crate::failure::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const LENGTH_MAX: usize = 255;

/// The key of a `POST`; none where the method is idempotent by nature, since a caller may send one with everything.
///
/// # Errors
/// When it is no key, or goes with `PATCH`, where who sends it would rely on what is not there.
pub(super) fn of(method: &Method, headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(given) = all.next() else { return Ok(None) };
    if *method == Method::PATCH {
        return Err(Failure::bad_request("the header `Idempotency-Key` goes with POST, not with PATCH").hint(
            "leave it out: a patch sets the same values each time; on a mount `If-Match` keeps it from overwriting others'",
        ));
    }
    if *method != Method::POST {
        return Ok(None);
    }
    if all.next().is_some() {
        return Err(wrong("it was sent twice"));
    }
    let text = given.to_str().ok().ok_or_else(|| wrong("it holds more than visible ASCII"))?;
    let key = match text.strip_prefix('"') {
        Some(rest) => quoted(rest).ok_or_else(|| wrong("its quotes do not end"))?,
        None => text.to_owned(),
    };
    match key.len() {
        0 => Err(wrong("it is empty")),
        _ if !key.bytes().all(|byte| byte.is_ascii_graphic()) => Err(wrong("it holds more than visible ASCII")),
        1..=LENGTH_MAX => Ok(Some(key)),
        length => Err(wrong(&format!("it has {length} characters"))),
    }
}

/// What stands between quotes, the first of which was read; parameters behind them mean nothing here.
fn quoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => break,
            '\\' => key.push(rest.next().filter(|next| ['"', '\\'].contains(next))?),
            other => key.push(other),
        }
    }
    let rest = rest.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(key)
}

fn wrong(why: &str) -> Failure {
    Failure::bad_request(format!("the header `Idempotency-Key` is no key: {why}"))
        .hint("send 1 to 255 visible ASCII characters, such as a UUID, with or without quotes around them")
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn key(value: &str) -> Result<String, String> {
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap())]);
        of(&Method::POST, &headers).map(Option::unwrap).map_err(|failure| failure.message)
    }

    #[test]
    fn a_key_is_a_quoted_string_or_a_bare_word() {
        assert_eq!(key("\"8e03978e-40d5\"").unwrap(), "8e03978e-40d5");
        assert_eq!(key("8e03978e-40d5").unwrap(), "8e03978e-40d5");
        assert_eq!(key(r#""a\"b\\c"; version=1"#).unwrap(), r#"a"b\c"#);
        assert_eq!(key("a,b=c/d").unwrap(), "a,b=c/d");
        assert_eq!(key(&"k".repeat(255)).unwrap().len(), 255);
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        for (given, why) in [
            ("", "it is empty"),
            ("\"\"", "it is empty"),
            ("\"a", "its quotes do not end"),
            ("\"a\\n\"", "its quotes do not end"),
            ("\"a\"b", "its quotes do not end"),
            ("a b", "it holds more than visible ASCII"),
            ("\"a b\"", "it holds more than visible ASCII"),
            ("é", "it holds more than visible ASCII"),
            (&"k".repeat(256), "it has 256 characters"),
        ] {
            assert_eq!(key(given).unwrap_err(), format!("the header `Idempotency-Key` is no key: {why}"), "{given}");
        }
        let twice = HeaderMap::from_iter(["a", "a"].map(|key| (IDEMPOTENCY_KEY, HeaderValue::from_static(key))));
        let mut both = twice.clone();
        both.append(IDEMPOTENCY_KEY, HeaderValue::from_static("b"));
        assert!(of(&Method::POST, &both).unwrap_err().message.ends_with("it was sent twice"));
    }

    #[test]
    fn only_a_post_has_one_and_a_patch_must_not() {
        let headers = HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static("a b"))]);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert!(of(&method, &headers).unwrap().is_none());
        }
        assert_eq!(of(&Method::PATCH, &headers).unwrap_err().status, 400);
        assert!(of(&Method::PATCH, &HeaderMap::new()).unwrap().is_none());
    }
}
