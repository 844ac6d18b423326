//! A route's body: of the type and the form that the route takes.

use bytes::Bytes;
use hyper::StatusCode;
use pintle_model::{Route, RouteAnswer, Schema};

use super::faults::{Faults, shortened};
use crate::body::{self, Incoming};
use crate::failure::Failure;
use crate::handle::Ask;

const JSON: &str = "application/json";
/// Keys that begin so mean something to the library that reads JSON.
const RESERVED: &str = "$serde_json::private::";

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON, checked: one value, no deeper than the limit, and as the route's schema has it.
    Json(Bytes),
    /// A text of another type.
    Text(String),
    /// Anything else.
    Bytes(Bytes),
}

impl Body {
    /// As it was sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Body::None => &[],
            Body::Json(bytes) | Body::Bytes(bytes) => bytes,
            Body::Text(text) => text.as_bytes(),
        }
    }
}

/// Reads a body: JSON where the route has a schema, none where SQL answers without one, anything for a script.
///
/// # Errors
/// When it is too large, of another type, no JSON, too deep; and with every fault that the schema finds.
pub(super) async fn read(route: &Route, ask: &Ask<'_>, body: Incoming) -> Result<Body, Failure> {
    let media = body::media_type(ask.head)?;
    if let Some(schema) = &route.body {
        if let Some(other) = media.as_deref().filter(|media| !is_json(media)) {
            let message = format!("a body of the type {other} is not taken here");
            return Err(
                Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).hint("send `Content-Type: application/json`")
            );
        }
        let bytes = ask.body(body).await?;
        let levels = depth_max(ask);
        if !std::str::from_utf8(&bytes).is_ok_and(|text| schema.surely_takes(text, levels)) {
            let json = json(&bytes, levels)?;
            satisfies(schema, &json)?;
            if matches!(route.answer, RouteAnswer::Script(_)) {
                finite(&json)?;
            }
        }
        return Ok(Body::Json(bytes));
    }
    let bytes = ask.body(body).await?;
    if bytes.is_empty() {
        return Ok(Body::None);
    }
    if matches!(route.answer, RouteAnswer::Sql(_)) {
        return Err(Failure::bad_request("this route takes no body"));
    }
    match media.as_deref() {
        None => {}
        Some(media) if is_json(media) => {}
        Some(media) if media.starts_with("text/") || media == "application/x-www-form-urlencoded" => {
            let text = String::from_utf8(bytes.into()).map_err(|_| {
                Failure::bad_request("the body is no UTF-8").hint("send what is no text as application/octet-stream")
            })?;
            return Ok(Body::Text(text));
        }
        Some(_) => return Ok(Body::Bytes(bytes)),
    }
    finite(&json(&bytes, depth_max(ask))?)?;
    Ok(Body::Json(bytes))
}

fn depth_max(ask: &Ask<'_>) -> u32 {
    ask.state.model().limits.depth
}

/// `application/json`, or a type that ends with `+json`.
fn is_json(media: &str) -> bool {
    media == JSON || media.starts_with("application/") && media.ends_with("+json")
}

/// Reads JSON no deeper than so many levels.
fn json(bytes: &Bytes, depth_max: u32) -> Result<serde_json::Value, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::bad_request("the body is no JSON: it is no UTF-8"))?;
    if depth(text) > depth_max {
        return Err(Failure::bad_request(format!("the body is nested more deeply than {depth_max} levels"))
            .hint("the manifest's `limits.depth` sets how deep it may be"));
    }
    if has_reserved_key(text) {
        return Err(Failure::bad_request(format!("the body holds a key that begins with `{RESERVED}`")));
    }
    serde_json::from_str(text).map_err(|error| Failure::bad_request(format!("the body is no JSON: {error}")))
}

/// Refuses numbers that a script would see as endless.
fn finite(json: &serde_json::Value) -> Result<(), Failure> {
    match json {
        serde_json::Value::Number(number) if number.as_f64().is_none_or(f64::is_infinite) => Err(Failure::bad_request(
            format!("{} in the body is beyond what a number may be", shortened(&number.to_string())),
        )
        .hint("a number is a double: less than 1.8e308")),
        serde_json::Value::Array(items) => items.iter().try_for_each(finite),
        serde_json::Value::Object(members) => members.values().try_for_each(finite),
        _ => Ok(()),
    }
}

/// How many levels of arrays and objects a JSON text has. Of what is no JSON it says anything.
fn depth(json: &str) -> u32 {
    let (mut now, mut most) = (0_u32, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            b'"' => {
                while let Some(inside) = bytes.next().filter(|byte| *byte != b'"') {
                    if inside == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
    }
    most
}

/// Whether a JSON text has a key that begins with [`RESERVED`], also one that is written with escapes. Of what is no JSON it says anything.
fn has_reserved_key(json: &str) -> bool {
    let reserved = |quoted: &str| serde_json::from_str::<String>(quoted).is_ok_and(|key| key.starts_with(RESERVED));
    let mut rest = json;
    while let Some(begin) = rest.find('"') {
        let text = &rest[begin..];
        let mut bytes = text.bytes().enumerate().skip(1);
        let mut end = text.len();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'"' => {
                    end = at + 1;
                    break;
                }
                _ => {}
            }
        }
        let quoted;
        (quoted, rest) = text.split_at(end);
        let may_be = quoted.starts_with("\"$") || quoted.starts_with("\"\\");
        if may_be && rest.trim_start().starts_with(':') && reserved(quoted) {
            return true;
        }
    }
    false
}

/// Tells every fault that a schema finds, each with its place.
fn satisfies(schema: &Schema, json: &serde_json::Value) -> Result<(), Failure> {
    if schema.validator.is_valid(json) {
        return Ok(());
    }
    let mut faults = Faults::default();
    for error in schema.validator.iter_errors(json) {
        let place = error.instance_path().to_string();
        let place = place.trim_start_matches('/');
        let at = if place.is_empty() { String::new() } else { format!(" at {}", shortened(place)) };
        faults.add(place, format!("the body does not satisfy its schema: {}{at}", shortened(&error.to_string())), None);
        if faults.is_full() {
            break;
        }
    }
    faults.end()
}

#[cfg(test)]
mod tests {
    use pintle_query::Details;

    use super::*;

    fn schema(source: &serde_json::Value) -> Schema {
        let validator = jsonschema::validator_for(source).unwrap();
        Schema::new(source.clone(), validator)
    }

    #[test]
    fn depth_counts_levels_outside_of_texts() {
        for (json, levels) in [("1", 0), ("[]", 1), (r#"{"a":[{}]}"#, 3), (r#"["[[[\"[{"]"#, 1), (r#"["\\",[]]"#, 2)] {
            assert_eq!(depth(json), levels, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_says_where() {
        let told = |text: &str| json(&Bytes::from(text.to_owned()), 3).unwrap_err().message;
        assert_eq!(told("[1,]"), "the body is no JSON: trailing comma at line 1 column 4");
        assert_eq!(told(""), "the body is no JSON: EOF while parsing a value at line 1 column 0");
        assert_eq!(told("[[[[1]]]]"), "the body is nested more deeply than 3 levels");
        assert_eq!(
            told(r#"[{"$serde_json::private::Number":"1"}]"#).split(':').next(),
            Some("the body holds a key that begins with `$serde_json")
        );
        assert!(told(r#"{"\u0024serde_json::private::Number" : "1"}"#).starts_with("the body holds a key"));
        let value = r#"{"a\"":"$serde_json::private::Number", "b": ["\\", "$serde_json::private::RawValue"]}"#;
        assert!(json(&Bytes::from_static(value.as_bytes()), 3).is_ok(), "a value may be any text");
        assert!(json(&Bytes::from_static(b"\"\xff\""), 3).is_err());
        assert!(json(&Bytes::from_static(b" [[[1]]] "), 3).is_ok());
    }

    #[test]
    fn numbers_that_no_script_can_hold_are_refused() {
        let told = |text: &str| json(&Bytes::from(text.to_owned()), 3).and_then(|json| finite(&json));
        told("[1.7e308, -1.7e308, 1e-999, 123456789012345678901234567890]").unwrap();
        for text in ["1e999", r#"{"a":[-1e400]}"#] {
            let message = told(text).unwrap_err().message;
            assert!(message.contains("beyond what a number may be"), "{message}");
        }
    }

    #[test]
    fn a_schema_s_every_fault_has_its_place() {
        let schema = schema(&serde_json::json!({
            "type": "array",
            "items": { "type": "object", "required": ["x"], "properties": { "x": { "type": "integer" } } },
        }));
        let failure = satisfies(&schema, &serde_json::json!([{ "x": 1 }, { "x": "a" }, {}])).unwrap_err();
        assert_eq!(
            failure.message,
            "the body does not satisfy its schema: \"a\" is not of type \"integer\" at 1/x (and one more fault: see details)"
        );
        let Details::List(list) = failure.details else { panic!("no list") };
        assert_eq!(list.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["1/x", "2"]);
        satisfies(&schema, &serde_json::json!([])).unwrap();
        let failure = satisfies(&schema, &serde_json::json!(1)).unwrap_err();
        assert!(failure.message.ends_with("is not of type \"array\""), "{}", failure.message);
    }

    #[test]
    fn types_that_hold_json_are_json() {
        for (media, is) in [
            ("application/json", true),
            ("application/geo+json", true),
            ("text/json", false),
            ("application/jsonx", false),
        ] {
            assert_eq!(is_json(media), is, "{media}");
        }
    }
}
