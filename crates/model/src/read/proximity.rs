//! Routes of proximity.

use super::keys::{PROXIMITY, PROXIMITY_SHAPES};
use super::name::{list, shorten, suggest};
use super::{Map, Reader};
use crate::yaml::{Kind, Node, Plain};
use crate::{
    Apart, Collection, CollectionId, DefaultValue, Embedded, Field, Index, Metres, ParamPlace, ProximityAnswer,
    ProximityShape, RouteParam, Span, Type, Value,
};

/// What embeds the place itself.
const PLACE: &str = "self";
/// Milliseconds between two places.
const APART: (u64, u64) = (0, 366 * 24 * 3_600_000);

impl Reader<'_> {
    /// Reads what a route of proximity asks; it takes `limit` and `offset` beside the parameters that it declares.
    pub(super) fn proximity(
        &mut self,
        at: Span,
        node: &Node,
        params: &mut Vec<RouteParam>,
        collections: &[Collection],
    ) -> Option<ProximityAnswer> {
        let map = self.map(node, at, &PROXIMITY)?;
        let (key, node) = map.entry("in")?;
        let name = self.text(node, key.span, "in")?;
        if self.doubtful.iter().any(|doubtful| doubtful == name) {
            return None;
        }
        let found = collections.iter().position(|collection| collection.name == name && !collection.system);
        let Some(at) = found else {
            let names: Vec<&str> = collections.iter().map(|collection| collection.name.as_str()).collect();
            let help = suggest(name, &names, &[]).map_or_else(
                || format!("collections are {}", list(&names)),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.error_help(node.span, format!("there is no collection `{}`", shorten(name)), help);
            return None;
        };
        let collection = &collections[at];
        let place = self.place(&map, collection);
        let who = self.proximity_field(&map, "who", collection);
        let subject = map.entry("subject").map(|_| self.subject(&map, params, who.map(|who| &collection.fields[who])));
        let (from, to) = (self.moment(&map, "from", params), self.moment(&map, "to", params));
        let within = self.within(&map, params);
        let apart = map.entry("apart").map(|(key, node)| self.apart(key.span, node, params));
        let shape = self.proximity_shape(&map);
        if let Some((key, _)) = map.entry("in").filter(|_| subject.is_none() && shape == ProximityShape::Places) {
            let help = "say whose they are by `subject`, or answer `pairs` or `subjects`";
            self.error_help(key.span, "`places` are those near a subject", help);
        }
        let embed = self.embedded(&map, collection, shape, subject.is_some());
        let (limit, offset) = (self.paging(params, "limit"), self.paging(params, "offset"));
        let (position, time) = place?;
        // One that is given and wrong is not one that is left out.
        let (subject, apart) =
            (subject.map_or(Some(None), |found| found.map(Some))?, apart.map_or(Some(None), |found| found.map(Some))?);
        if subject.is_some() {
            self.found_by_index(&map, collection, who?, time);
        }
        Some(ProximityAnswer {
            collection: CollectionId(at),
            position,
            time,
            who: who?,
            subject,
            from: from?,
            to: to?,
            within: within?,
            apart,
            shape,
            embed,
            limit,
            offset,
        })
    }

    /// The position and the time, which an index has together.
    fn place(&mut self, map: &Map<'_>, collection: &Collection) -> Option<(usize, usize)> {
        let (key, node) = map.entry("at")?;
        let name = self.text(node, key.span, "at")?;
        let Some((position, _)) = collection.position(name) else {
            let names: Vec<&str> = collection.positions.iter().map(|position| position.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if names.is_empty() => "a field of type point is one".to_owned(),
                None => format!("points are {}", list(&names)),
            };
            self.error_help(node.span, format!("`{}` has no point `{}`", collection.name, shorten(name)), help);
            return None;
        };
        let time = self.proximity_field(map, "time", collection)?;
        if !collection.spaces.iter().any(|space| space.position == position && space.time == Some(time)) {
            let (point, when) = (name, &collection.fields[time].name);
            let message = format!("`{}` has no index of `{point}` and `{when}` together", collection.name);
            let help = format!("write `indexes: [{{ space: {point}, time: {when} }}]` below the collection");
            self.error_help(node.span, message, help);
            return None;
        }
        Some((position, time))
    }

    /// A subject's places of a time are found by an index of who and when, or among all of that subject's, or among all.
    fn found_by_index(&mut self, map: &Map<'_>, collection: &Collection, who: usize, time: usize) {
        let serves = |index: &Index| {
            let mut parts = index.parts.iter().map(|part| part.path.is_empty().then_some(part.field));
            parts.next() == Some(Some(who)) && parts.next() == Some(Some(time))
        };
        let of_key = collection.key.len > 1 && (who, time) == (0, 1);
        if let Some(node) = map.get("who").filter(|_| !of_key && !collection.indexes.iter().any(serves)) {
            let [who, when] = [who, time].map(|at| &collection.fields[at].name);
            let message = format!(
                "each question reads more of `{}` than the subject's places of that time, for no index begins with `{who}` and `{when}`",
                collection.name
            );
            self.warning(node.span, message, format!("add `[{who}, {when}]` to its `indexes`"));
        }
    }

    fn proximity_field(&mut self, map: &Map<'_>, key: &str, collection: &Collection) -> Option<usize> {
        let (at, node) = map.entry(key)?;
        let name = self.text(node, at.span, key)?;
        let (place, field) = self.field_named(node, name, &collection.fields)?;
        let is_plain = !matches!(field.ty, Type::Json | Type::Point | Type::Number);
        if key == "who" && !(is_plain && (field.required || collection.is_key(place))) {
            let help = "it is a required field that can be told apart: a ref, an integer, a text, a uuid";
            self.error_help(node.span, format!("`{}` does not say whose a place is", shorten(name)), help);
            return None;
        }
        Some(place)
    }

    /// The parameter that a key names.
    fn param_named(&mut self, at: Span, node: &Node, key: &str, params: &[RouteParam]) -> Option<usize> {
        let name = self.text(node, at, key)?;
        let found = params.iter().position(|param| param.field.name == name);
        if found.is_none() {
            let names: Vec<&str> = params.iter().map(|param| param.field.name.as_str()).collect();
            let help = match suggest(name, &names, &[]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if names.is_empty() => "declare it below `params`".to_owned(),
                None => format!("its parameters are {}", list(&names)),
            };
            self.error_help(node.span, format!("there is no parameter `{}`", shorten(name)), help);
        }
        found
    }

    /// Whoever asks must say it, each time: there is no value that could stand for it.
    fn always_given(&mut self, param: &mut RouteParam) {
        param.field.required = param.field.default.is_none();
    }

    fn subject(&mut self, map: &Map<'_>, params: &mut [RouteParam], who: Option<&Field>) -> Option<usize> {
        let (key, node) = map.entry("subject")?;
        let place = self.param_named(key.span, node, "subject", params)?;
        let name = &params[place].field.name;
        let named = |key: &&&str| matches!(map.get(key).map(|node| &node.kind), Some(Kind::Scalar { text, .. }) if text == name);
        if let Some(other) = ["from", "to", "within", "apart"].iter().find(named) {
            let message = format!("`{name}` is what `{other}` names, and does not say whose places are asked for");
            self.error_help(node.span, message, "name a parameter of its own, and declare it below `params`");
            return None;
        }
        self.always_given(&mut params[place]);
        let (param, who) = (&params[place].field, who?);
        if param.ty != who.ty {
            let message = format!(
                "`{}` is of type {}, and `{}` of type {}",
                param.name,
                param.ty.name(),
                who.name,
                who.ty.name()
            );
            self.error_help(node.span, message, format!("declare it as `{}: {}`", param.name, who.ty.name()));
            return None;
        }
        Some(place)
    }

    fn moment(&mut self, map: &Map<'_>, key: &str, params: &mut [RouteParam]) -> Option<usize> {
        let (at, node) = map.entry(key)?;
        let place = self.param_named(at.span, node, key, params)?;
        self.always_given(&mut params[place]);
        let field = &params[place].field;
        if !matches!(field.ty, Type::Date | Type::Timestamp) {
            let message = format!("`{}` is of type {}", field.name, field.ty.name());
            self.error_help(node.span, message, "a time range goes from a date or timestamp to another");
            return None;
        }
        Some(place)
    }

    fn within(&mut self, map: &Map<'_>, params: &mut [RouteParam]) -> Option<Metres> {
        let (key, node) = map.entry("within")?;
        let help = format!("metres are from 0 to {}", ProximityAnswer::METRES_MAX);
        if let Some(Plain::Number(number)) = node.plain() {
            let metres = number.json.parse::<f64>().ok().filter(|n| (0.0..=ProximityAnswer::METRES_MAX).contains(n));
            if metres.is_none() {
                self.error_help(node.span, format!("`within` cannot be {}", shorten(&number.json)), help);
            }
            return metres.map(Metres::Literal);
        }
        let place = self.param_named(key.span, node, "within", params)?;
        self.always_given(&mut params[place]);
        let field = &mut params[place].field;
        if field.ty != Type::Number {
            let message = format!("`{}` is of type {}, and metres are a number", field.name, field.ty.name());
            self.error(node.span, message);
            return None;
        }
        let beyond = |value: &Option<Value>| matches!(value, Some(Value::Number(n)) if !(0.0..=ProximityAnswer::METRES_MAX).contains(n));
        if beyond(&field.minimum) || beyond(&field.maximum) || beyond(&literal(field)) {
            let name = field.name.clone();
            self.error_help(node.span, format!("`{name}` may be beyond what can be asked"), help);
            return None;
        }
        field.minimum.get_or_insert(Value::Number(0.0));
        field.maximum.get_or_insert(Value::Number(ProximityAnswer::METRES_MAX));
        Some(Metres::Param(place))
    }

    fn apart(&mut self, at: Span, node: &Node, params: &mut [RouteParam]) -> Option<Apart> {
        let digits = matches!(&node.kind, Kind::Scalar { text, .. } if text.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
        if digits {
            return self.duration(node, at, "apart", APART.0, APART.1).map(Apart::Literal);
        }
        let place = self.param_named(at, node, "apart", params)?;
        self.always_given(&mut params[place]);
        let field = &mut params[place].field;
        if field.ty != Type::Integer {
            let message = format!(
                "`{}` is of type {}, and the time between two is an integer of seconds",
                field.name,
                field.ty.name()
            );
            self.error(node.span, message);
            return None;
        }
        let seconds_max = i64::try_from(APART.1 / 1000).unwrap_or(i64::MAX);
        let beyond = |value: &Option<Value>| matches!(value, Some(Value::Integer(n)) if !(0..=seconds_max).contains(n));
        if beyond(&field.minimum) || beyond(&field.maximum) || beyond(&literal(field)) {
            let message = format!("`{}` may be beyond what can be asked", field.name);
            self.error_help(node.span, message, format!("seconds apart are from 0 to {seconds_max}"));
            return None;
        }
        field.minimum.get_or_insert(Value::Integer(0));
        field.maximum.get_or_insert(Value::Integer(seconds_max));
        Some(Apart::Param(place))
    }

    fn proximity_shape(&mut self, map: &Map<'_>) -> ProximityShape {
        let chosen =
            map.entry("answer").and_then(|(key, node)| self.choice(node, key.span, "answer", PROXIMITY_SHAPES));
        match chosen {
            Some("pairs") => ProximityShape::Pairs,
            Some("subjects") => ProximityShape::Subjects,
            _ => ProximityShape::Places,
        }
    }

    fn embedded(
        &mut self,
        map: &Map<'_>,
        collection: &Collection,
        shape: ProximityShape,
        of_one: bool,
    ) -> Vec<(String, Embedded)> {
        let Some((at, node)) = map.entry("embed") else { return Vec::new() };
        if !of_one {
            self.error_help(at.span, "`embed` is of the other's records", "leave it out, or name a `subject`");
            return Vec::new();
        }
        let items = self.names(node, "embed", "names and fields");
        let within = items.iter().any(|(_, node)| matches!(&node.kind, Kind::Scalar { text, .. } if text == PLACE));
        let fields: Vec<&str> = collection.fields.iter().map(|field| field.name.as_str()).collect();
        let taken = match shape {
            ProximityShape::Places if within => &[][..],
            ProximityShape::Places => &fields[..],
            ProximityShape::Pairs => &["subject", "other", "metres", "seconds"],
            ProximityShape::Subjects => &["other", "count", "first", "last", "nearest"],
        };
        let mut embed = Vec::new();
        for (key, node) in items {
            self.name_form(&key.text, key.span);
            if taken.contains(&key.text.as_str()) {
                let message = format!("the answer has its own `{}`", key.text);
                self.error_help(key.span, message, format!("its members are {}: take another name", list(taken)));
                continue;
            }
            let Some(name) = self.text(node, key.span, &key.text) else { continue };
            if name == PLACE {
                if shape != ProximityShape::Places {
                    self.error_help(node.span, "only `places` embed `self`", "the others tell the places as they are");
                }
                embed.push((key.text.clone(), Embedded::Place));
                continue;
            }
            let Some((place, field)) = self.field_named(node, name, &collection.fields) else { continue };
            let by_who = shape != ProximityShape::Subjects
                || map.get("who").is_some_and(|who| matches!(&who.kind, Kind::Scalar { text, .. } if text == name));
            if field.reference.is_none() || !by_who {
                let help = "embed `self`, or a ref; with `answer: subjects`, only the field that says who";
                self.error_help(node.span, format!("`{name}` refers to nothing that could be embedded"), help);
                continue;
            }
            embed.push((key.text.clone(), Embedded::Ref(place)));
        }
        embed
    }

    /// A parameter that every such route has; one that the manifest declares under this name is taken for it.
    fn paging(&mut self, params: &mut Vec<RouteParam>, name: &str) -> usize {
        if let Some(at) = params.iter().position(|param| param.field.name == name) {
            let field = &mut params[at].field;
            let (span, ty) = (field.span, field.ty);
            if !matches!(field.minimum, Some(Value::Integer(0..))) {
                field.minimum = Some(Value::Integer(0));
            }
            if name == "offset" {
                field.default.get_or_insert(DefaultValue::Literal(Value::Integer(0)));
            }
            if ty != Type::Integer {
                self.error(span, format!("`{name}` is how many are answered: an integer, not {}", ty.name()));
            }
            return at;
        }
        let mut field = Field::new(name, Type::Integer, Span::default());
        field.minimum = Some(Value::Integer(0));
        field.description = Some(
            match name {
                "limit" => "How many are answered. Without it: all.",
                _ => "How many are left out before the first.",
            }
            .to_owned(),
        );
        if name == "offset" {
            field.default = Some(DefaultValue::Literal(Value::Integer(0)));
        }
        params.push(RouteParam { place: ParamPlace::Query, field });
        params.len() - 1
    }
}

/// What stands for a value that is not given.
fn literal(field: &Field) -> Option<Value> {
    match &field.default {
        Some(DefaultValue::Literal(value)) => Some(value.clone()),
        _ => None,
    }
}
