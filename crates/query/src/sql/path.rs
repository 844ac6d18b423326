//! Paths inside json fields: as an index keeps them, and as the database's own JSON functions take them.

use pintle_model::{Collection, IndexPart};

use super::{Sql, push_quoted};
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

/// Whether this part of an index is what a path that ends in `->>` reads.
pub(super) fn covers(part: &IndexPart, field: usize, steps: &[Step]) -> bool {
    part.field == field
        && part.path.len() == steps.len()
        && part.path.iter().zip(steps).all(|(word, step)| Step::parse(word) == *step)
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
                self.word("(");
                column(self);
                self.word(" #>> ").postgres_path(part).word(")");
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

    fn postgres_path(&mut self, part: &IndexPart) -> &mut Sql {
        let words: Vec<String> =
            part.path.iter().map(|word| serde_json::Value::String(word.clone()).to_string()).collect();
        push_quoted(&mut self.text, &format!("{{{}}}", words.join(",")), '\'');
        self
    }
}
