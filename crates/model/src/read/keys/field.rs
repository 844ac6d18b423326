//! The keys of fields and of indexes.

use super::Form::{self, Any, Choice, Count, JsonSchema, List, Name, Object, Scalar, Switch, Text};
use super::{Empty, Table, may, must};

/// The types that a field may have, with `ref`.
pub(crate) const TYPES: &[&str] =
    &["text", "integer", "number", "boolean", "timestamp", "date", "uuid", "json", "bytes", "point", "ref"];

/// A field's type alone, or all its options.
pub(crate) static FIELD_FORM: Form = Any(&[Choice(TYPES), Object(&FIELD)]);

pub(crate) static FIELD: Table = Table {
    of: "a field",
    entries: &[
        must("type", Choice(TYPES), "The field's type. `ref` is a key of another collection; it needs `to`."),
        may("required", Switch, "Null is refused. Fields of the key always are required. Default: false."),
        may("unique", Switch, "No two rows may hold the same value; nulls may repeat. Default: false."),
        may("readonly", Switch, "The caller may not give a value: the default decides. Default: false."),
        may(
            "generated",
            Switch,
            "For a single key of type integer (counted) or uuid (version 7): the store makes it unless the caller gives one.",
        ),
        may("default", Form::Anything, "The value when none is given: a literal, `now()`, `uuid()` or `auth.uid()`."),
        may("enum", List(&Form::Anything, Empty::Refused), "The only values that are allowed."),
        may(
            "pattern",
            Text,
            "For text: a regular expression as JSON Schema has it, which must match somewhere unless it is anchored with `^` and `$`.",
        ),
        may("minimum", Scalar, "For integer, number, timestamp and date: the least value."),
        may("maximum", Scalar, "For integer, number, timestamp and date: the greatest value."),
        may("minLength", Count(0, u64::MAX), "The least length: characters of a text, bytes of bytes."),
        may("maxLength", Count(0, u64::MAX), "The greatest length: characters of a text, bytes of bytes."),
        may(
            "schema",
            JsonSchema,
            "For json: the JSON Schema that a value must satisfy, or the path of a file with it, relative to the app's folder.",
        ),
        may("description", Text, "What it means, for the documentation."),
        may("renamed_from", Name, "The field's earlier name, so that its column is renamed and keeps its values."),
        may("to", Name, "For ref: the collection whose key it holds."),
        may(
            "on_delete",
            Choice(&["restrict", "cascade", "set_null"]),
            "For ref: what happens to this row when the other is deleted. Default: restrict.",
        ),
        may("index", Switch, "For ref: whether it is indexed. Default: true."),
        may(
            "of",
            List(&Name, Empty::Refused),
            "For point: two fields of type number, the longitude and the latitude, whose place it is. Such a point is not \
             written and not among a record's fields: filters, orders and routes ask of it.",
        ),
    ],
};

pub(crate) static INDEX: Table = Table {
    of: "an index",
    entries: &[
        must(
            "fields",
            List(&Text, Empty::Refused),
            "What it orders by: `field`, `field desc` or `field->inner->>key`.",
        ),
        may("unique", Switch, "No two rows may agree in all of them. Default: false."),
    ],
};

pub(crate) static SPACE: Table = Table {
    of: "an index of space",
    entries: &[
        must("space", Name, "The point that it finds by."),
        may(
            "time",
            Name,
            "A required field of type timestamp that it finds by as well: for rows near one another in space and time.",
        ),
    ],
};
