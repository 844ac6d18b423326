//! A route's parameters: from the path, the query string and the headers into checked values.

use std::borrow::Cow;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use pintle_model::likeness::meant;
use pintle_model::{DefaultValue, Field, ParamPlace, Route, RouteAnswer, Value};
use pintle_query::rest::Asker;

use super::faults::{Faults, shortened};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::percent::{Decoded, NO_UTF_8, of_path, of_query};
use crate::routes::Found;

/// What a script sees as it is of whole numbers: its numbers are doubles.
const SAFE_MAX: u64 = (1 << 53) - 1;
const ROUNDED: &str = "a script would see another number than a larger one: the manifest can take it as text";

/// Reads what a route declares: one value for each of its parameters, in order.
///
/// # Errors
/// With every fault of every parameter. What is not declared is a fault too, but for a script, which may read it.
pub(super) fn read(route: &Route, found: &Found<'_>, ask: &Ask<'_>) -> Result<Vec<Value>, Failure> {
    read_from(route, &|name| found.part(name), &ask.query, &ask.head.headers, &ask.asker)
}

fn read_from<'t>(
    route: &Route,
    part: &dyn Fn(&str) -> Option<&'t str>,
    query: &'t str,
    headers: &'t HeaderMap,
    asker: &Asker,
) -> Result<Vec<Value>, Failure> {
    let mut faults = Faults::default();
    let mut given = query_texts(route, query, &mut faults);
    let in_script = matches!(route.answer, RouteAnswer::Script(_));
    let values = route.params.iter().zip(&mut given).map(|(param, in_query)| {
        let field = &param.field;
        let text = match param.place {
            ParamPlace::Path => part(&field.name).map(of_path),
            ParamPlace::Query => in_query.take(),
            ParamPlace::Header => header_name(&field.name).and_then(|name| header_text(headers, &name)),
        };
        let value = value(field, text, asker, &mut faults);
        if matches!(value, Value::Integer(n) if n.unsigned_abs() > SAFE_MAX && in_script) {
            let fault = format!("`{}` must be from -{SAFE_MAX} to {SAFE_MAX}", field.name);
            faults.add(&field.name, fault, Some(ROUNDED.to_owned()));
        }
        value
    });
    let values = values.collect();
    faults.end()?;
    Ok(values)
}

/// The header of a parameter: `_` stands for `-`.
pub(super) fn header_name(name: &str) -> Option<HeaderName> {
    HeaderName::try_from(name.replace('_', "-")).ok()
}

/// A header's text. One that comes several times is a list (RFC 9110, 5.3), and cookies are joined as cookies (RFC 9113, 8.2.3), as scripts
/// see both.
fn header_text<'t>(headers: &'t HeaderMap, name: &HeaderName) -> Option<Decoded<'t>> {
    let text = |value: &'t HeaderValue| std::str::from_utf8(value.as_bytes()).map(Cow::Borrowed).map_err(|_| NO_UTF_8);
    let between = if name == header::COOKIE { "; " } else { ", " };
    let texts = headers.get_all(name).iter().map(text);
    texts.reduce(|all, more| Ok(Cow::Owned(format!("{}{between}{}", all?, more?))))
}

/// The text of each parameter of the query string, by the route's order.
fn query_texts<'t>(route: &Route, query: &'t str, faults: &mut Faults) -> Vec<Option<Decoded<'t>>> {
    let mut given: Vec<Option<Decoded<'t>>> = route.params.iter().map(|_| None).collect();
    let declared =
        |name: &str| route.params.iter().position(|param| param.place == ParamPlace::Query && param.field.name == name);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let name = of_query(name).unwrap_or(Cow::Borrowed(name));
        match declared(&name) {
            Some(at) if given[at].is_some() => {
                faults.add(&name, format!("`{name}` is given twice"), Some("give it once".to_owned()));
            }
            Some(at) => given[at] = Some(of_query(text)),
            None if !matches!(route.answer, RouteAnswer::Script(_)) => unknown(route, &name, faults),
            None => {}
        }
    }
    given
}

fn unknown(route: &Route, name: &str, faults: &mut Faults) {
    let known = || route.params.iter().filter(|param| param.place == ParamPlace::Query).map(|p| p.field.name.as_str());
    let hint = match meant(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known().next().is_none() => "it takes none in the query string".to_owned(),
        None => format!("its parameters are {}", known().collect::<Vec<_>>().join(", ")),
    };
    faults.add(name, format!("`{}` is no parameter of this route", shortened(name)), Some(hint));
}

/// A parameter's value, or null and a fault.
fn value(field: &Field, text: Option<Decoded<'_>>, asker: &Asker, faults: &mut Faults) -> Value {
    let name = &field.name;
    let Some(text) = text else {
        if field.default.is_none() && field.required {
            faults.add(name, format!("`{name}` is required"), None);
        }
        return default(field, asker);
    };
    let text = match text {
        Ok(text) => text,
        Err((wrong, right)) => {
            faults.add(name, format!("`{name}` {wrong}"), Some(right.to_owned()));
            return Value::Null;
        }
    };
    match field.ty.read_text(&text) {
        Ok(value) => {
            if let Some(complaint) = field.complaint(&value) {
                faults.add(name, format!("`{name}` {complaint}"), None);
            }
            value
        }
        Err(error) => {
            faults.add(name, format!("`{name}`: {}", error.message), error.hint);
            Value::Null
        }
    }
}

fn default(field: &Field, asker: &Asker) -> Value {
    match &field.default {
        None => Value::Null,
        Some(DefaultValue::Literal(value)) => value.clone(),
        Some(DefaultValue::Now) => Value::Timestamp(asker.now),
        Some(DefaultValue::Uuid) => Value::Uuid((asker.new_uuid)()),
        Some(DefaultValue::Uid) => asker.caller.user.clone().map_or(Value::Null, Value::Text),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use pintle_model::{Caller, Role, RouteParam, Span, Type};
    use pintle_query::Details;

    use super::super::testing;
    use super::*;

    const PATH: ParamPlace = ParamPlace::Path;
    const QUERY: ParamPlace = ParamPlace::Query;
    const HEADER: ParamPlace = ParamPlace::Header;

    fn param(place: ParamPlace, name: &str, ty: Type) -> RouteParam {
        RouteParam { place, field: Field::new(name, ty, Span::default()) }
    }

    fn tiles() -> Vec<RouteParam> {
        let mut n = param(PATH, "n", Type::Integer);
        (n.field.minimum, n.field.maximum) = (Some(Value::Integer(0)), Some(Value::Integer(50)));
        let mut guild = param(QUERY, "guild", Type::Text);
        guild.field.default = Some(DefaultValue::Literal(Value::Text("none".to_owned())));
        let mut since = param(QUERY, "since", Type::Timestamp);
        since.field.required = true;
        vec![param(PATH, "x", Type::Integer), n, guild, since, param(HEADER, "x_api", Type::Integer)]
    }

    /// What is read with a header of so many lines.
    fn asked(
        params: Vec<RouteParam>,
        parts: &[(&str, &str)],
        query: &str,
        header: &[u8],
    ) -> Result<Vec<Value>, Failure> {
        let parts: HashMap<&str, &str> = parts.iter().copied().collect();
        let caller = Caller { user: Some("ann".to_owned()), ..Caller::of(Role::Authenticated) };
        let asker = Asker { caller: Arc::new(caller), now: 17, new_uuid: uuid::Uuid::nil };
        let lines = header.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let field = |line| (HeaderName::from_static("x-api"), HeaderValue::from_bytes(line).unwrap());
        let headers: HeaderMap = lines.map(field).collect();
        read_from(&testing::sql(params), &|name| parts.get(name).copied(), query, &headers, &asker)
    }

    fn faults(outcome: Result<Vec<Value>, Failure>) -> Vec<String> {
        match outcome.unwrap_err().details {
            Details::List(list) => list.into_iter().map(|(path, message)| format!("{path}: {message}")).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_header_that_comes_in_lines_is_a_list() {
        let read = |header| asked(vec![param(HEADER, "x_api", Type::Text)], &[], "", header);
        assert_eq!(read(b"a\nb, c").unwrap(), [Value::Text("a, b, c".to_owned())]);
        assert_eq!(faults(read(b"a\n\xff")), ["x_api: `x_api` holds bytes that are no UTF-8"]);
    }

    #[test]
    fn each_stands_in_its_place_and_has_its_type() {
        let values = asked(tiles(), &[("x", "-3"), ("n", "50")], "since=2026-01-02&guild=a%20b+c", b"7").unwrap();
        let since = Type::Timestamp.read_text("2026-01-02").unwrap();
        let guild = Value::Text("a b c".to_owned());
        assert_eq!(values, [Value::Integer(-3), Value::Integer(50), guild, since, Value::Integer(7)]);
    }

    #[test]
    fn what_is_not_given_is_its_default_or_null() {
        let values = asked(tiles(), &[("x", "1"), ("n", "1")], "since=2026-01-02", b"").unwrap();
        assert_eq!((&values[2], &values[4]), (&Value::Text("none".to_owned()), &Value::Null));
        let mut made =
            [param(QUERY, "a", Type::Timestamp), param(QUERY, "b", Type::Uuid), param(QUERY, "c", Type::Text)];
        made[0].field.default = Some(DefaultValue::Now);
        made[1].field.default = Some(DefaultValue::Uuid);
        made[2].field.default = Some(DefaultValue::Uid);
        let values = asked(made.to_vec(), &[], "", b"").unwrap();
        assert_eq!(values, [Value::Timestamp(17), Value::Uuid(uuid::Uuid::nil()), Value::Text("ann".to_owned())]);
        let empty = asked(vec![param(QUERY, "c", Type::Text)], &[], "c=", b"").unwrap();
        assert_eq!(empty, [Value::Text(String::new())], "an empty text is a text");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let told = faults(asked(tiles(), &[("x", "a"), ("n", "51")], "giuld=1&guild=a&guild=b&q=%FF", b"\xff"));
        assert_eq!(
            told,
            [
                "giuld: `giuld` is no parameter of this route",
                "guild: `guild` is given twice",
                "q: `q` is no parameter of this route",
                "x: `x`: invalid input syntax for type bigint: \"a\"",
                "n: `n` must be at most 50",
                "since: `since` is required",
                "x_api: `x_api` holds bytes that are no UTF-8",
            ]
        );
        let failure = asked(tiles(), &[("x", "a"), ("n", "51")], "giuld=1&since=2026-01-02", b"").unwrap_err();
        assert_eq!(failure.status, 400);
        assert_eq!(failure.message, "`giuld` is no parameter of this route (and 2 more faults: see details)");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `guild`?"));
    }

    #[test]
    fn parts_and_parameters_are_percent_decoded_and_must_be_utf_8() {
        let text = || vec![param(PATH, "name", Type::Text), param(QUERY, "q", Type::Text)];
        let read = |part, query| asked(text(), &[("name", part)], query, b"");
        let both = |a: &str, b: &str| vec![Value::Text(a.to_owned()), Value::Text(b.to_owned())];
        assert_eq!(read("a%2Fb+%C3%A9", "%71=%26%3D+%2B").unwrap(), both("a/b+é", "&= +"));
        assert_eq!(faults(read("%FF", "q=%C3")).len(), 2);
        assert_eq!(faults(read("%00", "q=1")).len(), 1, "a text holds no NUL");
        for (part, query) in [("%zz", "q=%zz"), ("%", "q=a%2"), ("%é0", "q=1%")] {
            let wrong =
                ["name", "q"].map(|name| format!("{name}: `{name}` holds a % that no two hexadecimal digits follow"));
            assert_eq!(faults(read(part, query)), wrong, "{part}");
        }
    }

    #[test]
    fn a_script_may_read_what_is_not_declared() {
        let route = testing::script(vec![param(QUERY, "a", Type::Integer)]);
        let asker = Asker { caller: Arc::new(Caller::of(Role::Anon)), now: 0, new_uuid: uuid::Uuid::nil };
        let read = |query| read_from(&route, &|_| None, query, &HeaderMap::new(), &asker);
        assert_eq!(read("data.KEY=1&a=2&b=3").unwrap(), [Value::Integer(2)]);
        assert_eq!(faults(read("b=3&a=x")).len(), 1);
        assert_eq!(read("a=-9007199254740991").unwrap(), [Value::Integer(-9_007_199_254_740_991)]);
        let rounded = "a: `a` must be from -9007199254740991 to 9007199254740991";
        for a in ["9007199254740992", "-9007199254740993", "-9223372036854775808"] {
            let query = format!("a={a}");
            assert_eq!(faults(read_from(&route, &|_| None, &query, &HeaderMap::new(), &asker)), [rounded], "{a}");
        }
    }

    #[test]
    fn sql_takes_whole_numbers_that_a_script_would_round() {
        let a = || vec![param(QUERY, "a", Type::Integer)];
        assert_eq!(asked(a(), &[], "a=9223372036854775807", b"").unwrap(), [Value::Integer(i64::MAX)]);
    }
}
