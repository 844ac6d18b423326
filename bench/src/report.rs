//! The result as Markdown: medians, ratios, and what they should be.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::connect::Connect;
use crate::fleet::Target;
use crate::measure::{CONNECTIONS, Finding, Plan, ROWS, STARTS};
use crate::mixed::{Mixed, WRITES_ONE_OF};
use crate::retriever::Retriever;
use crate::scripts::{CREATORS, Scripts};
use crate::stores::Kind;
use crate::wrk::Rate;

/// The least share of the control's throughput, through the mount and through `/rest/v1`.
const RATE_MIN: [f64; 2] = [0.8, 0.6];
/// The greatest multiple of the control's processor time for a request, through the mount.
const CPU_MAX: f64 = 1.35;
/// The greatest multiple of the control's slowest reads and writes, where both come together.
const SLOW_MAX: f64 = 2.0;
/// The greatest multiple of a SQL route's latency that a script which reads the same row may have.
const SCRIPT_LATENCY_MAX: f64 = 2.5;
/// The least answers a second of a script that reads a row.
const SCRIPT_RATE_MIN: f64 = 6000.0;
/// The least lists of tiles near by a second, each another.
const NEAR_MIN: f64 = 2000.0;
/// The least share of a static answer's rate that lists have which are kept.
const KEPT_MIN: f64 = 0.5;
const IDLE_MIB_MAX: f64 = 25.0;
const LOADED_MIB_MAX: f64 = 60.0;
const START_MS_MAX: f64 = 20.0;
const BINARY_MIB_MAX: f64 = 30.0;

/// Memory of Pintle's process.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) idle_mib: f64,
    pub(crate) loaded_mib: f64,
    /// After more of the same load.
    pub(crate) again_mib: f64,
}

/// All that was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) kind: Kind,
    /// What runs there, in a few words.
    pub(crate) store: String,
    pub(crate) plan: Plan,
    pub(crate) findings: Vec<Finding>,
    pub(crate) rates: Vec<Rate>,
    pub(crate) mixed: Vec<Mixed>,
    /// Posted to Pintle, and of the bare loop.
    pub(crate) rows: [f64; 2],
    pub(crate) scripts: Scripts,
    pub(crate) retriever: Retriever,
    pub(crate) connect: Connect,
    pub(crate) memory: Memory,
    pub(crate) start_ms: f64,
    pub(crate) binary_mib: f64,
}

impl Report {
    /// As Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = self.circumstances();
        self.operations(&mut text);
        if !self.rates.is_empty() {
            self.by_wrk(&mut text);
        }
        self.mixed(&mut text);
        self.scripts(&mut text);
        self.retriever(&mut text);
        self.connect.text(self.kind, &mut text);
        self.others(&mut text);
        text
    }

    fn circumstances(&self) -> String {
        format!(
            "Measured {} on {}, with {CONNECTIONS} connections; the load's driver shares the machine. Medians of {} runs of \
             {} s, taken in turn.{}\n",
            jiff::Timestamp::now().strftime("%Y-%m-%d"),
            machine(),
            self.plan.rounds,
            self.plan.time.as_secs_f64(),
            self.store,
        )
    }

    fn operations(&self, text: &mut String) {
        let apart = self.kind == Kind::Postgres;
        let (head, rule) = if apart { (" PostgreSQL's |", "--:|") } else { ("", "") };
        let _ = write!(
            text,
            "\n| | answers a second | of the control's | processor time an answer | of the control's |{head} median, 99 % |\n\
             |---|--:|--:|--:|--:|{rule}--:|\n",
        );
        for finding in &self.findings {
            let control =
                self.findings.iter().find(|f| f.operation == finding.operation && f.target == Target::Control);
            let beside = control.filter(|_| finding.target != Target::Control);
            let rate = beside.map(|control| finding.per_second / control.per_second);
            let cpu = beside.map(|control| finding.cpu_us / control.cpu_us);
            let cpu_max = if finding.target == Target::Mount { CPU_MAX } else { f64::INFINITY };
            let database = apart.then(|| format!("{:.1} µs", finding.database_us));
            let cells = [
                format!("{}: {}", finding.operation.name(), finding.target.name()),
                thousands(finding.per_second),
                rate.map_or(String::new(), |rate| at_least(rate, bar(finding.target))),
                format!("{:.1} µs", finding.cpu_us),
                cpu.map_or(String::new(), |cpu| at_most(cpu, cpu_max, "")),
            ];
            let latency = format!("{:.2} ms, {:.2} ms", finding.latency_ms[0], finding.latency_ms[1]);
            line(text, &cells.into_iter().chain(database).chain([latency]).collect::<Vec<_>>());
        }
    }

    fn by_wrk(&self, text: &mut String) {
        text.push_str("\n| by `wrk -t1` | answers a second | of the control's |\n|---|--:|--:|\n");
        for rate in &self.rates {
            let control = self.rates.iter().find(|r| r.operation == rate.operation && r.target == Target::Control);
            let beside = control.filter(|_| rate.target != Target::Control);
            let ratio = beside.map(|control| rate.per_second / control.per_second);
            line(
                text,
                &[
                    format!("{}: {}", rate.operation.name(), rate.target.name()),
                    thousands(rate.per_second),
                    ratio.map_or(String::new(), |ratio| at_least(ratio, bar(rate.target))),
                ],
            );
        }
    }

    fn scripts(&self, text: &mut String) {
        let Scripts { latency_ms: [sql, script], per_second, create_ms: [alone, beside], visits } = &self.scripts;
        text.push_str("\n| a route of the app's own | SQL | script | |\n|---|--:|--:|--:|\n");
        let ratio = script / sql;
        let cells = |what: &str, values: [String; 3]| [&[what.to_owned()], &values[..]].concat();
        let ratio = at_most(ratio, SCRIPT_LATENCY_MAX, "");
        line(
            text,
            &cells("one row, one connection: median", [format!("{sql:.3} ms"), format!("{script:.3} ms"), ratio]),
        );
        let rate = if per_second[1] < SCRIPT_RATE_MIN {
            format!("should be {}", thousands(SCRIPT_RATE_MIN))
        } else {
            String::new()
        };
        let [of_sql, of_script] = per_second.map(thousands);
        line(text, &cells(&format!("one row, {CONNECTIONS} connections: answers a second"), [of_sql, of_script, rate]));
        let _ = writeln!(
            text,
            "\nCreates by `/rest/v1` on {CREATORS} connections: 99 % within {alone:.2} ms; with writing scripts beside them, {} a second, \
             within {beside:.2} ms.",
            thousands(*visits)
        );
    }

    fn retriever(&self, text: &mut String) {
        let Retriever { view_tiles: [new, known], near: [near, kept], static_answers, near_bytes } = &self.retriever;
        let tiles_min = if self.kind == Kind::Postgres { 10_000.0 } else { 40_000.0 };
        let least = |value: f64, least| {
            let rate = thousands(value);
            if value < least { format!("**{rate}** (should be {})", thousands(least)) } else { rate }
        };
        let kept_share = at_least(kept / static_answers, KEPT_MIN);
        text.push_str("\n| `apps/retriever` | a second |\n|---|--:|\n");
        for (what, value) in [
            ("new tiles, by `POST /view` of 441, one after another", least(*new, tiles_min)),
            ("known tiles, in the same way", least(*known, tiles_min)),
            ("`GET /tiles/{x}/{y}/10`, each another", least(*near, NEAR_MIN)),
            ("`GET /tiles/{x}/{y}/10`, kept", format!("{}, {kept_share} of a static answer's", thousands(*kept))),
            (&format!("static answer of {near_bytes} bytes, by bare axum"), thousands(*static_answers)),
        ] {
            line(text, &[what.to_owned(), value]);
        }
    }

    fn mixed(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n| one of {WRITES_ONE_OF} requests creates, the others read by key | answers a second | 99 % of reads | of the control's | \
             99 % of writes | of the control's |\n|---|--:|--:|--:|--:|--:|\n",
        );
        let control = self.mixed.iter().find(|mixed| mixed.target == Target::Control);
        for mixed in &self.mixed {
            let ratio = |kind: usize| {
                let beside = control.filter(|_| mixed.target != Target::Control);
                beside.map_or(String::new(), |c| at_most(mixed.slow_ms[kind] / c.slow_ms[kind], SLOW_MAX, ""))
            };
            let slow = mixed.slow_ms.map(|ms| format!("{ms:.2} ms"));
            let [reads, writes] = slow;
            let name = mixed.target.name().to_owned();
            line(text, &[name, thousands(mixed.per_second), reads, ratio(0), writes, ratio(1)]);
        }
    }

    fn others(&self, text: &mut String) {
        let Memory { idle_mib, loaded_mib, again_mib } = self.memory;
        let [posted, bare] = self.rows;
        let library = if self.kind == Kind::Postgres { "tokio-postgres" } else { "rusqlite" };
        text.push_str("\n| | |\n|---|--:|\n");
        for (what, value) in [
            (
                format!("rows a second, posted as arrays of {ROWS}"),
                format!("{}, {:.2} of a bare {library} loop's {}", thousands(posted), posted / bare, thousands(bare)),
            ),
            (format!("first record after a start, median of {STARTS}"), at_most(self.start_ms, START_MS_MAX, " ms")),
            ("memory, idle".to_owned(), at_most(idle_mib, IDLE_MIB_MAX, " MiB")),
            ("memory, after the load".to_owned(), at_most(loaded_mib, LOADED_MIB_MAX, " MiB")),
            ("memory, after more of it".to_owned(), at_most(again_mib, LOADED_MIB_MAX, " MiB")),
            ("binary, stripped".to_owned(), at_most(self.binary_mib, BINARY_MIB_MAX, " MiB")),
        ] {
            line(text, &[what, value]);
        }
    }
}

fn bar(target: Target) -> f64 {
    match target {
        Target::Mount => RATE_MIN[0],
        Target::Rest => RATE_MIN[1],
        Target::Bare | Target::Control | Target::Sql | Target::Script => 0.0,
    }
}

pub(crate) fn at_least(value: f64, least: f64) -> String {
    if value < least { format!("**{value:.2}** (should be {least})") } else { format!("{value:.2}") }
}

pub(crate) fn at_most(value: f64, most: f64, unit: &str) -> String {
    if value > most { format!("**{value:.2}{unit}** (should be {most})") } else { format!("{value:.2}{unit}") }
}

pub(crate) fn line(text: &mut String, cells: &[String]) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Processor, number of cores, kernel.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {} under Linux {}", model.unwrap_or("an unnamed processor"), kernel.trim())
}

/// Puts the result between the document's marks for this store.
pub(crate) fn put(document: &Path, kind: Kind, report: &str) -> Result<()> {
    let text = std::fs::read_to_string(document)?;
    let (open, close) = (format!("<!-- {} -->", kind.name()), format!("<!-- /{} -->", kind.name()));
    let missing = || format!("it has no `{open}` followed by `{close}`");
    let start = text.find(&open).with_context(missing)? + open.len();
    let end = start + text[start..].find(&close).with_context(missing)?;
    std::fs::write(document, format!("{}\n{report}{}", &text[..start], &text[end..]))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Kind, at_least, at_most, put, thousands};

    #[test]
    fn numbers_read_well_and_missed_bars_stand_out() {
        assert_eq!([thousands(7.2), thousands(999.6), thousands(1_234_567.0)], ["7", "1,000", "1,234,567"]);
        assert_eq!([at_least(0.8, 0.8), at_least(0.79, 0.8)], ["0.80", "**0.79** (should be 0.8)"]);
        assert_eq!([at_most(3.0, 20.0, " ms"), at_most(21.0, 20.0, " ms")], ["3.00 ms", "**21.00 ms** (should be 20)"]);
    }

    #[test]
    fn the_result_takes_the_place_of_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("performance.md");
        std::fs::write(&document, "before\n<!-- sqlite -->\nold\n<!-- /sqlite -->\nafter\n").unwrap();
        put(&document, Kind::Sqlite, "new\n").unwrap();
        let text = std::fs::read_to_string(&document).unwrap();
        assert_eq!(text, "before\n<!-- sqlite -->\nnew\n<!-- /sqlite -->\nafter\n");
        std::fs::write(&document, "no marks").unwrap();
        assert!(put(&document, Kind::Postgres, "new\n").unwrap_err().to_string().contains("<!-- postgres -->"));
    }
}
