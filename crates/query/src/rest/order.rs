//! `order=age.desc.nullslast,data->a->>b`

use super::cursor::Cursor;
use super::filter::{Scope, unsupported};
use super::name::{field_name, json_path, resolve};
use crate::Fault;
use crate::request::Order;

/// Keys that an order may have.
const KEYS_MAX: usize = 32;

/// Reads `order`.
pub(crate) fn order(scope: &mut Scope<'_>, text: &str) -> Result<Vec<Order>, Fault> {
    let mut cursor = Cursor::new("order", text);
    let mut keys: Vec<Order> = Vec::new();
    loop {
        if keys.len() == KEYS_MAX {
            return Err(cursor.unexpected(&format!("at most {KEYS_MAX} keys of an order")));
        }
        let key = key(scope, &mut cursor)?;
        // The first of equal keys decides; the others would change nothing.
        if !keys.iter().any(|known| known.target == key.target) {
            keys.push(key);
        }
        cursor.skip_space();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect_end("\",\" or end of input")?;
    Ok(keys)
}

fn key(scope: &mut Scope<'_>, cursor: &mut Cursor<'_>) -> Result<Order, Fault> {
    let name = field_name(cursor)?;
    if cursor.peek() == Some('(') {
        return Err(unsupported(&format!("ordering by another resource (`{name}(…)`)")));
    }
    let target = match scope.distance(cursor, &name)? {
        Some(distance) => distance,
        None => {
            let (path, text) = json_path(cursor)?;
            resolve(scope.collection, &name, path, text)?
        }
    };
    let mut order = Order { target, descending: false, nulls_first: None };
    if !cursor.eat(".") {
        return Ok(order);
    }
    let mut directed = true;
    if cursor.eat("desc") {
        order.descending = true;
    } else if !cursor.eat("asc") {
        directed = false;
    }
    if directed && !cursor.eat(".") {
        return Ok(order);
    }
    if cursor.eat("nullsfirst") {
        order.nulls_first = Some(true);
    } else if cursor.eat("nullslast") {
        order.nulls_first = Some(false);
    } else if directed {
        return Err(cursor.unexpected("\"nullsfirst\" or \"nullslast\""));
    } else {
        return Err(cursor.unexpected("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""));
    }
    Ok(order)
}
