//! The keys of services.

use super::Form::{self, Any, Choice, Count, List, Switch, Text};
use super::{Empty, Table, may};

/// Characters of a service's name: it stands in the names of what a deployment is made of, which have 63.
pub(crate) const SERVICE_NAME_MAX: usize = 40;

/// Names, or all that no other service names.
const PARTS: Form = Any(&[List(&Text, Empty::Allowed), Choice(&["*"])]);

pub(crate) static SERVICE: Table = Table {
    of: "a service",
    entries: &[
        may("port", Count(1, 65_535), "The port that it is served at. Without it: the app's own address."),
        may(
            "collections",
            PARTS,
            "The collections that it exposes, under `/rest/v1` and at their mounts: names, or `\"*\"`, which is all that no \
             other service names.",
        ),
        may("routes", PARTS, "The paths of routes that it exposes, with all their methods; `\"*\"` likewise."),
        may("pipelines", PARTS, "The pipelines that take records there: names, or `\"*\"`, likewise."),
        may("pages", Switch, "Whether it exposes the app's pages. Default: false."),
    ],
};
