//! What is asked of the servers, as the bytes of HTTP/1.1 requests.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{connect, item, location, world};

/// How a server spells the same three requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Plain resources: the control's, and a mount's.
    Plain,
    /// PostgREST's, at `/rest/v1`.
    Rest,
    /// A route that a statement answers.
    Sql,
    /// Routes that scripts answer.
    Script,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Nothing but an answer.
    Bare,
    Read,
    List,
    Create,
    /// Many items in one request; `/rest/v1` alone has it.
    Rows(u64),
    /// A script that reads and writes some rows.
    Visit,
    /// Many tiles of the world in one request, to `/rest/v1`.
    Tiles,
    /// What a player sees where nobody was.
    NewView,
    /// What a player sees where one was before.
    KnownView,
    /// The tiles around another one each time.
    Near,
    /// The tiles around one of a few.
    NearAgain,
    /// So many bytes that are there already.
    Static(usize),
    /// Where a phone was.
    Location,
    /// The same, into a queue.
    Queued,
    /// Whom one person was near on one day, another person each time.
    Connection,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Bare => "bare answer",
            Operation::Read => "read by key",
            Operation::List => "filtered list",
            Operation::Create => "create",
            Operation::Rows(_) => "rows",
            Operation::Visit => "writing script",
            Operation::Tiles => "tiles",
            Operation::NewView => "new view",
            Operation::KnownView => "known view",
            Operation::Near => "tiles near by",
            Operation::NearAgain => "tiles near by again",
            Operation::Static(_) => "static answer",
            Operation::Location | Operation::Queued => "location",
            Operation::Connection => "near one person",
        }
    }
}

/// Makes requests, each another; shared by all connections.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) operation: Operation,
    pub(crate) grammar: Grammar,
    /// Header lines that every request has, each with its line's end.
    pub(crate) headers: Arc<str>,
    /// Counts the items that were created, so that none is created twice.
    pub(crate) created: Arc<AtomicU64>,
}

impl Work {
    /// The status of the right answer.
    pub(crate) fn status(&self) -> u16 {
        let creates =
            matches!(self.operation, Operation::Create | Operation::Rows(_) | Operation::Tiles | Operation::Location);
        match self.operation {
            _ if creates => 201,
            Operation::Queued => 202,
            _ => 200,
        }
    }

    /// Writes the request for `random`, any number, over what stands in `request`; `body` is room for its body.
    pub(crate) fn write(&self, random: u64, request: &mut Vec<u8>, body: &mut Vec<u8>) {
        request.clear();
        self.line(random, request);
        request.extend_from_slice(b" HTTP/1.1\r\nHost: bench\r\n");
        request.extend_from_slice(self.headers.as_bytes());
        body.clear();
        let prefer = match (self.operation, self.grammar) {
            (Operation::Create, Grammar::Plain | Grammar::Sql | Grammar::Script) => {
                item::write(self.created.fetch_add(1, Ordering::Relaxed), body);
                ""
            }
            (Operation::Create, Grammar::Rest) => {
                item::write(self.created.fetch_add(1, Ordering::Relaxed), body);
                "Prefer: return=representation\r\n"
            }
            (Operation::Rows(count), _) => {
                let first = self.created.fetch_add(count, Ordering::Relaxed);
                for n in first..first + count {
                    body.push(if n == first { b'[' } else { b',' });
                    item::write(n, body);
                }
                body.push(b']');
                ""
            }
            (Operation::Tiles, _) => {
                world::write_tiles(self.created.fetch_add(1, Ordering::Relaxed), body);
                ""
            }
            (Operation::NewView, _) => {
                world::write_view(self.created.fetch_add(1, Ordering::Relaxed), body);
                ""
            }
            (Operation::KnownView, _) => {
                world::write_view(random % self.created.load(Ordering::Relaxed).max(1), body);
                ""
            }
            (Operation::Location | Operation::Queued, _) => {
                location::write(self.created.fetch_add(1, Ordering::Relaxed), body);
                ""
            }
            _ => return request.extend_from_slice(b"\r\n"),
        };
        // Writing to a vector cannot fail.
        let _ = write!(request, "{prefer}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        request.extend_from_slice(body);
    }

    /// Method and target.
    fn line(&self, random: u64, request: &mut Vec<u8>) {
        let (key, category) = (item::key(random % item::SEEDED), item::category(random));
        let page = item::PAGE;
        let _ = match (self.operation, self.grammar) {
            (Operation::Bare, _) => write!(request, "GET /"),
            (Operation::Read, Grammar::Plain) => write!(request, "GET /items/{key}"),
            (Operation::Read, Grammar::Sql) => write!(request, "GET /sql/{key}"),
            (Operation::Read, Grammar::Script) => write!(request, "GET /script/{key}"),
            (Operation::Visit, _) => write!(request, "POST /visits/{category}"),
            (Operation::Tiles, _) => write!(request, "POST /rest/v1/tiles"),
            (Operation::NewView | Operation::KnownView, _) => write!(request, "POST /view"),
            (Operation::Near, _) => world::write_near(self.created.fetch_add(1, Ordering::Relaxed), request),
            (Operation::NearAgain, _) => world::write_near(random % world::PLACES, request),
            (Operation::Static(count), _) => write!(request, "GET /{count}"),
            (Operation::Location | Operation::Queued, _) => write!(request, "POST /api/locations"),
            (Operation::Connection, _) => {
                let person = 1 + self.created.fetch_add(1, Ordering::Relaxed) % connect::ASKED;
                write!(
                    request,
                    "GET /api/persons/{person}/connection?start_date=2020-01-01&end_date=2020-01-01&distance=5"
                )
            }
            (Operation::Read, Grammar::Rest) => write!(request, "GET /rest/v1/items?key=eq.{key}"),
            (Operation::List, Grammar::Plain | Grammar::Sql | Grammar::Script) => {
                write!(request, "GET /items?category={category}&limit={page}")
            }
            (Operation::List, Grammar::Rest) => {
                write!(request, "GET /rest/v1/items?category=eq.{category}&order=key&limit={page}")
            }
            (Operation::Create, Grammar::Plain | Grammar::Sql | Grammar::Script) => write!(request, "POST /items"),
            (Operation::Create, Grammar::Rest) | (Operation::Rows(_), _) => write!(request, "POST /rest/v1/items"),
        };
    }
}
