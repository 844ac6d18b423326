//! `Range` and `Content-Range`, which count rows.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use crate::answer;
use crate::failure::Failure;

/// The rows of an answer: the first one's number, how many there are, and of how many if they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) total: Option<u64>,
}

impl Rows {
    /// `0-29/100`, `0-29/*`, `*/0`.
    pub(crate) fn content_range(self) -> HeaderValue {
        let total = self.total.map_or(Cow::Borrowed("*"), |total| total.to_string().into());
        answer::value(match self.len {
            0 => format!("*/{total}"),
            len => format!("{}-{}/{total}", self.offset, self.offset + len - 1),
        })
    }

    /// 200 for all that there are, or when nobody counted; 206 for a part.
    ///
    /// # Errors
    /// 416 when the first row lies behind the last.
    pub(super) fn status(self) -> Result<StatusCode, Failure> {
        match self.total {
            Some(total) if self.offset > total => {
                let details = format!("An offset of {} was requested, but there are only {total} rows.", self.offset);
                Err(unsatisfiable(details).header(header::CONTENT_RANGE, answer::value(format!("*/{total}"))))
            }
            Some(total) if self.len < total => Ok(StatusCode::PARTIAL_CONTENT),
            _ => Ok(StatusCode::OK),
        }
    }
}

fn unsatisfiable(details: impl Into<String>) -> Failure {
    Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "Requested range not satisfiable").code("PGRST103").details(details)
}

/// The parameters with what the header `Range: 10-19` asks for, unless they have a limit or an offset themselves.
///
/// # Errors
/// 416 when the range ends before it begins.
pub(super) fn with_header<'q>(query: Cow<'q, str>, headers: &HeaderMap) -> Result<Cow<'q, str>, Failure> {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Ok(query) };
    let range = range.rsplit('=').next().unwrap_or_default();
    let Some((first, last)) = range.split_once('-') else { return Ok(query) };
    let Ok(first) = first.trim().parse::<u64>() else { return Ok(query) };
    if query.split('&').any(|part| part.starts_with("limit=") || part.starts_with("offset=")) {
        return Ok(query);
    }
    let limit = match last.trim().parse::<u64>() {
        Ok(last) if last < first => {
            return Err(unsatisfiable(
                "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
            ));
        }
        Ok(last) => format!("&limit={}", (last - first).saturating_add(1)),
        Err(_) => String::new(),
    };
    let separator = if query.is_empty() { "" } else { "&" };
    Ok(format!("{query}{separator}offset={first}{limit}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(offset: u64, len: u64, total: Option<u64>) -> (u16, String) {
        let rows = Rows { offset, len, total };
        let status = rows.status().unwrap_or_else(|failure| failure.status);
        (status.as_u16(), rows.content_range().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_part_is_206_when_the_whole_is_known() {
        assert_eq!(told(0, 15, None), (200, "0-14/*".to_owned()));
        assert_eq!(told(0, 15, Some(15)), (200, "0-14/15".to_owned()));
        assert_eq!(told(2, 3, Some(15)), (206, "2-4/15".to_owned()));
        assert_eq!(told(0, 0, Some(0)), (200, "*/0".to_owned()));
        assert_eq!(told(0, 0, None), (200, "*/*".to_owned()));
        assert_eq!(told(15, 0, Some(15)), (206, "*/15".to_owned()));
        assert_eq!(told(16, 0, Some(15)).0, 416);
    }

    fn asked(query: &'static str, range: &'static str) -> Result<String, u16> {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        with_header(query.into(), &headers).map(Cow::into_owned).map_err(|failure| failure.status.as_u16())
    }

    #[test]
    fn a_range_becomes_offset_and_limit() {
        assert_eq!(asked("a=eq.1", "10-19").unwrap(), "a=eq.1&offset=10&limit=10");
        assert_eq!(asked("", "items=5-").unwrap(), "offset=5");
        assert_eq!(asked("limit=1", "10-19").unwrap(), "limit=1");
        assert_eq!(asked("", "9-0"), Err(416));
        assert_eq!(asked("", "nonsense").unwrap(), "");
        assert_eq!(asked("", "0-18446744073709551615").unwrap(), "offset=0&limit=18446744073709551615");
    }
}
