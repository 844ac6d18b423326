//! Rows of JSON, walked without a tree of values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::options::{Options, shown};
use super::{Color, Point};

/// Hands each row that has a place and a colour to `draw`.
pub(super) fn each(json: &[u8], options: &Options, draw: &mut dyn FnMut(Point)) -> Result<(), String> {
    let text = std::str::from_utf8(json).map_err(|_| "image.png: the rows are no UTF-8".to_owned())?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let rows = Rows { options, draw, known: HashMap::new() };
    rows.deserialize(&mut deserializer).map_err(|error| {
        let text = error.to_string();
        // Where in the JSON it stands helps nobody: it is the store's, or made from the script's values.
        let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
        format!("image.png: {text}")
    })
}

struct Rows<'o, 'd, 't> {
    options: &'o Options,
    draw: &'d mut dyn FnMut(Point),
    /// The colours of values as they stand in the rows, so that a text is read only once.
    known: HashMap<&'t str, Option<Color>>,
}

impl<'t> DeserializeSeed<'t> for Rows<'_, '_, 't> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for Rows<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`rows`: an array of objects")
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut rows: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            number += 1;
            let row = Row { rows: &mut self, number };
            match rows.next_element_seed(row)? {
                Some(Some(point)) => (self.draw)(point),
                Some(None) => {}
                None => return Ok(()),
            }
        }
    }
}

/// One row; its value is the point, unless it has no place or no colour.
struct Row<'r, 'o, 'd, 't> {
    rows: &'r mut Rows<'o, 'd, 't>,
    number: u64,
}

/// A value as it stands in the text, if the row has it.
type Raw<'t> = Option<&'t str>;

impl<'t> DeserializeSeed<'t> for Row<'_, '_, '_, 't> {
    type Value = Option<Point>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Row<'_, '_, '_, 't> {
    type Value = Option<Point>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: an object", self.number)
    }

    fn visit_map<A: MapAccess<'t>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let options = self.rows.options;
        let (mut x, mut y, mut color): (Raw<'t>, Raw<'t>, Raw<'t>) = (None, None, None);
        while let Some(key) = fields.next_key_seed(Key)? {
            let (is_x, is_y) = (key == options.x, key == options.y);
            let is_color = options.color.as_ref().is_some_and(|name| key == *name);
            if !(is_x || is_y || is_color) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw = Some(fields.next_value::<&'t RawValue>()?.get());
            // One field may be several of them.
            x = if is_x { raw } else { x };
            y = if is_y { raw } else { y };
            color = if is_color { raw } else { color };
        }
        let place = |raw, name| coordinate(raw, name, self.number).map_err(A::Error::custom);
        let (Some(x), Some(y)) = (place(x, &options.x)?, place(y, &options.y)?) else { return Ok(None) };
        let color = match &options.color {
            None => options.fallback,
            Some(name) => {
                let raw = color.ok_or_else(|| A::Error::custom(absent(name, self.number)))?;
                *self.rows.known.entry(raw).or_insert_with(|| color_of(raw, options))
            }
        };
        Ok(color.map(|color| Point { x, y, color }))
    }
}

/// A key, copied only where it is written with escapes.
struct Key;

impl<'t> DeserializeSeed<'t> for Key {
    type Value = Cow<'t, str>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Key {
    type Value = Cow<'t, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'t str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

fn absent(name: &str, number: u64) -> String {
    format!("row {number} has no `{name}`: the field must be among those that are selected")
}

/// A coordinate; `None` for null.
fn coordinate(raw: Raw<'_>, name: &str, number: u64) -> Result<Option<f64>, String> {
    let raw = raw.ok_or_else(|| absent(name, number))?;
    if raw == "null" {
        return Ok(None);
    }
    // Texts and the like do not read as numbers, and JSON has no infinite ones but those that are too large.
    let found = raw.parse::<f64>().ok().filter(|number| number.is_finite());
    found.map(Some).ok_or_else(|| {
        let value = serde_json::from_str(raw).unwrap_or_default();
        format!("row {number}: `{name}` must be a number, not {}", shown(&value))
    })
}

/// The colour of a value: its text's, if it is one, or that of the value as JSON writes it.
fn color_of(raw: &str, options: &Options) -> Option<Color> {
    let text = String::deserialize(&mut serde_json::Deserializer::from_str(raw));
    let value = text.as_deref().unwrap_or(raw);
    options.palette.get(value).copied().or(options.fallback)
}
