//! What only PostgreSQL's SQL has.
//!
//! - **Collations.** Our columns are `COLLATE "C"`, so texts compare by code point. A text that is no column has the
//!   database's collation, so it is told `COLLATE "C"` where it is ordered; equality is the same under every collation
//!   that we meet. Texts inside json are compared by jsonb itself, in the database's collation: it must be `C` for
//!   json to be ordered as on SQLite.
//! - **Lower case** is ICU's (`und-x-icu`), since `C` folds ASCII only. A capital sigma is made small before, or its form
//!   would depend on its neighbours.
//! - **Paths** of keys are arrows. Those with an array's index are a jsonpath in strict mode, since `->` takes a scalar
//!   for an array of itself.

use pintle_model::{Type, Value};

use super::Sql;
use super::expr::Scope;
use super::path::json_path;
use crate::expr::{Expr, Function};
use crate::plan::Param;
use crate::request::Step;

/// What statements for PostgreSQL call, as `CREATE OR REPLACE FUNCTION`: migrations put them into the app's schema, which
/// must be the session's `search_path`.
///
/// - `_pintle_deny(table)` fails as a policy's check does (SQLSTATE 42501, with the table's name).
/// - `_pintle_count_past(table, key, given)` lets the sequence of an identity column go on behind a key that was given. The
///   sequence never goes back: numbers near by are drawn one by one, as others draw them, and it is set only to one that is
///   so far ahead that nobody draws up to it meanwhile, be the setter held up for a second; setters wait for one another.
pub const POSTGRES_FUNCTIONS: &[&str] = &[
    r#"CREATE OR REPLACE FUNCTION _pintle_deny(collection text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '42501', TABLE = collection,
        MESSAGE = pg_catalog.format('new row violates row-level security policy for table "%s"', collection);
END
$body$"#,
    r"CREATE OR REPLACE FUNCTION _pintle_count_past(collection text, key text, given bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
    far constant bigint := 20000;
    counter regclass := pg_catalog.pg_get_serial_sequence(collection, key);
    least text := pg_catalog.format('SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM %s', counter);
    next bigint;
BEGIN
    EXECUTE least INTO next;
    IF given > next + far THEN
        PERFORM pg_catalog.pg_advisory_xact_lock('pg_catalog.pg_sequence'::regclass::oid::int, counter::oid::bigint::bit(32)::int);
        EXECUTE least INTO next;
        IF given > next + far THEN
            PERFORM pg_catalog.setval(counter, given);
            RETURN TRUE;
        END IF;
    END IF;
    WHILE next <= given LOOP
        next := pg_catalog.nextval(counter) + 1;
    END LOOP;
    RETURN TRUE;
END
$body$",
];

/// Whether a pattern ends with a lone escape, which `LIKE` fails on.
const UNENDED: &str = r" ~ '(^|[^\\])(\\\\)*\\$' THEN FALSE ELSE ";

impl Sql {
    /// `::type`
    pub(super) fn cast_to(&mut self, ty: Type) -> &mut Sql {
        self.word(match ty {
            Type::Text => "::text",
            Type::Integer => "::int8",
            Type::Number => "::float8",
            Type::Boolean => "::bool",
            Type::Timestamp => "::timestamptz",
            Type::Date => "::date",
            Type::Uuid => "::uuid",
            Type::Json => "::jsonb",
            Type::Bytes => "::bytea",
            Type::Point => "::bytea::geography",
        })
    }

    /// An expression that SQLite's SQL has in another way.
    pub(super) fn postgres(&mut self, scope: Scope<'_>, expr: &Expr) {
        match expr {
            Expr::Path { json, steps, text } => self.postgres_path(scope, json, steps, *text),
            Expr::Like { value, pattern, fold } => {
                // Patterns of requests and of policies' texts were checked; one that a row holds is checked here.
                let known = matches!(**pattern, Expr::Literal(_) | Expr::Param(Param::Value(_), _));
                if !known {
                    self.wrapped("CASE WHEN ", scope, pattern, UNENDED);
                }
                if *fold {
                    self.wrapped("(translate(", scope, value, ", 'Σ', 'σ') COLLATE \"und-x-icu\" ILIKE ");
                    self.wrapped("translate(", scope, pattern, ", 'Σ', 'σ') COLLATE \"und-x-icu\")");
                } else {
                    self.operator(scope, value, " LIKE ", pattern);
                }
                self.word(if known { "" } else { " END" });
            }
            // The pattern was brought to PostgreSQL's syntax where it was read, and says by itself what it folds.
            Expr::Match { value, pattern, fold: _ } => self.operator(scope, value, " ~ ", pattern),
            Expr::Contains(outer, inner) => self.operator(scope, outer, " @> ", inner),
            Expr::Element { json, keys, text } => self.element(scope, json, keys, text),
            Expr::Call(Function::Lower, args) => {
                self.word("(lower(translate(").list(args, ", ", |sql, arg| sql.expr(scope, arg));
                self.word(", 'Σ', 'σ') COLLATE \"und-x-icu\") COLLATE \"C\")");
            }
            Expr::Call(Function::Length, args) => {
                self.call(scope, "length(", args);
                self.cast_to(Type::Integer);
            }
            Expr::Cast(inner, ty) => {
                self.expr(scope, inner);
                self.cast_to(*ty);
            }
            other => self.expr(scope, other),
        }
    }

    /// What a value is ordered by.
    pub(super) fn postgres_key(&mut self, scope: Scope<'_>, expr: &Expr) {
        let told = match expr {
            Expr::Column(_) | Expr::Call(Function::Lower, _) => true,
            Expr::Path { json, steps, text } => scope.indexed(json, steps, *text).is_some(),
            _ => false,
        };
        if expr.ty() == Some(Type::Text) && !told {
            self.wrapped("(", scope, expr, " COLLATE \"C\")");
        } else {
            self.expr(scope, expr);
        }
    }

    fn postgres_path(&mut self, scope: Scope<'_>, json: &Expr, steps: &[Step], text: bool) {
        if let Some((column, part)) = scope.indexed(json, steps, text) {
            return self.indexed_path(&|sql| sql.column(scope, column), part);
        }
        self.path_of(&|sql| sql.expr(scope, json), steps, text, true);
    }

    /// A path: of keys as arrows, with an array's index as a jsonpath. What it is made of is bound, unless it stands in an
    /// index: then it is the manifest's.
    pub(super) fn path_of(&mut self, json: &dyn Fn(&mut Sql), steps: &[Step], text: bool, bound: bool) {
        let keys: Option<Vec<&String>> = steps.iter().map(Step::key).collect();
        self.word("(");
        match keys {
            Some(keys) => {
                json(self);
                for (n, key) in keys.iter().enumerate() {
                    self.word(if text && n + 1 == keys.len() { " ->> " } else { " -> " });
                    if bound {
                        self.own_text((*key).clone())
                    } else {
                        self.quoted(key)
                    };
                }
            }
            None => {
                self.word("jsonb_path_query_first(");
                json(self);
                self.word(", ");
                if bound {
                    self.own_path(json_path(steps))
                } else {
                    self.quoted(&json_path(steps)).word("::jsonpath")
                };
                self.word(", '{}', TRUE)").word(if text { " #>> '{}'" } else { "" });
            }
        }
        self.word(")");
    }

    /// A jsonpath of the planner's own: a subquery, so that its text is read once a statement and not once a row.
    fn own_path(&mut self, path: String) -> &mut Sql {
        self.word("(SELECT ").own_text(path).word("::jsonpath)")
    }

    /// Arrays stand for each of their elements, however deep they are nested: in lax mode `[*]` passes by what is none.
    fn element(&mut self, scope: Scope<'_>, json: &Expr, keys: &[String], wanted: &Expr) {
        let arrays = "[*]".repeat(usize::try_from(scope.model.limits.depth).unwrap_or(usize::MAX).min(ARRAYS_MAX));
        let mut path = format!("lax ${arrays}");
        for key in keys {
            path.push_str(&format!(".{}{arrays}", serde_json::Value::from(key.as_str())));
        }
        path.push_str(" ? (@ == $text || @ == $scalar)");
        self.wrapped("jsonb_path_exists(", scope, json, ", ");
        self.own_path(path).word(", ");
        match wanted {
            Expr::Param(param, _) => _ = self.bind(param.clone(), Type::Json),
            other => self.expr(scope, other),
        }
        self.word(")");
    }
}

/// Arrays in arrays that are looked into.
const ARRAYS_MAX: usize = 64;

/// What a filter on inner keys is looked for by on PostgreSQL: the text, and the JSON scalar that it reads as (else the
/// text again).
pub(crate) fn element_value(text: &str) -> Value {
    let bare =
        text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
    let number = || Type::Json.read_text(text).ok().filter(|_| bare);
    let text_json = serde_json::Value::from(text).to_string();
    let scalar = match (text, number()) {
        ("true" | "false" | "null", _) => text.to_owned(),
        (_, Some(Value::Json(number))) => number,
        _ => text_json.clone(),
    };
    Value::Json(format!("{{\"text\": {text_json}, \"scalar\": {scalar}}}"))
}
