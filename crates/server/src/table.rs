//! Which service a path belongs to: the paths of all services in one table, for who sends requests on to them.

use percent_encoding::percent_decode_str;
use pintle_model::likeness::meant;
use pintle_model::{Model, ServiceId};

use crate::grpc::Call;
use crate::routes::{Doorway, Endpoint, endpoints, is_below};
use crate::{Error, Exposure};

/// All paths of an app, and the service that answers each.
#[derive(Debug)]
pub struct Table {
    paths: matchit::Router<Owner>,
    /// Where pages are served, and by whom.
    pages: Option<(String, ServiceId)>,
    /// The collections with their services.
    collections: Vec<(String, ServiceId)>,
}

/// Who answers a path.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// Every service, about itself.
    Each,
    One(ServiceId),
    /// Whoever has the collection that was probably meant, which its answer names.
    Meant,
}

/// Who says that there is nothing at a path: all say the same.
const ANY: ServiceId = ServiceId(0);

impl Table {
    /// The table of an app.
    ///
    /// # Errors
    /// When two things want the same path.
    pub fn new(model: &Model) -> Result<Table, Error> {
        let owner = |found: &dyn Fn(&pintle_model::Service) -> bool| {
            let at = model.services.iter().position(found);
            at.map_or(ANY, ServiceId)
        };
        let pages = model.services.iter().position(|service| service.pages).map(ServiceId);
        let pages = model.pages.as_ref().zip(pages).map(|(pages, id)| (pages.at.clone(), id));
        let mut table = Table {
            paths: matchit::Router::new(),
            collections: Exposure::whole(model)
                .collections
                .iter()
                .map(|id| (model.collection(*id).name.clone(), owner(&|service| service.collections.contains(id))))
                .collect(),
            pages,
        };
        for (patterns, endpoint) in endpoints(model, &Exposure::whole(model)) {
            let owner = match endpoint {
                Endpoint::Live | Endpoint::Ready | Endpoint::Health | Endpoint::Metrics | Endpoint::Docs => Owner::Each,
                Endpoint::Rest(id) => Owner::One(owner(&|service| service.collections.contains(&id))),
                Endpoint::List(at) | Endpoint::One(at) => {
                    Owner::One(owner(&|service| service.collections.contains(&at.collection)))
                }
                Endpoint::Door(Doorway { id, .. }) | Endpoint::Call(Call::Take { id, .. }) => {
                    Owner::One(owner(&|service| service.pipelines.contains(&id)))
                }
                Endpoint::Call(Call::Reflection | Call::Health) => Owner::Each,
                Endpoint::Own(own) => {
                    Owner::One(owner(&|service| own.methods.iter().all(|(_, id)| service.routes.contains(id))))
                }
                Endpoint::Home => match &table.pages {
                    Some((at, id)) if at.is_empty() => Owner::One(*id),
                    _ => Owner::Each,
                },
                Endpoint::RestUnknown => Owner::Meant,
                Endpoint::RestFunction | Endpoint::RestRoot | Endpoint::RestPath => Owner::One(ANY),
                Endpoint::Page | Endpoint::Nothing => continue,
            };
            for pattern in patterns {
                let taken =
                    |error: matchit::InsertError| Error::Path { path: pattern.clone(), reason: error.to_string() };
                table.paths.insert(pattern.clone(), owner).map_err(taken)?;
            }
        }
        Ok(table)
    }

    /// The service that answers a path, as it is sent. `None` where each answers about itself: health, metrics and
    /// documentation. Where there is nothing, a service that says so.
    #[must_use]
    pub fn service(&self, path: &str) -> Option<ServiceId> {
        let Ok(found) = self.paths.at(path) else {
            let pages = self.pages.as_ref().filter(|(at, _)| is_below(path, at));
            return Some(pages.map_or(ANY, |(_, id)| *id));
        };
        match found.value {
            Owner::Each => None,
            Owner::One(id) => Some(*id),
            Owner::Meant => {
                let name = found.params.get("collection").unwrap_or_default();
                let name = percent_decode_str(name).decode_utf8_lossy();
                let meant = meant(&name, self.collections.iter().map(|(name, _)| name.as_str()));
                let of = |wanted: &str| self.collections.iter().find(|(name, _)| name == wanted).map(|(_, id)| *id);
                Some(of(&name).or_else(|| of(meant?)).unwrap_or(ANY))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_the_service_that_exposes_it() {
        let text = "\
pintle: 1
collections: { persons: { rest: /api/persons }, groups: { rest: /api/groups } }
routes:
  /search: { get: { sql: SELECT 1 }, post: { sql: SELECT 1 } }
  /search/{x}: { get: { params: { x: text }, sql: SELECT 1 } }
public: { folder: web, at: /app }
services:
  persons: { collections: [persons], routes: [/search] }
  groups: { collections: '*', routes: '*' }
  page: { pages: true }
";
        let load = |text: &str| pintle_model::load("pintle.yaml", text, &|_| Err(String::new())).0.unwrap();
        let model = load(text);
        let table = Table::new(&model).unwrap();
        let owner = |path: &str| table.service(path).map_or("each", |id| model.service(id).name.as_str());
        for (path, wanted) in [
            ("/rest/v1/persons", "persons"),
            ("/rest/v1/groups/", "groups"),
            ("/api/persons", "persons"),
            ("/api/persons/7", "persons"),
            ("/api/groups/7/", "groups"),
            ("/search", "persons"),
            ("/search/", "persons"),
            ("/search/a%20b", "groups"),
            ("/app", "page"),
            ("/app/index.html", "page"),
            ("/apple", "persons"),
            ("/nothing", "persons"),
            // Its answer names what was probably meant.
            ("/rest/v1/group", "groups"),
            ("/rest/v1/person", "persons"),
            ("/rest/v1/rpc/f", "persons"),
            ("/", "each"),
            ("/docs", "each"),
            ("/docs/start.js", "each"),
            ("/openapi.json", "each"),
            ("/health", "each"),
            ("/health/ready", "each"),
            ("/metrics", "each"),
        ] {
            assert_eq!(owner(path), wanted, "{path}");
        }
        // Pages at `/` are behind all else that there is.
        let model = load(&text.replace(", at: /app", ""));
        let table = Table::new(&model).unwrap();
        for (path, wanted) in [("/", "page"), ("/x.css", "page"), ("/search", "persons")] {
            assert_eq!(table.service(path).map(|id| model.service(id).name.as_str()), Some(wanted), "{path}");
        }
    }
}
