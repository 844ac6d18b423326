//! What `pintle copy` shows: how far it is, what was done, and what the proof found.

use std::fmt::Write;
use std::time::{Duration, Instant};

use pintle_store::copy::{Copied, Progress, Proof, Proved, Refused, Stage};

use crate::progress::{Line, bar};

/// How often the line on a terminal is written anew.
const REPAINT: Duration = Duration::from_millis(100);
/// How often a line is written where nobody looks, if no tenth of the work is done before.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Characters of the line at the most: one that wraps cannot be written over.
const LINE_WIDTH: usize = 79;
/// Characters of a collection's name in the line.
const NAME_WIDTH: usize = 16;
/// Characters of the bar.
const BAR_WIDTH: usize = 16;
/// Characters of a checksum that are shown: 128 bits, more than anybody compares by eye.
const SUM_WIDTH: usize = 32;

/// Shows how far it is: one line that is written over on a terminal; else a line for each tenth.
#[derive(Debug)]
pub(crate) struct Meter {
    line: Line,
    stage: Option<Stage>,
    began: Instant,
    shown: Instant,
    tenth: u64,
}

impl Meter {
    pub(crate) fn new() -> Meter {
        let now = Instant::now();
        Meter { line: Line::new(), stage: None, began: now, shown: now, tenth: 0 }
    }

    /// Shows it, if it is time to.
    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        let now = Instant::now();
        let new = self.stage != Some(progress.stage);
        if new {
            (self.stage, self.began, self.tenth) = (Some(progress.stage), now, 0);
        }
        let tenth = progress.done * 10 / progress.total.max(1);
        let due = match self.line.is_seen() {
            true => new || now - self.shown >= REPAINT,
            false => tenth > self.tenth || now - self.shown >= SILENCE_MAX,
        };
        if !due {
            return;
        }
        (self.shown, self.tenth) = (now, tenth);
        let speed = Speed::of(progress, now - self.began);
        self.line.show(&if self.line.is_seen() { painted(progress, speed) } else { told(progress, speed) });
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Speed {
    rows_per_second: u64,
    left: Duration,
}

impl Speed {
    /// Rows that were there already took no time. Unknown in the first moments.
    fn of(progress: Progress<'_>, since: Duration) -> Option<Speed> {
        let done = progress.done.saturating_sub(progress.skipped);
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        if done == 0 || millis < 100 {
            return None;
        }
        let rest = progress.total.saturating_sub(progress.done);
        let left = Duration::from_millis(rest.saturating_mul(millis) / done);
        Some(Speed { rows_per_second: done.saturating_mul(1000) / millis, left })
    }
}

fn verb(stage: Stage) -> &'static str {
    match stage {
        Stage::Remove => "clearing",
        Stage::Copy => "copying",
        Stage::Link => "linking",
        Stage::Prove => "proving",
    }
}

fn painted(progress: Progress<'_>, speed: Option<Speed>) -> String {
    let name: String = progress.collection.chars().take(NAME_WIDTH).collect();
    let bar = bar(progress.done, progress.total, BAR_WIDTH);
    let mut text = format!("{:<8} {name:<NAME_WIDTH$} {bar}", verb(progress.stage));
    if let Some(speed) = speed {
        let _ = write!(text, "  {} rows/s  {} left", grouped(speed.rows_per_second), time(speed.left));
    }
    text.chars().take(LINE_WIDTH).collect()
}

fn told(progress: Progress<'_>, speed: Option<Speed>) -> String {
    let (done, total) = (grouped(progress.done), grouped(progress.total));
    let mut text = format!("{} {}: {done} of {total} rows", verb(progress.stage), progress.collection);
    if let Some(speed) = speed {
        let _ = write!(text, ", {} rows/s, {} left", grouped(speed.rows_per_second), time(speed.left));
    }
    text
}

/// `Copied 1,200 rows in 3 s; 800 were there already.`
pub(crate) fn summary(copied: &Copied, took: Duration) -> String {
    let mut text = format!("Copied {} in {}", rows(copied.inserted), time(took));
    let beside = [
        (copied.there, "there already"),
        (copied.changed, "written over"),
        (copied.removed, "removed from the target"),
    ];
    for (count, what) in beside.iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, "; {} {what}", grouped(*count));
    }
    text + "."
}

/// What the target refused, and why.
pub(crate) fn refused(refused: &Refused) -> String {
    let Refused { collection, rows: count, why } = refused;
    format!("warning: the target refused {} of `{collection}`, first of all {why}", rows(*count))
}

/// A line for each collection; two where the stores differ.
pub(crate) fn table(proof: &Proof) -> String {
    let name = |proved: &Proved| proved.name.chars().count();
    let width = proof.collections.iter().map(name).max().unwrap_or(0).max("COLLECTION".len());
    let mut text = format!("\n{:<width$}  {:>13}  SHA-256 ({SUM_WIDTH} digits of 64)", "COLLECTION", "ROWS");
    for proved in &proof.collections {
        let Proved { name, source, target, .. } = proved;
        let mut line = |sum: &pintle_store::copy::Sum, note: &str| {
            let (rows, sha256) = (grouped(sum.rows), sum.sha256.get(..SUM_WIDTH).unwrap_or_default());
            let _ = write!(text, "\n{name:<width$}  {rows:>13}  {sha256}{note}");
        };
        if proved.holds() {
            line(source, "");
        } else {
            line(source, "  the source");
            line(target, &format!("  the target: {}", difference(proved)));
        }
    }
    text
}

/// What differs and where first, for each collection that does.
pub(crate) fn differences(proof: &Proof) -> String {
    let differ = proof.collections.iter().filter(|proved| !proved.holds());
    let each = differ.map(|proved| {
        let first = proved.first.as_deref().unwrap_or_default();
        format!("`{}` ({}; first at the key {first})", proved.name, difference(proved))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn difference(proved: &Proved) -> String {
    let counts = [(proved.missing, "missing"), (proved.changed, "changed"), (proved.extra, "extra")];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    counts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect::<Vec<_>>().join(", ")
}

/// What would be right.
pub(crate) fn advice(proof: &Proof) -> String {
    let mut advice =
        "was the source written to meanwhile? Stop what writes to it, and run the same command again: it goes \
                      on where it was"
            .to_owned();
    if proof.collections.iter().any(|proved| proved.changed + proved.extra > 0) {
        advice.push_str(
            "\nwith --overwrite it also writes over the rows that are others in the target, and removes those that the \
             source does not have",
        );
    }
    advice
}

pub(crate) fn rows(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "row" } else { "rows" })
}

/// `1,234,567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 s`, `2 min 05 s`, `1 h 02 min`
fn time(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long() {
        let progress =
            Progress { stage: Stage::Copy, collection: "notes", done: 50_000, skipped: 10_000, total: 130_000 };
        let speed = Speed::of(progress, Duration::from_secs(4));
        assert_eq!(speed, Some(Speed { rows_per_second: 10_000, left: Duration::from_secs(8) }));
        assert_eq!(
            painted(progress, speed),
            "copying  notes            [######          ]  38 %  10,000 rows/s  8 s left"
        );
        assert_eq!(told(progress, speed), "copying notes: 50,000 of 130,000 rows, 10,000 rows/s, 8 s left");
        assert_eq!(told(progress, None), "copying notes: 50,000 of 130,000 rows");
        let nothing = Progress { done: 0, skipped: 0, total: 0, ..progress };
        assert_eq!(Speed::of(nothing, Duration::from_secs(4)), None);
    }

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "1,234,567"]);
        let times = [1, 1000, 65_000, 3_725_000].map(|millis| time(Duration::from_millis(millis)));
        assert_eq!(times, ["1 s", "1 s", "1 min 05 s", "1 h 02 min"]);
    }
}
