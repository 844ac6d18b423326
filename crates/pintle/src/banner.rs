//! What `pintle serve` says once it answers: where everything is, and how to make a first write.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use pintle_model::{
    Collection, CollectionId, DefaultValue, Model, PipelineId, Role, Route, RouteAccess, RouteId, Service, ServiceId,
};

use crate::app::App;
use crate::place::StoreArg;
use crate::shell::{program, quote};
use crate::ui::Look;

/// What the lines depend on.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a StoreArg,
    /// The bound addresses, and the services that are exposed at each.
    pub(crate) bound: &'a [(SocketAddr, Vec<ServiceId>)],
    /// Anonymous callers on loopback act as service_role.
    pub(crate) dev: bool,
    /// Changes of the app are taken over.
    pub(crate) watch: bool,
    pub(crate) look: Look,
}

/// An address as a client on this machine would write it.
pub(crate) fn origin(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let v6 = std::net::Ipv6Addr::LOCALHOST;
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { v6.into() });
    }
    format!("http://{address}")
}

impl Banner<'_> {
    /// The lines.
    pub(crate) fn text(&self) -> String {
        let model = self.app.model();
        let look = self.look;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n  {} serves {} {}\n",
            look.bold(concat!("Pintle ", env!("CARGO_PKG_VERSION"))),
            look.bold(&model.name),
            look.dim(&format!("({})", self.app.given.display())),
        );
        for (name, places) in self.places(model) {
            let mut name = name;
            for place in places {
                let place = if place.starts_with("http") { look.link(&place) } else { look.dim(&place) };
                let _ = writeln!(text, "  {}  {place}", look.dim(&format!("{name:<7}")));
                name = "";
            }
        }
        let _ = match self.dev {
            true => writeln!(text, "\n{}\n{}", self.warning(), self.first_call()),
            false => writeln!(text, "{}", self.first_call()),
        };
        let watches = if self.watch { "Changes of its files are taken over. " } else { "" };
        let _ = write!(text, "  {}", look.dim(&format!("{watches}Ctrl-C stops it.")));
        text
    }

    /// The origins of what is served here.
    fn origins(&self) -> impl Iterator<Item = String> {
        self.bound.iter().map(|(address, _)| origin(*address))
    }

    /// The origin of the service that has something, if it is served here.
    fn origin_of(&self, has: impl Fn(&Service) -> bool) -> Option<String> {
        let serves = |ids: &[ServiceId]| ids.iter().any(|id| has(self.app.model().service(*id)));
        self.bound.iter().find(|(_, ids)| serves(ids)).map(|(address, _)| origin(*address))
    }

    /// The collections that are exposed here, each with its origin.
    fn collections(&self) -> impl Iterator<Item = (String, &Collection)> {
        let all = self.app.model().collections.iter().enumerate();
        all.filter_map(|(at, collection)| {
            let origin = self.origin_of(|service| service.collections.contains(&CollectionId(at)))?;
            Some((origin, collection))
        })
    }

    /// The routes that are exposed here, each with its origin.
    fn routes(&self) -> impl Iterator<Item = (String, &Route)> {
        let all = self.app.model().routes.iter().enumerate();
        all.filter_map(|(at, route)| Some((self.origin_of(|service| service.routes.contains(&RouteId(at)))?, route)))
    }

    fn places(&self, model: &Model) -> Vec<(&'static str, Vec<String>)> {
        let served: usize = self.bound.iter().map(|(_, services)| services.len()).sum();
        let apart = self.bound.len() > 1 || served < model.services.len();
        let services = self.bound.iter().filter(|_| apart).flat_map(|(address, services)| {
            services.iter().map(|id| format!("{}  {}", origin(*address), model.service(*id).name))
        });
        let mounted = self.collections().filter_map(|(origin, c)| Some(format!("{origin}{}", c.mount.as_ref()?.path)));
        let pipelines = model.pipelines.iter().enumerate().filter_map(|(at, pipeline)| {
            let origin = self.origin_of(|service| service.pipelines.contains(&PipelineId(at)))?;
            Some(format!("{origin}{}", pipeline.path))
        });
        let mut api = few(mounted.chain(pipelines).collect());
        let mut rest: Vec<_> = match apart {
            true => self.collections().map(|(origin, _)| format!("{origin}/rest/v1")).collect(),
            false => self.origins().map(|origin| format!("{origin}/rest/v1")).collect(),
        };
        rest.sort();
        rest.dedup();
        api.extend(rest);
        let mut routes: Vec<_> = self.routes().map(|(origin, route)| format!("{origin}{}", route.path)).collect();
        // The methods of a path stand together.
        routes.dedup();
        let pages = model.pages.as_ref().zip(self.origin_of(|service| service.pages)).map(|(pages, origin)| {
            let entrances = entrances(&self.app.folder.join(&pages.folder));
            few(entrances.iter().map(|path| format!("{origin}{}/{path}", pages.at)).collect())
        });
        let of_each = |path: &str| few(self.origins().map(|origin| format!("{origin}{path}")).collect());
        vec![
            ("Service", services.collect()),
            ("API", api),
            ("Routes", few(routes)),
            ("Pages", pages.unwrap_or_default()),
            ("Docs", of_each("/docs")),
            ("Health", of_each("/health")),
            ("Metrics", of_each("/metrics")),
        ]
    }

    fn warning(&self) -> String {
        let lines = [
            "WARNING: --dev. Whoever reaches this address without a token acts as service_role:",
            "they read, change and remove everything, past every policy. Never serve others so.",
        ];
        lines.map(|line| format!("  {}", self.look.loud(line))).join("\n")
    }

    /// What to do first: a write where a collection takes one, else to read which routes there are.
    fn first_call(&self) -> String {
        let model = self.app.model();
        let policied = self.collections().any(|(_, c)| c.policies.insert.is_some());
        let open = self.collections().any(|(_, c)| takes_all(c));
        // Where routes write, nobody is meant to go past the policies for it.
        let by_routes = model.routes.iter().any(|route| route.method != "GET") || self.collections().next().is_none();
        match (policied || !by_routes, self.dev) {
            (true, dev) if dev || open => match self.first_write(None) {
                write if write.is_empty() => write,
                write => format!("\n  Write:\n\n{write}"),
            },
            (true, _) => format!(
                "\n  To write, make a token (it is shown once), and send it along:\n\n{}{}",
                self.token(if policied { "authenticated" } else { "service_role" }),
                self.first_write(Some("Authorization: Bearer $TOKEN"))
            ),
            (false, dev) => match wanted(self.routes().map(|(_, route)| route)).filter(|_| !dev) {
                Some(role) => format!(
                    "\n  Its routes want a token (it is shown once), as `Authorization: Bearer TOKEN`:\n\n{}",
                    self.token(role.name())
                ),
                None => String::new(),
            },
        }
    }

    /// The command that makes a token.
    fn token(&self, role: &str) -> String {
        let mut command = format!("{} token create me --role {role}", program());
        let model = self.app.model();
        let by_user = |c: &Collection| c.policies.insert.as_ref().is_some_and(|p| p.source.contains("auth.uid()"));
        let of_user = |c: &Collection| c.fields.iter().any(|field| matches!(field.default, Some(DefaultValue::Uid)));
        if model.collections.iter().any(|c| by_user(c) || of_user(c)) {
            command.push_str(" --user me");
        }
        let _ = write!(command, " --app {}{}", quote(&self.app.given), self.store.words());
        format!("    TOKEN=$({command})\n")
    }

    /// A write that works, if one can be made up from the model.
    fn first_write(&self, header: Option<&str>) -> String {
        let Some((place, record)) = self.example() else { return String::new() };
        let header = header.map(|header| format!(" -H \"{header}\"")).unwrap_or_default();
        format!("    curl {place}{header} \\\n      -H 'Content-Type: application/json' -d {}\n", quote(record))
    }

    /// Where to write which record. Records that refer to others cannot be the first.
    fn example(&self) -> Option<(String, String)> {
        let refers = |c: &Collection| c.fields.iter().any(|field| field.reference.is_some());
        let fit = || self.collections().filter(|(_, c)| !refers(c));
        let open = fit().filter(|(_, c)| takes_all(c));
        let mut wanted = open.chain(fit().filter(|(_, c)| c.policies.insert.is_some())).chain(fit());
        wanted.find_map(|(origin, collection)| {
            let record = pintle_server::openapi::example(collection)?;
            let place = match &collection.mount {
                Some(mount) if mount.methods.iter().any(|m| m == "POST") => format!("{origin}{}", mount.path),
                _ => format!("{origin}/rest/v1/{}", collection.name),
            };
            Some((place, record.to_string()))
        })
    }
}

/// Whether anybody may add any record.
fn takes_all(collection: &Collection) -> bool {
    collection.policies.insert.as_ref().is_some_and(|policy| policy.source.trim() == "true")
}

/// The first ones: a long list would push the rest off the screen, and the documentation has all.
fn few(mut places: Vec<String>) -> Vec<String> {
    const MOST: usize = 5;
    if places.len() > MOST + 1 {
        let more = format!("and {} more", places.len() - MOST);
        places.truncate(MOST);
        places.push(more);
    }
    places
}

/// Where pages begin: the folder itself if it has an `index.html`, else the folders in it that have one.
fn entrances(folder: &Path) -> Vec<String> {
    let begins = |folder: &Path| folder.join("index.html").is_file();
    if begins(folder) {
        return vec![String::new()];
    }
    let inside = std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| begins(&entry.path()));
    let mut names: Vec<_> = inside.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// The least role that opens a route which not everybody may call.
fn wanted<'r>(routes: impl Iterator<Item = &'r Route>) -> Option<Role> {
    let access: Vec<RouteAccess> = routes.map(|route| route.access).collect();
    let user = access.contains(&RouteAccess::Required).then_some(Role::Authenticated);
    user.or_else(|| access.contains(&RouteAccess::ServiceRole).then_some(Role::ServiceRole))
}
