//! `Prefer`: a list with commas, or several headers; the first of a kind wins, and those that were followed are named in
//! `Preference-Applied`.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use pintle_query::rest::{Preferences, Resolution, Return};

use crate::answer;
use crate::failure::Failure;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The preferences of a request, by kind; each as it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefer {
    resolution: Option<(Resolution, &'static str)>,
    missing: Option<&'static str>,
    returning: Option<(Return, &'static str)>,
    count: Option<&'static str>,
    tx: Option<&'static str>,
    handling: Option<&'static str>,
    max_affected: Option<u64>,
}

/// A preference that is understood.
fn known(word: &str, prefer: &mut Prefer) -> bool {
    match word {
        "return=minimal" => first(&mut prefer.returning, (Return::Minimal, "return=minimal")),
        "return=headers-only" => first(&mut prefer.returning, (Return::HeadersOnly, "return=headers-only")),
        "return=representation" => first(&mut prefer.returning, (Return::Representation, "return=representation")),
        "resolution=merge-duplicates" => {
            first(&mut prefer.resolution, (Resolution::MergeDuplicates, "resolution=merge-duplicates"));
        }
        "resolution=ignore-duplicates" => {
            first(&mut prefer.resolution, (Resolution::IgnoreDuplicates, "resolution=ignore-duplicates"));
        }
        "missing=default" => first(&mut prefer.missing, "missing=default"),
        "missing=null" => first(&mut prefer.missing, "missing=null"),
        "count=exact" => first(&mut prefer.count, "count=exact"),
        "count=planned" => first(&mut prefer.count, "count=planned"),
        "count=estimated" => first(&mut prefer.count, "count=estimated"),
        "tx=commit" => first(&mut prefer.tx, "tx=commit"),
        "tx=rollback" => first(&mut prefer.tx, "tx=rollback"),
        "handling=strict" => first(&mut prefer.handling, "handling=strict"),
        "handling=lenient" => first(&mut prefer.handling, "handling=lenient"),
        _ => match word.strip_prefix("max-affected=").and_then(|number| number.parse().ok()) {
            Some(number) => first(&mut prefer.max_affected, number),
            None => return false,
        },
    }
    true
}

fn first<T>(kind: &mut Option<T>, given: T) {
    kind.get_or_insert(given);
}

impl Prefer {
    /// Reads the headers; `tx` is only known where it is allowed.
    ///
    /// # Errors
    /// With `handling=strict`, for what is not understood.
    pub(super) fn of(headers: &HeaderMap, allow_tx: bool) -> Result<Prefer, Failure> {
        if !headers.contains_key(PREFER) {
            return Ok(Prefer::default());
        }
        let words = headers.get_all(PREFER).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
        Prefer::of_words(words, allow_tx)
    }

    /// Reads the words of headers.
    ///
    /// # Errors
    /// As [`Prefer::of`].
    pub(super) fn of_words<'h>(words: impl Iterator<Item = &'h str>, allow_tx: bool) -> Result<Prefer, Failure> {
        let (mut prefer, mut strange) = (Prefer::default(), Vec::new());
        for word in words {
            let word = word.trim();
            if !word.is_empty() && !known(word, &mut prefer) {
                strange.push(word);
            }
        }
        if !allow_tx {
            prefer.tx = None;
        }
        if prefer.handling == Some("handling=strict") && !strange.is_empty() {
            return Err(Failure::bad_request("Invalid preferences given with handling=strict")
                .code("PGRST122")
                .details(format!("Invalid preferences: {}", strange.join(", "))));
        }
        Ok(prefer)
    }

    /// What is asked for, where this method has a use for it.
    pub(super) fn asked(&self, method: &Method) -> Preferences {
        let strict = self.handling == Some("handling=strict");
        let bounded = *method == Method::PATCH || *method == Method::DELETE;
        Preferences {
            returning: self.returning.map_or(Return::Minimal, |(returning, _)| returning),
            count: self.count.is_some(),
            resolution: self.resolution.filter(|_| *method == Method::POST).map(|(resolution, _)| resolution),
            missing_default: self.missing == Some("missing=default"),
            max_affected: self.max_affected.filter(|_| strict && bounded),
            rollback: self.tx == Some("tx=rollback"),
            single: false,
            strip_nulls: false,
            all_rows: false,
        }
    }

    /// `Preference-Applied`: the preferences that this method follows.
    pub(super) fn applied(&self, method: &Method) -> Option<HeaderValue> {
        let writes = *method != Method::GET && *method != Method::HEAD;
        let posts = *method == Method::POST;
        let fills = posts || *method == Method::PATCH;
        let max = self.asked(method).max_affected.map(|most| format!("max-affected={most}"));
        let words = [
            self.resolution.filter(|_| posts).map(|(_, word)| word),
            self.missing.filter(|_| fills),
            self.returning.filter(|_| writes).map(|(_, word)| word),
            self.count,
            self.tx,
            self.handling,
            max.as_deref(),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        (!words.is_empty()).then(|| answer::value(words.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(values: &[&'static str], allow_tx: bool) -> Result<Prefer, Failure> {
        let headers = values.iter().map(|value| (PREFER, HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Prefer::of(&map, allow_tx)
    }

    fn applied(values: &[&'static str], method: Method) -> String {
        let prefer = prefer(values, true).unwrap();
        prefer.applied(&method).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_first_of_a_kind_wins_in_a_list_or_in_several_headers() {
        let prefer = prefer(&["return=representation, return=minimal", "count=exact"], false).unwrap();
        let asked = prefer.asked(&Method::POST);
        assert_eq!(asked.returning, Return::Representation);
        assert!(asked.count);
    }

    #[test]
    fn what_was_followed_is_named_in_postgrest_s_order() {
        assert_eq!(
            applied(&["return=representation", "resolution=ignore-duplicates", "missing=default"], Method::POST),
            "resolution=ignore-duplicates, missing=default, return=representation"
        );
        assert_eq!(applied(&["handling=strict, max-affected=10"], Method::DELETE), "handling=strict, max-affected=10");
        assert_eq!(applied(&["handling=lenient, max-affected=10"], Method::DELETE), "handling=lenient");
        assert_eq!(applied(&["return=minimal, count=planned"], Method::GET), "count=planned");
        assert_eq!(applied(&["something"], Method::GET), "");
    }

    #[test]
    fn strict_handling_names_what_is_not_understood() {
        let failure = prefer(&["handling=strict", "something, else"], false).unwrap_err();
        assert_eq!(failure.code, Some("PGRST122"));
        assert_eq!(failure.details, pintle_query::Details::Text("Invalid preferences: something, else".to_owned()));
        assert!(prefer(&["something, else"], false).is_ok());
        assert!(prefer(&["handling=strict, max-affected=few"], false).is_err());
    }

    #[test]
    fn a_rollback_is_followed_only_where_it_is_allowed() {
        assert!(prefer(&["tx=rollback"], true).unwrap().asked(&Method::POST).rollback);
        let refused = prefer(&["tx=rollback"], false).unwrap();
        assert!(!refused.asked(&Method::POST).rollback);
        assert_eq!(refused.applied(&Method::POST), None);
    }

    #[test]
    fn max_affected_counts_with_strict_handling_alone() {
        let asked = |words: &'static str| prefer(&[words], false).unwrap().asked(&Method::PATCH).max_affected;
        assert_eq!(asked("handling=strict, max-affected=3"), Some(3));
        assert_eq!(asked("max-affected=3"), None);
    }
}
