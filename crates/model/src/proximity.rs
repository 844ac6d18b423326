//! Proximity: routes that answer who or what was near whom, in space and time.

use std::time::Duration;

use crate::CollectionId;

/// A question of nearness, and the shape of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ProximityAnswer {
    /// Whose rows are places at a time.
    pub collection: CollectionId,
    /// Which of the collection's positions; it has an index with `time`.
    pub position: usize,
    /// The field that says when.
    pub time: usize,
    /// The field that says whose place it is.
    pub who: usize,
    /// The parameter that names the subject. Without one: all against all.
    pub subject: Option<usize>,
    /// The parameter that says from when on, a date or a timestamp.
    pub from: usize,
    /// The parameter that says until when. A date's whole day is included, and so is a timestamp itself.
    pub to: usize,
    /// How near, in metres.
    pub within: Metres,
    /// At most so long between the two; without it, any time within the range.
    pub apart: Option<Apart>,
    /// What is answered.
    pub shape: ProximityShape,
    /// What else an answer's objects hold, each under its name.
    pub embed: Vec<(String, Embedded)>,
    /// The parameter that says how many are answered; null is all.
    pub limit: usize,
    /// The parameter that says how many are left out before.
    pub offset: usize,
}

impl ProximityAnswer {
    /// The greatest distance that can be asked for, in metres.
    pub const METRES_MAX: f64 = 100_000.0;
}

/// A distance in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metres {
    /// What the request says: the route's nth parameter.
    Param(usize),
    /// Always the same.
    Literal(f64),
}

/// A time between two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// What the request says, in seconds: the route's nth parameter.
    Param(usize),
    /// Always the same.
    Literal(Duration),
}

/// What is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProximityShape {
    /// Each place of another that is near, once.
    #[default]
    Places,
    /// Each two places that are near one another, with the metres and the seconds between them.
    Pairs,
    /// Each other, once, with how often, when first, when last and how near.
    Subjects,
}

/// What an answer's object holds under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedded {
    /// The place itself.
    Place,
    /// The record that this field of the place refers to.
    Ref(usize),
}
