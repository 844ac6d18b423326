//! Positions: the points of a collection, of its own and of two numbers, and the indexes that all of them have.

use super::Reader;
use super::keys::{Empty, FIELD};
use crate::yaml::{Key, Kind, Node};
use crate::{Collection, Field, Position, PositionOf, Space, Span, Type, Value};

/// Degrees east and degrees north, at the most.
const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 90.0;

/// A field with `of`: a point of two numbers. It is read as a field is, and then is none.
pub(super) struct Derived<'n> {
    /// Its place among the fields.
    at: usize,
    key: &'n Key,
    node: &'n Node,
    options: &'n [(Key, Node)],
}

impl<'n> Derived<'n> {
    /// A field of type point with `of`.
    pub(super) fn of(node: &'n Node, at: usize) -> Option<Derived<'n>> {
        let Kind::Map(options) = &node.kind else { return None };
        let is_point = |node: &Node| matches!(&node.kind, Kind::Scalar { text, .. } if text == "point");
        let point = options.iter().any(|(key, node)| key.text == "type" && is_point(node));
        let (key, node) = options.iter().find(|(key, _)| key.text == "of" && point)?;
        Some(Derived { at, key, node, options })
    }
}

impl Reader<'_> {
    /// Takes the points of two numbers out of the fields, now that all fields are known.
    pub(super) fn positions(&mut self, collection: &mut Collection, derived: Vec<Derived<'_>>) {
        let mut found: Vec<(Field, &Derived<'_>)> = Vec::new();
        for derived in derived.iter().rev() {
            found.insert(0, (collection.fields.remove(derived.at), derived));
        }
        for (at, field) in collection.fields.iter().enumerate().filter(|(_, field)| field.ty == Type::Point) {
            let (name, description) = (field.name.clone(), field.description.clone());
            collection.positions.push(Position { name, of: PositionOf::Field(at), description });
        }
        for (field, derived) in found {
            for (key, _) in derived.options {
                let known = FIELD.entries.iter().any(|entry| entry.key == key.text);
                if known && !["type", "of", "description"].contains(&key.text.as_str()) {
                    let help = "such a point is not stored: its two fields are";
                    self.error_help(key.span, format!("`{}` is not for a point of two fields", key.text), help);
                }
            }
            let Some((longitude, latitude)) = self.numbers(collection, derived) else {
                self.doubtful.extend([collection.name.clone(), format!("{}.{}", collection.name, field.name)]);
                continue;
            };
            let of = PositionOf::Numbers { longitude, latitude };
            collection.positions.push(Position { name: field.name, of, description: field.description });
        }
    }

    /// The two fields of a point, which from now on have the bounds of degrees.
    fn numbers(&mut self, collection: &mut Collection, derived: &Derived<'_>) -> Option<(usize, usize)> {
        let Derived { key, node, .. } = *derived;
        let items = self.items(node, key.span, "of", "two fields", Empty::Refused)?;
        let [longitude, latitude] = items else {
            let help = "write `of: [LONGITUDE, LATITUDE]`, the longitude first";
            self.error_help(node.span, format!("`of` is a list of two fields, not of {}", items.len()), help);
            return None;
        };
        if matches!((&longitude.kind, &latitude.kind), (Kind::Scalar { text: a, .. }, Kind::Scalar { text: b, .. }) if a == b)
        {
            self.error(latitude.span, "the longitude and the latitude are two fields");
            return None;
        }
        let longitude = self.degrees(collection, longitude, key.span, "longitude", LONGITUDE_MAX)?;
        let latitude = self.degrees(collection, latitude, key.span, "latitude", LATITUDE_MAX)?;
        Some((longitude, latitude))
    }

    fn degrees(&mut self, collection: &mut Collection, node: &Node, at: Span, word: &str, most: f64) -> Option<usize> {
        let name = self.text(node, at, "of")?;
        let (place, field) = self.field_named(node, name, &collection.fields)?;
        if field.ty != Type::Number || field.reference.is_some() {
            let message = format!("`{name}` is of type {}: a {word} is a number", field.ty.name());
            self.error(node.span, message);
            return None;
        }
        let beyond = |bound: &Option<Value>| matches!(bound, Some(Value::Number(bound)) if bound.abs() > most);
        if beyond(&field.minimum) || beyond(&field.maximum) {
            let message = format!("`{name}` allows more than a {word}, which is from -{most} to {most}");
            self.error_help(node.span, message, "leave out its `minimum` and `maximum`: it has these by itself");
            return None;
        }
        let field = &mut collection.fields[place];
        field.minimum.get_or_insert(Value::Number(-most));
        field.maximum.get_or_insert(Value::Number(most));
        Some(place)
    }
}

/// Gives an index of space to each position that has none.
pub(super) fn complete(collection: &mut Collection) {
    for position in 0..collection.positions.len() {
        if !collection.spaces.iter().any(|space| space.position == position) {
            collection.spaces.push(Space { position, time: None });
        }
    }
}
