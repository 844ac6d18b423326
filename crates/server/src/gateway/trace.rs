//! Trace Context (W3C): a request's `traceparent` is passed on, and made where it has none that is valid.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::answer;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sees to it that a request has a valid `traceparent`. Without one its `tracestate` means nothing, so that goes too.
pub(super) fn pass(headers: &mut HeaderMap) {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let one = given.next().filter(|_| given.next().is_none());
    if one.is_some_and(|value| is_valid(value.as_bytes())) {
        return;
    }
    headers.remove(TRACESTATE);
    headers.insert(TRACEPARENT, made());
}

/// The id of a request's trace, for the log.
pub(super) fn id(headers: &HeaderMap) -> &str {
    let text = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.get(3..35)).unwrap_or_default()
}

/// `VERSION-TRACE-PARENT-FLAGS` in small hex digits. Later versions may add more behind these.
fn is_valid(value: &[u8]) -> bool {
    const DASHES: [usize; 3] = [2, 35, 52];
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let Some((known, more)) = value.split_at_checked(55) else { return false };
    let shape = known.iter().enumerate().all(|(at, byte)| if DASHES.contains(&at) { *byte == b'-' } else { hex(byte) });
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    let version = &known[..2];
    let tail = more.is_empty() || (version != b"00" && more[0] == b'-');
    shape && tail && version != b"ff" && !zero(&known[3..35]) && !zero(&known[36..52])
}

/// A new trace, which nobody has decided to record yet.
fn made() -> HeaderValue {
    let mut random = [0; 24];
    // Without randomness the trace is nobody's, but it is valid.
    if getrandom::fill(&mut random).is_err() || random[..16] == [0; 16] || random[16..] == [0; 8] {
        random.fill(1);
    }
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    for (at, byte) in random.iter().enumerate() {
        if at == 16 {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('1'));
        }
    }
    text.push_str("-00");
    answer::value(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn passed(parents: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        pass(&mut headers);
        headers
    }

    #[test]
    fn a_valid_one_is_passed_on_with_its_state() {
        let later = format!("cc{}-more", &GIVEN[2..]);
        for given in [GIVEN, &later] {
            let headers = passed(&[given]);
            assert_eq!(
                (headers[TRACEPARENT].to_str().unwrap(), &headers[TRACESTATE]),
                (given, &HeaderValue::from_static("a=b"))
            );
        }
        assert_eq!(id(&passed(&[GIVEN])), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn in_the_place_of_any_other_a_new_one_is_made() {
        let (upper, longer) = (GIVEN.to_uppercase(), format!("{GIVEN}-more"));
        let ff = format!("ff{}", &GIVEN[2..]);
        let glued = format!("cc{}more", &GIVEN[2..]);
        for given in [
            "",
            "x",
            &GIVEN[..54],
            &upper,
            &longer,
            &ff,
            &glued,
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        ] {
            let headers = passed(&[given]);
            let made = headers[TRACEPARENT].to_str().unwrap();
            assert!(made != given && is_valid(made.as_bytes()), "{given} {made}");
            assert!(!headers.contains_key(TRACESTATE), "{given}");
        }
        let (none, two) = (passed(&[]), passed(&[GIVEN, GIVEN]));
        assert_eq!(two.get_all(TRACEPARENT).iter().count(), 1);
        assert!(is_valid(none[TRACEPARENT].as_bytes()) && two[TRACEPARENT] != GIVEN);
        assert_ne!(none[TRACEPARENT], passed(&[])[TRACEPARENT]);
    }
}
