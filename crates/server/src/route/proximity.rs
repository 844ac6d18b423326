//! Routes that tell who or what was near whom.

use std::sync::Arc;

use hyper::StatusCode;
use pintle_model::{ProximityAnswer, Value};
use pintle_query::Read;
use pintle_query::plan::Inputs;

use super::faults::Faults;
use super::{Call, Told, sql};
use crate::answer;
use crate::failure::Failure;
use crate::handle::Ask;
use crate::status::Surface;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Answers what was near.
///
/// # Errors
/// 400 for a range that ends before it begins, 404 for a subject that is not there or that the caller may not see; and as the store.
pub(super) async fn answer(ask: &Ask<'_>, call: &Call<'_>, question: &ProximityAnswer) -> Result<Told, Failure> {
    let own = sql::plan(ask, call)?;
    range(call, question)?;
    let inputs = Inputs { values: call.params.clone(), caller: Arc::clone(&call.acting.caller), now: call.acting.now };
    let read = |plan| {
        let read = Read { plan: Arc::clone(plan), inputs: inputs.clone() };
        async { ask.state.store.read(read).await.map_err(|error| ask.error(error, Surface::Plain)) }
    };
    if let Some(subject) = &own.subject
        && read(subject).await?.len == 0
    {
        return Err(Failure::new(StatusCode::NOT_FOUND, "there is no such row, or the caller may not see it"));
    }
    let rows = read(&own.plan).await?;
    Ok(Told { answer: answer::json(StatusCode::OK, rows.json), reads: own.plan.reads.clone() })
}

/// The range must not end before it begins.
fn range(call: &Call<'_>, question: &ProximityAnswer) -> Result<(), Failure> {
    let moment = |at: usize, end: i64| match call.params.get(at) {
        Some(Value::Date(day)) => Some(i64::from(*day) * DAY + end),
        Some(Value::Timestamp(moment)) => Some(*moment),
        _ => None,
    };
    let mut faults = Faults::default();
    if moment(question.from, 0) > moment(question.to, DAY - 1) {
        let name = |at: usize| call.route.params.get(at).map_or("", |param| param.field.name.as_str());
        let (from, to) = (name(question.from), name(question.to));
        let message = format!("`{to}` is before `{from}`");
        faults.add(to, message, Some(format!("the range goes from `{from}` to `{to}`")));
    }
    faults.end()
}
