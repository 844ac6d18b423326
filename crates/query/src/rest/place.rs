//! What requests ask of positions: `dwithin.(11.5,48.1,500)`, `bbox.(5,47,15,55)`, `within.{…}`, `distance(11.5,48.1)`.

use pintle_model::{Point, Type, Value};

use super::bad_value;
use super::cursor::Cursor;
use super::filter::{Place, Scope};
use super::name::resolve;
use super::operator::Operator;
use super::value::list;
use crate::functions::{Box, Shape, centre};
use crate::request::{Target, Test};
use crate::{Fault, FaultKind};

impl Scope<'_> {
    /// `(longitude,latitude,metres)` or `(west,south,east,north)`
    pub(super) fn around(&mut self, cursor: &mut Cursor<'_>, operator: Operator) -> Result<Test, Fault> {
        let start = cursor.clone();
        let numbers = numbers(cursor)?;
        let first = self.values.len();
        match (operator, &numbers[..]) {
            (Operator::Near, [longitude, latitude, metres]) => {
                if *metres < 0.0 {
                    return Err(wrong("a distance is at least 0 metres"));
                }
                let at = point(*longitude, *latitude)?;
                self.bind(Value::Point(at))?;
                self.bind(Value::Number(*metres))?;
                Ok(Test::Near(first))
            }
            (Operator::InBox, [west, south, east, north]) => {
                let (from, to) = (point(*west, *south)?, point(*east, *north)?);
                if from.latitude > to.latitude {
                    return Err(
                        wrong("the south of a box is at most its north").hint("write bbox.(west,south,east,north)")
                    );
                }
                let of = Box::new(from.longitude, from.latitude, to.longitude, to.latitude);
                let [one, other] = of.ranges;
                for number in [of.south, of.north, one.0, one.1, other.0, other.1] {
                    self.bind(Value::Number(number))?;
                }
                self.bind_centre(of)?;
                Ok(Test::InBox(first))
            }
            (Operator::Near, _) => Err(start.unexpected("three numbers: \"(longitude,latitude,metres)\"")),
            _ => Err(start.unexpected("four numbers: \"(west,south,east,north)\"")),
        }
    }

    /// A GeoJSON Polygon or MultiPolygon.
    pub(super) fn shape(&mut self, cursor: &mut Cursor<'_>, place: Place) -> Result<Test, Fault> {
        let text = match place {
            Place::Alone => cursor.take_rest().to_owned(),
            Place::Tree => match cursor.quoted() {
                Some(quoted) => quoted,
                None => object(cursor).ok_or_else(|| cursor.unexpected("a JSON object"))?.to_owned(),
            },
        };
        let shape =
            Shape::read(&text).map_err(|why| wrong(&format!("this is no GeoJSON Polygon or MultiPolygon: {why}")))?;
        let first = self.bind(Value::Text(shape.to_text()))?;
        self.bind_centre(shape.bounds())?;
        Ok(Test::InShape(first))
    }

    fn bind_centre(&mut self, of: Box) -> Result<(), Fault> {
        let (at, metres) = centre(of);
        self.bind(Value::Point(at))?;
        self.bind(Value::Number(metres)).map(|_| ())
    }

    /// `.distance(longitude,latitude)` behind a position's name, if that is what stands here.
    pub(super) fn distance(&mut self, cursor: &mut Cursor<'_>, name: &str) -> Result<Option<Target>, Fault> {
        let mut ahead = cursor.clone();
        if !ahead.eat(".distance") || ahead.peek() != Some('(') {
            return Ok(None);
        }
        *cursor = ahead;
        let Some((position, _)) = self.collection.position(name) else {
            let target = resolve(self.collection, name, Vec::new(), false)?;
            let ty = target.ty(self.collection.fields[target.field].ty).pg_name();
            let message = format!("function distance({ty}) does not exist");
            return Err(Fault::new(FaultKind::UndefinedOperator, message).hint("distances are those of points"));
        };
        let start = cursor.clone();
        let [longitude, latitude] = numbers(cursor)?[..] else {
            return Err(start.unexpected("two numbers: \"(longitude,latitude)\""));
        };
        let slot = self.bind(Value::Point(point(longitude, latitude)?))?;
        Ok(Some(Target::spot(position, Some(slot))))
    }
}

/// Numbers in parentheses.
fn numbers(cursor: &mut Cursor<'_>) -> Result<Vec<f64>, Fault> {
    let read = |text: String| match Type::Number.read_text(&text) {
        Ok(Value::Number(number)) => Ok(number),
        Ok(_) => Err(wrong("a number is wanted")),
        Err(error) => Err(bad_value(&error)),
    };
    list(cursor)?.into_iter().map(read).collect()
}

fn point(longitude: f64, latitude: f64) -> Result<Point, Fault> {
    let out = || {
        let message = format!("({longitude},{latitude}) is out of range for type geography");
        let fault = Fault::new(FaultKind::Value("22003"), message);
        fault.hint("longitudes are from -180 to 180, latitudes from -90 to 90; the longitude comes first")
    };
    Point::new(longitude, latitude).ok_or_else(out)
}

fn wrong(message: &str) -> Fault {
    Fault::new(FaultKind::Value("22023"), message.to_owned())
}

/// Takes a JSON object, up to the brace that closes it.
fn object<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let rest = cursor.rest();
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let end = at + c.len_utf8();
            let mut count = 0;
            cursor.take_while(|c| {
                count += c.len_utf8();
                count <= end
            });
            return (c == '}').then(|| &rest[..end]);
        }
    }
    None
}
