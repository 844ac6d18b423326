//! What a polygon may be, so that it means one thing to every store: its rings neither cross nor meet themselves, and its holes lie in it and apart.
//! Rings may touch one another in points.

use super::shape::{Ring, Side, side};

/// Corners of a polygon at the most: each edge may have to be held against each other one.
const CORNERS_MAX: usize = 10_000;

type Corner = (f64, f64);

/// An edge of a ring.
#[derive(Clone, Copy)]
struct Edge {
    from: Corner,
    to: Corner,
    ring: usize,
    /// Its place in the ring.
    at: usize,
}

/// How two edges are to each other.
#[derive(PartialEq)]
enum Meeting {
    Apart,
    /// They share one point, and neither goes on beyond the other there.
    Touch,
    /// They cross, or share more than a point.
    Cross,
}

/// Why these rings, of which the first is around the others, are no polygon of one meaning.
pub(super) fn fault(rings: &[Ring]) -> Option<String> {
    if rings.iter().map(Vec::len).sum::<usize>() > CORNERS_MAX {
        return Some(format!("a polygon has at most {CORNERS_MAX} corners"));
    }
    crossing(rings).or_else(|| misplaced(rings))
}

/// Two edges that must not meet, if there are such.
fn crossing(rings: &[Ring]) -> Option<String> {
    let edges_of = |(ring, corners): (usize, &Ring)| {
        let edge = move |(at, pair): (usize, &[Corner])| Edge { from: pair[0], to: pair[1], ring, at };
        corners.windows(2).enumerate().map(edge).collect::<Vec<_>>()
    };
    let mut edges: Vec<Edge> = rings.iter().enumerate().flat_map(edges_of).collect();
    edges.sort_by(|a, b| a.west().total_cmp(&b.west()));
    for (n, one) in edges.iter().enumerate() {
        for other in edges[n + 1..].iter().take_while(|other| other.west() <= one.east()) {
            let meeting = one.meets(other);
            let fine = match meeting {
                Meeting::Apart => true,
                Meeting::Cross => false,
                Meeting::Touch => one.ring != other.ring || one.is_beside(other, rings[one.ring].len() - 1),
            };
            if !fine {
                return Some(told(one, other));
            }
        }
    }
    None
}

fn told(one: &Edge, other: &Edge) -> String {
    let (first, second) = if (one.ring, one.at) <= (other.ring, other.at) { (one, other) } else { (other, one) };
    let edge = |edge: &Edge| format!("[{},{}] to [{},{}]", edge.from.0, edge.from.1, edge.to.0, edge.to.1);
    let who = if first.ring == second.ring {
        format!("ring {} meets itself", first.ring + 1)
    } else {
        format!("ring {} crosses ring {}", first.ring + 1, second.ring + 1)
    };
    format!("{who}, where its edges from {} and from {} are", edge(first), edge(second))
}

/// A hole that lies outside of the first ring, or in another hole. No edges cross here.
fn misplaced(rings: &[Ring]) -> Option<String> {
    let (around, holes) = rings.split_first()?;
    // Between two points in which it touches another ring, an edge's middle tells where it goes.
    let any = |hole: &Ring, other: &Ring, wrong: Side| {
        let middle = |pair: &[Corner]| (f64::midpoint(pair[0].0, pair[1].0), f64::midpoint(pair[0].1, pair[1].1));
        hole.windows(2).any(|pair| side(other, pair[0]) == wrong || side(other, middle(pair)) == wrong)
    };
    for (n, hole) in holes.iter().enumerate() {
        if any(hole, around, Side::Outside) {
            return Some(format!("ring {} is a hole, and does not lie in ring 1", n + 2));
        }
        let other = (0..holes.len()).find(|other| *other != n && any(hole, &holes[*other], Side::Inside));
        if let Some(other) = other {
            return Some(format!("the holes of rings {} and {} overlap", n.min(other) + 2, n.max(other) + 2));
        }
    }
    None
}

impl Edge {
    fn west(&self) -> f64 {
        self.from.0.min(self.to.0)
    }

    fn east(&self) -> f64 {
        self.from.0.max(self.to.0)
    }

    /// Whether the other one of the same ring, which has so many edges, begins where this one ends, or the other way round.
    fn is_beside(&self, other: &Edge, edges: usize) -> bool {
        (self.at + 1) % edges == other.at || (other.at + 1) % edges == self.at
    }

    fn meets(&self, other: &Edge) -> Meeting {
        let (low, high) = (self.from.1.min(self.to.1), self.from.1.max(self.to.1));
        if other.from.1.max(other.to.1) < low || other.from.1.min(other.to.1) > high {
            return Meeting::Apart;
        }
        let here = [self.turn(other.from), self.turn(other.to)];
        let there = [other.turn(self.from), other.turn(self.to)];
        if here == [0, 0] || there == [0, 0] {
            let ends = |edge: &Edge| if edge.from <= edge.to { (edge.from, edge.to) } else { (edge.to, edge.from) };
            let ((a, b), (c, d)) = (ends(self), ends(other));
            let (first, last) = (if a <= c { c } else { a }, if b <= d { b } else { d });
            return match first.partial_cmp(&last) {
                Some(std::cmp::Ordering::Less) => Meeting::Cross,
                Some(std::cmp::Ordering::Equal) => Meeting::Touch,
                _ => Meeting::Apart,
            };
        }
        match (here[0] * here[1], there[0] * there[1]) {
            (-1, -1) => Meeting::Cross,
            (1, _) | (_, 1) => Meeting::Apart,
            _ => Meeting::Touch,
        }
    }

    /// On which side of the edge's line a corner is: -1 or 1, or 0 where it is on it.
    fn turn(&self, (x, y): Corner) -> i8 {
        let turn = (self.to.0 - self.from.0) * (y - self.from.1) - (x - self.from.0) * (self.to.1 - self.from.1);
        match turn.partial_cmp(&0.0) {
            Some(std::cmp::Ordering::Less) => -1,
            Some(std::cmp::Ordering::Greater) => 1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;

    #[track_caller]
    fn told(coordinates: &str) -> Result<(), String> {
        Shape::read(&format!(r#"{{"type":"Polygon","coordinates":{coordinates}}}"#)).map(|_| ())
    }

    #[test]
    fn what_has_more_than_one_meaning_is_told_with_its_place() {
        for (coordinates, reason) in [
            // A pentagram: its middle is in by one rule and out by another.
            (
                "[[[0,3],[-2,-3],[3,1],[-3,1],[2,-3],[0,3]]]",
                "ring 1 meets itself, where its edges from [0,3] to [-2,-3] and from [3,1] to [-3,1] are",
            ),
            // Wound twice.
            ("[[[0,0],[4,0],[4,4],[0,0],[4,0],[4,4],[0,0]]]", "ring 1 meets itself"),
            // Back on its own way.
            ("[[[0,0],[4,0],[4,4],[4,8],[4,2],[0,0]]]", "ring 1 meets itself"),
            ("[[[0,0],[2,2],[4,4],[0,0]]]", "ring 1 meets itself"),
            // A loop within a loop, by one corner of both.
            ("[[[0,0],[9,0],[9,9],[0,9],[0,0],[2,1],[2,2],[1,2],[0,0]]]", "ring 1 meets itself"),
            // A corner on an edge.
            ("[[[0,0],[4,0],[4,4],[2,0],[0,4],[0,0]]]", "ring 1 meets itself"),
            ("[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[5,5],[12,5],[12,6],[5,5]]]", "ring 1 crosses ring 2"),
            ("[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[0,0],[9,0],[9,9],[0,9],[0,0]]]", "ring 1 crosses ring 2"),
            (
                "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[11,5],[12,5],[12,6],[11,5]]]",
                "ring 2 is a hole, and does not lie in ring 1",
            ),
            // It leaves by a corner.
            ("[[[0,0],[9,0],[9,5],[9,9],[0,9],[0,0]],[[5,5],[9,5],[12,6],[9,5],[5,5]]]", "meets itself"),
            (
                "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[8,1],[8,8],[1,8],[1,1]],[[2,2],[3,2],[3,3],[2,2]]]",
                "the holes of rings 2 and 3 overlap",
            ),
        ] {
            let told = told(coordinates).expect_err(coordinates);
            assert!(told.contains(reason), "{coordinates}: {told}");
        }
    }

    #[test]
    fn rings_may_touch_one_another_in_points_and_say_a_corner_twice() {
        for coordinates in [
            "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]",
            "[[[0,0],[4,0],[4,0],[4,4],[0,4],[0,0],[0,0]]]",
            // A straight way in two steps.
            "[[[0,0],[2,0],[4,0],[4,4],[0,4],[0,0]]]",
            "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[0,0],[5,2],[2,5],[0,0]]]",
            "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[9,5],[5,2],[2,5],[9,5]]]",
            "[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[4,1],[4,4],[1,1]],[[4,4],[8,4],[8,8],[4,4]]]",
        ] {
            assert_eq!(told(coordinates), Ok(()), "{coordinates}");
        }
    }

    #[test]
    fn a_polygon_of_too_many_corners_is_refused() {
        let corner = |n: usize| format!("[{},{}]", n as f64 / 100.0, n % 2);
        let zigzag: Vec<String> = (0..10_001).map(corner).collect();
        let told = told(&format!("[[{},[0,5],{}]]", zigzag.join(","), zigzag[0])).expect_err("too many");
        assert!(told.contains("at most 10000 corners"), "{told}");
    }
}
