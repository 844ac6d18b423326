//! The faults of a request, all at once.

use pintle_query::Details;

use crate::failure::Failure;

/// Faults that one answer holds.
const FAULTS_MAX: usize = 100;
/// Characters of a caller's text that a fault repeats.
const REPEATED_MAX: usize = 200;

/// The faults seen so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<(String, String)>,
    hint: Option<String>,
    more: usize,
}

impl Faults {
    /// Adds one: where, what is wrong there as a whole sentence, and what would be right.
    pub(super) fn add(&mut self, path: &str, message: String, hint: Option<String>) {
        if self.list.is_empty() {
            self.hint = hint;
        }
        if self.list.len() < FAULTS_MAX {
            self.list.push((shortened(path), message));
        } else {
            self.more += 1;
        }
    }

    /// Whether one more would only be counted.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= FAULTS_MAX
    }

    /// All of them as one error, or that there is none. Its message is the first's.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        let Some((_, first)) = self.list.first() else { return Ok(()) };
        let mut failure = Failure::bad_request(first);
        match self.list.len() + self.more {
            1 => {}
            2 => failure.message.push_str(" (and one more fault: see details)"),
            n => failure.message.push_str(&format!(" (and {} more faults: see details)", n - 1)),
        }
        if self.more > 0 {
            self.list.push((String::new(), format!("{} more faults are not listed", self.more)));
        }
        failure.details = Details::List(self.list);
        failure.hint = self.hint;
        Err(failure)
    }
}

/// A caller's text as an error repeats it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(REPEATED_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
