//! What lies in a box of degrees, and in a polygon whose edges are straight on the map of degrees, as GeoJSON has them.

use std::cell::RefCell;

use pintle_model::Point;
use serde_json::Value as Json;

use super::polygon;

/// A box: from south to north, and two ranges of longitudes, of which the second may be the same as the first. A pole has no
/// longitude.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Box {
    pub(crate) south: f64,
    pub(crate) north: f64,
    /// From west to east.
    pub(crate) ranges: [(f64, f64); 2],
}

impl Box {
    /// A box of the request's. From a west that is greater than the east it goes over the antimeridian; and what ends there
    /// holds both of its names.
    pub(crate) fn new(west: f64, south: f64, east: f64, north: f64) -> Box {
        let ranges = if west > east {
            [(west, 180.0), (-180.0, east)]
        } else if west <= -180.0 {
            [(west, east), (180.0, 180.0)]
        } else if east >= 180.0 {
            [(west, east), (-180.0, -180.0)]
        } else {
            [(west, east); 2]
        };
        Box { south, north, ranges }
    }

    pub(crate) fn holds(self, point: Point) -> bool {
        let beside = |(west, east): (f64, f64)| (west..=east).contains(&point.longitude);
        (self.south..=self.north).contains(&point.latitude)
            && (point.latitude.abs() >= 90.0 || self.ranges.into_iter().any(beside))
    }
}

/// A ring: its corners, of which the last is the first.
pub(super) type Ring = Vec<(f64, f64)>;

/// Polygons: of each the ring around it, and those around its holes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape(Vec<Vec<Ring>>);

/// Where a point is to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    On,
    Outside,
}

impl Shape {
    /// Reads a GeoJSON Polygon or MultiPolygon of a request's.
    ///
    /// # Errors
    /// Why it is none, or none that means one thing.
    pub(crate) fn read(text: &str) -> Result<Shape, String> {
        let mut shape = Shape::parse(text)?;
        let many = shape.0.len() > 1;
        for (n, rings) in shape.0.iter().enumerate() {
            let within = |(longitude, latitude): &(f64, f64)| Point::new(*longitude, *latitude).is_some();
            let fault =
                if rings.iter().flatten().all(within) { polygon::fault(rings) } else { Some(NO_RING.to_owned()) };
            if let Some(why) = fault {
                return Err(if many { format!("polygon {}: {why}", n + 1) } else { why });
            }
        }
        let beyond: Vec<Vec<Ring>> = shape.0.iter().filter_map(|rings| rings.first()).flat_map(beyond).collect();
        shape.0.extend(beyond);
        Ok(shape)
    }

    /// Reads what [`Shape::to_text`] wrote, and whatever else is written so.
    fn parse(text: &str) -> Result<Shape, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let coordinates = json.get("coordinates").and_then(Json::as_array).ok_or("it has no list of `coordinates`")?;
        let polygons: Vec<&[Json]> = match json.get("type").and_then(Json::as_str) {
            Some("Polygon") => vec![coordinates],
            Some("MultiPolygon") => {
                let of = |json: &'_ Json| json.as_array().is_some();
                if !coordinates.iter().all(of) {
                    return Err("a polygon is a list of rings".to_owned());
                }
                coordinates.iter().filter_map(|json| json.as_array().map(Vec::as_slice)).collect()
            }
            _ => return Err("its `type` is not \"Polygon\" or \"MultiPolygon\"".to_owned()),
        };
        if polygons.is_empty() || polygons.iter().any(|rings| rings.is_empty()) {
            return Err("a polygon has at least one ring".to_owned());
        }
        let rings = |rings: &[Json]| rings.iter().map(ring).collect::<Result<Vec<Ring>, String>>();
        Ok(Shape(polygons.into_iter().map(rings).collect::<Result<_, _>>()?))
    }

    /// The shape as GeoJSON, with its other names of the 180th meridian and of the poles: what every store is asked.
    pub(crate) fn to_text(&self) -> String {
        serde_json::json!({ "type": "MultiPolygon", "coordinates": self.0 }).to_string()
    }

    /// The box around it.
    pub(crate) fn bounds(&self) -> Box {
        let on_the_map =
            |rings: &&Vec<Ring>| rings.iter().flatten().all(|corner| corner.0.abs() <= 180.0 && corner.1.abs() <= 90.0);
        let corners = || self.0.iter().filter(on_the_map).flatten().flatten();
        let least = |of: fn(&(f64, f64)) -> f64| corners().map(of).fold(f64::INFINITY, f64::min);
        let most = |of: fn(&(f64, f64)) -> f64| corners().map(of).fold(f64::NEG_INFINITY, f64::max);
        let (west, east) = (least(|corner| corner.0), most(|corner| corner.0));
        Box::new(west, least(|corner| corner.1), east, most(|corner| corner.1))
    }

    /// Whether a point lies in it or on an edge.
    pub(crate) fn holds(&self, point: Point) -> bool {
        let at = (point.longitude, point.latitude);
        self.0.iter().any(|rings| match rings.split_first() {
            Some((around, holes)) => match side(around, at) {
                Side::Outside => false,
                Side::On => true,
                Side::Inside => holes.iter().all(|hole| side(hole, at) != Side::Inside),
            },
            None => false,
        })
    }
}

const NO_RING: &str = "a ring is a list of corners, each a longitude and a latitude within their ranges";

fn ring(json: &Json) -> Result<Ring, String> {
    let corner = |json: &Json| match json.as_array().map(Vec::as_slice) {
        // There is no -0.
        Some([longitude, latitude]) => Some((longitude.as_f64()? + 0.0, latitude.as_f64()? + 0.0)),
        _ => None,
    };
    let corners: Option<Ring> = json.as_array().and_then(|corners| corners.iter().map(corner).collect());
    let mut corners = corners.ok_or(NO_RING)?;
    if corners.len() < 4 || corners.first() != corners.last() {
        return Err("a ring has at least four corners, of which the last is the first".to_owned());
    }
    corners.dedup();
    if corners.len() < 4 { Err("a ring has at least three different corners".to_owned()) } else { Ok(corners) }
}

/// The 180th meridian has two names and a pole has many, and a polygon lies on a map where they are apart. What it reaches there is also in
/// polygons beside the map, which meet it at the other names and nowhere else: so every store finds them as it finds all else.
fn beyond(around: &Ring) -> Vec<Vec<Ring>> {
    let mut polygons = Vec::new();
    for pole in [90.0, -90.0_f64] {
        if around.iter().any(|corner| corner.1 == pole) {
            let off = pole + pole.signum();
            polygons.push(vec![vec![(-180.0, pole), (180.0, pole), (180.0, off), (-180.0, off), (-180.0, pole)]]);
        }
    }
    // The last corner is the first: the edge before that one is the last but one.
    let before = around.len().checked_sub(2).and_then(|at| around.get(at)).copied();
    let mut before = before.unwrap_or_default();
    for edge in around.windows(2) {
        let [from, to] = [edge[0], edge[1]];
        if from.0.abs() == 180.0 {
            let (x, off) = (-from.0, -from.0 - from.0.signum());
            if to.0 == from.0 {
                polygons.push(vec![vec![(x, from.1), (x, to.1), (off, to.1), (off, from.1), (x, from.1)]]);
            } else if before.0 != from.0 {
                polygons.push(vec![vec![(x, from.1), (off, from.1 - 1.0), (off, from.1 + 1.0), (x, from.1)]]);
            }
        }
        before = from;
    }
    polygons
}

/// By how often a line to the east meets the ring.
pub(super) fn side(ring: &[(f64, f64)], (x, y): (f64, f64)) -> Side {
    let mut inside = false;
    for edge in ring.windows(2) {
        let [(ax, ay), (bx, by)] = [edge[0], edge[1]];
        if (ay > y) == (by > y) && !(ay == y || by == y) {
            continue;
        }
        // Which side of the edge the point is on.
        let turn = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
        let beside = x >= ax.min(bx) && x <= ax.max(bx) && y >= ay.min(by) && y <= ay.max(by);
        if turn == 0.0 && beside {
            return Side::On;
        }
        if (ay > y) != (by > y) && (turn > 0.0) == (by > ay) {
            inside = !inside;
        }
    }
    if inside { Side::Inside } else { Side::Outside }
}

/// Asks of a shape, which is read once for all the rows that it is held against.
pub(crate) fn of_text<R>(text: &str, ask: impl FnOnce(&Shape) -> R) -> Option<R> {
    thread_local!(static LAST: RefCell<Option<(String, Shape)>> = const { RefCell::new(None) });
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| known != text) {
            *last = Some((text.to_owned(), Shape::parse(text).ok()?));
        }
        last.as_ref().map(|(_, shape)| ask(shape))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(shape: &str, longitude: f64, latitude: f64) -> bool {
        let point = Point::new(longitude, latitude).expect("a point");
        let shape = Shape::read(shape).expect("a shape").to_text();
        of_text(&shape, |shape| shape.holds(point)).expect("a shape")
    }

    #[test]
    fn a_hole_is_outside_and_its_edge_is_not() {
        let shape =
            r#"{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]],[[2,2],[2,4],[4,4],[4,2],[2,2]]]}"#;
        for (longitude, latitude, wanted) in [
            (1.0, 1.0, true),
            (3.0, 3.0, false),
            (2.0, 3.0, true),
            (0.0, 5.0, true),
            (10.0, 10.0, true),
            (5.0, 0.0, true),
            (10.0, 0.0, true),
            (-1.0, 5.0, false),
            (11.0, 10.0, false),
            (-1.0, 0.0, false),
            (5.0, 2.0, true),
        ] {
            assert_eq!(holds(shape, longitude, latitude), wanted, "{longitude} {latitude}");
        }
        let read = Shape::read(shape).expect("a shape");
        assert_eq!(Shape::parse(&read.to_text()), Ok(read));
    }

    #[test]
    fn what_is_no_shape_is_told() {
        for (text, reason) in [
            ("{", "no JSON"),
            (r#"{"type":"Point","coordinates":[1,2]}"#, "not \"Polygon\""),
            (r#"{"type":"Polygon","coordinates":[]}"#, "at least one ring"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}"#, "at least four"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[0,0],[0,0],[0,0]]]}"#, "three different corners"),
            (
                r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,1],[1,0],[0,0]]],[[[0,0],[4,4],[4,0],[0,4],[0,0]]]]}"#,
                "polygon 2: ring 1 meets itself",
            ),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1]]]}"#, "the last is the first"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[181,1],[1,0],[0,0]]]}"#, "within their ranges"),
            (r#"{"type":"MultiPolygon","coordinates":[1]}"#, "list of rings"),
        ] {
            let told = Shape::read(text).expect_err(text);
            assert!(told.contains(reason), "{text}: {told}");
        }
    }

    #[test]
    fn the_180th_meridian_is_one_and_a_pole_is_one_place() {
        let east = r#"{"type":"Polygon","coordinates":[[[179,9],[180,9],[180,11],[179,11],[179,9]]]}"#;
        for (latitude, wanted) in [(8.9, false), (9.0, true), (10.0, true), (11.0, true), (11.1, false)] {
            assert_eq!(holds(east, 180.0, latitude), wanted, "{latitude}");
            assert_eq!(holds(east, -180.0, latitude), wanted, "{latitude}");
            assert!(!holds(east, -179.9, latitude), "{latitude}");
        }
        let tip = r#"{"type":"Polygon","coordinates":[[[-180,10],[-170,5],[-170,15],[-180,10]]]}"#;
        assert!(holds(tip, 180.0, 10.0) && !holds(tip, 180.0, 10.1) && !holds(tip, 179.9, 10.0));
        let pole = r#"{"type":"Polygon","coordinates":[[[-10,80],[10,80],[10,90],[-10,90],[-10,80]]]}"#;
        assert!(
            holds(pole, -77.0, 90.0)
                && holds(pole, 180.0, 90.0)
                && !holds(pole, -77.0, 89.9)
                && !holds(pole, 0.0, -90.0)
        );
        let bounds = |text: &str| Shape::read(text).expect("a shape").bounds();
        assert_eq!(bounds(east), Box::new(179.0, 9.0, 180.0, 11.0));
        assert_eq!(bounds(pole), Box::new(-10.0, 80.0, 10.0, 90.0));
    }

    #[test]
    fn a_box_may_go_over_the_antimeridian() {
        let point = |longitude, latitude| Point::new(longitude, latitude).expect("a point");
        let over = Box::new(170.0, -10.0, -170.0, 10.0);
        assert!([175.0, 180.0, -180.0, -175.0].into_iter().all(|longitude| over.holds(point(longitude, 0.0))));
        assert!(!over.holds(point(0.0, 0.0)) && !over.holds(point(175.0, 11.0)));
        assert!(Box::new(170.0, -10.0, 180.0, 10.0).holds(point(-180.0, 0.0)));
        assert!(Box::new(-180.0, -10.0, -170.0, 10.0).holds(point(180.0, 0.0)));
        assert!(Box::new(0.0, 80.0, 10.0, 90.0).holds(point(-120.0, 90.0)));
        assert!(!Box::new(0.0, 80.0, 10.0, 90.0).holds(point(-120.0, 89.0)));
    }
}
