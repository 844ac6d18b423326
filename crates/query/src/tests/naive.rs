//! What expressions mean, worked out row by row with no database and no planner: the measure for both.

use std::cmp::Ordering;

use pintle_model::value::print;
use pintle_model::{Caller, Type, Value};
use serde_json::Value as Json;

use crate::expr::{Binary, Expr, Function};
use crate::plan::Param;
use crate::policy::Rules;
use crate::request::{Comparison, Step, Truth};

/// All that an expression can look at.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) caller: &'a Caller,
    pub(super) now: i64,
    pub(super) values: &'a [Value],
    pub(super) rules: &'a [Rules],
    /// The rows of each collection.
    pub(super) tables: &'a [Vec<Vec<Value>>],
}

impl World<'_> {
    /// Whether it is true of the row: not false, not null.
    pub(super) fn holds(self, expr: &Expr, row: &[Value]) -> bool {
        self.eval(expr, &[row]) == Value::Boolean(true)
    }

    fn eval(self, expr: &Expr, rows: &[&[Value]]) -> Value {
        let one = |e: &Expr| self.eval(e, rows);
        match expr {
            Expr::Literal(value) => value.clone(),
            Expr::Param(param, _) => self.param(param),
            Expr::Column(column) => rows[column.depth][column.field].clone(),
            Expr::Path { json, steps, text } => path(one(json), steps, *text),
            Expr::And(parts) => all(parts.iter().map(one), false),
            Expr::Or(parts) => all(parts.iter().map(one), true),
            Expr::Not(inner) => match one(inner) {
                Value::Boolean(b) => Value::Boolean(!b),
                _ => Value::Null,
            },
            Expr::Compare(op, left, right) => compare(&one(left), &one(right)).map_or(Value::Null, |order| {
                Value::Boolean(match op {
                    Comparison::Eq => order.is_eq(),
                    Comparison::Ne => order.is_ne(),
                    Comparison::Lt => order.is_lt(),
                    Comparison::Le => order.is_le(),
                    Comparison::Gt => order.is_gt(),
                    Comparison::Ge => order.is_ge(),
                })
            }),
            Expr::Distinct(left, right) => Value::Boolean(match (one(left), one(right)) {
                (Value::Null, Value::Null) => false,
                (left, right) => compare(&left, &right) != Some(Ordering::Equal),
            }),
            Expr::In(value, list) => {
                let value = one(value);
                let each = list
                    .iter()
                    .map(|item| compare(&value, &one(item)).map_or(Value::Null, |o| Value::Boolean(o.is_eq())));
                all(each, true)
            }
            Expr::Is(inner, truth) => Value::Boolean(match (truth, one(inner)) {
                (Truth::Null | Truth::Unknown, value) => value == Value::Null,
                (Truth::NotNull, value) => value != Value::Null,
                (Truth::True, value) => value == Value::Boolean(true),
                (Truth::False, value) => value == Value::Boolean(false),
            }),
            Expr::Like { value, pattern, fold } => match (one(value), one(pattern)) {
                (Value::Text(value), Value::Text(pattern)) => {
                    let chars = |text: &str| -> Vec<char> {
                        if *fold { text.chars().flat_map(char::to_lowercase).collect() } else { text.chars().collect() }
                    };
                    Value::Boolean(like(&chars(&value), &chars(&pattern)))
                }
                _ => Value::Null,
            },
            Expr::Call(function, args) => call(*function, args.iter().map(one).collect()),
            Expr::Binary(op, left, right) => binary(*op, one(left), one(right)),
            Expr::Cast(inner, ty) => cast(one(inner), *ty),
            // It narrows what another part asks exactly.
            Expr::Candidate { .. } => Value::Boolean(true),
            Expr::Exists { collection, body, .. } => {
                let seen = self.rules[collection.0].select.as_ref().expect("refused without");
                Value::Boolean(self.tables[collection.0].iter().any(|row| {
                    let inner: Vec<&[Value]> = rows.iter().copied().chain([&row[..]]).collect();
                    self.holds(seen, row) && self.eval(body, &inner) == Value::Boolean(true)
                }))
            }
            Expr::Match { .. } | Expr::Contains(..) | Expr::Element { .. } => panic!("no policy says {expr:?}"),
        }
    }

    fn param(self, param: &Param) -> Value {
        let text = |text: Option<&String>| text.map_or(Value::Null, |text| Value::Text(text.clone()));
        match param {
            Param::Value(n) => self.values[*n].clone(),
            Param::Literal(value) => value.clone(),
            Param::Uid => text(self.caller.user.as_ref()),
            Param::Role => Value::Text(self.caller.role.name().to_owned()),
            Param::Claim(name) => text(self.caller.claims.get(name)),
            Param::Now => Value::Timestamp(self.now),
            Param::Row(_) | Param::Rows(_) | Param::Ranks => panic!("policies know no row to write"),
        }
    }
}

/// And, and or (which one true part decides), of three values.
fn all(parts: impl Iterator<Item = Value>, deciding: bool) -> Value {
    let mut unknown = false;
    for part in parts {
        match part {
            Value::Boolean(value) if value == deciding => return Value::Boolean(deciding),
            Value::Boolean(_) => {}
            _ => unknown = true,
        }
    }
    if unknown { Value::Null } else { Value::Boolean(!deciding) }
}

#[expect(clippy::cast_precision_loss, reason = "the test's numbers are small")]
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Integer(a), Value::Number(b)) => (*a as f64).partial_cmp(b),
        (Value::Number(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.chars().cmp(b.chars())),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Json(a), Value::Json(b)) => Some(compare_json(&parse(a), &parse(b))),
        other => panic!("{other:?} were compared"),
    }
}

fn parse(json: &str) -> Json {
    serde_json::from_str(json).expect("json")
}

fn compare_json(a: &Json, b: &Json) -> Ordering {
    let rank = |json: &Json| match json {
        Json::Null => 0,
        Json::String(_) => 1,
        Json::Number(_) => 2,
        Json::Bool(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    };
    match (a, b) {
        (Json::String(a), Json::String(b)) => a.chars().cmp(b.chars()),
        (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).expect("numbers"),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
            a.iter().zip(b).map(|(a, b)| compare_json(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
            let each = a.iter().zip(b).map(|((k, v), (l, w))| k.cmp(l).then_with(|| compare_json(v, w)));
            each.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn path(json: Value, steps: &[Step], text: bool) -> Value {
    let Value::Json(json) = json else { return Value::Null };
    let json = parse(&json);
    let mut at = &json;
    for step in steps {
        let found = match (step, at) {
            (Step::Key(key), Json::Object(members)) => members.get(key),
            (Step::Index(n), Json::Array(items)) => {
                let n = if *n < 0 { items.len() as i64 + n } else { *n };
                usize::try_from(n).ok().and_then(|n| items.get(n))
            }
            _ => None,
        };
        match found {
            Some(found) => at = found,
            None => return Value::Null,
        }
    }
    match (at, text) {
        (Json::Null, true) => Value::Null,
        (Json::String(text), true) => Value::Text(text.clone()),
        (other, true) => match Type::Json.read_text(&other.to_string()) {
            Ok(Value::Json(text)) => Value::Text(text),
            other => panic!("{other:?}"),
        },
        (other, false) => Value::Json(other.to_string()),
    }
}

fn like(value: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => value.is_empty(),
        ['%', rest @ ..] => (0..=value.len()).any(|n| like(&value[n..], rest)),
        ['\\', c, rest @ ..] => value.first() == Some(c) && like(&value[1..], rest),
        ['_', rest @ ..] => !value.is_empty() && like(&value[1..], rest),
        [c, rest @ ..] => value.first() == Some(c) && like(&value[1..], rest),
    }
}

fn call(function: Function, args: Vec<Value>) -> Value {
    match (function, &args[..]) {
        (Function::Coalesce, _) => args.iter().find(|v| **v != Value::Null).cloned().unwrap_or(Value::Null),
        (Function::Lower, [Value::Text(text)]) => Value::Text(text.chars().flat_map(char::to_lowercase).collect()),
        (Function::Length, [Value::Text(text)]) => Value::Integer(text.chars().count() as i64),
        (Function::Lower | Function::Length, [Value::Null]) => Value::Null,
        other => panic!("{other:?}"),
    }
}

fn binary(op: Binary, left: Value, right: Value) -> Value {
    match (op, left, right) {
        (_, Value::Null, _) | (_, _, Value::Null) => Value::Null,
        (Binary::Concat, Value::Text(a), Value::Text(b)) => Value::Text(a + &b),
        (Binary::Add, Value::Integer(a), Value::Integer(b)) => Value::Integer(a + b),
        (Binary::Subtract, Value::Integer(a), Value::Integer(b)) => Value::Integer(a - b),
        (Binary::Multiply, Value::Integer(a), Value::Integer(b)) => Value::Integer(a * b),
        (Binary::Add, Value::Number(a), Value::Number(b)) => Value::Number(a + b),
        (Binary::Subtract, Value::Number(a), Value::Number(b)) => Value::Number(a - b),
        (Binary::Multiply, Value::Number(a), Value::Number(b)) => Value::Number(a * b),
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the test's numbers are small")]
fn cast(value: Value, to: Type) -> Value {
    match (value, to) {
        (Value::Null, _) => Value::Null,
        (Value::Integer(n), Type::Number) => Value::Number(n as f64),
        (Value::Integer(n), Type::Text) => Value::Text(n.to_string()),
        (Value::Boolean(b), Type::Text) => Value::Text(b.to_string()),
        (Value::Json(text), Type::Text) => Value::Text(text),
        (Value::Number(n), Type::Text) => {
            let mut out = Vec::new();
            print::json_number(&mut out, n);
            Value::Text(String::from_utf8(out).expect("digits"))
        }
        other => panic!("{other:?}"),
    }
}
