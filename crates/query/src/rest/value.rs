//! How several values stand in a filter, and where one value ends in a tree.

use super::cursor::Cursor;
use crate::Fault;

/// `(a,"b,c")`
pub(super) fn list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    cursor.skip_space();
    cursor.expect("(", "\"(\"")?;
    cursor.skip_space();
    let mut items = Vec::new();
    if cursor.eat(")") {
        return Ok(items);
    }
    loop {
        items.push(quoted_item(cursor).unwrap_or_else(|| cursor.take_while(|c| c != ',' && c != ')').to_owned()));
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect(")", "\",\" or \")\"")?;
    cursor.skip_space();
    Ok(items)
}

/// An item in quotes that ends where the quotes do.
fn quoted_item(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut ahead = cursor.clone();
    let inside = ahead.quoted()?;
    if ahead.peek().is_some_and(|c| c != ',' && c != ')') {
        return None;
    }
    *cursor = ahead;
    Some(inside)
}

/// A value in a tree: quoted, or an array literal, or all up to a comma or a parenthesis.
pub(super) fn tree_value(cursor: &mut Cursor<'_>) -> String {
    if let Some(inside) = quoted_item(cursor) {
        return inside;
    }
    let mut ahead = cursor.clone();
    let start = ahead.rest();
    if array(&mut ahead).is_ok() && ahead.peek().is_none_or(|c| c == ',' || c == ')') {
        let literal = &start[..start.len() - ahead.rest().len()];
        *cursor = ahead;
        return literal.to_owned();
    }
    cursor.take_while(|c| c != ',' && c != ')').to_owned()
}

/// PostgreSQL's array literal: `{a,"b c",NULL}`. `None` is a null.
pub(super) fn array(cursor: &mut Cursor<'_>) -> Result<Vec<Option<String>>, Fault> {
    cursor.expect("{", "\"{\"")?;
    let mut items = Vec::new();
    if cursor.eat("}") {
        return Ok(items);
    }
    loop {
        cursor.skip_space();
        items.push(match cursor.quoted() {
            Some(inside) => Some(inside),
            None => {
                let word = cursor.take_while(|c| !matches!(c, ',' | '}' | '{' | '"')).trim_end();
                (!word.eq_ignore_ascii_case("null")).then(|| word.to_owned())
            }
        });
        cursor.skip_space();
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect("}", "\",\" or \"}\"")?;
    Ok(items)
}
