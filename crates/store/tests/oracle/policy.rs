//! Random policies, from all that the policy language knows. Their text is the same in a manifest and in CREATE POLICY.

use std::fmt;

use crate::chance::Chance;
use crate::world::{Collection, Field, Key, Ty};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cond {
    Atom(String),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    /// `(…) is true` and its like.
    Is(Box<Cond>, &'static str),
    /// In which collection (`members m`), and what must hold.
    Exists(String, Box<Cond>),
}

impl fmt::Display for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |parts: &[Cond], word: &str| {
            let parts: Vec<String> = parts.iter().map(Cond::to_string).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Cond::Atom(text) => f.write_str(text),
            Cond::All(parts) => f.write_str(&join(parts, " and ")),
            Cond::Any(parts) => f.write_str(&join(parts, " or ")),
            Cond::Not(inner) => write!(f, "not ({inner})"),
            Cond::Is(inner, what) => write!(f, "({inner}) is {what}"),
            Cond::Exists(from, body) => write!(f, "exists (select 1 from {from} where {body})"),
        }
    }
}

impl Cond {
    /// Whether a word stands in it: a field's name, a collection's.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.to_string().split(|c: char| !c.is_alphanumeric() && c != '_').any(|each| each == word)
    }
}

/// A row that a condition may speak of.
#[derive(Clone)]
struct Seen {
    name: String,
    collection: usize,
}

/// Makes conditions over the rows of one collection.
pub(crate) struct Maker<'a> {
    chance: &'a mut Chance,
    collections: &'a [Collection],
    /// Rows of which collections `exists` may look for.
    into: Vec<usize>,
    rows: Vec<Seen>,
    /// The outermost row's key may not be named: an insert policy on a counted key.
    keyless: bool,
}

/// Makes a condition over the rows of a collection, with `exists` into these others.
pub(crate) fn condition(
    chance: &mut Chance,
    collections: &[Collection],
    of: usize,
    into: Vec<usize>,
    insert: bool,
) -> Cond {
    let keyless = insert && collections[of].key == Key::Counted;
    let rows = vec![Seen { name: collections[of].name.to_owned(), collection: of }];
    let depth = 1 + chance.below(3);
    Maker { chance, collections, into, rows, keyless }.cond(depth)
}

impl Maker<'_> {
    fn cond(&mut self, depth: usize) -> Cond {
        if depth == 0 {
            return self.leaf();
        }
        match self.chance.below(10) {
            0 | 1 => Cond::All(self.parts(depth)),
            2..=5 => Cond::Any(self.parts(depth)),
            6 => Cond::Not(Box::new(self.cond(depth - 1))),
            7 => {
                let what = self.chance.word(&["true", "not true", "not false", "unknown", "not unknown", "null"]);
                Cond::Is(Box::new(self.cond(depth - 1)), what)
            }
            _ => self.leaf(),
        }
    }

    fn parts(&mut self, depth: usize) -> Vec<Cond> {
        (0..2 + self.chance.below(2)).map(|_| self.cond(depth - 1)).collect()
    }

    fn leaf(&mut self) -> Cond {
        if !self.into.is_empty() && self.rows.len() < 3 && self.chance.percent(25) {
            return self.exists();
        }
        match self.chance.below(10) {
            0 => Cond::Atom(self.chance.word(&["true", "true", "false", "null"]).to_owned()),
            1 | 2 => {
                let about = [
                    "auth.role() = 'authenticated'",
                    "auth.role() in ('anon', 'service_role')",
                    "auth.role() like 'a%'",
                    "auth.uid() is not null",
                    "auth.uid() = 'ann'",
                    "auth.uid() is distinct from 'bob'",
                    "auth.claim('plan') = 'pro'",
                    "coalesce(auth.claim('plan'), 'free') <> 'free'",
                    "length(auth.uid()) = 3",
                    "auth.uid() || '!' = 'bob!'",
                    "now() > '1970-01-01T00:00:00Z'",
                ];
                Cond::Atom(self.chance.word(&about).to_owned())
            }
            _ => self.about_a_field(),
        }
    }

    fn exists(&mut self) -> Cond {
        let collection = *self.chance.pick(&self.into.clone());
        let table = self.collections[collection].name;
        let named = self.rows.iter().any(|row| row.name == table) || self.chance.percent(30);
        let name = if named { format!("m{}", self.rows.len()) } else { table.to_owned() };
        let from = if named { format!("{table} {name}") } else { name.clone() };
        let outer = self.rows.clone();
        self.rows.push(Seen { name, collection });
        let depth = self.chance.below(2);
        let mut body = self.cond(depth);
        if self.chance.percent(80)
            && let Some(link) = self.link(&outer)
        {
            body = if self.chance.percent(60) { link } else { Cond::All(vec![link, body]) };
        }
        self.rows.pop();
        Cond::Exists(from, Box::new(body))
    }

    /// What ties the innermost row to one around it: two fields of one type.
    fn link(&mut self, outer: &[Seen]) -> Option<Cond> {
        let inner = self.rows.last()?.clone();
        let mut ties = Vec::new();
        for row in outer {
            for (at, field) in self.collections[row.collection].fields.iter().enumerate() {
                if self.hidden(row, at) {
                    continue;
                }
                for other in &self.collections[inner.collection].fields {
                    if other.ty == field.ty && field.ty != Ty::Boolean {
                        ties.push(format!("{}.{} = {}.{}", inner.name, other.name, row.name, field.name));
                    }
                }
            }
        }
        if ties.is_empty() { None } else { Some(Cond::Atom(self.chance.pick(&ties).clone())) }
    }

    fn hidden(&self, row: &Seen, field: usize) -> bool {
        self.keyless && field == 0 && row.name == self.rows[0].name
    }

    /// A field of a row in sight, innermost more often, as it is named here, and another of the same row and type.
    fn field(&mut self) -> (String, Field, Option<String>) {
        let at = if self.chance.percent(60) { self.rows.len() - 1 } else { self.chance.below(self.rows.len()) };
        let row = self.rows[at].clone();
        let fields = &self.collections[row.collection].fields;
        let known: Vec<usize> = (0..fields.len()).filter(|at| !self.hidden(&row, *at)).collect();
        let at = *self.chance.pick(&known);
        let bare = self.rows.len() == 1 && self.chance.percent(50);
        let name = |at: usize| if bare { fields[at].name.clone() } else { format!("{}.{}", row.name, fields[at].name) };
        let others: Vec<usize> = known.into_iter().filter(|o| *o != at && fields[*o].ty == fields[at].ty).collect();
        let other = if others.is_empty() { None } else { Some(name(*self.chance.pick(&others))) };
        (name(at), fields[at].clone(), other)
    }

    fn about_a_field(&mut self) -> Cond {
        let (f, field, other) = self.field();
        if let Some(g) = other
            && field.ty != Ty::Boolean
            && self.chance.percent(15)
        {
            let op = self.chance.word(&["=", "<>", "<", ">=", "is distinct from", "is not distinct from"]);
            return Cond::Atom(format!("{f} {op} {g}"));
        }
        if self.chance.percent(12) {
            return Cond::Atom(format!("{f} is {}null", if self.chance.percent(50) { "not " } else { "" }));
        }
        let forms: &[&'static str] = match field.ty {
            Ty::Text if field.name == "owner" => &OWNER,
            Ty::Text => &TEXT,
            Ty::Integer => &INTEGER,
            Ty::Number => &NUMBER,
            Ty::Boolean => &BOOLEAN,
            Ty::Timestamp => &TIMESTAMP,
            Ty::Json => &JSON,
        };
        Cond::Atom(self.chance.word(forms).replace("F", &f))
    }
}

const OWNER: [&str; 9] = [
    "F = auth.uid()",
    "F = auth.uid()",
    "F = auth.uid()",
    "F <> auth.uid()",
    "F is distinct from auth.uid()",
    "F is not distinct from auth.uid()",
    "F in ('ann', auth.claim('plan'))",
    "coalesce(F, auth.uid()) = auth.uid()",
    "F not in ('bob', auth.uid())",
];
const TEXT: [&str; 18] = [
    "F = 'a'",
    "F <> 'b'",
    "F < 'b'",
    "F >= 'a'",
    "F in ('a', 'é', '1')",
    "F not in ('a', 'b')",
    "F like 'a%'",
    "F like '_'",
    "F not like '%b'",
    "F ilike 'A%'",
    "F not ilike 'AB'",
    "lower(F) = 'a'",
    "length(F) > 1",
    "coalesce(F, 'a') = 'a'",
    "F || 'b' = 'ab'",
    "F between 'a' and 'b'",
    "F = auth.claim('plan')",
    "F is distinct from auth.claim('plan')",
];
const INTEGER: [&str; 17] = [
    "F = 1",
    "F <> 2",
    "F > 1",
    "F <= 2",
    "F = '2'",
    "F > 0.5",
    "F in (1, 3)",
    "F not in (1, 2)",
    "F between 0 and 2",
    "F not between 1 and 1",
    "F + 1 = 2",
    "F * 2 - 1 > F",
    "-F < 0",
    "F::text = '1'",
    "F::text like '1%'",
    "coalesce(F, 0) > 0",
    "F * 0.5 >= 1",
];
const NUMBER: [&str; 8] =
    ["F >= 0.5", "F < 1", "F = 1", "F::text = '1'", "F + 0.5 = 1", "F in (0.5, 2)", "-F < 0.5", "coalesce(F, 1) = 1"];
const BOOLEAN: [&str; 9] = [
    "F",
    "not F",
    "F is true",
    "F is not true",
    "F is unknown",
    "F = false",
    "F <> true",
    "F::text = 'true'",
    "F or F is null",
];
const TIMESTAMP: [&str; 6] = [
    "F < now()",
    "F >= now()",
    "F = '1970-01-01 00:00:01+00'",
    "F <> timestamptz '1970-01-01 01:00:01+01'",
    "F::text like '1970%'",
    "coalesce(F, now()) <= now()",
];
const JSON: [&str; 12] = [
    "F->>'k' = '1'",
    "F->'k' >= '1'",
    "F->'k' = '1'",
    "F->'a'->0 = '1'",
    "F->'a'->>1 = 'y'",
    "F->'a'->> -1 = 'y'",
    "F->>'a' is null",
    "F->'a' is null",
    "F = '{\"k\": 1.0}'",
    "F < '{}'",
    "F::text like '%k%'",
    "coalesce(F->>'k', 'a') <> 'a'",
];
