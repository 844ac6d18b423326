//! What a request asks for, once its text is understood: a *shape*, which holds no values and is what a plan is made of
//! and kept by, beside the values, which fill its slots. A slot is a place in [`crate::plan::Inputs::values`].

use pintle_model::{PipelineId, Type};

/// A step into a json field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// An object's key.
    Key(String),
    /// An array's element; from the end when negative.
    Index(i64),
}

/// A field, a path inside a json field, or a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The field's place in its collection; 0 for a position.
    pub field: usize,
    /// The steps inside; empty for the field itself.
    pub path: Vec<Step>,
    /// Whether the last step is `->>`: a text instead of json.
    pub text: bool,
    /// A position instead of a field.
    pub spot: Option<Spot>,
}

/// A position, or how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spot {
    /// The position's place in its collection.
    pub position: usize,
    /// Its distance from the point in this slot, instead of itself.
    pub from: Option<usize>,
}

impl Target {
    /// A field itself.
    #[must_use]
    pub fn field(field: usize) -> Target {
        Target { field, path: Vec::new(), text: false, spot: None }
    }

    /// A position, or its distance from the point in a slot.
    #[must_use]
    pub fn spot(position: usize, from: Option<usize>) -> Target {
        Target { spot: Some(Spot { position, from }), ..Target::field(0) }
    }

    /// What it is, in a collection where the field has this type: the type that a filter's values must have.
    #[must_use]
    pub fn ty(&self, field: Type) -> Type {
        match self.spot {
            Some(Spot { from: Some(_), .. }) => return Type::Number,
            Some(_) => return Type::Point,
            None => {}
        }
        match (self.path.is_empty(), self.text) {
            (true, _) => field,
            (false, true) => Type::Text,
            (false, false) => Type::Json,
        }
    }
}

/// One column of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SelectItem {
    /// What.
    pub target: Target,
    /// Its key in the answer.
    pub name: String,
    /// `::type`
    pub cast: Option<Type>,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All hold; without any it is true.
    And(Vec<Filter>),
    /// One holds; without any it is false.
    Or(Vec<Filter>),
    /// It does not hold (unknown stays unknown).
    Not(Box<Filter>),
    /// One condition.
    Test(Target, Test),
}

impl Filter {
    /// Every row.
    #[must_use]
    pub fn all() -> Filter {
        Filter::And(Vec::new())
    }

    /// Whether it leaves every row, so reads no column.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Filter::And(parts) if parts.iter().all(Filter::is_all))
    }
}

/// A condition on a target. Numbers are slots, whose values have [`Target::ty`] unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// `eq`, `neq`, `lt` …
    Compare(Comparison, usize),
    /// `isdistinct`: different, where nulls are equal.
    Distinct(usize),
    /// `like`, `ilike`; the slot is a text with `%` and `_`.
    Like {
        /// The pattern.
        pattern: usize,
        /// Upper and lower case are the same.
        fold: bool,
    },
    /// `match`, `imatch`; the slot is a text that compiles as a regular expression.
    Match {
        /// The expression.
        pattern: usize,
        /// Upper and lower case are the same.
        fold: bool,
    },
    /// `in.(…)`; without any it is false.
    In(Vec<usize>),
    /// `is.null` and the like.
    Is(Truth),
    /// `cs`: json contains json.
    Contains(usize),
    /// `cd`: json is contained in json.
    Contained(usize),
    /// `dwithin`: so near a point. The slots from this one on are the point and the metres.
    Near(usize),
    /// `bbox`: in a box. The slots from this one on are the degrees of its south, its north, and the west and the east of two
    /// ranges of longitudes (the same, where there is one), then a point and the metres around it within which all of the box
    /// lies.
    InBox(usize),
    /// `within`: in a polygon. The slots from this one on are its GeoJSON (a text), a point and the metres around it within
    /// which all of it lies.
    InShape(usize),
    /// Any element at the target's path (arrays on the way stand for each of their elements) is the slot's text, or the
    /// JSON scalar that the text reads as. For mounts' filters on inner keys.
    Element(usize),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// What `is` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Truth {
    /// `is.null`
    Null,
    /// `is.not_null`
    NotNull,
    /// `is.true` (booleans)
    True,
    /// `is.false` (booleans)
    False,
    /// `is.unknown` (booleans)
    Unknown,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// By what.
    pub target: Target,
    /// Greatest first.
    pub descending: bool,
    /// Nulls before all else; unless said, PostgreSQL's: with the greatest.
    pub nulls_first: Option<bool>,
}

/// A read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadShape {
    /// The columns of the answer; unless said, every field: the usual shape is quick to make and to look up.
    pub select: Option<Vec<SelectItem>>,
    /// Which rows.
    pub filter: Filter,
    /// In what order; the planner adds nothing to it.
    pub order: Vec<Order>,
    /// The slot of the limit (an integer), if there is one.
    pub limit: Option<usize>,
    /// The slot of the offset (an integer), if there is one.
    pub offset: Option<usize>,
    /// Count the rows without limit and offset.
    pub count: bool,
    /// Leave out keys whose value is null.
    pub strip_nulls: bool,
}

/// What a write answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Returning {
    /// The columns of the answer; none: no representation.
    pub select: Vec<SelectItem>,
    /// In what order.
    pub order: Vec<Order>,
    /// Leave out keys whose value is null.
    pub strip_nulls: bool,
}

/// A write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WriteShape {
    /// New rows: [`crate::plan::Write::rows`] has, for each, one value for each of `fields`.
    Insert {
        /// The fields that have a value, given or by default. The others become null, or counted.
        fields: Vec<usize>,
        /// What happens to rows that are there.
        conflict: Option<Conflict>,
        /// What is answered.
        returning: Returning,
    },
    /// New rows that come in by a pipeline: as `Insert`, and those whose id is there are left out.
    Take {
        /// Which pipeline.
        by: PipelineId,
        /// The fields that have a value.
        fields: Vec<usize>,
        /// What is answered.
        returning: Returning,
    },
    /// Changes rows.
    Update {
        /// The fields that change, with the slots of their new values (of the field's type, or null).
        set: Vec<(usize, usize)>,
        /// Which rows.
        filter: Filter,
        /// What is answered.
        returning: Returning,
    },
    /// Removes rows.
    Delete {
        /// Which rows.
        filter: Filter,
        /// What is answered.
        returning: Returning,
    },
}

/// `ON CONFLICT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conflict {
    /// The fields that tell whether a row is there: a key, a unique field or a unique index (checked by the planner).
    pub target: Vec<usize>,
    /// The fields that the row's values replace (those that the caller gave); `None` leaves the row as it is.
    pub set: Option<Vec<usize>>,
    /// Whether it is the caller who looks for the row, who must be allowed to read it then, as PostgreSQL has it; else it is
    /// the pipeline that a record came by.
    pub asked: bool,
}

impl Step {
    /// Reads a step as it stands in a path: an integer is an array's index, all else an object's key.
    #[must_use]
    pub fn parse(word: &str) -> Step {
        match word.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(word.to_owned()),
        }
    }

    /// The key, if it is one.
    #[must_use]
    pub fn key(&self) -> Option<&String> {
        match self {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }

    /// Steps as one JSON array, as the functions that walk a path take them.
    #[must_use]
    pub fn join(steps: &[Step]) -> String {
        let words = steps.iter().map(|step| match step {
            Step::Key(key) => serde_json::Value::from(key.as_str()),
            Step::Index(index) => serde_json::Value::from(*index),
        });
        serde_json::Value::Array(words.collect()).to_string()
    }
}
