//! Progress of long work, on a terminal: one line on standard error that is written over.

use std::io::{IsTerminal, Write};

use pintle_store::backup::{Progress, Stage};

/// How many characters the bar has.
const WIDTH: usize = 30;

/// The line.
#[derive(Debug)]
pub(crate) struct Bar {
    seen: bool,
}

impl Bar {
    /// Shows nothing where nobody looks.
    pub(crate) fn new() -> Bar {
        Bar { seen: std::io::stderr().is_terminal() }
    }

    /// Shows how far it is.
    pub(crate) fn show(&mut self, progress: Progress) {
        if self.seen {
            self.write(&line(progress));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.seen {
            self.write("");
        }
    }

    fn write(&mut self, text: &str) {
        let mut err = std::io::stderr().lock();
        // Nobody looks any more: nothing to be done.
        let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
    }
}

fn line(progress: Progress) -> String {
    let what = match progress.stage {
        Stage::CheckSource => "checking the backup",
        Stage::Copy => "copying",
        Stage::CheckCopy => "checking the copy",
    };
    let total = progress.total.max(1);
    let percent = progress.done.min(total) * 100 / total;
    let full = usize::try_from(percent).unwrap_or(0) * WIDTH / 100;
    format!("{what:<20} [{}{}] {percent:>3} %", "#".repeat(full), " ".repeat(WIDTH - full))
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
