//! What a script answers, as an answer over HTTP.

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use pintle_script::Response;

use crate::answer::{self, Answer};
use crate::pages::CONTENT_SECURITY_POLICY;

/// Headers that belong to the connection or are made of the answer: a script that sets one could break them.
const OURS: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::DATE,
    HeaderName::from_static("keep-alive"),
];

/// The answer, or why it cannot be one.
pub(super) fn answer(response: Response) -> Result<Answer, String> {
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| format!("{} is no status of an answer, which is from 200 to 599", response.status))?;
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) && !response.body.is_empty() {
        return Err(format!("an answer with status {} has no body", response.status));
    }
    let mut answer = answer::bare(status, response.body);
    let headers = answer.headers_mut();
    if let Some(media) = &response.content_type {
        headers.insert(header::CONTENT_TYPE, content_type(media)?);
    }
    for (name, value) in &response.headers {
        let given = name;
        let name = HeaderName::try_from(given).map_err(|_| format!("`{given}` is no header's name"))?;
        if OURS.contains(&name) {
            return Err(format!("the header `{given}` is not a script's to set"));
        }
        let value = HeaderValue::try_from(value)
            .map_err(|_| format!("the value of the header `{given}` holds what no header can: {value:?}"))?;
        if name == header::CONTENT_TYPE {
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    if headers.get(header::CONTENT_TYPE).is_some_and(is_page) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(CONTENT_SECURITY_POLICY);
    }
    Ok(answer)
}

/// Whether browsers run the scripts that stand in it: HTML, XHTML, SVG and other XML.
fn is_page(media: &HeaderValue) -> bool {
    let media = media.to_str().unwrap_or_default().to_ascii_lowercase();
    media.contains("html") || media.contains("xml")
}

fn content_type(media: &str) -> Result<HeaderValue, String> {
    if media == "application/json" {
        return Ok(answer::JSON);
    }
    HeaderValue::try_from(media).map_err(|_| format!("`{media}` is no content type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&str, &str)], body: &'static str) -> Result<Answer, String> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        answer(Response { status, headers, content_type: Some("text/plain".to_owned()), body: body.into() })
    }

    #[test]
    fn headers_may_come_several_times() {
        let answer = of(201, &[("Set-Cookie", "a=1"), ("set-cookie", "b=2")], "x").ok().unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn what_browsers_show_as_a_page_may_do_what_pages_may_unless_the_script_says_otherwise() {
        let policies = |headers: &[(&str, &str)]| {
            let answer = of(200, headers, "<p>").ok().unwrap();
            let found = answer.headers().get_all("content-security-policy").iter();
            found.map(|policy| policy.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for media in ["text/html; charset=utf-8", "Text/HTML", "image/svg+xml", "application/xhtml+xml"] {
            let found = policies(&[("content-type", media)]);
            assert!(found.len() == 1 && found[0].starts_with("default-src 'self';"), "{media}: {found:?}");
        }
        assert_eq!(policies(&[]), [""; 0], "a text is no page");
        let own = [("Content-Type", "text/html"), ("Content-Security-Policy", "sandbox")];
        assert_eq!(policies(&own), ["sandbox"]);
    }

    fn told(status: u16, headers: &[(&str, &str)], body: &'static str) -> String {
        of(status, headers, body).err().unwrap()
    }

    #[test]
    fn what_is_no_answer_is_told() {
        assert_eq!(told(101, &[], ""), "101 is no status of an answer, which is from 200 to 599");
        assert_eq!(told(204, &[], "x"), "an answer with status 204 has no body");
        assert_eq!(told(200, &[("a b", "c")], ""), "`a b` is no header's name");
        assert!(told(200, &[("a", "b\nc: d")], "").contains("holds what no header can: \"b\\nc: d\""));
        assert_eq!(told(200, &[("Content-Length", "7")], ""), "the header `Content-Length` is not a script's to set");
    }
}
