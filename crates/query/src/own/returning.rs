//! What a write answers, and what fills the fields that it leaves out.

use pintle_model::{CollectionId, DefaultValue, KeyOrigin};
use sqlparser::ast;

use super::lower::{Lower, Lowered};
use super::query::Out;
use super::scope::{Level, Row};
use super::typed::Known;
use super::write::Target;
use crate::Dialect;
use crate::plan::{self, Action, Param};
use crate::policy::mistake::Mistake;
use crate::sql::{Fragment, Piece};

impl Lower<'_> {
    /// ` RETURNING …`
    pub(super) fn returned(
        &mut self,
        target: Target,
        action: Action,
        sql: Fragment,
        returning: Option<&[ast::SelectItem]>,
    ) -> Result<Lowered, Mistake> {
        let mut columns: Vec<plan::Column> = Vec::new();
        let mut sql = sql;
        if let Some(items) = returning {
            let name = self.planner.model.collection(target.collection).name.clone();
            // SQLite knows no alias there.
            let id = (self.dialect == Dialect::Postgres).then_some(target.row);
            let rows = vec![Row { id, name, columns: self.fields(target.collection) }];
            self.levels.push(Level { rows, ..Level::default() });
            self.returning = true;
            let items = self.while_found(true, |lower| lower.projection(items))?;
            self.returning = false;
            self.end_level()?;
            let mut outs = Vec::with_capacity(items.len());
            let mut shown = Vec::with_capacity(items.len());
            for item in items {
                let span = item.typed.span;
                let known: Known = self.alone(item.typed)?;
                outs.push(Out { name: item.name, ty: known.ty, exact: known.exact, span });
                shown.push(self.finished(known));
            }
            columns = self.answered(&outs)?;
            sql = sql.then(" RETURNING ").and(Fragment::list(shown, ", "));
        }
        Ok(Lowered { sql: self.bounded(sql)?, columns, writes: Some((target.collection, action)) })
    }

    /// What a field gets that is left out; nothing where the store itself knows, or it becomes null.
    pub(super) fn default_of(&self, collection: CollectionId, field: usize) -> Option<Fragment> {
        let collection = self.planner.model.collection(collection);
        let of = &collection.fields[field];
        let bound = |param: Param| Some(Fragment::of(Piece::Bind(param, of.ty)));
        match &of.default {
            Some(DefaultValue::Literal(value)) => bound(Param::Literal(value.clone())),
            Some(DefaultValue::Now) => bound(Param::Now),
            Some(DefaultValue::Uid) => bound(Param::Uid),
            Some(DefaultValue::Uuid) => Some(self.new_uuid()),
            None if field == 0 && collection.key.origin == KeyOrigin::UuidV7 => Some(self.new_uuid()),
            None => None,
        }
    }

    /// A random UUID: one for each row, which a bound value could not be.
    pub(super) fn new_uuid(&self) -> Fragment {
        Fragment::word(match self.dialect {
            Dialect::Postgres => "gen_random_uuid()",
            Dialect::Sqlite => {
                "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' \
                 || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
            }
        })
    }

    /// Whether a field's value is made anew each time that it is written down.
    pub(super) fn is_random(&self, collection: CollectionId, field: usize) -> bool {
        let collection = self.planner.model.collection(collection);
        let of = &collection.fields[field];
        of.default == Some(DefaultValue::Uuid)
            || (of.default.is_none() && field == 0 && collection.key.origin == KeyOrigin::UuidV7)
    }
}
