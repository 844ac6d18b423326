//! How several servers are, one line each: written over on a terminal, else a line for each change.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use crate::banner::origin;
use crate::ui::Look;

/// How one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    /// It was ready, and says why it is not now.
    NotReady(String),
    /// How its process ended.
    Ended(String),
}

/// The lines.
#[derive(Debug)]
pub(crate) struct Board {
    lines: Vec<(String, String, State)>,
    look: Look,
    /// Written over.
    seen: bool,
    stopping: bool,
}

impl Board {
    /// Lines of a name and an address each, all starting.
    pub(crate) fn new(lines: &[(String, SocketAddr)], look: Look) -> Board {
        let lines: Vec<_> =
            lines.iter().map(|(name, address)| (name.clone(), origin(*address), State::Starting)).collect();
        let board = Board { lines, look, seen: std::io::stdout().is_terminal(), stopping: false };
        if board.seen {
            board.write(&format!("\n{}", board.all()));
        }
        board
    }

    /// Shows how one is now.
    pub(crate) fn set(&mut self, line: usize, state: State) {
        if self.lines[line].2 == state {
            return;
        }
        self.lines[line].2 = state;
        if self.seen {
            self.write(&format!("{}{}", self.above(), self.all()));
        } else {
            self.write(&format!("{}\n", self.line(line)));
        }
    }

    /// Shows a line of a log, above all.
    pub(crate) fn say(&self, name: &str, text: &str) {
        let text = format!("{} {text}\n", self.look.dim(&format!("{name} |")));
        if self.seen {
            self.write(&format!("{}{text}\n{}", self.above(), self.all()));
        } else {
            self.write(&text);
        }
    }

    /// Says that they are told to stop.
    pub(crate) fn stopping(&mut self) {
        self.stopping = true;
        if self.seen {
            self.write(&format!("{}{}", self.above(), self.all()));
        }
    }

    /// Back to where the lines begin, which are taken away.
    fn above(&self) -> String {
        format!("\r\x1b[{}A\x1b[J", self.lines.len() + 2)
    }

    fn all(&self) -> String {
        let mut text = String::new();
        for line in 0..self.lines.len() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", self.line(line));
        }
        let hint = if self.stopping { "Stopping; Ctrl-C ends them at once." } else { "Ctrl-C stops them." };
        let _ = write!(text, "\n  {}\n", self.look.dim(hint));
        text
    }

    fn line(&self, line: usize) -> String {
        let width = |of: fn(&(String, String, State)) -> usize| self.lines.iter().map(of).max().unwrap_or(0);
        let (names, places) = (width(|line| line.0.chars().count()), width(|line| line.1.chars().count()));
        let (name, place, state) = &self.lines[line];
        let state = match state {
            State::Starting => self.look.dim("starting"),
            State::Ready => "ready".to_owned(),
            State::NotReady(reason) => self.look.loud(&format!("not ready: {reason}")),
            State::Ended(how) if how == "stopped" => self.look.dim(how),
            State::Ended(how) => self.look.loud(how),
        };
        // Before the colours, which have no width.
        let room = " ".repeat(places - place.chars().count());
        format!("  {name:<names$}  {}{room}  {state}", self.look.link(place))
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // Nobody reads any more: nothing to be done.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
