//! Routes that a statement answers.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use pintle_model::{ResultShape, Type, Value};
use pintle_query::plan::{Inputs, ReadPlan};
use pintle_query::{OwnPlan, Read};
use pintle_store::{Error, Mode, Rows, Tx};
use serde_json::value::RawValue;

use super::{Body, Call, Told};
use crate::answer::{self, Answer};
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::Surface;

/// The statement of a route for the role that it acts in.
///
/// # Errors
/// When the role may not do what the statement does.
pub(super) fn plan<'p>(ask: &Ask<'p>, call: &Call<'_>) -> Result<&'p OwnPlan, Failure> {
    let plan = ask.state.planner.route_sql(call.id, call.acting.caller.role);
    plan.map_err(|fault| ask.fault(fault, Surface::Plain))
}

/// Runs the route's statement and answers what it finds.
///
/// # Errors
/// 404 when one row was asked for and there is none; and as the store.
pub(super) async fn answer(ask: &Ask<'_>, call: &Call<'_>, shape: ResultShape) -> Result<Told, Failure> {
    let plan = Arc::clone(&plan(ask, call)?.plan);
    let inputs = Inputs { values: values(ask, call)?, caller: Arc::clone(&call.acting.caller), now: call.acting.now };
    let read = Read { plan: Arc::clone(&plan), inputs };
    let store = &ask.state.store;
    let answer = match call.repeat.clone() {
        None => {
            let rows = store.read(read).await.map_err(|error| ask.error(error, Surface::Plain))?;
            shaped(&plan, &rows, shape)?
        }
        Some(repeat) => {
            let steps = move |tx: &mut dyn Tx| -> Result<Answer, Refused> {
                if let Some(earlier) = repeat.earlier(tx)? {
                    return earlier.map_err(Refused::Told);
                }
                let answer = shaped(&read.plan, &tx.read(&read)?, shape).map_err(Refused::Told)?;
                repeat.keep(tx, &answer)?;
                Ok(answer)
            };
            store.transaction(Mode::Write, steps).await.map_err(|refused| match refused {
                Refused::Told(failure) => failure,
                Refused::Store(error) => ask.error(error, Surface::Plain),
            })?
        }
    };
    Ok(Told { answer, reads: plan.reads.clone() })
}

/// Why nothing was written.
#[derive(Debug)]
enum Refused {
    Told(Failure),
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Store(error)
    }
}

/// The parameters in the plan's order: all that the route declares, then the body.
fn values(ask: &Ask<'_>, call: &Call<'_>) -> Result<Vec<Value>, Failure> {
    let mut values = call.params.clone();
    if let Body::Json(bytes) = &call.body {
        let depth = ask.state.model().limits.depth;
        let read = std::str::from_utf8(bytes).ok().map(|text| Type::Json.read_json(text, depth));
        // A null is a value of JSON's here, not SQL's.
        values.push(match read {
            Some(Ok(Value::Null)) => Value::Json("null".to_owned()),
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(Failure::bad_request(format!("the body: {}", error.message))),
            None => return Err(Failure::bad_request("the body is no JSON: it is no UTF-8")),
        });
    }
    Ok(values)
}

/// What of a result is answered.
fn shaped(plan: &ReadPlan, rows: &Rows, shape: ResultShape) -> Result<Answer, Failure> {
    if plan.columns.is_empty() {
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let json = match shape {
        ResultShape::Rows => Some(rows.json.clone()),
        ResultShape::Row => first_row(rows),
        ResultShape::Value => first_row(rows).and_then(|row| {
            let value = 1 + plan.columns.first()?.json_key().len();
            leading(&row.slice(value.min(row.len())..))
        }),
    };
    json.map(|json| answer::json(StatusCode::OK, json))
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "there is no such row, or the caller may not see it"))
}

fn first_row(rows: &Rows) -> Option<Bytes> {
    match rows.len {
        0 => None,
        1 => Some(rows.json.slice(1..rows.json.len() - 1)),
        _ => leading(&rows.json.slice(1..)),
    }
}

/// The JSON value that some bytes begin with.
fn leading(bytes: &Bytes) -> Option<Bytes> {
    let value: &RawValue = serde_json::Deserializer::from_slice(bytes).into_iter().next()?.ok()?;
    Some(bytes.slice_ref(value.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use pintle_query::Statement;
    use pintle_query::plan::Column;

    use super::*;

    fn told(json: &'static str, len: u64, shape: ResultShape) -> (u16, String) {
        let plan = ReadPlan {
            rows: Statement { sql: String::new(), params: Vec::new() },
            count: None,
            columns: vec![Column::new("a\"b", Type::Json), Column::new("c", Type::Integer)],
            strip_nulls: false,
            point: false,
            own: false,
            inline: true,
            reads: Vec::new(),
            writes: None,
        };
        let rows = Rows { json: Bytes::from_static(json.as_bytes()), len, ..Rows::default() };
        match shaped(&plan, &rows, shape) {
            Ok(answer) => (answer.status().as_u16(), String::from_utf8(answer::whole(&answer).into()).unwrap()),
            Err(failure) => (failure.status.as_u16(), String::new()),
        }
    }

    #[test]
    fn rows_are_an_array_a_row_an_object_and_a_value_itself() {
        let two = r#"[{"a\"b":{"x": [1, "}"]},"c":1},{"a\"b":null,"c":2}]"#;
        let one = r#"[{"a\"b":"é\"}","c":1}]"#;
        assert_eq!(told(two, 2, ResultShape::Rows), (200, two.to_owned()));
        assert_eq!(told(two, 2, ResultShape::Row), (200, r#"{"a\"b":{"x": [1, "}"]},"c":1}"#.to_owned()));
        assert_eq!(told(two, 2, ResultShape::Value), (200, r#"{"x": [1, "}"]}"#.to_owned()));
        assert_eq!(told(one, 1, ResultShape::Row), (200, r#"{"a\"b":"é\"}","c":1}"#.to_owned()));
        assert_eq!(told(one, 1, ResultShape::Value), (200, r#""é\"}""#.to_owned()));
        assert_eq!(told(r#"[{"a\"b":null,"c":1}]"#, 1, ResultShape::Value), (200, "null".to_owned()));
        assert_eq!(told("[]", 0, ResultShape::Rows), (200, "[]".to_owned()));
        for shape in [ResultShape::Row, ResultShape::Value] {
            assert_eq!(told("[]", 0, shape), (404, String::new()));
        }
    }
}
