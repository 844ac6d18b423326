//! What is counted of a pipeline.

use metrics::{Counter, Gauge, Unit};

const RECORDS: &str = "pintle_pipeline_records_total";
const WAITING: &str = "pintle_pipeline_waiting";
const LETTERS: &str = "pintle_pipeline_dead_letters";

/// The counters of one pipeline.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// New in the store.
    pub(crate) stored: Counter,
    /// Taken, and there already.
    pub(crate) seen: Counter,
    /// Taken, and in the queue.
    pub(crate) accepted: Counter,
    /// Taken, and kept with a reason.
    pub(crate) dead: Counter,
    /// Not taken: something was wrong with them.
    pub(crate) refused: Counter,
    /// Not taken: there were too many.
    pub(crate) turned_away: Counter,
    /// On their way.
    pub(crate) waiting: Gauge,
    /// Kept with a reason, until somebody tries again.
    pub(crate) letters: Gauge,
}

impl Metrics {
    pub(crate) fn new(pipeline: &str) -> Metrics {
        metrics::describe_counter!(RECORDS, Unit::Count, "Records that came, by pipeline and what became of them");
        metrics::describe_gauge!(WAITING, Unit::Count, "Records that are on their way, by pipeline");
        metrics::describe_gauge!(LETTERS, Unit::Count, "Records that could not be stored and are kept, by pipeline");
        let of =
            |outcome: &'static str| metrics::counter!(RECORDS, "pipeline" => pipeline.to_owned(), "outcome" => outcome);
        Metrics {
            stored: of("stored"),
            seen: of("seen"),
            accepted: of("accepted"),
            dead: of("dead"),
            refused: of("refused"),
            turned_away: of("turned_away"),
            waiting: metrics::gauge!(WAITING, "pipeline" => pipeline.to_owned()),
            letters: metrics::gauge!(LETTERS, "pipeline" => pipeline.to_owned()),
        }
    }
}
