//! Places in SQL: what positions are made of, and the indexes that find them.

use pintle_model::{Collection, PositionOf, Space};

use super::Sql;
use crate::functions::name;
use crate::plan::Dialect;

/// What an index of space orders by, as the SQL of its parts: migrations put them into `CREATE INDEX`, and the planner writes
/// the same text into the statements that should find by it.
///
/// - On SQLite an ordinary index over the place's cell (`pintle_cell`); with a time, over the day, the cell and the time. So
///   rows that come in the order of time are written beside each other.
/// - On PostgreSQL a GiST index over the geography, and the time beside it.
#[must_use]
pub fn space_parts(dialect: Dialect, collection: &Collection, space: Space) -> Vec<String> {
    let of = collection.positions[space.position].of;
    let part = |write: &dyn Fn(&mut Sql)| {
        let mut sql = Sql::new(dialect);
        write(&mut sql);
        sql.finish().sql
    };
    let time = space.time.map(|time| collection.fields[time].name.as_str());
    match (dialect, time) {
        (Dialect::Sqlite, None) => vec![part(&|sql| sql.cell(collection, of))],
        (Dialect::Sqlite, Some(time)) => {
            let day = part(&|sql| _ = sql.word("substr(").name(time).word(", 1, 10)"));
            vec![day, part(&|sql| sql.cell(collection, of)), part(&|sql| _ = sql.name(time))]
        }
        (Dialect::Postgres, time) => {
            let mut parts = vec![part(&|sql| {
                sql.word("(");
                sql.position(collection, of);
                sql.word(")");
            })];
            parts.extend(time.map(|time| part(&|sql| _ = sql.name(time))));
            parts
        }
    }
}

impl Sql {
    /// The point of a row.
    pub(crate) fn position(&mut self, collection: &Collection, of: PositionOf) {
        match of {
            PositionOf::Field(field) => _ = self.name(&collection.fields[field].name),
            PositionOf::Numbers { longitude, latitude } => {
                let postgres = self.dialect == Dialect::Postgres;
                self.word(if postgres { "ST_MakePoint(" } else { name::POINT });
                self.name(&collection.fields[longitude].name).word(", ").name(&collection.fields[latitude].name);
                self.word(if postgres { ")::geography" } else { ")" });
            }
        }
    }

    /// The cell of a row's point.
    fn cell(&mut self, collection: &Collection, of: PositionOf) {
        self.word(name::CELL);
        self.position(collection, of);
        self.word(")");
    }
}
