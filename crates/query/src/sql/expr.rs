//! Expressions as SQL: what both dialects write alike.

use pintle_model::{Model, Type, Value};

use super::{Fragment, Sql};
use crate::expr::{Binary, Column, Expr, Function, type_of};
use crate::plan::{Dialect, Param};
use crate::request::{Comparison, Truth};

/// What the writer of an expression must know of its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The model.
    pub(crate) model: &'a Model,
    /// Whether columns of the outermost row carry their table's name: needed where another table stands beside it.
    pub(crate) qualified: bool,
    /// Whether this is answered, and nothing is found by it: then no path needs to stand as an index has it.
    pub(crate) shown: bool,
    /// What the columns of the outermost row are, where they are not simply its own.
    pub(crate) row: Option<&'a [Fragment]>,
    /// Whether nothing may be asked of the rows of a table before its policy holds of them.
    pub(crate) fenced: bool,
}

/// More conditions than this are put into groups, so that no expression grows deeper than SQLite allows.
const JUNCTION_MAX: usize = 64;

impl Sql {
    /// Adds an expression, in parentheses where something may stand beside it.
    pub(crate) fn expr(&mut self, scope: Scope<'_>, expr: &Expr) {
        match expr {
            Expr::Literal(value) => self.literal(value),
            Expr::Param(param, ty) => _ = self.bind(param.clone(), *ty),
            Expr::Column(column) => self.column(scope, column),
            Expr::And(parts) => self.junction(scope, parts, " AND ", true),
            Expr::Or(parts) => self.junction(scope, parts, " OR ", false),
            Expr::Not(inner) => self.wrapped("(NOT ", scope, inner, ")"),
            Expr::Compare(op, left, right) => self.compare(scope, *op, left, right),
            Expr::Distinct(left, right) => self.distinct(scope, left, right),
            Expr::In(_, list) if list.is_empty() => self.truth(false),
            Expr::In(value, list) => {
                self.word("(");
                self.equal_key(scope, value);
                self.word(" IN (").list(list, ", ", |sql, item| sql.equal_key(scope, item)).word("))");
            }
            Expr::Is(inner, truth) => self.wrapped("(", scope, inner, is(*truth)),
            Expr::Call(Function::Coalesce, args) => self.call(scope, "coalesce(", args),
            Expr::Binary(op, left, right) if self.dialect == Dialect::Postgres && is_whole(expr) => {
                // Of 64 bits, PostgreSQL's would fail the request on some row: what a policy says never does.
                self.word("(");
                self.wrapped("CAST(", scope, left, " AS numeric)");
                self.word(binary(*op));
                self.expr(scope, right);
                self.word(")");
            }
            Expr::Binary(op, left, right) => self.operator(scope, left, binary(*op), right),
            Expr::Exists { collection, depth, body } => {
                self.word("EXISTS (SELECT 1 FROM ").name(&scope.model.collection(*collection).name);
                self.word(" AS ").alias(*depth).word(" WHERE ");
                self.expr(Scope { qualified: true, ..scope }, body);
                self.word(")");
            }
            Expr::Call(
                Function::Distance | Function::Near | Function::InBox | Function::InShape | Function::Point,
                _,
            )
            | Expr::Candidate { .. } => self.place(scope, expr),
            Expr::Path { .. }
            | Expr::Like { .. }
            | Expr::Match { .. }
            | Expr::Contains(..)
            | Expr::Element { .. }
            | Expr::Call(..)
            | Expr::Cast(..) => match self.dialect {
                Dialect::Sqlite => self.sqlite(scope, expr),
                Dialect::Postgres => self.postgres(scope, expr),
            },
        }
    }

    /// What a value is ordered by.
    pub(crate) fn sort_key(&mut self, scope: Scope<'_>, expr: &Expr) {
        match self.dialect {
            Dialect::Sqlite => self.sqlite_key(scope, expr),
            Dialect::Postgres => self.postgres_key(scope, expr),
        }
    }

    /// What a value is compared for equality by.
    fn equal_key(&mut self, scope: Scope<'_>, expr: &Expr) {
        match self.dialect {
            Dialect::Sqlite => self.sqlite_key(scope, expr),
            Dialect::Postgres => self.expr(scope, expr),
        }
    }

    fn literal(&mut self, value: &Value) {
        match (value, type_of(value)) {
            (Value::Boolean(value), _) => self.truth(*value),
            (_, Some(ty)) => _ = self.bind(Param::Literal(value.clone()), ty),
            (_, None) => _ = self.word("NULL"),
        }
    }

    fn truth(&mut self, value: bool) {
        self.word(match (self.dialect, value) {
            (Dialect::Sqlite, true) => "1",
            (Dialect::Sqlite, false) => "0",
            (Dialect::Postgres, true) => "TRUE",
            (Dialect::Postgres, false) => "FALSE",
        });
    }

    pub(super) fn column(&mut self, scope: Scope<'_>, column: &Column) {
        if let Some(field) = scope.row.filter(|_| column.depth == 0).and_then(|row| row.get(column.field)) {
            return self.fragment(Scope { row: None, ..scope }, field);
        }
        let collection = scope.model.collection(column.collection);
        if column.depth > 0 {
            self.alias(column.depth).word(".");
        } else if scope.qualified {
            self.name(&collection.name).word(".");
        }
        self.name(&collection.fields[column.field].name);
    }

    fn junction(&mut self, scope: Scope<'_>, parts: &[Expr], separator: &'static str, none: bool) {
        match parts {
            [] => self.truth(none),
            [one] => self.expr(scope, one),
            few if few.len() <= JUNCTION_MAX => {
                self.word("(").list(few, separator, |sql, part| sql.expr(scope, part)).word(")");
            }
            many => {
                let size = many.len().div_ceil(JUNCTION_MAX);
                self.word("(");
                self.list(many.chunks(size), separator, |sql, group| sql.junction(scope, group, separator, none));
                self.word(")");
            }
        }
    }

    fn compare(&mut self, scope: Scope<'_>, op: Comparison, left: &Expr, right: &Expr) {
        self.word("(");
        match op {
            Comparison::Eq | Comparison::Ne => self.equal_key(scope, left),
            _ => self.sort_key(scope, left),
        }
        self.word(comparison(op));
        // On PostgreSQL the left side's collation is the comparison's.
        self.equal_key(scope, right);
        self.word(")");
    }

    fn distinct(&mut self, scope: Scope<'_>, left: &Expr, right: &Expr) {
        self.word("(");
        self.equal_key(scope, left);
        self.word(" IS DISTINCT FROM ");
        self.equal_key(scope, right);
        self.word(")");
    }

    pub(super) fn wrapped(&mut self, before: &'static str, scope: Scope<'_>, inner: &Expr, after: &'static str) {
        self.word(before);
        self.expr(scope, inner);
        self.word(after);
    }

    pub(super) fn operator(&mut self, scope: Scope<'_>, left: &Expr, operator: &'static str, right: &Expr) {
        self.word("(");
        self.expr(scope, left);
        self.word(operator);
        self.expr(scope, right);
        self.word(")");
    }

    pub(super) fn call<'e>(&mut self, scope: Scope<'_>, open: &'static str, args: impl IntoIterator<Item = &'e Expr>) {
        self.word(open).list(args, ", ", |sql, arg| sql.expr(scope, arg)).word(")");
    }

    /// A text of the planner's own.
    pub(super) fn own_text(&mut self, text: String) -> &mut Sql {
        self.bind(Param::Literal(Value::Text(text)), Type::Text)
    }
}

/// Arithmetic of integers.
fn is_whole(expr: &Expr) -> bool {
    matches!(expr, Expr::Binary(Binary::Add | Binary::Subtract | Binary::Multiply, ..))
        && expr.ty() == Some(Type::Integer)
}

fn binary(op: Binary) -> &'static str {
    match op {
        Binary::Add => " + ",
        Binary::Subtract => " - ",
        Binary::Multiply => " * ",
        Binary::Concat => " || ",
    }
}

fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
    }
}

fn is(truth: Truth) -> &'static str {
    match truth {
        Truth::Null | Truth::Unknown => " IS NULL)",
        Truth::NotNull => " IS NOT NULL)",
        Truth::True => " IS TRUE)",
        Truth::False => " IS FALSE)",
    }
}
