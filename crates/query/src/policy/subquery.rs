//! The one form of subquery that policies have: `select … from collection [alias] where …`.

use sqlparser::ast::{self, GroupByExpr, Query, SetExpr, TableFactor};

/// Its parts.
#[derive(Debug)]
pub(super) struct Subquery<'a> {
    pub(super) collection: &'a ast::Ident,
    pub(super) alias: Option<&'a ast::Ident>,
    pub(super) condition: Option<&'a ast::Expr>,
}

/// Takes a query apart; `None` if it has anything else to it.
pub(super) fn subquery(query: &Query) -> Option<Subquery<'_>> {
    let Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        for_clause: None,
        settings: None,
        format_clause: None,
        locks,
        pipe_operators,
    } = query
    else {
        return None;
    };
    let SetExpr::Select(select) = &**body else { return None };
    if !locks.is_empty() || !pipe_operators.is_empty() || !is_plain(select) {
        return None;
    }
    let [from] = &select.from[..] else { return None };
    if !from.joins.is_empty() {
        return None;
    }
    let TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints,
        version: None,
        with_ordinality: false,
        partitions,
        json_path: None,
        sample: None,
        index_hints,
    } = &from.relation
    else {
        return None;
    };
    if !(with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty()) {
        return None;
    }
    let [collection] = &name.0[..] else { return None };
    let alias = match alias {
        None => None,
        Some(alias) if alias.columns.is_empty() => Some(&alias.name),
        Some(_) => return None,
    };
    Some(Subquery { collection: collection.as_ident()?, alias, condition: select.selection.as_ref() })
}

/// Nothing but columns, a table and a condition; what is selected does not matter to an `exists`.
fn is_plain(select: &ast::Select) -> bool {
    let groups = matches!(&select.group_by, GroupByExpr::Expressions(by, with) if by.is_empty() && with.is_empty());
    let simple = select.projection.iter().all(|item| {
        matches!(
            item,
            ast::SelectItem::Wildcard(_)
                | ast::SelectItem::UnnamedExpr(
                    ast::Expr::Value(_) | ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_)
                )
        )
    });
    groups
        && simple
        && select.distinct.is_none()
        && select.select_modifiers.is_none()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.having.is_none()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
}
