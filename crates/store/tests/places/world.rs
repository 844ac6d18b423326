//! Random places, and questions about them.

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::measure;

/// Rows of each collection.
const ROWS: usize = 250;
/// Days that locations are of.
const DAYS: usize = 6;

/// Places by their numbers, from 1.
pub(crate) struct World {
    places: Vec<(f64, f64)>,
    /// The day of each location.
    days: Vec<usize>,
}

/// What is asked, and of which days.
pub(crate) struct Question {
    asks: Asks,
    negated: bool,
    /// Whether it is asked of halls, which have no days.
    halls: bool,
    from: Option<usize>,
    to: Option<usize>,
}

enum Asks {
    Near((f64, f64), f64),
    Box(f64, f64, f64, f64),
    Star(Star),
}

/// A polygon of which all is seen from its middle, maybe with a hole around that.
struct Star {
    middle: (f64, f64),
    corners: Vec<(f64, f64)>,
    hole: Option<Vec<(f64, f64)>>,
}

impl Star {
    fn new(chance: &mut Chance, middle: (f64, f64)) -> Star {
        // Of fewer corners than five all may be on one side of it. From the very edge of the map nobody sees around.
        let middle = (middle.0.clamp(-179.9, 179.9), middle.1.clamp(-89.9, 89.9));
        let (count, reach) = (5 + chance.below(8), size(chance));
        let corner = |chance: &mut Chance, at: usize| {
            let turn = (at as f64 + between(chance, 0.1, 0.9)) / count as f64 * std::f64::consts::TAU;
            on_a_ray(middle, (turn.cos(), turn.sin()), reach * between(chance, 0.2, 1.0))
        };
        let corners: Vec<(f64, f64)> = (0..count).map(|at| corner(chance, at)).collect();
        let hole = chance.percent(40).then(|| {
            let part = between(chance, 0.1, 0.9);
            let inner = |corner: &(f64, f64)| {
                (middle.0 + (corner.0 - middle.0) * part, middle.1 + (corner.1 - middle.1) * part)
            };
            corners.iter().map(inner).collect()
        });
        Star { middle, corners, hole }
    }

    fn holds(&self, place: (f64, f64)) -> bool {
        let in_hole = |hole: &Vec<(f64, f64)>| measure::in_star(place, self.middle, hole);
        measure::in_star(place, self.middle, &self.corners) && !self.hole.as_ref().is_some_and(in_hole)
    }

    fn to_json(&self) -> Value {
        let ring = |corners: &Vec<(f64, f64)>| -> Value {
            corners.iter().chain(corners.first()).map(|corner| json!([corner.0, corner.1])).collect()
        };
        let rings: Vec<Value> = std::iter::once(&self.corners).chain(&self.hole).map(ring).collect();
        json!({ "type": "Polygon", "coordinates": rings })
    }
}

/// So far from a place, but no further than the map's edge, which is met exactly.
fn on_a_ray((x, y): (f64, f64), (east, north): (f64, f64), length: f64) -> (f64, f64) {
    let to_edge =
        |at: f64, step: f64, edge: f64| if step == 0.0 { f64::INFINITY } else { (edge.copysign(step) - at) / step };
    let (across, up) = (to_edge(x, east, 180.0), to_edge(y, north, 90.0));
    if length < across && length < up {
        (x + east * length, y + north * length)
    } else if across < up {
        (180.0_f64.copysign(east), y + north * across)
    } else {
        (x + east * up, 90.0_f64.copysign(north))
    }
}

/// A number from 0 to 1.
fn part(chance: &mut Chance) -> f64 {
    f64::from(u32::try_from(chance.below(1 << 20)).unwrap()) / f64::from((1 << 20) - 1)
}

fn between(chance: &mut Chance, least: f64, most: f64) -> f64 {
    least + (most - least) * part(chance)
}

/// A size of any order, from metres to the whole Earth, in degrees.
fn size(chance: &mut Chance) -> f64 {
    10.0_f64.powf(between(chance, -5.0, 2.2))
}

/// A place on the map, also of what lies beyond its edges.
fn on_the_map(longitude: f64, latitude: f64) -> (f64, f64) {
    let latitude = latitude.clamp(-90.0, 90.0);
    let longitude = if longitude.abs() > 180.0 { (longitude + 180.0).rem_euclid(360.0) - 180.0 } else { longitude };
    (longitude, latitude)
}

fn anywhere(chance: &mut Chance) -> (f64, f64) {
    match chance.below(10) {
        0 => (180.0, between(chance, -90.0, 90.0)),
        1 => (-180.0, between(chance, -90.0, 90.0)),
        2 => (between(chance, -180.0, 180.0), if chance.percent(50) { 90.0 } else { -90.0 }),
        3 => (between(chance, -180.0, 180.0), between(chance, 89.99, 90.0)),
        _ => (between(chance, -180.0, 180.0), between(chance, -90.0, 90.0)),
    }
}

impl World {
    pub(crate) fn new(chance: &mut Chance) -> World {
        let centres: Vec<(f64, f64)> = (0..8).map(|_| anywhere(chance)).collect();
        let mut places = Vec::new();
        for _ in 0..ROWS {
            let place = if chance.percent(30) {
                anywhere(chance)
            } else {
                let centre = centres[chance.below(centres.len())];
                let reach = size(chance).min(0.01);
                let (east, north) = (between(chance, -reach, reach), between(chance, -reach, reach));
                on_the_map(centre.0 + east, centre.1 + north)
            };
            places.push(place);
        }
        let days = (0..ROWS).map(|_| 1 + chance.below(DAYS)).collect();
        World { places, days }
    }

    pub(crate) fn halls(&self) -> Value {
        self.places
            .iter()
            .map(|(longitude, latitude)| json!({ "at": { "longitude": longitude, "latitude": latitude } }))
            .collect()
    }

    pub(crate) fn locations(&self) -> Value {
        let record = |(at, (longitude, latitude)): (usize, &(f64, f64))| {
            let seen = format!("2026-11-{:02}T{:02}:00:00Z", self.days[at], at % 24);
            json!({ "id": format!("{:03}", at + 1), "longitude": longitude, "latitude": latitude, "seen": seen })
        };
        self.places.iter().enumerate().map(record).collect()
    }

    /// One of the places, or near one, or anywhere.
    pub(crate) fn somewhere(&self, chance: &mut Chance) -> (f64, f64) {
        let place = self.places[chance.below(self.places.len())];
        match chance.below(4) {
            0 => place,
            1 => anywhere(chance),
            _ => {
                let reach = size(chance);
                on_the_map(place.0 + between(chance, -reach, reach), place.1 + between(chance, -reach, reach))
            }
        }
    }

    /// The numbers of the rows that pass, in order.
    pub(crate) fn answer(&self, question: &Question) -> Vec<String> {
        let passes = |at: &usize| {
            let (place, day) = (self.places[*at], self.days[*at]);
            let holds = match &question.asks {
                Asks::Near(from, metres) => measure::metres(*from, place) <= *metres,
                Asks::Box(west, south, east, north) => measure::in_box(place, (*west, *south, *east, *north)),
                Asks::Star(star) => star.holds(place),
            };
            let of_days =
                question.halls || question.from.is_none_or(|from| day >= from) && question.to.is_none_or(|to| day < to);
            holds != question.negated && of_days
        };
        let found = (0..self.places.len()).filter(passes).map(|at| at + 1);
        found.map(|id| if question.halls { id.to_string() } else { format!("{id:03}") }).collect()
    }
}

impl Question {
    pub(crate) fn new(chance: &mut Chance, world: &World) -> Question {
        let at = world.somewhere(chance);
        let asks = match chance.below(4) {
            0 | 1 => Asks::Near(at, size(chance) * 111_000.0),
            2 => {
                let (east, north) = (size(chance), size(chance));
                let (west, south) = on_the_map(at.0 - east / 2.0, at.1 - north / 2.0);
                let (east, north) = on_the_map(at.0 + east.min(359.0) / 2.0, at.1 + north / 2.0);
                Asks::Box(west, south, east, north)
            }
            _ => Asks::Star(Star::new(chance, at)),
        };
        let day = |chance: &mut Chance| chance.percent(50).then(|| 1 + chance.below(DAYS));
        let (from, to) = (day(chance), day(chance));
        Question { asks, negated: chance.percent(10), halls: chance.percent(50), from, to }
    }

    /// The collection and the query.
    pub(crate) fn asked(&self) -> (&'static str, String) {
        let (collection, name) = if self.halls { ("halls", "at") } else { ("locations", "position") };
        let asks = match &self.asks {
            Asks::Near((longitude, latitude), metres) => format!("dwithin.({longitude},{latitude},{metres})"),
            Asks::Box(west, south, east, north) => format!("bbox.({west},{south},{east},{north})"),
            Asks::Star(star) => format!("within.{}", star.to_json()),
        };
        let mut query = format!("{name}={}{asks}", if self.negated { "not." } else { "" });
        if !self.halls {
            for (op, day) in [("gte", self.from), ("lt", self.to)] {
                if let Some(day) = day {
                    query.push_str(&format!("&seen={op}.2026-11-{day:02}"));
                }
            }
        }
        (collection, query)
    }
}
