//! Requests, as they are meant; how `/rest/v1` is asked for them, and how a person would write them in SQL.

use std::fmt::Write as _;

use crate::world::{Cell, Collection, Key, World};

/// A part of `select`: a field, a path into it, or a cast.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) field: usize,
    /// ``, `->>k` or `::text`
    pub(crate) path: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// `eq`, `lt` and so on, and `isdistinct`
    Compare(&'static str, Cell),
    In(Vec<Cell>),
    /// `null`, `true`, `false`, `unknown`
    Is(&'static str),
    /// A pattern with `*`; whether case is folded.
    Like(&'static str, bool),
    Contains(&'static str),
    /// A path into json, an operator and a text.
    Path(&'static str, &'static str, &'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    Test {
        field: usize,
        test: Test,
        negated: bool,
    },
    All(Vec<Filter>),
    /// Any of these; or none of them.
    Any(Vec<Filter>, bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Returning {
    Minimal,
    /// `return=headers-only`: the key of a single new row.
    Key,
    /// `return=representation`; no items are all fields. Ordered by a field (whether descending) and the key.
    Rows {
        items: Vec<Item>,
        order: Option<(usize, bool)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolution {
    Merge,
    Ignore,
}

/// A field, whether descending, whether nulls come first; the key decides among equals.
pub(crate) type Order = (usize, bool, Option<bool>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Read {
        of: usize,
        items: Vec<Item>,
        filter: Vec<Filter>,
        order: Option<Order>,
        limit: Option<usize>,
        offset: usize,
        count: bool,
    },
    Insert {
        of: usize,
        /// Each row has the same fields.
        rows: Vec<Vec<(usize, Cell)>>,
        resolution: Option<Resolution>,
        on_conflict: Option<Vec<usize>>,
        returning: Returning,
    },
    /// Of all fields those that are not given take their defaults.
    Put {
        of: usize,
        row: Vec<(usize, Cell)>,
        returning: Returning,
    },
    Update {
        of: usize,
        set: Vec<(usize, Cell)>,
        filter: Vec<Filter>,
        returning: Returning,
    },
    Delete {
        of: usize,
        filter: Vec<Filter>,
        returning: Returning,
    },
}

impl Request {
    /// Which collection.
    pub(crate) fn of(&self) -> usize {
        match self {
            Request::Read { of, .. }
            | Request::Insert { of, .. }
            | Request::Put { of, .. }
            | Request::Update { of, .. }
            | Request::Delete { of, .. } => *of,
        }
    }

    pub(crate) fn returning(&self) -> Option<&Returning> {
        match self {
            Request::Read { .. } => None,
            Request::Insert { returning, .. }
            | Request::Put { returning, .. }
            | Request::Update { returning, .. }
            | Request::Delete { returning, .. } => Some(returning),
        }
    }

    /// Whether the rows of the answer are in a promised order.
    pub(crate) fn ordered(&self) -> bool {
        match self {
            Request::Read { order, .. } => order.is_some(),
            _ => matches!(self.returning(), Some(Returning::Rows { order: Some(_), .. })),
        }
    }

    pub(crate) fn method(&self) -> &'static str {
        match self {
            Request::Read { .. } => "GET",
            Request::Insert { .. } => "POST",
            Request::Put { .. } => "PUT",
            Request::Update { .. } => "PATCH",
            Request::Delete { .. } => "DELETE",
        }
    }

    /// The query string.
    pub(crate) fn query(&self, world: &World) -> String {
        let collection = &world.collections[self.of()];
        let mut parts = Vec::new();
        match self {
            Request::Read { items, filter, order, limit, offset, .. } => {
                select(collection, items, &mut parts);
                parts.extend(filter.iter().map(|filter| filter.parameter(collection)));
                if let Some((field, descending, nulls)) = order {
                    let direction = if *descending { ".desc" } else { ".asc" };
                    let nulls = nulls.map_or("", |first| if first { ".nullsfirst" } else { ".nullslast" });
                    parts.push(format!(
                        "order={}{direction}{nulls},{}",
                        collection.fields[*field].name,
                        key(collection)
                    ));
                }
                parts.extend(limit.map(|limit| format!("limit={limit}")));
                parts.extend((*offset > 0).then(|| format!("offset={offset}")));
            }
            Request::Insert { on_conflict, .. } => {
                parts.extend(on_conflict.as_ref().map(|fields| format!("on_conflict={}", names(collection, fields))));
            }
            Request::Put { row, .. } => {
                for (at, cell) in row.iter().filter(|(at, _)| collection.is_key(*at)) {
                    parts.push(format!("{}=eq.{}", collection.fields[*at].name, escaped(&cell.text())));
                }
            }
            Request::Update { filter, .. } | Request::Delete { filter, .. } => {
                parts.extend(filter.iter().map(|filter| filter.parameter(collection)));
            }
        }
        if let Some(Returning::Rows { items, order }) = self.returning() {
            select(collection, items, &mut parts);
            if let Some((field, descending)) = order {
                let direction = if *descending { ".desc" } else { "" };
                parts.push(format!("order={}{direction},{}", collection.fields[*field].name, key(collection)));
            }
        }
        parts.join("&")
    }

    /// The body as JSON; empty where there is none.
    pub(crate) fn body(&self, world: &World) -> String {
        let collection = &world.collections[self.of()];
        let object = |row: &Vec<(usize, Cell)>| {
            let members: Vec<String> =
                row.iter().map(|(at, cell)| format!("\"{}\": {}", collection.fields[*at].name, cell.json())).collect();
            format!("{{{}}}", members.join(", "))
        };
        match self {
            Request::Read { .. } | Request::Delete { .. } => String::new(),
            Request::Insert { rows, .. } if rows.len() == 1 => object(&rows[0]),
            Request::Insert { rows, .. } => {
                format!("[{}]", rows.iter().map(object).collect::<Vec<_>>().join(", "))
            }
            Request::Put { row, .. } => object(row),
            Request::Update { set, .. } => object(set),
        }
    }

    /// What stands in `Prefer`, for people.
    pub(crate) fn prefer(&self) -> String {
        let mut prefer = String::new();
        if let Request::Read { count: true, .. } = self {
            prefer += " count=exact";
        }
        if let Request::Insert { resolution: Some(resolution), .. } = self {
            let word = if *resolution == Resolution::Merge { "merge" } else { "ignore" };
            let _ = write!(prefer, " resolution={word}-duplicates");
        }
        match self.returning() {
            Some(Returning::Key) => prefer += " return=headers-only",
            Some(Returning::Rows { .. }) => prefer += " return=representation",
            _ => {}
        }
        prefer
    }

    /// Whether a field that must not be null is given as null, or not given where it has no default: what a body shows by
    /// itself.
    pub(crate) fn lacks_a_value(&self, world: &World) -> bool {
        let collection = &world.collections[self.of()];
        let null = |row: &Vec<(usize, Cell)>| {
            row.iter()
                .any(|(at, cell)| *cell == Cell::Null && (collection.fields[*at].required || collection.is_key(*at)))
        };
        let lacks = |row: &Vec<(usize, Cell)>| {
            let missing = |(at, field): (usize, &crate::world::Field)| {
                let needed = field.required || (collection.is_key(at) && collection.key != Key::Counted);
                needed && row.iter().all(|(given, _)| *given != at)
            };
            null(row) || collection.fields.iter().enumerate().any(missing)
        };
        match self {
            Request::Read { .. } | Request::Delete { .. } => false,
            Request::Insert { rows, .. } => rows.iter().any(lacks),
            Request::Put { row, .. } => lacks(row),
            Request::Update { set, .. } => null(set),
        }
    }
}

fn names(collection: &Collection, fields: &[usize]) -> String {
    fields.iter().map(|at| collection.fields[*at].name.as_str()).collect::<Vec<_>>().join(",")
}

fn key(collection: &Collection) -> String {
    names(collection, &(0..collection.key_len()).collect::<Vec<_>>())
}

fn select(collection: &Collection, items: &[Item], parts: &mut Vec<String>) {
    if !items.is_empty() {
        let items: Vec<String> =
            items.iter().map(|item| format!("{}{}", collection.fields[item.field].name, escaped(item.path))).collect();
        parts.push(format!("select={}", items.join(",")));
    }
}

fn escaped(text: &str) -> String {
    let one =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// A value inside a list or a tree.
fn inside(text: &str) -> String {
    escaped(&format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

impl Test {
    /// The path behind the field's name, if there is one.
    fn path(&self) -> &'static str {
        if let Test::Path(path, ..) = self { path } else { "" }
    }

    /// `operator.value`, where values stand alone or in a tree.
    fn text(&self, value: &dyn Fn(&str) -> String) -> String {
        match self {
            Test::Compare(op, cell) => format!("{op}.{}", value(&cell.text())),
            Test::In(cells) => {
                format!("in.({})", cells.iter().map(|cell| inside(&cell.text())).collect::<Vec<_>>().join(","))
            }
            Test::Is(what) => format!("is.{what}"),
            Test::Like(pattern, fold) => format!("{}.{}", if *fold { "ilike" } else { "like" }, value(pattern)),
            Test::Contains(json) => format!("cs.{}", value(json)),
            Test::Path(_, op, text) => format!("{op}.{}", value(text)),
        }
    }
}

impl Filter {
    /// `name=value`
    fn parameter(&self, collection: &Collection) -> String {
        match self {
            Filter::Test { field, test, negated } => {
                let not = if *negated { "not." } else { "" };
                let name = format!("{}{}", collection.fields[*field].name, escaped(test.path()));
                format!("{name}={not}{}", test.text(&escaped))
            }
            Filter::All(parts) => format!("and=({})", Filter::tree(parts, collection)),
            Filter::Any(parts, false) => format!("or=({})", Filter::tree(parts, collection)),
            Filter::Any(parts, true) => format!("not.or=({})", Filter::tree(parts, collection)),
        }
    }

    fn tree(parts: &[Filter], collection: &Collection) -> String {
        let part = |filter: &Filter| match filter {
            Filter::Test { field, test, negated } => {
                let not = if *negated { "not." } else { "" };
                let name = format!("{}{}", collection.fields[*field].name, escaped(test.path()));
                format!("{name}.{not}{}", test.text(&inside))
            }
            Filter::All(parts) => format!("and({})", Filter::tree(parts, collection)),
            Filter::Any(parts, negated) => {
                format!("{}or({})", if *negated { "not." } else { "" }, Filter::tree(parts, collection))
            }
        };
        parts.iter().map(part).collect::<Vec<_>>().join(",")
    }
}
