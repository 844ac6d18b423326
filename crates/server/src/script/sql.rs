//! `db.sql`: a statement of a script's, with its parameters.

use std::collections::BTreeMap;

use hyper::StatusCode;
use pintle_model::{Type, Value};
use pintle_query::plan::Inputs;
use pintle_query::rest::Asker;
use pintle_query::{FaultKind, Planner, Read};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::rest::within::{Refused, told};
use crate::status::{self, Surface};

/// A statement that is to run.
pub(super) fn planned(
    planner: &Planner,
    asker: &Asker,
    text: &str,
    params: &[u8],
    may_write: bool,
) -> Result<Read, Refused> {
    let role = asker.caller.role;
    let given = given(params)?;
    let types: Vec<(String, Type)> = given.iter().map(|(name, json)| (name.clone(), own_type(json.get()))).collect();
    let own = planner.own_sql(text, &types, role, may_write).map_err(|fault| match fault.kind {
        FaultKind::Parse => status::fault(fault, Surface::Rest, role).into(),
        _ => told(fault, role),
    })?;
    let depth = planner.model().limits.depth;
    let values: Result<Vec<Value>, Failure> =
        own.params.iter().map(|(name, ty)| value(name, *ty, given.get(name).map(|json| json.get()), depth)).collect();
    let inputs = Inputs { values: values?, caller: asker.caller.clone(), now: asker.now };
    Ok(Read { plan: own.plan.clone(), inputs })
}

/// The parameters by name, each as it stands in JSON. The same ones are always in the same order, which is part of a plan's key.
fn given(params: &[u8]) -> Result<BTreeMap<String, &RawValue>, Failure> {
    if params.is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_slice(params)
        .map_err(|_| bad("the parameters of db.sql must be an object: { name: value }".to_owned(), "22023"))
}

/// The type that a value has by itself.
fn own_type(json: &str) -> Type {
    match json.as_bytes().first() {
        Some(b'[' | b'{') => Type::Json,
        Some(b't' | b'f') => Type::Boolean,
        Some(b'-' | b'0'..=b'9') if json.parse::<i64>().is_ok() => Type::Integer,
        Some(b'-' | b'0'..=b'9') => Type::Number,
        _ => Type::Text,
    }
}

fn value(name: &str, ty: Type, json: Option<&str>, depth: u32) -> Result<Value, Failure> {
    match json {
        None => Err(bad(format!("the statement names :{name}, which is not given"), "42P02")),
        Some("null") => Ok(Value::Null),
        Some(json) => ty.read_json(json, depth).map_err(|error| {
            let mut failure = bad(format!(":{name}: {}", error.message), error.kind.sqlstate());
            failure.hint = error.hint;
            failure
        }),
    }
}

fn bad(message: String, code: &'static str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, message).code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_its_type_by_itself() {
        let types =
            ["null", "true", "7", "-7", "7.5", "1e3", "99999999999999999999", "\"7\"", "[1]", "{}"].map(own_type);
        let (integer, number) = (Type::Integer, Type::Number);
        let wanted =
            [Type::Text, Type::Boolean, integer, integer, number, number, number, Type::Text, Type::Json, Type::Json];
        assert_eq!(types, wanted);
    }

    #[test]
    fn a_value_must_be_of_the_statement_s_type() {
        assert_eq!(value("n", Type::Integer, Some("7"), 9).unwrap(), Value::Integer(7));
        assert_eq!(value("n", Type::Integer, Some("null"), 9).unwrap(), Value::Null);
        let failure = value("n", Type::Integer, Some("\"a\""), 9).unwrap_err();
        assert!(failure.message.starts_with(":n: "), "{}", failure.message);
        assert_eq!(failure.code, Some("22P02"));
        assert_eq!(
            value("n", Type::Integer, None, 9).unwrap_err().message,
            "the statement names :n, which is not given"
        );
    }
}
