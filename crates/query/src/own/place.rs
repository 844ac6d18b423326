//! Functions of points: `point(longitude, latitude)`, `distance(a, b)` and `dwithin(a, b, metres)`.

use pintle_model::Type;

use super::function::Call;
use super::lower::Lower;
use super::typed::Known;
use crate::Dialect;
use crate::functions::name;
use crate::policy::mistake::Mistake;
use crate::sql::Fragment;

impl Lower<'_> {
    pub(super) fn place_call(&mut self, call: &Call<'_>) -> Result<Known, Mistake> {
        let sqlite = self.dialect == Dialect::Sqlite;
        let pair = |a: Fragment, b: Fragment| a.then(", ").and(b);
        match (call.name.as_str(), &call.args[..]) {
            ("point", [longitude, latitude]) => {
                let longitude = self.expr_of(longitude, Type::Number)?.sql;
                let latitude = self.expr_of(latitude, Type::Number)?.sql;
                if sqlite {
                    return Ok(Known::new(pair(longitude, latitude).between(name::POINT, ")"), Type::Point));
                }
                // PostGIS would bend what is out of range.
                let within =
                    longitude.clone().between("abs(", ") <= 180 AND abs(").and(latitude.clone()).then(") <= 90");
                let point = pair(longitude, latitude).between(" THEN ST_MakePoint(", ")::geography END)");
                let sql = within.between("(CASE WHEN ", "").and(point);
                Ok(Known::new(self.bounded(sql)?, Type::Point))
            }
            ("distance", [a, b]) => {
                let points = pair(self.expr_of(a, Type::Point)?.sql, self.expr_of(b, Type::Point)?.sql);
                let sql = points.between(if sqlite { name::DISTANCE } else { "ST_Distance(" }, ")");
                Ok(Known::new(sql, Type::Number).exact(true))
            }
            ("dwithin", [a, b, metres]) => {
                let points = pair(self.expr_of(a, Type::Point)?.sql, self.expr_of(b, Type::Point)?.sql);
                let metres = self.expr_of(metres, Type::Number)?.sql;
                if sqlite {
                    return Ok(Known::new(pair(points, metres).between(name::DWITHIN, ")"), Type::Boolean));
                }
                // The index finds by the one; the other is what `distance` says, which is rounded.
                let found = pair(points.clone(), metres.clone()).between("(ST_DWithin(", " + 0.000001) AND ");
                let sql = found.and(points.between("ST_Distance(", ") <= ")).and(metres).then(")");
                Ok(Known::new(self.bounded(sql)?, Type::Boolean))
            }
            _ => Err(self.wrong(format!("`{}` does not take {} arguments", call.name, call.args.len()), call.span)),
        }
    }
}
