//! Filters: `age=gte.18`, `name=not.in.(a,"b,c")`, `or=(a.eq.1,not.and(b.gt.2,c.is.null))`.

use pintle_model::{Collection, Type, Value, ValueError, ValueErrorKind};

use super::cursor::Cursor;
use super::name::{field_name, json_path, resolve};
use super::operator::{Operator, truth};
use super::value::{array, list, tree_value};
use crate::fault::{NAMED_MAX, shortened};
use crate::functions::{WILD_PIECE_MAX, check_like, check_like_cost, check_regex};
use crate::request::{Filter, Target, Test};
use crate::sql::{element_value, postgres_regex};
use crate::{Dialect, Fault, FaultKind};

/// Levels that `and=(…)` and `or=(…)` may nest; each is a level of the SQL expression, which databases bound too.
const TREE_DEPTH_MAX: usize = 16;
/// Regular expressions that one request may hold: each is compiled, and held against every row.
const REGEXES_MAX: usize = 4;
/// Values of a list that are bound as they are.
const FEW: usize = 8;
/// Values that one request may bring: databases bound them (SQLite at 32766). What long lists are filled up with comes on top, and
/// is never more than them.
const VALUES_MAX: usize = 10_000;

/// Characters that the message of a wrong value may have: about a hundred of them the value's.
const VALUE_MESSAGE_MAX: usize = 160;

const OPERATOR: &str = "\"not\" or operator (eq, gt, ...)";

/// Where filters are read: whose fields they speak of, and the values they bring.
pub(crate) struct Scope<'a> {
    pub(crate) collection: &'a Collection,
    /// Whose form values have that each dialect takes in its own.
    dialect: Dialect,
    pub(crate) values: Vec<Value>,
    /// How many of the values only fill lists up.
    filling: usize,
    /// How many regular expressions were read.
    regexes: usize,
}

/// What ends a value: the parameter's end, or in a tree a comma or a closing parenthesis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Alone,
    Tree,
}

impl<'a> Scope<'a> {
    /// A scope without any values so far.
    pub(crate) fn new(collection: &'a Collection, dialect: Dialect) -> Scope<'a> {
        Scope { collection, dialect, values: Vec::new(), filling: 0, regexes: 0 }
    }

    /// Takes a value, and tells its slot.
    pub(crate) fn bind(&mut self, value: Value) -> Result<usize, Fault> {
        if self.values.len() - self.filling == VALUES_MAX {
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

    /// Reads and takes what [`Test::Element`] looks for.
    pub(crate) fn element(&mut self, text: &str) -> Result<usize, Fault> {
        let value = Type::Text.read_text(text).map_err(|error| bad_value(&error))?;
        self.bind(match self.dialect {
            Dialect::Sqlite => value,
            Dialect::Postgres => element_value(text),
        })
    }

    /// The filter of the parameter `key=value`, where `key` is a field or a path into one.
    pub(crate) fn filter(&mut self, key: &str, value: &str) -> Result<Filter, Fault> {
        let mut cursor = Cursor::new("tree path", key);
        let name = field_name(&mut cursor)?;
        let (path, text) = json_path(&mut cursor)?;
        if cursor.peek() == Some('.') {
            let name = &*shortened(&name, NAMED_MAX);
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
        let unknown = || Fault { kind: FaultKind::UnknownOperator, ..start.unexpected(OPERATOR) };
        let operator = Operator::parse(operator).ok_or_else(unknown)??;
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
            Operator::Is => Test::Is(truth(cursor, self.ty(target))?),
            Operator::In => {
                let ty = self.ty(target);
                let mut slots = Vec::new();
                for item in list(cursor)? {
                    slots.push(self.read(ty, &item)?);
                }
                self.pad(&mut slots)?;
                Test::In(slots)
            }
            Operator::Near | Operator::InBox => self.around(cursor, operator)?,
            Operator::InShape => self.shape(cursor, place)?,
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
        let mut elements = array(cursor)?;
        // As long lists are filled up; expressions are few.
        let given = elements.len();
        if given > FEW && !matches!(operator, Operator::Match { .. }) {
            let last = elements.last().cloned().unwrap_or_default();
            elements.resize(filled(given), last);
        }
        for (n, element) in elements.into_iter().enumerate() {
            // Each brings one value.
            self.filling += usize::from(n >= given);
            let test = match element {
                Some(text) => self.plain(target, operator, &text)?,
                None => operator.test(self.bind(Value::Null)?),
            };
            tests.push(Filter::Test(target.clone(), test));
        }
        Ok(tests)
    }

    /// Repeats the last value of a long list up to a power of two: lists of any length then have a few shapes, and so
    /// a few plans and statements.
    fn pad(&mut self, slots: &mut Vec<usize>) -> Result<(), Fault> {
        let wanted = filled(slots.len());
        let Some(last) = slots.last().and_then(|slot| self.values.get(*slot)).cloned() else { return Ok(()) };
        while slots.len() > FEW && slots.len() < wanted {
            self.filling += 1;
            slots.push(self.bind(last.clone())?);
        }
        Ok(())
    }

    /// An operator with one value.
    fn plain(&mut self, target: &Target, operator: Operator, text: &str) -> Result<Test, Fault> {
        let slot = match operator {
            Operator::Like { .. } => {
                let pattern = text.replace('*', "%");
                check_like(&pattern).map_err(|words| Fault::new(FaultKind::Value("22025"), words))?;
                if !check_like_cost(&pattern) {
                    let message =
                        format!("a pattern with `_` may have at most {WILD_PIECE_MAX} characters between two `*`");
                    return Err(Fault::new(FaultKind::Parse, message).hint("ask for a shorter text, or leave `_` out"));
                }
                self.read(Type::Text, &pattern)?
            }
            Operator::Match { fold } => {
                if self.regexes == REGEXES_MAX {
                    let message = format!("a request may hold at most {REGEXES_MAX} regular expressions");
                    return Err(Fault::new(FaultKind::Parse, message)
                        .hint("join them into one (`a|b`), or ask in several requests"));
                }
                self.regexes += 1;
                check_regex(text, fold).map_err(|error| bad_regex(&error))?;
                match self.dialect {
                    Dialect::Sqlite => self.read(Type::Text, text)?,
                    Dialect::Postgres => {
                        let pattern = postgres_regex(text, fold).map_err(|what| beyond_postgres(&what))?;
                        self.read(Type::Text, &pattern)?
                    }
                }
            }
            _ => self.read(self.ty(target), text)?,
        };
        Ok(operator.test(slot))
    }

    fn ty(&self, target: &Target) -> Type {
        target.ty(self.collection.fields[target.field].ty)
    }
}

/// How long a long list is filled up to.
fn filled(given: usize) -> usize {
    given.next_power_of_two().min(VALUES_MAX).max(given)
}

/// A value that is none of its type.
pub(crate) fn bad_value(error: &ValueError) -> Fault {
    let kind = match error.kind {
        ValueErrorKind::TooDeep => FaultKind::TooDeep,
        other => FaultKind::Value(other.sqlstate()),
    };
    let fault = Fault::new(kind, shortened(&error.message, VALUE_MESSAGE_MAX));
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

fn beyond_postgres(what: &str) -> Fault {
    let message = format!("invalid regular expression: {what} is not supported on PostgreSQL");
    Fault::new(FaultKind::Value("2201B"), message)
}

/// What is not built yet.
pub(crate) fn unsupported(what: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, format!("{what} is not supported yet"))
}
