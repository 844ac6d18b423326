//! `Accept`: which form of answer is wanted.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::answer::JSON;
use crate::failure::Failure;

/// A form of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media {
    /// One record instead of an array.
    pub(super) single: bool,
    /// Without keys whose value is null.
    pub(super) strip_nulls: bool,
}

const ARRAY: Media = Media { single: false, strip_nulls: false };

impl Media {
    /// Reads `Accept`.
    ///
    /// # Errors
    /// 406 when none of what is named can be given.
    pub(super) fn of(headers: &HeaderMap) -> Result<Media, Failure> {
        let mut all = headers.get_all(header::ACCEPT).iter();
        match (all.next(), all.next()) {
            (None, _) => return Ok(ARRAY),
            (Some(one), None) if one == "*/*" || one == "application/json" => return Ok(ARRAY),
            _ => {}
        }
        let wanted = wanted(headers);
        if wanted.is_empty() {
            return Ok(ARRAY);
        }
        wanted.iter().find_map(|part| one(part)).ok_or_else(|| {
            let message = format!("None of these media types are available: {}", wanted.join(", "));
            Failure::new(StatusCode::NOT_ACCEPTABLE, message).code("PGRST107")
        })
    }

    /// The `Content-Type` of an answer of this form.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.single, self.strip_nulls) {
            (false, false) => return JSON,
            (true, false) => "application/vnd.pgrst.object+json; charset=utf-8",
            (true, true) => "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
            (false, true) => "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        })
    }
}

/// What `Accept` names, with its parameters: what is liked best first.
pub(crate) fn wanted(headers: &HeaderMap) -> Vec<&str> {
    let mut wanted: Vec<(f32, &str)> = Vec::new();
    for part in headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')) {
        let part = part.trim();
        let weight = part.split(';').find_map(|word| word.trim().strip_prefix("q=")).map(|q| q.trim().parse());
        wanted.push((weight.and_then(Result::ok).unwrap_or(1.0), part));
    }
    wanted.retain(|(weight, part)| *weight > 0.0 && !part.is_empty());
    // Of equals the first stays first.
    wanted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    wanted.into_iter().map(|(_, part)| part).collect()
}

fn one(part: &str) -> Option<Media> {
    let mut words = part.split(';').map(str::trim);
    let name = words.next()?.to_ascii_lowercase();
    let strip_nulls = words.any(|word| word.eq_ignore_ascii_case("nulls=stripped"));
    match name.as_str() {
        "*/*" | "application/*" | "application/json" => Some(ARRAY),
        "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => {
            Some(Media { single: true, strip_nulls })
        }
        "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => {
            Some(Media { single: false, strip_nulls })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> Result<Media, String> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
        Media::of(&headers).map_err(|failure| failure.message)
    }

    #[test]
    fn the_caller_chooses_the_form() {
        assert_eq!(accept("application/json"), Ok(ARRAY));
        assert_eq!(accept("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), Ok(ARRAY));
        assert_eq!(accept("application/vnd.pgrst.object+json"), Ok(Media { single: true, strip_nulls: false }));
        let stripped = Media { single: false, strip_nulls: true };
        assert_eq!(accept("application/vnd.pgrst.array+json;nulls=stripped"), Ok(stripped));
        let both = Media { single: true, strip_nulls: true };
        assert_eq!(accept("application/json;q=0.1, application/vnd.pgrst.object+json;nulls=stripped"), Ok(both));
    }

    #[test]
    fn what_cannot_be_given_is_named() {
        assert_eq!(accept("text/csv"), Err("None of these media types are available: text/csv".to_owned()));
        assert_eq!(accept("undefined"), Err("None of these media types are available: undefined".to_owned()));
        assert!(accept("application/json;q=0, text/csv").is_err());
    }

    #[test]
    fn the_answer_says_its_form() {
        let media = Media { single: true, strip_nulls: true };
        assert_eq!(media.content_type(), "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8");
        assert_eq!(ARRAY.content_type(), JSON);
    }
}
