//! The parameters of a route.

use super::keys::{PARAM, PARAM_TYPES, PLACES};
use super::name::{list, suggest};
use super::route_path::Template;
use super::{Map, Reader};
use crate::yaml::{Key, Kind, Node, Plain};
use crate::{DefaultValue, Field, ParamPlace, RouteParam, Span, Type};

/// Headers that say who calls or how the message is sent: Pintle reads them itself.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The header that a parameter of this name stands for.
fn header(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

impl Reader<'_> {
    /// Reads the parameters of the route whose method stands at `at`, and holds them against its path.
    pub(super) fn params(
        &mut self,
        at: &Key,
        map: &Map<'_>,
        path: Option<&Template<'_>>,
        sql: bool,
    ) -> Vec<RouteParam> {
        let mut params: Vec<RouteParam> = Vec::new();
        let entry = map.entry("params");
        let entries = entry.map_or(&[] as &[_], |(_, node)| self.names(node, "params", "names and parameters"));
        let in_path = |name: &str| path.is_some_and(|path| path.names().any(|other| other == name));
        for (key, node) in entries {
            let good = self.name_form(&key.text, key.span);
            if sql && key.text == "body" {
                let help = "`:body` is the body of the request; give the parameter another name";
                self.error_help(key.span, "a parameter of SQL cannot be called `body`", help);
            }
            let param = self.param(key, node, in_path(&key.text));
            if param.place == ParamPlace::Header && good {
                self.header_name(key, &params);
            }
            params.push(param);
        }
        let names: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
        let beside: Vec<&str> = names.iter().copied().filter(|name| !in_path(name)).collect();
        for name in path.into_iter().flat_map(Template::names).filter(|name| !names.contains(name)) {
            let help = suggest(name, &beside, &[]).map_or_else(
                || format!("write `params: {{ {name}: integer }}`, with its type: {}", list(PARAM_TYPES)),
                |meant| format!("`params` has `{meant}`: did you mean that?"),
            );
            let span = entry.map_or(at.span, |(key, _)| key.span);
            self.error_help(span, format!("`{}` does not declare `{name}`, a parameter of its path", at.text), help);
        }
        params
    }

    fn header_name(&mut self, key: &Key, earlier: &[RouteParam]) {
        let name = header(&key.text);
        let same = |other: &&RouteParam| other.place == ParamPlace::Header && header(&other.field.name) == name;
        if OWN_HEADERS.contains(&name.as_str()) {
            let help = "Pintle reads it itself; who calls is in `auth.uid()`, and a script has all `request.headers`";
            self.error_help(key.span, format!("the header `{name}` cannot be a parameter"), help);
        } else if let Some(other) = earlier.iter().find(same) {
            self.error(key.span, format!("`{}` and `{}` are the same header, `{name}`", key.text, other.field.name));
        }
    }

    /// Reads a parameter as far as it goes.
    fn param(&mut self, name: &Key, node: &Node, in_path: bool) -> RouteParam {
        let mut field = Field::new(&name.text, Type::Text, name.span);
        field.required = in_path;
        let mut place = if in_path { ParamPlace::Path } else { ParamPlace::Query };
        if !matches!(node.kind, Kind::Map(_)) {
            if let Some(ty) = self.param_type(node, name.span, &name.text) {
                field.ty = ty;
                self.fits_path(&field, node.span, place);
            }
            return RouteParam { place, field };
        }
        let Some(map) = self.map(node, name.span, &PARAM) else { return RouteParam { place, field } };
        if let Some((key, node)) = map.entry("in")
            && let Some(told) = self.choice(node, key.span, "in", PLACES)
        {
            place = self.param_place(name, node, told, place);
        }
        if let Some((key, node)) = map.entry("description") {
            field.description = self.text(node, key.span, "description").map(str::to_owned);
        }
        self.param_required(&mut field, &map, place);
        let ty = map.entry("type").and_then(|(key, node)| Some((self.param_type(node, key.span, "type")?, node.span)));
        if let Some((ty, span)) = ty {
            field.ty = ty;
            self.fits_path(&field, span, place);
            self.options_fit(&field, &map, false);
            self.constraints(&mut field, &map);
            self.param_default(&mut field, &map, place);
        }
        RouteParam { place, field }
    }

    fn param_type(&mut self, node: &Node, at: Span, key: &str) -> Option<Type> {
        if let Kind::Scalar { text, .. } = &node.kind
            && text == "ref"
        {
            self.error_help(node.span, "a parameter cannot be a ref", "take the type of the other collection's key");
            return None;
        }
        self.plain_type(node, at, key, PARAM_TYPES)
    }

    fn fits_path(&mut self, field: &Field, span: Span, place: ParamPlace) {
        if place == ParamPlace::Path && matches!(field.ty, Type::Json | Type::Bytes | Type::Point) {
            let message = format!("{} cannot stand in a path", field.ty.name());
            self.error_help(span, message, "take `text`, or a parameter of the query string");
        }
    }

    /// Where the manifest says that a parameter stands, held against where it can.
    fn param_place(&mut self, name: &Key, node: &Node, told: &str, found: ParamPlace) -> ParamPlace {
        match (told, found) {
            ("path", ParamPlace::Query | ParamPlace::Header) => {
                let help = format!("write `{{{}}}` into the path, or take `in: query`", name.text);
                self.error_help(node.span, format!("`{}` is no part of the path", name.text), help);
            }
            ("query" | "header", ParamPlace::Path) => {
                let message = format!("`{}` stands in the path", name.text);
                self.error_help(node.span, message, "leave out `in`, or give one of the two another name");
            }
            ("header", _) => return ParamPlace::Header,
            _ => {}
        }
        found
    }

    fn param_required(&mut self, field: &mut Field, map: &Map<'_>, place: ParamPlace) {
        let Some((key, node)) = map.entry("required") else { return };
        match self.switch(node, key.span, "required") {
            Some(false) if place == ParamPlace::Path => {
                self.error(node.span, "a parameter of the path is always required")
            }
            Some(required) => field.required = required,
            None => {}
        }
    }

    fn param_default(&mut self, field: &mut Field, map: &Map<'_>, place: ParamPlace) {
        let Some((key, node)) = map.entry("default") else { return };
        if field.required && node.plain() != Some(Plain::Null) {
            let why = if place == ParamPlace::Path {
                "of the path is always given"
            } else {
                "that is required is always given"
            };
            self.error_help(key.span, format!("a parameter {why}: its default is never taken"), "leave it out");
        }
        self.default(field, map);
        match &field.default {
            Some(DefaultValue::Literal(value)) => {
                if let Some(complaint) = field.complaint(value) {
                    self.error(node.span, format!("the default {complaint}"));
                }
            }
            Some(_) => {
                let help = "SQL has `now()` and `auth.uid()` itself";
                self.error_help(node.span, "the default of a parameter is a value", help);
            }
            None => {}
        }
    }
}
