//! What answers a route: SQL, in a file or in place, a script, or proximity.

use std::sync::Arc;

use super::keys::{ALIASES, SHAPES, SQL};
use super::name::{shorten, suggest};
use super::{Map, Reader};
use crate::yaml::{Kind, Node};
use crate::{Collection, ResultShape, RouteAnswer, RouteParam, ScriptFile, SourceFile, Span, SqlAnswer, SqlText};

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Sql,
    Script,
    Proximity,
}

impl Reader<'_> {
    /// Which of them answers; nothing where that is not told. `at` is where the method stands.
    pub(super) fn answer(&mut self, at: Span, map: &Map<'_>) -> Option<Answer> {
        let kinds = [("sql", Answer::Sql), ("script", Answer::Script), ("proximity", Answer::Proximity)];
        let mut given = kinds.iter().filter_map(|(name, kind)| Some((map.entry(name)?.0, *kind)));
        match (given.next(), given.next()) {
            (Some((_, kind)), None) => Some(kind),
            (Some(_), Some((key, _))) => {
                self.error_help(key.span, "a route has one of `sql`, `script` and `proximity`", "keep one of them");
                None
            }
            (None, _) => {
                // A key that was meant is not missing as well.
                let known = |key: &str| map.table.entries.iter().any(|entry| entry.key == key);
                let meant = |key: &str| !known(key) && suggest(key, &["sql", "script", "proximity"], ALIASES).is_some();
                if !map.entries.iter().any(|(key, _)| meant(&key.text)) {
                    self.error_help(at, "nothing answers here", "give it `sql`, `script` or `proximity`");
                }
                None
            }
        }
    }

    pub(super) fn shape(&mut self, map: &Map<'_>) -> ResultShape {
        let shape = map.entry("result").and_then(|(key, node)| self.choice(node, key.span, "result", SHAPES));
        match shape {
            Some("row") => ResultShape::Row,
            Some("value") => ResultShape::Value,
            _ => ResultShape::Rows,
        }
    }

    /// Reads what answers.
    pub(super) fn answered(
        &mut self,
        map: &Map<'_>,
        answer: Answer,
        shape: ResultShape,
        params: &mut Vec<RouteParam>,
        collections: &[Collection],
    ) -> Option<RouteAnswer> {
        if answer == Answer::Script {
            let (key, node) = map.entry("script")?;
            return self.script(key.span, node, "script").map(RouteAnswer::Script);
        }
        if answer == Answer::Proximity {
            let (key, node) = map.entry("proximity")?;
            return self.proximity(key.span, node, params, collections).map(RouteAnswer::Proximity);
        }
        let (key, node) = map.entry("sql")?;
        let (sqlite, postgres) = if let Kind::Map(_) = node.kind {
            let map = self.map(node, key.span, &SQL)?;
            let sqlite = map.entry("sqlite").and_then(|(key, node)| self.sql(key.span, node, "sqlite"));
            let postgres = map.entry("postgres").and_then(|(key, node)| self.sql(key.span, node, "postgres"));
            (sqlite?, postgres?)
        } else {
            let both = self.sql(key.span, node, "sql")?;
            (both.clone(), both)
        };
        Some(RouteAnswer::Sql(SqlAnswer { sqlite, postgres, shape }))
    }

    fn sql(&mut self, at: Span, node: &Node, key: &str) -> Option<SqlText> {
        let written = self.text(node, at, key)?;
        let text = written.trim();
        if text.is_empty() {
            self.error_help(node.span, format!("`{key}` is empty"), "it is SQL, or the path of a file with it");
            return None;
        }
        if text.ends_with(".sql") && !text.contains('\n') {
            let file = self.named_file(node.span, text)?;
            let span = Span { start: 0, end: file.text.len() };
            return Some(SqlText { text: file.text.clone(), file, span });
        }
        // Where the statement stands in the file as it is, the span is exactly its own.
        let raw = self.source.text.get(node.span.start..node.span.end).unwrap_or_default();
        let span = raw.find(text).map_or(node.span, |offset| {
            let start = node.span.start + offset;
            Span { start, end: start + text.len() }
        });
        Some(SqlText { text: text.to_owned(), file: Arc::clone(&self.source), span })
    }

    /// A script that the manifest names.
    pub(super) fn script(&mut self, at: Span, node: &Node, key: &str) -> Option<ScriptFile> {
        let path = self.text(node, at, key)?;
        if !path.ends_with(".js") && !path.ends_with(".mjs") || path.contains('\n') {
            let help = if path.ends_with(".ts") {
                "TypeScript is not run; `pintle types` makes declarations, with which editors check JavaScript as well"
            } else {
                "it is the path of an ES module, which ends with `.js`: `routes/view.js`"
            };
            self.error_help(node.span, format!("`{}` is no script", shorten(path)), help);
            return None;
        }
        let text = self.named_file(node.span, path)?.text.clone();
        Some(ScriptFile { file: Arc::new(SourceFile { path: path.to_owned(), text }), span: node.span })
    }
}
