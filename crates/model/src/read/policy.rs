//! Policies, as text: what they mean is checked where SQL is known.

use super::Reader;
use super::keys::{POLICIES, UPDATE};
use crate::yaml::{Kind, Node, Plain};
use crate::{Policies, Policy, Span, UpdatePolicy};

impl Policies {
    /// The texts of all policies.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        let update = self.update.as_ref();
        let all = [self.select.as_ref(), self.insert.as_ref(), self.delete.as_ref()];
        let update = [update.map(|update| &update.using), update.map(|update| &update.check)];
        all.into_iter().chain(update).flatten().map(|policy| policy.source.as_str())
    }
}

impl Reader<'_> {
    pub(super) fn policies(&mut self, at: Span, node: &Node) -> Policies {
        if node.plain() == Some(Plain::Null) {
            return Policies::default();
        }
        let Some(map) = self.map(node, at, &POLICIES) else { return Policies::default() };
        let mut policy = |key: &str| {
            let (at, node) = map.entry(key)?;
            self.policy(at.span, node, key)
        };
        let (select, insert, delete) = (policy("select"), policy("insert"), policy("delete"));
        let update = map.entry("update").and_then(|(key, node)| self.update(key.span, node));
        Policies { select, insert, update, delete }
    }

    fn update(&mut self, at: Span, node: &Node) -> Option<UpdatePolicy> {
        if !matches!(node.kind, Kind::Map(_)) {
            let both = self.policy(at, node, "update")?;
            return Some(UpdatePolicy { using: both.clone(), check: both });
        }
        let map = self.map(node, at, &UPDATE)?;
        let using = map.entry("using").and_then(|(key, node)| self.policy(key.span, node, "using"));
        let check = match map.entry("check") {
            Some((key, node)) => self.policy(key.span, node, "check"),
            None => using.clone(),
        };
        Some(UpdatePolicy { using: using?, check: check? })
    }

    pub(super) fn policy(&mut self, at: Span, node: &Node, key: &str) -> Option<Policy> {
        let source = self.scalar(node, at, key)?.trim();
        if source.is_empty() {
            self.error_help(
                node.span,
                format!("`{key}` is empty"),
                "leave it out: an action without a policy is denied",
            );
            return None;
        }
        // Where the expression stands in the file as it is, the span is exactly its own.
        let raw = self.source.text.get(node.span.start..node.span.end).unwrap_or_default();
        let span = raw.find(source).map_or(node.span, |offset| {
            let start = node.span.start + offset;
            Span { start, end: start + source.len() }
        });
        Some(Policy { source: source.to_owned(), span })
    }
}
