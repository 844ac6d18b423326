//! What is made of groups of rows, and over windows.

use super::{Maker, Ty};

impl Maker<'_> {
    pub(super) fn aggregate(&mut self, ty: Ty) -> String {
        let filter =
            if self.chance.percent(15) { format!(" FILTER (WHERE {})", self.plain_truth()) } else { String::new() };
        let (whole, number, text) = (self.own(Ty::Whole), self.own(Ty::Number), self.own(Ty::Text));
        match ty {
            Ty::Whole => match (self.chance.below(4), whole) {
                (1, Some(column)) => format!("sum({column}){filter}"),
                (2, Some(column)) => format!("max({column}){filter}"),
                (3, Some(column)) => format!("count(DISTINCT {column}){filter}"),
                _ => format!("count(*){filter}"),
            },
            Ty::Number => match (self.chance.below(3), number, whole) {
                (0, Some(column), _) => format!("sum({column}){filter}"),
                (1, Some(column), _) => format!("min({column}){filter}"),
                (_, _, Some(column)) => format!("avg({column}){filter}"),
                _ => "CAST(count(*) AS number)".to_owned(),
            },
            Ty::Text => match text {
                Some(column) if self.chance.percent(50) => format!("max({column}){filter}"),
                Some(column) => format!("string_agg({column}, ',' ORDER BY {column}){filter}"),
                None => "CAST(count(*) AS text)".to_owned(),
            },
            Ty::Truth => format!("({} > {})", self.aggregate(Ty::Whole), self.chance.below(3)),
            Ty::Time => match self.own(Ty::Time) {
                Some(column) => format!("min({column}){filter}"),
                None => "CAST(null AS timestamp)".to_owned(),
            },
        }
    }

    pub(super) fn own(&mut self, ty: Ty) -> Option<String> {
        self.column(ty)
    }

    /// A condition on the innermost rows alone.
    pub(super) fn plain_truth(&mut self) -> String {
        match self.own(Ty::Whole) {
            Some(column) => format!("{column} > {}", self.chance.below(4)),
            None => "true".to_owned(),
        }
    }

    /// A column of innermost rows that have digits.
    pub(super) fn with_digits(&mut self) -> Option<String> {
        let rows = self.scopes.last()?;
        let found =
            rows.iter().find(|rows| rows.columns.iter().any(|(name, _)| matches!(name.as_str(), "team" | "likes")))?;
        Some(format!("{}.digits", found.alias))
    }

    /// A call over a window whose order has no ties that matter.
    pub(super) fn window(&mut self, ty: Ty) -> String {
        let Some(column) = self.own(ty) else { return self.leaf(ty) };
        if matches!(ty, Ty::Truth) {
            return self.leaf(ty);
        }
        let by = self.own(Ty::Whole).map_or_else(String::new, |by| format!("PARTITION BY {by} "));
        match (ty, self.chance.below(4)) {
            (Ty::Whole, 0) => format!("rank() OVER ({by}ORDER BY {column} DESC)"),
            (Ty::Whole, 1) => format!("sum({column}) OVER ({by}ORDER BY {column})"),
            (_, 2) => format!("lag({column}) OVER ({by}ORDER BY {column})"),
            _ => format!("first_value({column}) OVER ({by}ORDER BY {column} NULLS FIRST)"),
        }
    }
}
