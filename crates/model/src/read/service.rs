//! Services: which part of the app each exposes. Every collection, every path of a route, and the pages belong to one.

use super::keys::{SERVICE, SERVICE_NAME_MAX};
use super::name::{list, shorten, suggest};
use super::{Map, Reader};
use crate::yaml::{Key, Kind, Node, Plain};
use crate::{CollectionId, Model, PipelineId, RouteId, Service, Span};

/// All that no other service names.
const REST: &str = "*";
/// What has this name in a deployment.
const GATEWAY: &str = "gateway";

/// Parts of one kind, and the service that each belongs to.
struct Parts<'n> {
    /// The key that names them in a service.
    key: &'static str,
    /// What one of them is called.
    one: &'static str,
    places: Vec<(&'n str, Span, Option<usize>)>,
    /// The service that has all that no other names.
    rest: Option<usize>,
    /// A service says something of them that is not understood: what seems to be nobody's may be what it meant.
    doubtful: bool,
}

impl<'n> Parts<'n> {
    /// The parts that stand below a key of the manifest, those with mistakes among them.
    fn of(key: &'static str, one: &'static str, node: Option<&'n Node>) -> Parts<'n> {
        let entries: &[(Key, Node)] = match node.map(|node| &node.kind) {
            Some(Kind::Map(entries)) => entries,
            _ => &[],
        };
        let places = entries.iter().map(|(key, _)| (key.text.as_str(), key.span, None));
        Parts { key, one, places: places.collect(), rest: None, doubtful: false }
    }

    fn names(&self) -> Vec<&'n str> {
        self.places.iter().map(|(name, ..)| *name).collect()
    }

    /// Whether a part belongs to the service at this place.
    fn belongs(&self, name: &str, service: usize) -> bool {
        self.places.iter().any(|(place, _, owner)| *place == name && *owner == Some(service))
    }
}

impl Reader<'_> {
    /// Gives each part of the app to a service. Without the key the app is one, with all of it.
    pub(super) fn services(&mut self, map: &Map<'_>, model: &mut Model) {
        let Some((at, node)) = map.entry("services") else {
            model.services = vec![whole(model)];
            return;
        };
        model.services_named = true;
        let entries = self.names(node, "services", "names and what each exposes");
        if entries.is_empty() && (matches!(node.kind, Kind::Map(_)) || node.plain() == Some(Plain::Null)) {
            self.error_help(at.span, "`services` names none", "leave it out: without it the app is one service");
        }
        let mut collections = Parts::of("collections", "collection", map.get("collections"));
        let mut routes = Parts::of("routes", "route", map.get("routes"));
        let mut pipelines = Parts::of("pipelines", "pipeline", map.get("pipelines"));
        let mut services: Vec<Service> = Vec::with_capacity(entries.len());
        // Where one has a key that is none, what it meant is not known: nothing is said then of what seems to be nobody's.
        let mut all_understood = true;
        for (name, node) in entries {
            self.service_name(name);
            services.push(Service {
                name: name.text.clone(),
                port: None,
                collections: Vec::new(),
                routes: Vec::new(),
                pipelines: Vec::new(),
                pages: false,
                span: name.span,
            });
            let errors = self.errors();
            let map = self.map(node, name.span, &SERVICE);
            let understood = self.errors() == errors;
            all_understood &= understood;
            let Some(map) = map else { continue };
            self.claim(&mut collections, &services, &map, model);
            self.claim(&mut routes, &services, &map, model);
            self.claim(&mut pipelines, &services, &map, model);
            self.service(&mut services, &map, model, understood);
        }
        if !services.is_empty() && all_understood {
            self.unclaimed(&mut collections);
            self.unclaimed(&mut routes);
            self.unclaimed(&mut pipelines);
            self.unclaimed_pages(&services, map, model);
        }
        for (at, service) in services.iter_mut().enumerate() {
            let here = model.collections.iter().enumerate().filter(|(_, c)| collections.belongs(&c.name, at));
            service.collections = here.map(|(id, _)| CollectionId(id)).collect();
            let here = model.routes.iter().enumerate().filter(|(_, route)| routes.belongs(&route.path, at));
            service.routes = here.map(|(id, _)| RouteId(id)).collect();
            let here = model.pipelines.iter().enumerate().filter(|(_, one)| pipelines.belongs(&one.name, at));
            service.pipelines = here.map(|(id, _)| PipelineId(id)).collect();
        }
        self.doors_apart(&services, model);
        // What is wrong in the key leaves a model for further checks, which has a service as all models have.
        model.services = if services.is_empty() { vec![whole(model)] } else { services };
    }

    fn service_name(&mut self, name: &Key) {
        let text = name.text.as_str();
        let good = text.len() <= SERVICE_NAME_MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good {
            let help = format!(
                "it has lower-case letters, digits and `-`, begins with a letter, does not end with `-`, and has at most \
                 {SERVICE_NAME_MAX} characters"
            );
            self.error_help(name.span, format!("`{}` is no name of a service", shorten(text)), help);
        } else if text == GATEWAY {
            let help = "what routes to the services has this name";
            self.error_help(name.span, format!("`{GATEWAY}` is reserved"), help);
        }
    }

    /// What the last of these services says beside its parts, where its keys are `understood`.
    fn service(&mut self, services: &mut [Service], map: &Map<'_>, model: &Model, understood: bool) {
        let Some((service, earlier)) = services.split_last_mut() else { return };
        let exposes = ["collections", "routes", "pipelines", "pages"].into_iter().any(|key| map.get(key).is_some());
        if understood && !exposes {
            let help = "name its `collections`, `routes` or `pipelines`, or say `pages: true`";
            self.error_help(service.span, format!("the service `{}` exposes nothing", shorten(&service.name)), help);
        }
        if let Some((key, node)) = map.entry("port") {
            let port = self.count(node, key.span, "port", 1, u64::from(u16::MAX));
            service.port = port.and_then(|port| u16::try_from(port).ok());
        }
        let Some((key, node)) = map.entry("pages") else { return };
        if self.switch(node, key.span, "pages") != Some(true) {
            return;
        }
        service.pages = true;
        if let Some(other) = earlier.iter().find(|other| other.pages) {
            let help = "they belong to one service";
            self.error_help(key.span, format!("`{}` has the pages already", shorten(&other.name)), help);
        } else if model.pages.is_none() {
            self.error_help(key.span, "the app has no pages", "`public` says `none`");
        }
    }

    /// Gives the last of these services the parts that it names.
    fn claim(&mut self, parts: &mut Parts<'_>, services: &[Service], map: &Map<'_>, model: &Model) {
        let (key, of) = (parts.key, services.len() - 1);
        let Some((at, node)) = map.entry(key) else { return };
        let items = match &node.kind {
            Kind::Scalar { text, .. } if text == REST => std::slice::from_ref(node),
            _ => match self.items(node, at.span, key, &format!("{key}, or `\"*\"`"), super::keys::Empty::Allowed) {
                Some(items) => items,
                None => {
                    parts.doubtful = true;
                    return;
                }
            },
        };
        for item in items {
            let Some(name) = self.text(item, at.span, key) else {
                parts.doubtful = true;
                continue;
            };
            if name == REST {
                if items.len() > 1 {
                    let help = format!("write `{key}: \"*\"`");
                    self.error_help(item.span, "`*` is all that no other service names: it stands alone", help);
                } else if let Some(other) = parts.rest.replace(of) {
                    let other = shorten(&services[other].name);
                    let help = format!("name its {key} one by one, here or there");
                    self.error_help(item.span, format!("`{other}` has all other {key} already"), help);
                }
                continue;
            }
            let Some((_, _, owner)) = parts.places.iter_mut().find(|(place, ..)| *place == name) else {
                let help = unknown(parts, name, model);
                self.error_help(item.span, format!("there is no {} `{}`", parts.one, shorten(name)), help);
                parts.doubtful = true;
                continue;
            };
            match owner.replace(of) {
                None => {}
                Some(other) if other == of => {
                    self.error(item.span, format!("`{}` stands in the list already", shorten(name)));
                }
                Some(other) => {
                    let other = shorten(&services[other].name);
                    let help = format!("a {} belongs to one service", parts.one);
                    self.error_help(item.span, format!("`{}` belongs to `{other}` already", shorten(name)), help);
                }
            }
        }
    }

    /// Gives what no service named to the one that has all others, if there is one.
    fn unclaimed(&mut self, parts: &mut Parts<'_>) {
        let (key, one, rest) = (parts.key, parts.one, parts.rest);
        for (name, span, owner) in parts.places.iter_mut().filter(|(.., owner)| owner.is_none()) {
            *owner = rest;
            if rest.is_none() && !parts.doubtful {
                let help =
                    format!("name it in the `{key}` of one, or write `{key}: \"*\"` there for all that are left");
                self.error_help(*span, format!("the {one} `{}` belongs to no service", shorten(name)), help);
            }
        }
    }

    /// One path is answered by one service, whatever the method.
    fn doors_apart(&mut self, services: &[Service], model: &Model) {
        for (at, pipeline) in model.pipelines.iter().enumerate() {
            let mounted = |id: &CollectionId| {
                model.collection(*id).mount.as_ref().is_some_and(|mount| mount.path == pipeline.path)
            };
            let beside = services.iter().find(|service| {
                !service.pipelines.contains(&PipelineId(at))
                    && (service.collections.iter().any(mounted)
                        || service.routes.iter().any(|id| model.routes[id.0].path == pipeline.path))
            });
            if let Some(other) = beside {
                let message = format!("`{}` answers at `{}`, too", shorten(&other.name), shorten(&pipeline.path));
                let help = "a path belongs to one service: put both into one, or give the pipeline another path";
                self.error_help(pipeline.span, message, help);
            }
        }
    }

    /// Pages that the manifest speaks of must be somewhere. Whether there are any where it does not, is not known here.
    fn unclaimed_pages(&mut self, services: &[Service], map: &Map<'_>, model: &Model) {
        let told = model.pages.as_ref().is_some_and(|pages| pages.given);
        if told
            && services.iter().all(|service| !service.pages)
            && let Some((key, _)) = map.entry("public")
        {
            self.error_help(key.span, "the pages belong to no service", "write `pages: true` below one");
        }
    }
}

/// What would be right where a part was named that there is not.
fn unknown(parts: &Parts<'_>, name: &str, model: &Model) -> String {
    let mounted = model.collections.iter().find(|c| c.mount.as_ref().is_some_and(|mount| mount.path == name));
    if let Some(collection) = mounted {
        return format!("`{}` answers there: name it in `collections`", collection.name);
    }
    let names = parts.names();
    match suggest(name, &names, &[]) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.is_empty() => format!("the app has no {}", parts.key),
        None => format!("{} are {}", parts.key, list(&names)),
    }
}

/// The app as one service, with all of it, named as the app as far as a DNS label can.
fn whole(model: &Model) -> Service {
    let label = model.name.to_ascii_lowercase().replace('_', "-");
    let label = &label[..label.len().min(SERVICE_NAME_MAX)];
    Service {
        name: label.trim_end_matches('-').to_owned(),
        port: None,
        collections: (0..model.collections.len()).map(CollectionId).collect(),
        routes: (0..model.routes.len()).map(RouteId).collect(),
        pipelines: (0..model.pipelines.len()).map(PipelineId).collect(),
        pages: model.pages.is_some(),
        span: Span::default(),
    }
}
