//! Queries from a seed. They avoid what has no one answer (an order with ties before a limit, the counted key, the time of
//! an insert), and try all else: what fails on a hidden row must not fail.

#[path = "grouped.rs"]
mod grouped;

use crate::chance::Chance;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    Whole,
    Text,
    Truth,
    Number,
    Time,
}

const TYPES: [Ty; 5] = [Ty::Whole, Ty::Text, Ty::Truth, Ty::Number, Ty::Time];

/// Rows in sight.
#[derive(Debug, Clone)]
struct Rows {
    alias: String,
    columns: Vec<(String, Ty)>,
}

struct Maker<'c> {
    chance: &'c mut Chance,
    scopes: Vec<Vec<Rows>>,
    next: usize,
    /// Names after `WITH`, with their columns.
    withs: Vec<(String, Vec<(String, Ty)>)>,
}

/// One query.
pub(crate) fn query(chance: &mut Chance) -> String {
    let mut maker = Maker { chance, scopes: Vec::new(), next: 0, withs: Vec::new() };
    maker.statement()
}

/// A condition on the rows of `people`, for writes.
pub(crate) fn condition(chance: &mut Chance, alias: &str) -> String {
    let columns = table("people").into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    let scopes = vec![vec![Rows { alias: alias.to_owned(), columns }]];
    Maker { chance, scopes, next: 100, withs: Vec::new() }.truth(2)
}

fn table(name: &str) -> Vec<(&'static str, Ty)> {
    match name {
        "people" => vec![
            ("id", Ty::Whole),
            ("name", Ty::Text),
            ("team", Ty::Text),
            ("level", Ty::Whole),
            ("score", Ty::Number),
            ("active", Ty::Truth),
            ("seen", Ty::Time),
        ],
        "posts" => vec![("person", Ty::Whole), ("title", Ty::Text), ("likes", Ty::Whole)],
        _ => vec![("x", Ty::Whole), ("y", Ty::Whole), ("kind", Ty::Text)],
    }
}

impl Maker<'_> {
    fn fresh(&mut self, letter: &str) -> String {
        self.next += 1;
        format!("{letter}{}", self.next)
    }

    fn statement(&mut self) -> String {
        let mut sql = String::new();
        if self.chance.percent(25) {
            let (name, types) = (self.fresh("w"), self.types());
            let inner = self.select(&types, 2);
            let columns: Vec<(String, Ty)> = types.iter().enumerate().map(|(n, ty)| (format!("k{n}"), *ty)).collect();
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            sql = format!("WITH {name}({}) AS ({inner}) ", names.join(", "));
            self.withs.push((name, columns));
        } else if self.chance.percent(8) {
            let name = self.fresh("w");
            let (from, step) = (self.whole_literal(), 1 + self.chance.below(2));
            sql = format!(
                "WITH RECURSIVE {name}(k0) AS (SELECT {from} UNION ALL SELECT k0 + {step} FROM {name} WHERE k0 < 5) "
            );
            self.withs.push((name, vec![("k0".to_owned(), Ty::Whole)]));
        }
        let types = self.types();
        let mut body = self.select(&types, 3);
        if self.chance.percent(15) {
            let words = self.chance.word(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
            let right = self.select(&types, 2);
            body = format!("{body} {words} {right}");
        }
        sql += &body;
        if self.chance.percent(40) {
            let keys: Vec<String> = (1..=types.len())
                .map(|n| format!("{n}{}", self.chance.word(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])))
                .collect();
            sql += &format!(" ORDER BY {}", keys.join(", "));
            if self.chance.percent(50) {
                sql += &format!(" LIMIT {}", 1 + self.chance.below(4));
                if self.chance.percent(30) {
                    sql += " OFFSET 1";
                }
            }
        }
        sql
    }

    fn types(&mut self) -> Vec<Ty> {
        (0..=self.chance.below(3)).map(|_| *self.chance.pick(&TYPES)).collect()
    }

    /// A `SELECT` of columns of these types, called c0, c1 and so on.
    fn select(&mut self, types: &[Ty], depth: usize) -> String {
        self.scopes.push(Vec::new());
        let from = self.from(depth);
        let condition = if self.chance.percent(60) { format!(" WHERE {}", self.truth(depth)) } else { String::new() };
        let grouped = self.chance.percent(25);
        let mut tail = String::new();
        let items: Vec<String> = if grouped {
            let keys: Vec<String> = types.iter().map(|ty| self.column(*ty).unwrap_or_default()).collect();
            let used: Vec<&String> = keys.iter().filter(|key| !key.is_empty() && self.next.is_multiple_of(2)).collect();
            if !used.is_empty() {
                let used: Vec<&str> = used.iter().map(|key| key.as_str()).collect();
                tail = format!(" GROUP BY {}", used.join(", "));
                if self.chance.percent(30) {
                    tail += &format!(" HAVING {}", self.aggregate(Ty::Truth));
                }
            }
            let by: Vec<bool> = keys.iter().map(|key| !key.is_empty() && !tail.is_empty()).collect();
            types
                .iter()
                .zip(keys.iter().zip(by))
                .map(|(ty, (key, by))| if by { key.clone() } else { self.aggregate(*ty) })
                .collect()
        } else {
            types
                .iter()
                .map(|ty| if self.chance.percent(8) { self.window(*ty) } else { self.expr(*ty, depth) })
                .collect()
        };
        let distinct = if self.chance.percent(15) { "DISTINCT " } else { "" };
        let items: Vec<String> = items.iter().enumerate().map(|(n, item)| format!("{item} AS c{n}")).collect();
        self.scopes.pop();
        format!("SELECT {distinct}{} FROM {from}{condition}{tail}", items.join(", "))
    }

    fn from(&mut self, depth: usize) -> String {
        let mut from = self.rows(depth);
        for _ in 0..2 {
            if !self.chance.percent(30) {
                break;
            }
            let words = self.chance.word(&[" JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ", ", "]);
            let right = self.rows(depth);
            from += words;
            from += &right;
            if words == ", " {
                break;
            }
            // PostgreSQL's full joins need an equality.
            let scope = self.scopes.last().unwrap();
            let whole = |rows: &Rows| {
                let column = rows.columns.iter().find(|(_, ty)| *ty == Ty::Whole);
                column.map(|(name, _)| format!("{}.{name}", rows.alias))
            };
            let sides = (whole(&scope[0]), whole(&scope[scope.len() - 1]));
            let on = match sides {
                (Some(left), Some(right)) => format!("{left} = {right}"),
                _ => "true".to_owned(),
            };
            from += &format!(" ON {on}");
        }
        from
    }

    fn rows(&mut self, depth: usize) -> String {
        let alias = self.fresh("t");
        let (sql, columns) = match self.chance.below(10) {
            0 if depth > 1 => {
                let types = self.types();
                // What stands beside it is not in sight.
                let scope = self.scopes.pop();
                let inner = self.select(&types, depth - 1);
                self.scopes.extend(scope);
                let columns = types.iter().enumerate().map(|(n, ty)| (format!("c{n}"), *ty)).collect();
                (format!("({inner}) AS {alias}"), columns)
            }
            1 => (
                format!("generate_series({}, :n) AS {alias}(s)", self.chance.below(3)),
                vec![("s".to_owned(), Ty::Whole)],
            ),
            2..=4 if !self.withs.is_empty() => {
                let (name, columns) = self.chance.pick(&self.withs).clone();
                (format!("{name} AS {alias}"), columns)
            }
            _ => {
                let name = self.chance.word(&["people", "people", "posts", "marks"]);
                let columns = table(name).into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
                (format!("{name} AS {alias}"), columns)
            }
        };
        self.scopes.last_mut().unwrap().push(Rows { alias, columns });
        sql
    }

    /// A column of the innermost rows.
    fn column(&mut self, ty: Ty) -> Option<String> {
        let rows = self.scopes.last()?;
        Maker::column_of(self.chance, rows, ty)
    }

    fn column_of(chance: &mut Chance, rows: &[Rows], ty: Ty) -> Option<String> {
        let all: Vec<String> = rows
            .iter()
            .flat_map(|rows| rows.columns.iter().map(move |(name, of)| (rows, name, of)))
            .filter(|(_, _, of)| **of == ty)
            .map(|(rows, name, _)| format!("{}.{name}", rows.alias))
            .collect();
        (!all.is_empty()).then(|| chance.pick(&all).clone())
    }

    fn whole_literal(&mut self) -> String {
        self.chance.word(&["0", "1", "2", "3", "-1", "7"]).to_owned()
    }

    fn leaf(&mut self, ty: Ty) -> String {
        if self.chance.percent(75) {
            let scopes: Vec<Vec<Rows>> = self.scopes.iter().rev().take(2).cloned().collect();
            for (n, rows) in scopes.iter().enumerate() {
                if n + 1 < scopes.len() && self.chance.percent(15) {
                    continue;
                }
                if let Some(column) = Maker::column_of(self.chance, rows, ty) {
                    return column;
                }
            }
        }
        match ty {
            Ty::Whole if self.chance.percent(10) => ":n".to_owned(),
            Ty::Whole => self.whole_literal(),
            Ty::Text if self.chance.percent(10) => "CAST(:t AS text)".to_owned(),
            Ty::Text => self.chance.word(&["'a'", "'7'", "'Ä'", "''", "'b_'", "CAST(null AS text)"]).to_owned(),
            Ty::Truth => self.chance.word(&["true", "false", "CAST(null AS boolean)"]).to_owned(),
            Ty::Number => self.chance.word(&["1.5", "0.25", "-2.0", "CAST(3 AS number)"]).to_owned(),
            Ty::Time => self.chance.word(&["now()", "timestamp '2024-01-02 10:00:00'"]).to_owned(),
        }
    }

    fn expr(&mut self, ty: Ty, depth: usize) -> String {
        if depth == 0 || self.chance.percent(35) {
            return self.leaf(ty);
        }
        let deeper = depth - 1;
        match ty {
            Ty::Truth => self.truth(depth),
            Ty::Time => self.leaf(ty),
            _ if self.chance.percent(8) => {
                let (when, then, otherwise) = (self.truth(deeper), self.expr(ty, deeper), self.expr(ty, deeper));
                format!("CASE WHEN {when} THEN {then} ELSE {otherwise} END")
            }
            _ if self.chance.percent(8) => format!("coalesce({}, {})", self.expr(ty, deeper), self.expr(ty, deeper)),
            _ if self.chance.percent(8) => format!("nullif({}, {})", self.expr(ty, deeper), self.expr(ty, deeper)),
            _ if self.chance.percent(8) => {
                let name = self.chance.word(&["greatest", "least"]);
                format!("{name}({}, {})", self.expr(ty, deeper), self.expr(ty, deeper))
            }
            _ if depth > 1 && self.chance.percent(12) => {
                self.scopes.push(Vec::new());
                let from = self.from(1);
                let value = self.aggregate(ty);
                let condition = self.truth(1);
                self.scopes.pop();
                format!("(SELECT {value} FROM {from} WHERE {condition})")
            }
            Ty::Whole => match self.chance.below(8) {
                0 => format!("({} + {})", self.expr(ty, deeper), self.leaf(ty)),
                1 => format!("({} - {})", self.expr(ty, deeper), self.leaf(ty)),
                2 => format!("({} * 2)", self.expr(ty, deeper)),
                3 => format!("({} / {})", self.expr(ty, deeper), self.leaf(ty)),
                4 => format!("({} % {})", self.expr(ty, deeper), self.leaf(ty)),
                5 => format!("length({})", self.expr(Ty::Text, deeper)),
                6 => match self.with_digits() {
                    Some(column) => format!("CAST({column} AS integer)"),
                    None => self.leaf(ty),
                },
                _ => format!("strpos({}, {})", self.expr(Ty::Text, deeper), self.leaf(Ty::Text)),
            },
            Ty::Text => match self.chance.below(7) {
                0 => format!("({} || {})", self.expr(ty, deeper), self.leaf(ty)),
                1 => format!("lower({})", self.expr(ty, deeper)),
                2 => format!("upper({})", self.expr(ty, deeper)),
                3 => format!("substr({}, {}, {})", self.expr(ty, deeper), self.whole_literal(), self.chance.below(3)),
                4 => format!("CAST({} AS text)", self.expr(Ty::Whole, deeper)),
                5 => format!("replace({}, 'a', 'b')", self.expr(ty, deeper)),
                _ => format!("trim({})", self.expr(ty, deeper)),
            },
            Ty::Number => match self.chance.below(5) {
                0 => format!("({} + {})", self.expr(ty, deeper), self.leaf(Ty::Whole)),
                1 => format!("({} - {})", self.expr(Ty::Whole, deeper), self.leaf(ty)),
                2 => format!("round({})", self.expr(ty, deeper)),
                3 => format!("floor({})", self.expr(ty, deeper)),
                _ => format!("({} / 4)", self.expr(ty, deeper)),
            },
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(Ty::Truth);
        }
        let deeper = depth - 1;
        let ty = *self.chance.pick(&TYPES);
        match self.chance.below(14) {
            0 => format!("({} AND {})", self.truth(deeper), self.truth(deeper)),
            1 => format!("({} OR {})", self.truth(deeper), self.truth(deeper)),
            2 => format!("NOT {}", self.truth(deeper)),
            3 => format!("{} IS NULL", self.expr(ty, deeper)),
            4 => format!("({} IS DISTINCT FROM {})", self.expr(ty, deeper), self.leaf(ty)),
            5 => format!("({} IN ({}, {}))", self.expr(ty, deeper), self.leaf(ty), self.leaf(ty)),
            6 => format!(
                "({} BETWEEN {} AND {})",
                self.expr(Ty::Whole, deeper),
                self.leaf(Ty::Whole),
                self.leaf(Ty::Whole)
            ),
            7 => {
                let words = self.chance.word(&["LIKE", "ILIKE", "NOT LIKE"]);
                format!(
                    "({} {words} {})",
                    self.expr(Ty::Text, deeper),
                    self.chance.word(&["'a%'", "'%B%'", "'_'", "'a\\_%'"])
                )
            }
            8 if depth > 1 => {
                let inner = self.select(&[ty], 1);
                format!("({} {}IN ({inner}))", self.leaf(ty), self.chance.word(&["", "NOT "]))
            }
            9 if depth > 1 => {
                let inner = self.select(&[ty], 1);
                format!("{}EXISTS ({inner})", self.chance.word(&["", "NOT "]))
            }
            10 => match self.with_digits() {
                // A cast that fails on hidden rows alone.
                Some(column) => format!("(CAST({column} AS integer) > 20)"),
                None => self.leaf(Ty::Truth),
            },
            _ => {
                let words = self.chance.word(&["=", "<>", "<", "<=", ">", ">="]);
                format!("({} {words} {})", self.expr(ty, deeper), self.leaf(ty))
            }
        }
    }
}
