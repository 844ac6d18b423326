//! Progress of long work, on a terminal: one line on standard error that is written over.

use std::io::{IsTerminal, Write};

use pintle_store::backup::{Progress, Stage};

/// How many characters a backup's bar has.
const WIDTH: usize = 30;

/// A line that is written over.
#[derive(Debug)]
pub(crate) struct Line {
    seen: bool,
}

impl Line {
    pub(crate) fn new() -> Line {
        Line { seen: std::io::stderr().is_terminal() }
    }

    /// Whether somebody looks.
    pub(crate) fn is_seen(&self) -> bool {
        self.seen
    }

    /// Writes it over; behind the last one, where nobody looks.
    pub(crate) fn show(&self, text: &str) {
        self.write(text, if self.seen { "" } else { "\n" });
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.write("", "");
    }

    fn write(&self, text: &str, end: &str) {
        let mut err = std::io::stderr().lock();
        let start = if self.seen { "\r\x1b[K" } else { "" };
        // Nobody reads any more: nothing to be done.
        let _ = write!(err, "{start}{text}{end}").and_then(|()| err.flush());
    }
}

/// The progress of a backup or restore: shows nothing where nobody looks.
#[derive(Debug)]
pub(crate) struct Bar {
    line: Line,
}

impl Bar {
    pub(crate) fn new() -> Bar {
        Bar { line: Line::new() }
    }

    /// Shows how far it is.
    pub(crate) fn show(&mut self, progress: Progress) {
        if self.line.is_seen() {
            self.line.show(&line(progress));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }
}

fn line(progress: Progress) -> String {
    let what = match progress.stage {
        Stage::CheckSource => "checking the backup",
        Stage::Copy => "copying",
        Stage::CheckCopy => "checking the copy",
    };
    format!("{what:<20} {}", bar(progress.done, progress.total, WIDTH))
}

/// `[#######       ]  50 %`, with so many characters inside.
pub(crate) fn bar(done: u64, total: u64, width: usize) -> String {
    let total = total.max(1);
    let percent = done.min(total) * 100 / total;
    let full = usize::try_from(percent).unwrap_or(0) * width / 100;
    format!("[{}{}] {percent:>3} %", "#".repeat(full), " ".repeat(width - full))
}

#[cfg(test)]
mod tests {
    use super::{Progress, Stage, line};

    #[test]
    fn the_line_fills_up() {
        let at = |done| line(Progress { stage: Stage::Copy, done, total: 200 });
        assert_eq!(at(0), "copying              [                              ]   0 %");
        assert_eq!(at(100), "copying              [###############               ]  50 %");
        assert_eq!(at(200), "copying              [##############################] 100 %");
        assert_eq!(line(Progress { stage: Stage::Copy, done: 0, total: 0 }).len(), at(0).len());
    }
}
