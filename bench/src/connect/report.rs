//! What was found, as Markdown.

use std::fmt::Write;

use super::{Connect, Ingest, Proximity, Queued};
use crate::measure::CONNECTIONS;
use crate::report::{at_least, at_most, line, thousands};
use crate::stores::Kind;

/// The least share of the control's throughput, one location a request.
const ONES_MIN: f64 = 0.8;
/// The least locations a second, one a request, on SQLite.
const ONES_RATE_MIN: f64 = 12_000.0;
/// The least records a second of a stream: locations, and what has no point.
const STREAMED_MIN: [f64; 2] = [25_000.0, 60_000.0];
/// The least locations a second through NATS, until the last is in PostgreSQL.
const QUEUED_MIN: f64 = 8_000.0;
/// By how many MiB the memory of a stream ten times as long may be more: what allocators and caches vary by.
const PEAK_MORE_MAX: f64 = 16.0;
/// The most milliseconds of one person's day: on SQLite, on PostgreSQL.
const NEAR_MS_MAX: [f64; 2] = [5.0, 20.0];
/// The most of the time of the statement written by hand, among so many locations: its index is slower with every day.
const BY_HAND_MAX: f64 = 1.0;
const BY_HAND_FROM: u64 = 1_000_000;
/// The most of the time among ten times as many days.
const LONGER_MAX: f64 = 2.0;

impl Connect {
    /// As Markdown.
    pub(crate) fn text(&self, kind: Kind, text: &mut String) {
        self.ingest.text(self.queued.as_ref(), kind, text);
        if !self.proximity.is_empty() {
            proximity(&self.proximity, kind, text);
        }
    }
}

impl Ingest {
    fn text(&self, queued: Option<&Queued>, kind: Kind, text: &mut String) {
        let apart = kind == Kind::Postgres;
        let (head, rule) = if apart { (" PostgreSQL's |", "--:|") } else { ("", "") };
        let _ = write!(
            text,
            "\n| records into `apps/connect`, each durable | a second | processor time of one |{head}\n|---|--:|--:|{rule}\n"
        );
        let [control, ours] = self.ones;
        let share = at_least(ours / control, ONES_MIN);
        let rate_min = if apart { 0.0 } else { ONES_RATE_MIN };
        let mut cells = vec![
            ("locations, one a request: control".to_owned(), thousands(control), self.one_us[0]),
            (
                "locations, one a request: Pintle".to_owned(),
                format!("{}, {share} of the control's", least(ours, rate_min)),
                self.one_us[1],
            ),
            (
                "locations, as a stream of lines".to_owned(),
                least(self.streamed[0], STREAMED_MIN[0]),
                self.streamed_us[0],
            ),
            ("locations, as a call of gRPC".to_owned(), least(self.called.0, STREAMED_MIN[0]), self.called.1),
            (
                "records without a point, as a stream of lines".to_owned(),
                least(self.streamed[1], STREAMED_MIN[1]),
                self.streamed_us[1],
            ),
        ];
        let ways = ["as a stream of lines", "one a request"];
        for ((way, rate), us) in queued.iter().flat_map(|queued| ways.iter().zip(queued.rates).zip(queued.us)) {
            cells.push((format!("locations through NATS JetStream, {way}"), least(rate, QUEUED_MIN), us));
        }
        for (what, rate, us) in cells {
            let us = us.map(|us| format!("{us:.1} µs"));
            let database = apart.then(|| us[1].clone());
            line(text, &[what, rate, us[0].clone()].into_iter().chain(database).collect::<Vec<_>>());
        }
        if apart && queued.is_none() {
            line(text, &["locations through NATS JetStream", "not measured", "", ""].map(str::to_owned));
        }
        let [short, long] = self.peak_mib;
        let long = if long - short > PEAK_MORE_MAX {
            format!("**{long:.1} MiB** (should be {short:.1})")
        } else {
            format!("{long:.1} MiB")
        };
        let [records, more] =
            [super::ingest::RECORDS, 10 * super::ingest::RECORDS].map(|count| thousands(count as f64));
        let _ = writeln!(
            text,
            "\nRequests of one location come on {CONNECTIONS} connections. The most memory during a stream of {records} locations was {short:.1} MiB, and \
             of {more} {long}."
        );
    }
}

fn proximity(found: &[Proximity], kind: Kind, text: &mut String) {
    let most = NEAR_MS_MAX[usize::from(kind == Kind::Postgres)];
    text.push_str(
        "\n| near one of 1,000 persons on one day, within 5 m | places | median, 99 % | |\n|---|--:|--:|--:|\n",
    );
    let first = found.first().map_or(f64::NAN, |first| first.latency_ms[0]);
    for (at, near) in found.iter().enumerate() {
        let [median, slow] = near.latency_ms;
        let ratio = if at == 0 {
            String::new()
        } else {
            format!("{} of the time among fewer", at_most(median / first, LONGER_MAX, ""))
        };
        let (what, places) =
            (format!("among {} locations", thousands(near.locations as f64)), format!("{:.0}", near.places()));
        line(text, &[what, places.clone(), format!("{}, {slow:.2} ms", at_most(median, most, " ms")), ratio]);
        if let Some(by_hand) = near.by_hand_ms {
            let share_max = if near.locations < BY_HAND_FROM { f64::INFINITY } else { BY_HAND_MAX };
            let share = at_most(median / by_hand, share_max, "");
            let share = format!("Pintle takes {share} of it");
            line(
                text,
                &[
                    "the same by hand (`bench/proximity.sql`), without HTTP".to_owned(),
                    places,
                    format!("{by_hand:.2} ms"),
                    share,
                ],
            );
        }
    }
}

fn least(value: f64, least: f64) -> String {
    let rate = thousands(value);
    if value < least { format!("**{rate}** (should be {})", thousands(least)) } else { rate }
}
