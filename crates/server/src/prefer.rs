//! `Prefer` and `Accept` of requests to `/rest/v1`.
//!
//! RFC 7240: a comma list, or the header repeated; the first of a kind wins. What is applied is echoed in
//! `Preference-Applied`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pintle_query::rest::{Preferences, Resolution, Return};

use crate::answer::Failure;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const OBJECT: HeaderValue = HeaderValue::from_static("application/vnd.pgrst.object+json; charset=utf-8");
const OBJECT_STRIPPED: HeaderValue =
    HeaderValue::from_static("application/vnd.pgrst.object+json; nulls=stripped; charset=utf-8");
const ARRAY_STRIPPED: HeaderValue =
    HeaderValue::from_static("application/vnd.pgrst.array+json; nulls=stripped; charset=utf-8");

/// What a request prefers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) preferences: Preferences,
    /// Whether `return=` was given, so that it is echoed.
    returning: bool,
    count: Option<&'static str>,
    strict: Option<bool>,
    max_affected: Option<u64>,
    transaction: Option<bool>,
}

impl Wishes {
    /// Reads the headers.
    ///
    /// # Errors
    /// 406 for a media type that is not answered; 400 for unknown preferences under `handling=strict`.
    pub(crate) fn of(headers: &HeaderMap, method: &Method, allow_rollback: bool) -> Result<Wishes, Failure> {
        let mut wishes = Wishes::default();
        let mut unknown = Vec::new();
        for value in headers.get_all(PREFER) {
            for one in value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty()) {
                if !wishes.take(one, allow_rollback) {
                    unknown.push(one.to_owned());
                }
            }
        }
        if wishes.strict == Some(true) {
            if !unknown.is_empty() {
                return Err(Failure::bad_request("Invalid preferences given with handling=strict")
                    .code("PGRST122")
                    .details(format!("Invalid preferences: {}", unknown.join(", "))));
            }
            let writes = method == Method::PATCH || method == Method::DELETE;
            wishes.preferences.max_affected = wishes.max_affected.filter(|_| writes);
        }
        wishes.preferences.rollback = wishes.transaction == Some(true);
        wishes.media(headers)?;
        Ok(wishes)
    }

    /// Takes one preference; false if it is unknown.
    fn take(&mut self, one: &str, allow_rollback: bool) -> bool {
        let (name, value) = one.split_once('=').map_or((one, ""), |(name, value)| (name.trim(), value.trim()));
        let preferences = &mut self.preferences;
        match (name, value) {
            ("return", "minimal" | "representation" | "headers-only") => {
                if !self.returning {
                    self.returning = true;
                    preferences.returning = match value {
                        "representation" => Return::Representation,
                        "headers-only" => Return::HeadersOnly,
                        _ => Return::Minimal,
                    };
                }
            }
            ("count", "exact" | "planned" | "estimated") => {
                let known = ["exact", "planned", "estimated"].into_iter().find(|known| *known == value);
                self.count = self.count.or(known);
                preferences.count = true;
            }
            ("resolution", "merge-duplicates") => {
                preferences.resolution.get_or_insert(Resolution::MergeDuplicates);
            }
            ("resolution", "ignore-duplicates") => {
                preferences.resolution.get_or_insert(Resolution::IgnoreDuplicates);
            }
            ("missing", "default") => preferences.missing_default = true,
            ("missing", "null") => {}
            ("handling", "strict" | "lenient") => {
                self.strict.get_or_insert(value == "strict");
            }
            ("max-affected", number) => match number.parse() {
                Ok(number) => {
                    self.max_affected.get_or_insert(number);
                }
                Err(_) => return false,
            },
            ("tx", "commit" | "rollback") => {
                if allow_rollback {
                    self.transaction.get_or_insert(value == "rollback");
                }
            }
            _ => return false,
        }
        true
    }

    fn media(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(accept) = headers.get(header::ACCEPT) else { return Ok(()) };
        let accept = accept.to_str().unwrap_or_default();
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let stripped = parts.any(|parameter| parameter == "nulls=stripped");
            match media {
                "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object" => self.preferences.single = true,
                "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array" => {}
                "" | "*/*" | "application/*" | "application/json" => return Ok(()),
                _ => continue,
            }
            self.preferences.strip_nulls = stripped;
            return Ok(());
        }
        let failure =
            Failure::new(StatusCode::NOT_ACCEPTABLE, format!("None of these media types are available: {accept}"));
        Err(failure.code("PGRST107").hint("`application/json` and `application/vnd.pgrst.object+json` are"))
    }

    /// The `Content-Type` of the rows.
    pub(crate) fn content_type(&self) -> HeaderValue {
        match (self.preferences.single, self.preferences.strip_nulls) {
            (false, false) => crate::answer::JSON,
            (true, false) => OBJECT,
            (true, true) => OBJECT_STRIPPED,
            (false, true) => ARRAY_STRIPPED,
        }
    }

    /// `Preference-Applied`, if any preference was; in PostgREST's order.
    pub(crate) fn applied(&self, method: &Method) -> Option<String> {
        let mut applied: Vec<String> = Vec::new();
        let preferences = &self.preferences;
        let inserts = method == Method::POST;
        match preferences.resolution {
            Some(Resolution::MergeDuplicates) if inserts => applied.push("resolution=merge-duplicates".to_owned()),
            Some(Resolution::IgnoreDuplicates) if inserts => applied.push("resolution=ignore-duplicates".to_owned()),
            _ => {}
        }
        if preferences.missing_default && (inserts || method == Method::PATCH) {
            applied.push("missing=default".to_owned());
        }
        if self.returning && !crate::router::is_read(method) {
            applied.push(match preferences.returning {
                Return::Minimal => "return=minimal".to_owned(),
                Return::HeadersOnly => "return=headers-only".to_owned(),
                Return::Representation => "return=representation".to_owned(),
            });
        }
        if let Some(count) = self.count {
            applied.push(format!("count={count}"));
        }
        match self.transaction {
            Some(true) => applied.push("tx=rollback".to_owned()),
            Some(false) => applied.push("tx=commit".to_owned()),
            None => {}
        }
        match self.strict {
            Some(true) => applied.push("handling=strict".to_owned()),
            Some(false) => applied.push("handling=lenient".to_owned()),
            None => {}
        }
        if let Some(most) = preferences.max_affected {
            applied.push(format!("max-affected={most}"));
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(pairs: &[(&'static str, &'static str)], method: &Method) -> Result<Wishes, Failure> {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Wishes::of(&headers, method, true)
    }

    #[test]
    fn preferences_are_a_list_or_repeated_and_the_first_of_a_kind_wins() {
        let given = [("prefer", "return=representation, count=exact"), ("prefer", "return=minimal,tx=rollback")];
        let wishes = wishes(&given, &Method::POST).unwrap();
        assert_eq!(wishes.preferences.returning, Return::Representation);
        assert!(wishes.preferences.count && wishes.preferences.rollback);
        assert_eq!(wishes.applied(&Method::POST).unwrap(), "return=representation, count=exact, tx=rollback");
    }

    #[test]
    fn strict_handling_refuses_what_is_unknown_and_lenient_ignores_it() {
        let strict = wishes(&[("prefer", "handling=strict, anything, foo=bar")], &Method::GET).unwrap_err();
        assert_eq!((strict.code, strict.status), (Some("PGRST122"), StatusCode::BAD_REQUEST));
        let lenient = wishes(&[("prefer", "handling=lenient, anything, max-affected=3")], &Method::DELETE).unwrap();
        assert_eq!(lenient.preferences.max_affected, None);
        assert_eq!(lenient.applied(&Method::DELETE).unwrap(), "handling=lenient");
        let strict = wishes(&[("prefer", "handling=strict, max-affected=3")], &Method::DELETE).unwrap();
        assert_eq!(strict.applied(&Method::DELETE).unwrap(), "handling=strict, max-affected=3");
    }

    #[test]
    fn media_types_are_json_in_its_forms() {
        let of = |accept| wishes(&[("accept", accept)], &Method::GET).map(|wishes| wishes.content_type());
        assert_eq!(of("application/json").unwrap(), crate::answer::JSON);
        assert_eq!(of("text/html, */*;q=0.8").unwrap(), crate::answer::JSON);
        assert_eq!(of("application/vnd.pgrst.object+json").unwrap(), OBJECT);
        assert_eq!(of("application/vnd.pgrst.object+json;nulls=stripped").unwrap(), OBJECT_STRIPPED);
        assert_eq!(of("text/unknown").unwrap_err().status, StatusCode::NOT_ACCEPTABLE);
    }
}
