//! A mount's list: `limit`, `offset`, `order`, and every other parameter an equality.

use pintle_model::{Collection, Type, Value};

use crate::fault::{NAMED_MAX, shortened};
use crate::request::{Comparison, Filter, Order, Step, Target, Test};
use crate::rest::filter::Scope;
use crate::rest::nearest;
use crate::rest::order::order;
use crate::rest::query::pairs;
use crate::{Dialect, Fault, FaultKind};

/// Levels of a path inside a json field.
const LEVELS_MAX: usize = 8;
/// Parameters of a list.
const PARAMETERS_MAX: usize = 100;

/// What a list asks for.
#[derive(Debug)]
pub(super) struct ListQuery {
    pub(super) filter: Filter,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<u64>,
    pub(super) offset: u64,
    pub(super) values: Vec<Value>,
}

/// Reads the query string of a list.
pub(super) fn list(collection: &Collection, dialect: Dialect, query: &str) -> Result<ListQuery, Fault> {
    let mut scope = Scope::new(collection, dialect);
    let mut filters = Vec::new();
    let (mut limit, mut offset, mut keys) = (None, None, None);
    for (count, pair) in pairs(query).enumerate() {
        let (name, value) = pair?;
        if count == PARAMETERS_MAX {
            return Err(Fault::new(FaultKind::Parse, format!("a list may have at most {PARAMETERS_MAX} parameters")));
        }
        let twice = match name.as_ref() {
            "limit" => limit.replace(number("limit", &value, 1)?).is_some(),
            "offset" => offset.replace(number("offset", &value, 0)?).is_some(),
            "order" => keys.replace(order(&mut scope, &value)?).is_some(),
            _ => {
                filters.push(filter(&mut scope, &name, &value)?);
                false
            }
        };
        if twice {
            return Err(Fault::new(FaultKind::Parse, format!("the parameter `{name}` is given twice")));
        }
    }
    let mut keys = keys.unwrap_or_default();
    // In the end the key decides, so that pages neither overlap nor leave gaps.
    for field in 0..collection.key.len {
        let target = Target::field(field);
        if !keys.iter().any(|key| key.target == target) {
            keys.push(Order { target, descending: false, nulls_first: None });
        }
    }
    Ok(ListQuery {
        filter: Filter::And(filters),
        order: keys,
        limit: limit_within(collection, limit)?,
        offset: offset.unwrap_or(0),
        values: scope.values,
    })
}

/// The limit that was asked for, or the mount's own.
fn limit_within(collection: &Collection, asked: Option<u64>) -> Result<Option<u64>, Fault> {
    let Some(mount) = &collection.mount else { return Ok(asked) };
    match (asked, mount.limit_max) {
        (Some(limit), Some(most)) if limit > most => {
            let message = format!("`limit` may be at most {most}, and is {limit}");
            Err(Fault::new(FaultKind::Parse, message).hint("ask for the rest with `offset`"))
        }
        (Some(limit), _) => Ok(Some(limit)),
        (None, _) => Ok(mount.limit_default),
    }
}

/// The greatest number of rows that both stores can count to, with one behind.
const ROWS_MAX: u64 = i64::MAX as u64 - 1;

fn number(name: &str, text: &str, least: u64) -> Result<u64, Fault> {
    let number = text.parse().ok().filter(|n| (least..=ROWS_MAX).contains(n));
    number.ok_or_else(|| {
        // Of any number of digits.
        let too_many = text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse().map_or(!text.is_empty(), |n: u64| n > ROWS_MAX);
        let is = if too_many { format!("at most {ROWS_MAX}") } else { format!("a whole number of at least {least}") };
        Fault::new(FaultKind::Parse, format!("`{name}` is {is}, not {:?}", shortened(text, NAMED_MAX)))
    })
}

/// `name=Nanette`, or `data.app.id=4608` inside a json field.
fn filter(scope: &mut Scope<'_>, name: &str, value: &str) -> Result<Filter, Fault> {
    let collection = scope.collection;
    let mut words = name.split('.');
    let field = words.next().unwrap_or_default();
    let path: Vec<Step> = words.map(|word| Step::Key(word.to_owned())).collect();
    let Some((at, found)) = collection.field(field) else { return Err(unknown(collection, field, name)) };
    if found.ty != Type::Json {
        if !path.is_empty() {
            let message = format!("`{field}` is no json field, so `{name}` leads nowhere");
            return Err(Fault::new(FaultKind::UndefinedColumn, message));
        }
        let slot = scope.read(found.ty, value).map_err(|fault| in_parameter(fault, name))?;
        return Ok(Filter::Test(Target::field(at), Test::Compare(Comparison::Eq, slot)));
    }
    if path.contains(&Step::Key(String::new())) {
        let message = format!("`{name}` names no key between or behind its dots");
        return Err(Fault::new(FaultKind::Parse, message).hint("a path into a json field is like `data.limits.cpu`"));
    }
    if path.len() > LEVELS_MAX {
        let message = format!("`{name}` is too deep: a path inside a json field has at most {LEVELS_MAX} levels");
        return Err(Fault::new(FaultKind::Parse, message));
    }
    let slot = scope.element(value).map_err(|fault| in_parameter(fault, name))?;
    Ok(Filter::Test(Target { path, ..Target::field(at) }, Test::Element(slot)))
}

fn in_parameter(mut fault: Fault, name: &str) -> Fault {
    let name = shortened(name, NAMED_MAX);
    fault.message = format!("`{name}`: {}", fault.message);
    fault
}

fn unknown(collection: &Collection, field: &str, name: &str) -> Fault {
    let name = shortened(name, NAMED_MAX);
    let fault = Fault::new(FaultKind::UndefinedColumn, format!("`{name}` is no parameter of this list"));
    match nearest(collection, field) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint("parameters are limit, offset, order, the names of fields, and paths into json fields"),
    }
}
