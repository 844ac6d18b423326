//! What `pintle serve` says once it answers: where everything is, and how to make a first write.

use std::fmt::Write;
use std::net::SocketAddr;

use pintle_model::{Collection, Model};

use crate::app::App;
use crate::place::StoreArg;
use crate::shell::{program, quote};
use crate::ui::Look;

/// What the lines depend on.
#[derive(Debug)]
pub(crate) struct Banner<'a> {
    pub(crate) app: &'a App,
    pub(crate) store: &'a StoreArg,
    /// The bound address.
    pub(crate) address: SocketAddr,
    /// Anonymous callers on loopback act as service_role.
    pub(crate) dev: bool,
    /// Changes of the app are taken over.
    pub(crate) watch: bool,
    pub(crate) look: Look,
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
                let _ = writeln!(text, "  {}  {}", look.dim(&format!("{name:<7}")), look.link(&place));
                name = "";
            }
        }
        let _ = match self.dev {
            true => writeln!(text, "\n{}\n\n  Write:\n\n{}", self.warning(), self.first_write(None)),
            false => writeln!(text, "\n{}", self.first_token()),
        };
        let watches = if self.watch { "Changes of its files are taken over. " } else { "" };
        let _ = write!(text, "  {}", look.dim(&format!("{watches}Ctrl-C stops it.")));
        text
    }

    /// The address as a client on this machine would write it.
    fn origin(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("http://{address}")
    }

    fn places(&self, model: &Model) -> Vec<(&'static str, Vec<String>)> {
        let origin = self.origin();
        let mut api = Vec::new();
        for collection in model.collections.iter().filter(|c| !c.system) {
            api.extend(collection.mount.as_ref().map(|mount| format!("{origin}{}", mount.path)));
        }
        api.push(format!("{origin}/rest/v1"));
        // A long list would push the rest off the screen: the documentation has all.
        if api.len() > 6 {
            api.drain(5..api.len() - 1);
        }
        let pages = model.pages.as_ref().filter(|pages| self.app.folder.join(&pages.folder).is_dir());
        let mut places = vec![
            ("API", api),
            ("Docs", vec![format!("{origin}/docs")]),
            ("Health", vec![format!("{origin}/health")]),
            ("Metrics", vec![format!("{origin}/metrics")]),
        ];
        places.extend(pages.map(|pages| ("Pages", vec![format!("{origin}{}/", pages.at)])));
        places
    }

    fn warning(&self) -> String {
        let lines = [
            "WARNING: --dev. Whoever reaches this address without a token acts as service_role:",
            "they read, change and remove everything, past every policy. Never serve others so.",
        ];
        lines.map(|line| format!("  {}", self.look.loud(line))).join("\n")
    }

    /// How to make a token, and a write with it.
    fn first_token(&self) -> String {
        let role = match self.app.model().collections.iter().any(|c| !c.system && c.policies.insert.is_some()) {
            true => "authenticated",
            false => "service_role",
        };
        let mut command = format!("{} token create me --role {role}", program());
        let by_user = |c: &Collection| c.policies.insert.as_ref().is_some_and(|p| p.source.contains("auth.uid()"));
        if self.app.model().collections.iter().any(by_user) {
            command.push_str(" --user me");
        }
        let _ = write!(command, " --app {}{}", quote(&self.app.given), self.store.words());
        format!(
            "  To write, make a token (it is shown once), and send it along:\n\n    TOKEN=$({command})\n{}",
            self.first_write(Some("Authorization: Bearer $TOKEN"))
        )
    }

    /// A write that works, if one can be made up from the model.
    fn first_write(&self, header: Option<&str>) -> String {
        let Some((path, record)) = example(self.app.model()) else { return String::new() };
        let header = header.map(|header| format!(" -H \"{header}\"")).unwrap_or_default();
        format!(
            "    curl {}{path}{header} \\\n      -H 'Content-Type: application/json' -d {}\n",
            self.origin(),
            quote(record)
        )
    }
}

/// Where to write which record. Records that refer to others cannot be the first.
fn example(model: &Model) -> Option<(String, String)> {
    let refers = |c: &Collection| c.fields.iter().any(|field| field.reference.is_some());
    let fit = |c: &&Collection| !c.system && !refers(c);
    let policied = model.collections.iter().filter(fit).filter(|c| c.policies.insert.is_some());
    let mut wanted = policied.chain(model.collections.iter().filter(fit));
    wanted.find_map(|collection| {
        let record = pintle_server::openapi::example(collection)?;
        let path = match &collection.mount {
            Some(mount) if mount.methods.iter().any(|m| m == "POST") => mount.path.clone(),
            _ => format!("/rest/v1/{}", collection.name),
        };
        Some((path, record.to_string()))
    })
}
