//! What the manifest takes from outside: scripts' rights, variables of the environment, credentials, pages. What is secret
//! never stands in it.

use super::Map;
use super::keys::{AUTH, Empty, NONE, PUBLIC, SCRIPT_LIMITS, SCRIPTS};
use super::name::shorten;
use super::settings::origin_fault;
use super::{Reader, stays_inside};
use crate::yaml::{Kind, Node};
use crate::{Credentials, FetchTarget, Pages, ScriptLimits, Scripts, Span};

/// How the manifest speaks of a variable.
const FORM: &str = "write `${env:NAME}`; a name has capital letters, digits and `_`, and begins with no digit";

impl Pages {
    /// The folder that is served where the manifest says nothing.
    pub(super) fn usual() -> Pages {
        Pages {
            folder: "public".to_owned(),
            at: String::new(),
            content_security_policy: None,
            fallback: None,
            given: false,
            span: Span::default(),
        }
    }
}

/// Whether this is a name of a variable: `[A-Z_][A-Z0-9_]*`.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The name in `${env:NAME}`.
fn variable(text: &str) -> Option<&str> {
    text.strip_prefix("${env:")?.strip_suffix('}').filter(|name| is_variable(name))
}

impl Reader<'_> {
    pub(super) fn scripts(&mut self, at: Span, node: &Node) -> Scripts {
        let mut scripts = Scripts::default();
        let Some(map) = self.map(node, at, &SCRIPTS) else { return scripts };
        if let Some((key, node)) = map.entry("environment") {
            scripts.environment = self.environment(key.span, node);
        }
        if let Some((key, node)) = map.entry("fetch") {
            scripts.fetch = self.fetch(key.span, node);
        }
        if let Some((key, node)) = map.entry("limits") {
            scripts.limits = self.script_limits(key.span, node);
        }
        scripts
    }

    fn environment(&mut self, at: Span, node: &Node) -> Vec<String> {
        let items = self.items(node, at, "environment", "names of variables", Empty::Allowed).unwrap_or_default();
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for item in items {
            let Some(name) = self.text(item, at, "environment") else { continue };
            if let Some(inner) = variable(name) {
                self.error_help(item.span, "here stands the name of a variable alone", format!("write `{inner}`"));
            } else if !is_variable(name) {
                let help = "it has capital letters, digits and `_`, and begins with no digit";
                self.error_help(item.span, format!("`{}` is no name of a variable", shorten(name)), help);
            } else if name.starts_with("PINTLE_") {
                let help = "variables that begin with `PINTLE_` are the server's settings";
                self.error_help(item.span, format!("`{name}` is not for scripts"), help);
            } else if names.iter().any(|other| other == name) {
                self.error(item.span, format!("`{name}` stands in the list already"));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn fetch(&mut self, at: Span, node: &Node) -> Vec<FetchTarget> {
        let items = self.items(node, at, "fetch", "origins", Empty::Allowed).unwrap_or_default();
        let mut targets: Vec<FetchTarget> = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = self.text(item, at, "fetch") else { continue };
            let target = match variable(text) {
                Some(name) => FetchTarget::Variable(name.to_owned()),
                None => FetchTarget::Origin(text.to_owned()),
            };
            let fault = match &target {
                FetchTarget::Variable(_) => None,
                FetchTarget::Origin(_) if text.starts_with('$') => Some(FORM),
                FetchTarget::Origin(origin) => fetch_fault(origin),
            };
            if let Some(help) = fault {
                self.error_help(item.span, format!("`fetch` cannot go to `{}`", shorten(text)), help);
            } else if targets.contains(&target) {
                self.error(item.span, format!("`{text}` stands in the list already"));
            } else {
                targets.push(target);
            }
        }
        targets
    }

    fn script_limits(&mut self, at: Span, node: &Node) -> ScriptLimits {
        let mut limits = ScriptLimits::default();
        let Some(map) = self.map(node, at, &SCRIPT_LIMITS) else { return limits };
        if let Some((key, node)) = map.entry("read_time")
            && let Some(time) = self.duration(node, key.span, "read_time", 10, 60_000)
        {
            limits.read_time = time;
        }
        if let Some((key, node)) = map.entry("write_time")
            && let Some(time) = self.duration(node, key.span, "write_time", 10, 10_000)
        {
            limits.write_time = Some(time);
        }
        if let Some((key, node)) = map.entry("memory")
            && let Some(bytes) = self.size(node, key.span, "memory", 1 << 20, 1 << 30)
        {
            limits.memory_bytes = bytes;
        }
        if let Some((key, node)) = map.entry("stack")
            && let Some(bytes) = self.size(node, key.span, "stack", 64 << 10, 1 << 20)
        {
            limits.stack_bytes = bytes;
        }
        limits
    }

    pub(super) fn credentials(&mut self, at: Span, node: &Node) -> Credentials {
        let mut credentials = Credentials::default();
        let Some(map) = self.map(node, at, &AUTH) else { return credentials };
        if let Some((key, node)) = map.entry("tokens") {
            credentials.tokens = self.tokens(key.span, node);
        }
        if let Some((key, node)) = map.entry("basic") {
            credentials.basic = self.switch(node, key.span, "basic").unwrap_or(false);
        }
        credentials
    }

    /// The variable that holds tokens. The tokens themselves are secrets: a message repeats nothing of them.
    fn tokens(&mut self, at: Span, node: &Node) -> Option<String> {
        let text = match &node.kind {
            Kind::Map(entries) if !entries.is_empty() => "{",
            _ => self.text(node, at, "tokens")?,
        };
        if let Some(name) = variable(text) {
            return Some(name.to_owned());
        }
        if text.starts_with('$') || is_variable(text) {
            self.error_help(node.span, "`tokens` is a variable of the environment", FORM);
        } else {
            let help = "write `tokens: ${env:AUTH_TOKENS}`, and give that variable to the server: a JSON object such as \
                        {\"TOKEN\": \"user\"}, or its file as `AUTH_TOKENS_FILE`";
            self.error_help(node.span, "secrets do not stand in a manifest", help);
        }
        None
    }

    /// The folder of pages; nothing where the manifest says `none`.
    pub(super) fn public(&mut self, at: Span, node: &Node) -> Option<Pages> {
        let mut pages = Pages { given: true, span: node.span, ..Pages::usual() };
        let (at, node) = if let Kind::Map(_) = node.kind {
            let map = self.map(node, at, &PUBLIC)?;
            if let Some((key, node)) = map.entry("at")
                && let Some(path) = self.text(node, key.span, "at")
                && path != "/"
                && self.fixed_path(path, node.span)
            {
                path.clone_into(&mut pages.at);
            }
            pages.content_security_policy = self.header_text(&map, "content_security_policy");
            if let Some((key, node)) = map.entry("fallback")
                && let Some(page) = self.text(node, key.span, "fallback")
                && self.served_path(page, node.span)
            {
                pages.fallback = Some(page.to_owned());
            }
            map.entry("folder").map(|(key, node)| (key.span, node))?
        } else {
            (at, node)
        };
        let folder = self.text(node, at, "public")?;
        if NONE.contains(&folder) && pages.span == node.span {
            return None;
        }
        pages.span = node.span;
        if !self.served_path(folder, node.span) {
            return None;
        }
        pages.folder = folder.to_owned();
        Some(pages)
    }

    /// Whether this is the path of a folder or a file that may be served.
    fn served_path(&mut self, path: &str, span: Span) -> bool {
        let good = stays_inside(path) && !path.split('/').any(|part| part.starts_with('.'));
        if !good {
            let help = "it is a path inside the folder, with `/` between its parts, and no part begins with `.`";
            self.error_help(span, format!("`{}` cannot be served", shorten(path)), help);
        }
        good
    }

    /// A text that a header can hold.
    fn header_text(&mut self, map: &Map<'_>, name: &str) -> Option<String> {
        let (key, node) = map.entry(name)?;
        let text = self.text(node, key.span, name)?.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            self.error_help(node.span, format!("`{}` is no value of a header", shorten(text)), "one line of ASCII");
            return None;
        }
        Some(text.to_owned())
    }
}

/// Why `fetch` cannot go to this origin.
fn fetch_fault(origin: &str) -> Option<&'static str> {
    let scheme = origin.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        _ if origin.contains('*') => {
            Some("there are no wildcards: list each origin, such as `https://api.example.com`")
        }
        Some("http" | "https") => origin_fault(origin),
        Some(_) => Some("it speaks http and https"),
        None => {
            Some("an origin is scheme, host and perhaps port: `https://api.example.com`; a variable is `${env:NAME}`")
        }
    }
}
