//! What the user reads: results on standard output, the rest on standard error.
//!
//! A reader that went away (`pintle schema | head`) is no error of ours. A result that could not be written for another reason, such as a
//! full disk, is one: it is remembered, and told when the command has ended.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

/// Why a result was not written.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Prints a result.
pub(crate) fn out(text: &str) {
    if let Err(error) = print(&mut io::stdout().lock(), text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error);
    }
}

/// Why a result was not written, if one was not.
pub(crate) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get()
}

/// Prints what is no result: progress, warnings, failures.
pub(crate) fn err(text: &str) {
    // Nobody is left to be told.
    let _ = print(&mut io::stderr().lock(), text);
}

fn print(to: &mut impl Write, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(to, "{text}").and_then(|()| to.flush())
}

/// How standard output or standard error may look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Colours are welcome.
    pub(crate) colour: bool,
}

impl Look {
    /// Standard output's.
    pub(crate) fn of_out() -> Look {
        Look::of(io::stdout().is_terminal())
    }

    /// Standard error's.
    pub(crate) fn of_err() -> Look {
        Look::of(io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Look {
        let unwelcome = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        Look { colour: terminal && !unwelcome }
    }

    /// Bold, where that is welcome.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Faint.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A link.
    pub(crate) fn link(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// A warning that nobody should miss.
    pub(crate) fn loud(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
