//! Why a command did not do as it was told.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// What went wrong and where, and what would be right. Displays as the user sees it; empty if all was said already.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
    usage: bool,
}

impl Failure {
    /// What went wrong, and where.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), ..Failure::default() }
    }

    /// The command line asks for what cannot be.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), usage: true, ..Failure::default() }
    }

    /// What the process ends with: 2 for the command line's mistakes, 1 for all else.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }

    /// `context`, and every reason that the error has.
    pub(crate) fn because(context: impl fmt::Display, error: &dyn Error) -> Failure {
        let mut message = format!("{context}: {error}");
        let mut source = error.source();
        while let Some(error) = source {
            let reason = error.to_string();
            // Some errors repeat their source in their own words.
            if !message.ends_with(&reason) {
                message = format!("{message}: {reason}");
            }
            source = error.source();
        }
        Failure::new(message)
    }

    /// Everything was printed already.
    pub(crate) fn said() -> Failure {
        Failure::default()
    }

    /// What would be right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return Ok(());
        }
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", help.replace('\n', "\n        ")),
            None => Ok(()),
        }
    }
}
