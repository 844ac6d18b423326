//! A query string, taken apart: which parameters there are, and what each asks for.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use pintle_model::{Collection, Type, Value};

use super::filter::Scope;
use super::{order, select};
use crate::fault::{NAMED_MAX, shortened};
use crate::request::{Filter, Order, SelectItem};
use crate::{Details, Dialect, Fault, FaultKind};

/// Parameters that a query string may have.
const PARAMETERS_MAX: usize = 1000;

/// What a query string asks for.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) select: Option<Vec<SelectItem>>,
    pub(crate) filter: Filter,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    /// Whether `limit` or `offset` stood there at all.
    pub(crate) paged: bool,
    pub(crate) columns: Option<Vec<usize>>,
    pub(crate) on_conflict: Option<Vec<usize>>,
    /// The values of the filters, by slot.
    pub(crate) values: Vec<Value>,
}

/// Splits a query string into decoded names and values, in order. `+` is a space.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Fault>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    })
}

fn decode(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().map_err(|_| {
        Fault::new(
            FaultKind::Parse,
            format!("the query string holds bytes that are no UTF-8: {}", shortened(text, NAMED_MAX)),
        )
        .hint("percent-encode the UTF-8 bytes of each character: é is %C3%A9")
    })?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// Reads a query string of `/rest/v1`.
pub(crate) fn query(collection: &Collection, dialect: Dialect, text: &str) -> Result<Query, Fault> {
    let mut query = Query {
        select: None,
        filter: Filter::all(),
        order: Vec::new(),
        limit: None,
        offset: 0,
        paged: false,
        columns: None,
        on_conflict: None,
        values: Vec::new(),
    };
    let mut parameters = Vec::new();
    for pair in pairs(text) {
        if parameters.len() == PARAMETERS_MAX {
            return Err(Fault::new(FaultKind::Parse, format!("a URL may have at most {PARAMETERS_MAX} parameters")));
        }
        parameters.push(pair?);
    }
    // `select` first: what it embeds decides what the others may speak of.
    let mut scope = Scope::new(collection, dialect);
    if let Some((_, value)) = parameters.iter().find(|(name, _)| name == "select") {
        query.select = Some(select::select(&mut scope, value)?);
    }
    let mut filters = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in &parameters {
        let name = name.as_ref();
        if matches!(name, "select" | "columns" | "on_conflict" | "order" | "limit" | "offset") {
            once(&mut seen, name)?;
        }
        match name {
            "select" => {}
            "columns" => {
                query.columns = Some(select::fields(collection, "columns parameter", value, select::unknown_column)?);
            }
            "on_conflict" => {
                let fields = select::fields(collection, "on_conflict parameter", value, |c, name| {
                    super::name::undefined(c, name)
                });
                query.on_conflict = Some(fields?);
            }
            "order" => query.order = order::order(&mut scope, value)?,
            "limit" => {
                query.limit = Some(limit(value)?);
                query.paged = true;
            }
            "offset" => {
                query.offset = offset(value)?;
                query.paged = true;
            }
            "and" => filters.push(scope.tree(true, value)?),
            "or" => filters.push(scope.tree(false, value)?),
            "not.and" => filters.push(Filter::Not(Box::new(scope.tree(true, value)?))),
            "not.or" => filters.push(Filter::Not(Box::new(scope.tree(false, value)?))),
            _ => filters.push(scope.filter(name, value)?),
        }
    }
    query.filter = Filter::And(filters);
    query.values = scope.values;
    Ok(query)
}

/// Parameters that shape the answer stand once: of two, one would silently do nothing.
fn once<'a>(seen: &mut Vec<&'a str>, name: &'a str) -> Result<(), Fault> {
    if seen.contains(&name) {
        let message = format!("the parameter `{name}` is given twice");
        return Err(Fault::new(FaultKind::Parse, message).hint("give it once; filters may be given several times"));
    }
    seen.push(name);
    Ok(())
}

fn integer(name: &str, text: &str) -> Result<i64, Fault> {
    let shown = shortened(text, NAMED_MAX);
    match Type::Integer.read_text(text) {
        Ok(Value::Integer(number)) => Ok(number),
        _ => Err(Fault::new(FaultKind::Parse, format!("\"failed to parse {name} ({shown})\" (line 1, column 1)"))
            .details(format!("unexpected {shown:?} expecting an integer"))),
    }
}

fn limit(text: &str) -> Result<u64, Fault> {
    u64::try_from(integer("limit", text)?).map_err(|_| Fault {
        kind: FaultKind::Range,
        message: "Requested range not satisfiable".to_owned(),
        details: Details::Text("Limit should be greater than or equal to zero.".to_owned()),
        hint: None,
    })
}

/// A negative offset is none, as in PostgREST.
fn offset(text: &str) -> Result<u64, Fault> {
    Ok(u64::try_from(integer("offset", text)?).unwrap_or(0))
}
