//! Filters: `age=gte.18`, `name=not.in.(a,"b,c")`, `or=(a.eq.1,not.and(b.gt.2,c.is.null))`.

use pintle_model::{Collection, Type, Value, ValueError, ValueErrorKind};

use super::cursor::Cursor;
use super::name::{field_name, json_path, resolve};
use crate::functions::{check_like, compile_regex};
use crate::request::{Comparison, Filter, Target, Test, Truth};
use crate::{Fault, FaultKind};

/// Levels that `and=(…)` and `or=(…)` may nest; each is a level of the SQL expression, which databases bound too.
const TREE_DEPTH_MAX: usize = 16;
/// Values that one request may bind: databases bound them (SQLite at 32766).
const VALUES_MAX: usize = 10_000;

const OPERATOR: &str = "\"not\" or operator (eq, gt, ...)";
const TRUTH: &str = "isVal: (null, not_null, true, false, unknown)";

/// Where filters are read: whose fields they speak of, and the values they bring.
pub(crate) struct Scope<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) values: Vec<Value>,
}

/// What ends a value: the parameter's end, or in a tree a comma or a closing parenthesis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    Tree,
}

impl Scope<'_> {
    /// Takes a value, and tells its slot.
    pub(crate) fn bind(&mut self, value: Value) -> Result<usize, Fault> {
        if self.values.len() == VALUES_MAX {
            let message = format!("a request may hold at most {VALUES_MAX} values");
            return Err(Fault::new(FaultKind::Parse, message).hint("ask in several requests"));
        }
        self.values.push(value);
        Ok(self.values.len() - 1)
    }

    /// Reads and takes a value of a type.
    pub(crate) fn read(&mut self, ty: Type, text: &str) -> Result<usize, Fault> {
        let value = ty.read_text(text).map_err(|error| bad_value(&error))?;
        self.bind(value)
    }

    /// The filter of the parameter `key=value`, where `key` is a field or a path into one.
    pub(crate) fn filter(&mut self, key: &str, value: &str) -> Result<Filter, Fault> {
        let mut cursor = Cursor::new("tree path", key);
        let name = field_name(&mut cursor)?;
        let (path, text) = json_path(&mut cursor)?;
        if cursor.peek() == Some('.') {
            let message = format!("'{name}' is not an embedded resource in this request");
            return Err(Fault::new(FaultKind::NotEmbedded, message)
                .hint(format!("Verify that '{name}' is included in the 'select' query parameter.")));
        }
        cursor.expect_end("\"->\", \"->>\" or end of input")?;
        let target = resolve(self.collection, &name, path, text)?;
        let mut cursor = Cursor::new("filter", value);
        let filter = self.condition(&mut cursor, &target, Place::Alone)?;
        cursor.expect_end("end of input")?;
        Ok(filter)
    }

    /// The filter of `and=value` or `or=value`.
    pub(crate) fn tree(&mut self, all: bool, value: &str) -> Result<Filter, Fault> {
        let mut cursor = Cursor::new("logic tree", value);
        let filter = self.junction(&mut cursor, all, 1)?;
        // PostgREST's clients have been seen to close a tree twice, and PostgREST takes it.
        cursor.take_while(|c| c == ')' || c.is_whitespace());
        cursor.expect_end("end of input")?;
        Ok(filter)
    }

    /// A list of conditions in parentheses.
    fn junction(&mut self, cursor: &mut Cursor<'_>, all: bool, depth: usize) -> Result<Filter, Fault> {
        if depth > TREE_DEPTH_MAX {
            return Err(cursor.unexpected(&format!("at most {TREE_DEPTH_MAX} levels of `and` and `or`")));
        }
        cursor.skip_space();
        cursor.expect("(", "\"(\"")?;
        let mut parts = Vec::new();
        loop {
            parts.push(self.part(cursor, depth)?);
            cursor.skip_space();
            if !cursor.eat(",") {
                break;
            }
        }
        cursor.expect(")", "\",\" or \")\"")?;
        cursor.skip_space();
        Ok(if all { Filter::And(parts) } else { Filter::Or(parts) })
    }

    /// A condition in a tree, or a tree in a tree.
    fn part(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, Fault> {
        cursor.skip_space();
        let mut ahead = cursor.clone();
        let negated = ahead.eat("not.");
        for (word, all) in [("and", true), ("or", false)] {
            let mut inside = ahead.clone();
            if inside.eat(word) {
                inside.skip_space();
                if inside.peek() == Some('(') {
                    *cursor = inside;
                    let filter = self.junction(cursor, all, depth + 1)?;
                    return Ok(if negated { Filter::Not(Box::new(filter)) } else { filter });
                }
            }
        }
        let name = field_name(cursor)?;
        let (path, text) = json_path(cursor)?;
        cursor.expect(".", "\".\"")?;
        let target = resolve(self.collection, &name, path, text)?;
        self.condition(cursor, &target, Place::Tree)
    }

    /// `[not.]operator[(modifier)].value`
    fn condition(&mut self, cursor: &mut Cursor<'_>, target: &Target, place: Place) -> Result<Filter, Fault> {
        let negated = cursor.eat("not.");
        let start = cursor.clone();
        let operator = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let modifier = match cursor.eat("(") {
            true => {
                let word = cursor.take_while(|c| c != ')' && c != '.');
                cursor.expect(")", "\")\"")?;
                Some(word)
            }
            false => None,
        };
        let operator = Operator::parse(operator).ok_or_else(|| start.unexpected(OPERATOR))??;
        if !cursor.eat(".") {
            return Err(cursor.unexpected("\".\""));
        }
        operator.fits(target.ty(self.collection.fields[target.field].ty))?;
        let filter = match modifier {
            None => self.test(cursor, target, operator, place)?,
            Some("any" | "all") if !operator.quantified() => return Err(start.unexpected(OPERATOR)),
            Some("any") => Filter::Or(self.each(cursor, target, operator)?),
            Some("all") => Filter::And(self.each(cursor, target, operator)?),
            Some(_) => return Err(start.unexpected(OPERATOR)),
        };
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    /// What stands behind an operator without a modifier.
    fn test(
        &mut self,
        cursor: &mut Cursor<'_>,
        target: &Target,
        operator: Operator,
        place: Place,
    ) -> Result<Filter, Fault> {
        let test = match operator {
            Operator::Is => Test::Is(truth_of(self.ty(target), truth(cursor)?)?),
            Operator::In => {
                let ty = self.ty(target);
                let mut slots = Vec::new();
                for item in list(cursor)? {
                    slots.push(self.read(ty, &item)?);
                }
                Test::In(slots)
            }
            _ => {
                let text = match place {
                    Place::Alone => cursor.take_rest().to_owned(),
                    Place::Tree => tree_value(cursor),
                };
                self.plain(target, operator, &text)?
            }
        };
        Ok(Filter::Test(target.clone(), test))
    }

    /// `operator(any).{a,b}`: the tests of each element.
    fn each(&mut self, cursor: &mut Cursor<'_>, target: &Target, operator: Operator) -> Result<Vec<Filter>, Fault> {
        let mut tests = Vec::new();
        for element in array(cursor)? {
            let test = match element {
                Some(text) => self.plain(target, operator, &text)?,
                None => operator.test(self.bind(Value::Null)?),
            };
            tests.push(Filter::Test(target.clone(), test));
        }
        Ok(tests)
    }

    /// An operator with one value.
    fn plain(&mut self, target: &Target, operator: Operator, text: &str) -> Result<Test, Fault> {
        let slot = match operator {
            Operator::Like { .. } => {
                let pattern = text.replace('*', "%");
                check_like(&pattern).map_err(|words| Fault::new(FaultKind::Value("22025"), words))?;
                self.read(Type::Text, &pattern)?
            }
            Operator::Match { fold } => {
                compile_regex(text, fold).map_err(|error| bad_regex(&error))?;
                self.read(Type::Text, text)?
            }
            _ => self.read(self.ty(target), text)?,
        };
        Ok(operator.test(slot))
    }

    fn ty(&self, target: &Target) -> Type {
        target.ty(self.collection.fields[target.field].ty)
    }
}

/// An operator of the grammar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Compare(Comparison),
    Distinct,
    Like { fold: bool },
    Match { fold: bool },
    In,
    Is,
    Contains,
    Contained,
}

impl Operator {
    /// Reads an operator's name; an error for one that is not built yet.
    fn parse(word: &str) -> Option<Result<Operator, Fault>> {
        Some(Ok(match word {
            "eq" => Operator::Compare(Comparison::Eq),
            "neq" => Operator::Compare(Comparison::Ne),
            "lt" => Operator::Compare(Comparison::Lt),
            "lte" => Operator::Compare(Comparison::Le),
            "gt" => Operator::Compare(Comparison::Gt),
            "gte" => Operator::Compare(Comparison::Ge),
            "isdistinct" => Operator::Distinct,
            "like" => Operator::Like { fold: false },
            "ilike" => Operator::Like { fold: true },
            "match" => Operator::Match { fold: false },
            "imatch" => Operator::Match { fold: true },
            "in" => Operator::In,
            "is" => Operator::Is,
            "cs" => Operator::Contains,
            "cd" => Operator::Contained,
            "fts" | "plfts" | "phfts" | "wfts" => {
                return Some(Err(unsupported(&format!("full-text search (`{word}`)"))));
            }
            "ov" => return Some(Err(unsupported("the operator `ov` (overlaps)"))),
            "sl" | "sr" | "nxr" | "nxl" | "adj" => {
                return Some(Err(unsupported(&format!("the operator `{word}` on ranges"))));
            }
            _ => return None,
        }))
    }

    /// Whether `(any)` and `(all)` go with it.
    fn quantified(self) -> bool {
        match self {
            Operator::Compare(comparison) => comparison != Comparison::Ne,
            Operator::Like { .. } | Operator::Match { .. } => true,
            _ => false,
        }
    }

    /// The test with this slot. `In` and `Is` have none and are made where they are read.
    fn test(self, slot: usize) -> Test {
        match self {
            Operator::Compare(comparison) => Test::Compare(comparison, slot),
            Operator::Distinct => Test::Distinct(slot),
            Operator::Like { fold } => Test::Like { pattern: slot, fold },
            Operator::Match { fold } => Test::Match { pattern: slot, fold },
            Operator::In => Test::In(vec![slot]),
            Operator::Is => Test::Is(Truth::Null),
            Operator::Contains => Test::Contains(slot),
            Operator::Contained => Test::Contained(slot),
        }
    }

    /// That the type has this operator, in PostgreSQL's words.
    fn fits(self, ty: Type) -> Result<(), Fault> {
        let (sign, wanted) = match self {
            Operator::Like { fold: false } => ("~~", Type::Text),
            Operator::Like { fold: true } => ("~~*", Type::Text),
            Operator::Match { fold: false } => ("~", Type::Text),
            Operator::Match { fold: true } => ("~*", Type::Text),
            Operator::Contains => ("@>", Type::Json),
            Operator::Contained => ("<@", Type::Json),
            _ => return Ok(()),
        };
        if ty == wanted {
            return Ok(());
        }
        let message = format!("operator does not exist: {} {sign} unknown", ty.pg_name());
        Err(Fault::new(FaultKind::UndefinedOperator, message)
            .hint(format!("No operator matches: this one is for {} fields.", wanted.name())))
    }
}

fn truth(cursor: &mut Cursor<'_>) -> Result<Truth, Fault> {
    let start = cursor.clone();
    let word = cursor.take_while(|c| c.is_ascii_alphabetic() || c == '_');
    let known = [
        ("null", Truth::Null),
        ("not_null", Truth::NotNull),
        ("true", Truth::True),
        ("false", Truth::False),
        ("unknown", Truth::Unknown),
    ];
    let truth = known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    truth.map(|(_, truth)| truth).ok_or_else(|| start.unexpected(TRUTH))
}

/// Only booleans are true, false or unknown.
fn truth_of(ty: Type, asked: Truth) -> Result<Truth, Fault> {
    let word = match asked {
        Truth::Null | Truth::NotNull => return Ok(asked),
        Truth::True => "TRUE",
        Truth::False => "FALSE",
        Truth::Unknown => "UNKNOWN",
    };
    if ty == Type::Boolean {
        return Ok(asked);
    }
    let message = format!("argument of IS {word} must be type boolean, not type {}", ty.pg_name());
    Err(Fault::new(FaultKind::Value("42804"), message))
}

/// `(a,"b,c")`
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
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
fn tree_value(cursor: &mut Cursor<'_>) -> String {
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
fn array(cursor: &mut Cursor<'_>) -> Result<Vec<Option<String>>, Fault> {
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

/// A value that is none of its type.
pub(crate) fn bad_value(error: &ValueError) -> Fault {
    let kind = match error.kind {
        ValueErrorKind::TooDeep => FaultKind::TooDeep,
        other => FaultKind::Value(other.sqlstate()),
    };
    let fault = Fault::new(kind, &*error.message);
    match &error.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

fn bad_regex(error: &regex::Error) -> Fault {
    let reason = error.to_string();
    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Fault::new(FaultKind::Value("2201B"), format!("invalid regular expression: {reason}"))
}

/// What is not built yet.
pub(crate) fn unsupported(what: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, format!("{what} is not supported yet"))
}
