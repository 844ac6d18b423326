//! Before anything is measured: does everyone answer the same?

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::driver;
use crate::fleet::{Fleet, Target};
use crate::work::{Grammar, Operation};

/// Which items and lists are compared; one of them is not active, so a policy lets it pass by its second half.
const PICKED: [u64; 4] = [0, 1, 42, 98_765];

/// Asks the control and Pintle for the same.
///
/// # Errors
/// When an answer is another than the control's.
pub(crate) fn check(fleet: &Fleet) -> Result<()> {
    for operation in [Operation::Read, Operation::List, Operation::Create] {
        for random in PICKED {
            for target in [Target::Mount, Target::Rest] {
                let should = content(fleet, Target::Control, operation, random)?;
                let is = content(fleet, target, operation, random)?;
                ensure!(is == should, "{}: {} answers\n{is}\nnot\n{should}", operation.name(), target.name());
            }
        }
    }
    Ok(())
}

/// What is answered, without the moments, which differ.
fn content(fleet: &Fleet, target: Target, operation: Operation, random: u64) -> Result<Value> {
    let work = fleet.work(target, operation);
    let body = driver::ask(fleet.server(target).address, &work, random)?;
    let mut value: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
    if work.grammar == Grammar::Rest
        && operation != Operation::List
        && let Value::Array(items) = &mut value
        && items.len() == 1
    {
        value = items.remove(0);
    }
    match &mut value {
        Value::Array(items) => {
            ensure!(!items.is_empty(), "{} lists nothing", target.name());
            items.iter_mut().try_for_each(without_moment)?;
        }
        item => without_moment(item)?,
    }
    Ok(value)
}

fn without_moment(item: &mut Value) -> Result<()> {
    let created = item.as_object_mut().and_then(|item| item.remove("created"));
    let Some(moment) = created.as_ref().and_then(Value::as_str) else { bail!("not created at a moment: {item}") };
    moment.parse::<jiff::Timestamp>().with_context(|| format!("no moment: {moment}"))?;
    Ok(())
}
