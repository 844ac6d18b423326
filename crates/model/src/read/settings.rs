//! What an app sets beside its data.

use super::Reader;
use super::keys::{CORS, DEPTH_MAX, Empty, LIMITS};
use super::name::shorten;
use crate::yaml::Node;
use crate::{Cors, Durability, Limits, Span};

impl Reader<'_> {
    pub(super) fn durability(&mut self, at: Span, node: &Node) -> Durability {
        match self.choice(node, at, "durability", &["full", "relaxed"]) {
            Some("relaxed") => Durability::Relaxed,
            _ => Durability::Full,
        }
    }

    pub(super) fn limits(&mut self, at: Span, node: &Node) -> Limits {
        let mut limits = Limits::default();
        let Some(map) = self.map(node, at, &LIMITS) else { return limits };
        if let Some((key, node)) = map.entry("body")
            && let Some(bytes) = self.size(node, key.span, "body", 1, 1 << 30)
        {
            limits.body_bytes = bytes;
        }
        if let Some((key, node)) = map.entry("url")
            && let Some(bytes) = self.size(node, key.span, "url", 256, 60 << 10)
        {
            limits.url_bytes = bytes;
        }
        if let Some((key, node)) = map.entry("depth")
            && let Some(depth) = self.count(node, key.span, "depth", 1, DEPTH_MAX)
        {
            limits.depth = u32::try_from(depth).unwrap_or(limits.depth);
        }
        if let Some((key, node)) = map.entry("rows")
            && let Some(rows) = self.count_or_none(node, key.span, "rows")
        {
            limits.rows = rows;
        }
        if let Some((key, node)) = map.entry("timeout")
            && let Some(timeout) = self.duration(node, key.span, "timeout", 100, 3_600_000)
        {
            limits.timeout = timeout;
        }
        if let Some((key, node)) = map.entry("cache")
            && let Some(bytes) = self.size(node, key.span, "cache", 0, 64 << 30)
        {
            limits.cache_bytes = bytes;
        }
        limits
    }

    pub(super) fn cors(&mut self, at: Span, node: &Node) -> Cors {
        let mut cors = Cors::default();
        let Some(map) = self.map(node, at, &CORS) else { return cors };
        if let Some((key, node)) = map.entry("origins") {
            cors.origins = self.origins(key.span, node);
        }
        if let Some((key, node)) = map.entry("credentials") {
            cors.credentials = self.switch(node, key.span, "credentials").unwrap_or(false);
            if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
                let help = "browsers refuse that: list the origins";
                self.error_help(node.span, "credentials cannot be sent from any origin", help);
            }
        }
        if let Some((key, node)) = map.entry("max_age") {
            cors.max_age = self.duration(node, key.span, "max_age", 0, 86_400_000);
        }
        cors
    }

    fn origins(&mut self, at: Span, node: &Node) -> Vec<String> {
        let Some(items) = self.items(node, at, "origins", "origins", Empty::Refused) else { return Vec::new() };
        let mut origins: Vec<String> = Vec::with_capacity(items.len());
        for item in items {
            let Some(origin) = self.text(item, at, "origins") else { continue };
            if origin == "*" && items.len() > 1 {
                self.error_help(item.span, "`*` is any origin: it stands alone", "remove the others, or the `*`");
            } else if let Some(help) = origin_fault(origin) {
                self.error_help(item.span, format!("`{}` is no origin", shorten(origin)), help);
            } else if origins.iter().any(|other| other == origin) {
                self.error(item.span, format!("`{origin}` stands in the list already"));
            } else {
                origins.push(origin.to_owned());
            }
        }
        origins
    }
}

/// Why this is no origin, as browsers write them.
pub(super) fn origin_fault(origin: &str) -> Option<&'static str> {
    if origin == "*" {
        return None;
    }
    if origin == "null" {
        return Some("every sandboxed page has it: name the origins");
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Some("an origin is scheme, host and perhaps port: `https://example.com`");
    };
    let scheme_good = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    if !scheme_good || rest.is_empty() {
        return Some("an origin is scheme, host and perhaps port: `https://example.com`");
    }
    if rest.contains('*') {
        return Some("there are no wildcards inside an origin: list each, or `*` alone");
    }
    if rest.contains(['/', '?', '#', '@']) {
        return Some("an origin ends with its host or port: there is no `/` behind it");
    }
    if rest.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some("hosts are written in lower case");
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or(("", ""), |(host, port)| (host, port)),
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
        return Some(
            "its host has other characters than letters, digits, `-` and `.` (write international names in Punycode)",
        );
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("443") if scheme == "https" => Some("leave out the port 443, which is that of https"),
        Some("80") if scheme == "http" => Some("leave out the port 80, which is that of http"),
        Some(port) if port.parse::<u16>().is_ok_and(|n| n > 0) => None,
        _ => Some("its port is no number from 1 to 65535"),
    }
}
