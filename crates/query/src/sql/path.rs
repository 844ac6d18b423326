//! Paths inside json fields: as an index keeps them, and as the database's own JSON functions take them.

use pintle_model::{Collection, IndexPart};

use super::expr::Scope;
use super::{Sql, push_quoted};
use crate::expr::{Column, Expr};
use crate::plan::Dialect;
use crate::request::Step;

/// The SQL of one part of an index, without its direction: migrations put it into `CREATE INDEX`, and the planner
/// writes the same text into the statements that should find by it.
///
/// It uses what the database has by itself, so that any tool can read a file with such an index in it.
#[must_use]
pub fn index_part(dialect: Dialect, collection: &Collection, part: &IndexPart) -> String {
    let mut sql = Sql::new(dialect);
    let name = &collection.fields[part.field].name;
    if part.path.is_empty() {
        sql.name(name);
    } else {
        sql.indexed_path(&|sql| _ = sql.name(name), part);
    }
    sql.finish().sql
}

impl Sql {
    /// The text at a path that an index keeps. The path's words are the manifest's, never a request's.
    pub(super) fn indexed_path(&mut self, column: &dyn Fn(&mut Sql), part: &IndexPart) {
        match self.dialect {
            Dialect::Sqlite => {
                // `->>` alone would turn true into 1 and lose digits of great numbers; `->` keeps a scalar's own text.
                self.word("iif(json_type(");
                column(self);
                self.word(", ").sqlite_path(part).word(") = 'text', ");
                column(self);
                self.word(" ->> ").sqlite_path(part).word(", nullif(");
                column(self);
                self.word(" -> ").sqlite_path(part).word(", 'null'))");
            }
            Dialect::Postgres => {
                let steps: Vec<Step> = part.path.iter().map(|word| Step::parse(word)).collect();
                self.word("(");
                self.path_of(column, &steps, true, false);
                self.word(" COLLATE \"C\")");
            }
        }
    }

    fn sqlite_path(&mut self, part: &IndexPart) -> &mut Sql {
        let mut path = "$".to_owned();
        for word in &part.path {
            match Step::parse(word) {
                Step::Key(key) => {
                    path.push('.');
                    path.push_str(&serde_json::Value::String(key).to_string());
                }
                Step::Index(n) if n < 0 => path.push_str(&format!("[#{n}]")),
                Step::Index(n) => path.push_str(&format!("[{n}]")),
            }
        }
        push_quoted(&mut self.text, &path, '\'');
        self
    }
}

/// Steps as a jsonpath that finds what [`crate::functions`] finds: an index leads into arrays only, a key into objects.
pub(super) fn json_path(steps: &[Step]) -> String {
    steps.iter().fold("strict $".to_owned(), |path, step| match step {
        Step::Key(key) => format!("{path}.{}", serde_json::Value::from(key.as_str())),
        Step::Index(-1) => format!("{path}[last]"),
        Step::Index(n) if *n < 0 => format!("{path}[last - {}]", n.unsigned_abs() - 1),
        Step::Index(n) => format!("{path}[{n}]"),
    })
}

impl<'a> Scope<'a> {
    /// The column and the part of an index that keeps what a path that ends in `->>` reads.
    pub(super) fn indexed<'e>(
        &self,
        json: &'e Expr,
        steps: &[Step],
        text: bool,
    ) -> Option<(&'e Column, &'a IndexPart)> {
        let (Expr::Column(column), true) = (json, text && !self.shown) else { return None };
        let indexes = &self.model.collection(column.collection).indexes;
        let covers = |part: &&IndexPart| {
            part.field == column.field
                && part.path.len() == steps.len()
                && part.path.iter().zip(steps).all(|(word, step)| Step::parse(word) == *step)
        };
        indexes.iter().flat_map(|index| &index.parts).find(covers).map(|part| (column, part))
    }
}
