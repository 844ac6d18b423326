//! Whether an answer is the one that a case expects, and what differs.

use std::collections::BTreeMap;

use percent_encoding::NON_ALPHANUMERIC;
use regex::Regex;
use serde_json::Value;

use crate::common::Answer;
use crate::parse::{Assert, Body, Expected, Predicate, Query};

/// Values by name: tokens, and what was captured from answers.
pub(crate) type Variables = BTreeMap<String, String>;

/// What stands for a value that no case can know.
const WILDCARDS: [(&str, &str); 3] = [
    ("any", r#"[^"]*"#),
    ("uuid", "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00"),
];

/// Puts the variables' values into a text.
pub(crate) fn fill(text: &str, variables: &Variables) -> Result<String, String> {
    filled(text, variables, str::to_owned)
}

/// Puts the variables' values into a URL's path or query, encoded.
pub(crate) fn fill_path(text: &str, variables: &Variables) -> Result<String, String> {
    filled(text, variables, |value| percent_encoding::utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())
}

fn filled(text: &str, variables: &Variables, encoded: impl Fn(&str) -> String) -> Result<String, String> {
    let mut filled = String::new();
    for part in parts(text)? {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Name(name) => {
                let value = variables.get(name);
                let value = value.ok_or_else(|| format!("nothing is named `{name}`: no token, no capture"))?;
                filled.push_str(&encoded(value));
            }
        }
    }
    Ok(filled)
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// A text as what stands in it and the names in `{{…}}`.
fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, behind) = behind.split_once("}}").ok_or("a `{{` has no `}}`")?;
        // JSON may end with several braces: only a name is a name.
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            parts.extend([Part::Text(before), Part::Name(name)]);
            rest = behind;
        } else {
            return Err(format!("`{{{{{name}}}}}` names nothing"));
        }
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// Everything in which the answer differs; empty when it is the one. Takes the captures when it is.
pub(crate) fn differences(
    expected: &Expected,
    answer: &Answer,
    variables: &mut Variables,
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    if answer.status != expected.status {
        found.push(format!("the status is {}, not {}", answer.status, expected.status));
    }
    for (name, value) in &expected.headers {
        match answer.headers.get(name).map(|got| String::from_utf8_lossy(got.as_bytes()).into_owned()) {
            None if value.is_empty() => {}
            None => found.push(format!("there is no header {name}: {value}")),
            Some(got) if value.is_empty() => found.push(format!("there is a header {name}: {got}")),
            Some(got) if pattern(value, variables)?.is_match(&got) => {}
            Some(got) => found.push(format!("the header {name} is {got}, not {value}")),
        }
    }
    found.extend(body(expected, answer, variables)?);
    for assert in &expected.asserts {
        found.extend(broken(assert, answer, variables)?);
    }
    for (name, query) in &expected.captures {
        match look(query, answer) {
            Some(Value::String(text)) => drop(variables.insert(name.clone(), text)),
            Some(value) => drop(variables.insert(name.clone(), value.to_string())),
            None => found.push(format!("there is nothing to capture as `{name}`")),
        }
    }
    Ok(found)
}

fn body(expected: &Expected, answer: &Answer, variables: &Variables) -> Result<Option<String>, String> {
    let (wanted, got) = match &expected.body {
        Body::None if expected.asserts.is_empty() => (String::new(), answer.text.clone()),
        Body::None => return Ok(None),
        Body::Json(text) => (squeezed(text), squeezed(&answer.text)),
        Body::Exact(text) => (text.clone(), answer.text.clone()),
    };
    if pattern(&wanted, variables)?.is_match(&got) {
        return Ok(None);
    }
    let same = wanted.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| {
        let mut at = same.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest: String = text[at..].chars().take(60).collect();
        if rest.is_empty() { "nothing more".to_owned() } else { rest }
    };
    Ok(Some(format!("the body, from byte {same} on:\n      expected {}\n      got      {}", from(&wanted), from(&got))))
}

/// What matches a text with names and wildcards: each of them a group of its own.
fn pattern(text: &str, variables: &Variables) -> Result<Regex, String> {
    let mut pattern = String::from(r"(?s)\A");
    for part in parts(text)? {
        match part {
            Part::Text(text) => pattern.push_str(&regex::escape(text)),
            Part::Name(name) => {
                let any = WILDCARDS.iter().find(|(wildcard, _)| *wildcard == name).map(|(_, any)| (*any).to_owned());
                let value = any.or_else(|| variables.get(name).map(|value| regex::escape(value)));
                let value =
                    value.ok_or_else(|| format!("nothing is named `{name}`: no token, no capture, no wildcard"))?;
                pattern.push_str(&format!("({value})"));
            }
        }
    }
    pattern.push_str(r"\z");
    Regex::new(&pattern).map_err(|error| error.to_string())
}

/// JSON without the white space between its parts; other text is left mostly as it is, and so never equal to JSON.
pub(crate) fn squeezed(json: &str) -> String {
    let (mut out, mut inside, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        if inside || !c.is_whitespace() {
            out.push(c);
        }
        match c {
            '"' if !escaped => inside = !inside,
            '\\' if inside && !escaped => {
                escaped = true;
                continue;
            }
            _ => {}
        }
        escaped = false;
    }
    out
}

fn broken(assert: &Assert, answer: &Answer, variables: &Variables) -> Result<Option<String>, String> {
    let got = look(&assert.query, answer);
    let holds = match (&assert.predicate, &got) {
        (Predicate::Exists, got) => got.is_some(),
        (_, None) => false,
        (Predicate::Equals(Value::String(wanted)), Some(Value::String(got))) => {
            pattern(wanted, variables)?.is_match(got)
        }
        (Predicate::Equals(wanted), Some(got)) => got == wanted,
        (Predicate::Contains(part), Some(Value::String(text))) => text.contains(part.as_str()),
        (Predicate::Contains(part), Some(other)) => other.to_string().contains(part.as_str()),
        (Predicate::Count(count), Some(Value::Array(items))) => items.len() == *count,
        (Predicate::Count(_), Some(_)) => false,
    };
    let got = got.map_or("not there".to_owned(), |got| got.to_string());
    Ok((!holds).then(|| format!("line {}, {}: it is {got}", assert.line, assert.text)))
}

fn look(query: &Query, answer: &Answer) -> Option<Value> {
    match query {
        Query::Header(name) => answer.headers.get(name)?.to_str().ok().map(Value::from),
        Query::Body => Some(Value::from(answer.text.as_str())),
        Query::Json(path) => {
            let json: Value = serde_json::from_str(&answer.text).ok()?;
            let pointer = path.strip_prefix('$')?.replace('[', "/").replace(']', "").replace('.', "/");
            json.pointer(&pointer).cloned()
        }
    }
}

/// An answer without what may differ from one server to the next: the moment, the request's id, where the answer was kept, and what stands in the
/// place of names and wildcards.
pub(crate) fn comparable(expected: &Expected, answer: &Answer, variables: &Variables) -> Result<String, String> {
    let open = |text: &str| text.contains("{{");
    let body_open = matches!(&expected.body, Body::Json(text) | Body::Exact(text) if open(text));
    let mut headers: Vec<String> = Vec::new();
    for (name, value) in &answer.headers {
        let of_body = ["etag", "content-length"].contains(&name.as_str());
        let told = expected.headers.iter().find(|(told, _)| told.eq_ignore_ascii_case(name.as_str()));
        let skipped = ["date", "x-request-id", "cache-status"].contains(&name.as_str())
            || (of_body && body_open)
            || told.is_some_and(|(_, value)| open(value));
        if !skipped {
            headers.push(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    headers.sort();
    let body = if body_open { without_names(expected, answer, variables)? } else { answer.text.clone() };
    Ok(format!("HTTP {}\n{}\n{body}", answer.status, headers.join("\n")))
}

/// The body with nothing in the place of names and wildcards. White space that a case does not tell stays as it is.
fn without_names(expected: &Expected, answer: &Answer, variables: &Variables) -> Result<String, String> {
    let (Body::Json(wanted) | Body::Exact(wanted)) = &expected.body else { return Ok(answer.text.clone()) };
    let json = matches!(expected.body, Body::Json(_));
    let (wanted, mut got) =
        if json { (squeezed(wanted), squeezed(&answer.text)) } else { (wanted.clone(), answer.text.clone()) };
    let spans: Vec<_> = pattern(&wanted, variables)?
        .captures(&got)
        .map(|found| found.iter().skip(1).flatten().map(|group| group.range()).collect())
        .unwrap_or_default();
    for span in spans.into_iter().rev() {
        got.replace_range(span, "…");
    }
    Ok(got)
}
