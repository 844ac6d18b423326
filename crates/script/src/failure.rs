//! What can be wrong with a script, and how a call can fail.

use std::fmt;
use std::time::Duration;

use crate::imports::Sources;

/// What is wrong with a script's text, or happened while its top level ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, relative to the app's folder.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the app's folder.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// Why a call gave no answer. Nothing that it wrote may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The script threw something that it did not catch, or its answer is none: for the log, not for the caller.
    Thrown {
        /// What was thrown, as `TypeError: x is not a function`.
        message: String,
        /// The first place of the stack that is in a file of the app.
        at: Option<Place>,
        /// The whole stack, a line a frame.
        stack: String,
    },
    /// `fail(…)`, or an error of the database that `throwOnError()` threw, and nobody caught: an answer to the caller.
    Failed {
        /// The status of the answer: 400 to 599.
        status: u16,
        /// The code; without one it is `PT` and the status.
        code: Option<String>,
        /// What was wrong.
        message: String,
        /// More of it, as JSON text.
        details: Option<String>,
        /// What would be right.
        hint: Option<String>,
    },
    /// It ran longer than it may.
    Time {
        /// What it may.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    Memory {
        /// What it may have.
        limit_bytes: usize,
    },
    /// Its calls were nested too deeply.
    Stack {
        /// What the stack may take.
        limit_bytes: usize,
    },
    /// Its answer is longer than it may be.
    Output {
        /// What it may be.
        limit_bytes: usize,
    },
    /// The host ended it: it knows why.
    Ended,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.path, self.line, self.column)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Thrown { message, at: Some(place), .. } => write!(out, "{place}: {message}"),
            Failure::Thrown { message, .. } | Failure::Failed { message, .. } => out.write_str(message),
            Failure::Time { limit } => write!(out, "the script ran longer than {} ms", limit.as_millis()),
            Failure::Memory { limit_bytes } => write!(out, "the script wanted more than {limit_bytes} bytes of memory"),
            Failure::Stack { limit_bytes } => {
                write!(out, "the script's calls were nested too deeply for {limit_bytes} bytes of stack")
            }
            Failure::Output { limit_bytes } => write!(out, "the script's answer is longer than {limit_bytes} bytes"),
            Failure::Ended => out.write_str("the script was ended"),
        }
    }
}

impl std::error::Error for Failure {}

/// The first place of a stack that is in a file of the app.
pub(crate) fn place(stack: &str, sources: &Sources) -> Option<Place> {
    stack.lines().find_map(|line| frame(line, sources)).map(|(_, place)| place)
}

/// A stack whose places in the app's files have columns in characters: the engine counts bytes.
pub(crate) fn in_characters(stack: &str, sources: &Sources) -> String {
    let shown = stack.lines().map(|line| match frame(line, sources) {
        // It stands at the end, where a function's name cannot be taken for it.
        Some((text, place)) => match line.rsplit_once(text) {
            Some((before, behind)) => format!("{before}{place}{behind}"),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// What a line of a stack says of a place in a file of the app, and the place.
fn frame<'t>(line: &'t str, sources: &Sources) -> Option<(&'t str, Place)> {
    // `    at name (path:line:column)`, or without a name and parentheses.
    let text = line.trim().strip_prefix("at ")?;
    let text = text.rsplit_once('(').map_or(text, |(_, place)| place).trim_end_matches(')');
    let mut parts = text.rsplitn(3, ':');
    let (column, line, path) = (parts.next()?.parse::<usize>().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let source = sources.get(path)?.lines().nth(usize::try_from(line).ok()?.saturating_sub(1)).unwrap_or_default();
    let before = source.char_indices().take_while(|(at, _)| at + 1 < column).count();
    let beyond = column.saturating_sub(source.len() + 1);
    let column = u32::try_from(before + beyond + 1).unwrap_or(u32::MAX);
    Some((text, Place { path: path.to_owned(), line, column }))
}
