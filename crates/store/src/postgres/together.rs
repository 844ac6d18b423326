//! Rows of several callers in one statement: PostgreSQL then plans, checks, writes its log and syncs once for all of them.
//!
//! 1. A request's row is stored at once, by the request itself, while few others of its kind are being stored: rows of one plan whose
//!    callers are the same to its policies.
//! 2. While there are more, it waits. When one has ended, all that wait by then are one statement: nobody waits for others to come.
//! 3. A row that is against it costs the others no more than a few statements: halves are tried, and their halves, until it is alone.
//!    Where that does not end soon, each is stored on its own, a few side by side.
//! 4. So it is where a lock, the time or a value that cannot be sent may be one row's alone.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;
use pintle_model::Value;
use pintle_query::plan::{Action, Param, ParamValue};
use pintle_query::{Write, WritePlan};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::run::bytes;
use super::{Done, GRACE, How, Postgres};
use crate::{Error, Written};

/// How many of one kind are being stored side by side before others wait: while one waits for the disk, another is computed.
const AT_WORK: usize = 2;
/// Rows of a statement at the most.
const ROWS_MAX: usize = 128;
/// Bytes of a row that may share one: more than that is work enough by itself.
const BYTES_MAX: usize = 64 << 10;
/// How long others wait for one that is being stored. Then the next begins beside it.
const MOMENT: Duration = Duration::from_millis(250);
/// Statements of a group that are refused before each row is stored on its own: two rows among [`ROWS_MAX`] are found with fewer.
const REFUSALS_MAX: usize = 14;
/// How many of a group are stored on their own at a time: others need connections too.
const SIDE_BY_SIDE: usize = 4;

/// Whose rows may share a statement: the plan, and what it is bound to beside rows.
type Kind = (usize, Vec<u8>);

type Reply = oneshot::Sender<Result<Written, Error>>;

/// Rows that are being stored, and those that wait for them.
#[derive(Debug, Default)]
pub(super) struct Together(Mutex<HashMap<Kind, Lane>>);

/// Rows of one kind.
#[derive(Debug)]
struct Lane {
    /// It lives as long as its place in memory is what the kind goes by.
    _plan: Arc<WritePlan>,
    at_work: usize,
    waiting: VecDeque<(Write, Reply)>,
}

/// What became of a statement for rows of several callers.
pub(super) enum Shared {
    /// What became of each row, in their order.
    Stored(Vec<Result<Written, Error>>),
    /// One of them may be to blame, and nothing of it remains.
    Against(Error),
}

/// Rows of one kind, and who waits for each.
struct Group {
    write: Write,
    replies: Vec<Reply>,
}

/// The right to store; when it ends, those that wait come next.
struct Turn {
    store: Postgres,
    kind: Kind,
}

/// Whether it is one row that may share a statement.
pub(super) fn may_share(write: &Write) -> bool {
    let Write { plan, rows, .. } = write;
    let whole = write.rollback || write.max_affected.is_some() || (write.single && plan.action != Action::Insert);
    let [row] = rows.as_slice() else { return false };
    let Some(apart) = plan.apart.as_ref().filter(|_| !whole && plan.bulk.is_some()) else { return false };
    // By a null no row is told from others.
    apart.iter().all(|apart| row.get(apart.at).is_some_and(|value| *value != Value::Null)) && bytes(write) <= BYTES_MAX
}

impl Postgres {
    /// Stores one row, maybe by one statement with those of others.
    pub(super) async fn shared(&self, write: Write) -> Result<Written, Error> {
        let kind = kind(&write);
        match self.open.together.come(&kind, write) {
            Come::Now(write) => Turn { store: self.clone(), kind }.during(self.alone(&write)).await,
            Come::Later(reply) => reply.await.unwrap_or_else(|_| Err(Error::internal("a row was not stored"))),
        }
    }

    /// Stores the rows of a group, and answers each.
    async fn group(&self, group: Group) {
        let mut open = vec![group];
        let mut refusals = 0;
        while let Some(mut group) = open.pop() {
            if group.replies.len() <= 1 || refusals >= REFUSALS_MAX {
                group.each(self).await;
                continue;
            }
            let error = match self.attempted(&group.write, How::Shared).await {
                Ok(Done::Shared(Shared::Stored(written))) => {
                    let changed = written.iter().any(|one| one.as_ref().is_ok_and(|one| one.affected > 0));
                    self.changed(&group.write, changed);
                    group.replies.into_iter().zip(written).for_each(|(reply, written)| drop(reply.send(written)));
                    continue;
                }
                Ok(Done::Shared(Shared::Against(error))) if error.is_of_a_row() => {
                    refusals += 1;
                    open.push(group.split());
                    open.push(group);
                    continue;
                }
                // To halve what takes long takes longer.
                Ok(Done::Shared(Shared::Against(_))) => {
                    group.each(self).await;
                    continue;
                }
                Err(error) => error,
                Ok(Done::Written(_) | Done::Against | Done::Each(_)) => {
                    Error::internal("rows of several callers were run as one's")
                }
            };
            self.changed(&group.write, true);
            group.replies.into_iter().for_each(|reply| drop(reply.send(Err(error.copied()))));
        }
    }
}

impl Group {
    /// Gives half of it away.
    fn split(&mut self) -> Group {
        let half = self.replies.len() / 2;
        let rows = self.write.rows.split_off(half);
        Group { write: of(&self.write, rows), replies: self.replies.split_off(half) }
    }

    /// Stores each on its own, a few side by side. What is not begun in the time that one may take is not stored.
    async fn each(self, store: &Postgres) {
        let Group { mut write, replies } = self;
        let rows = std::mem::take(&mut write.rows);
        let due = Instant::now() + store.open.model.limits.timeout + GRACE;
        let one = |(row, reply): (Vec<Value>, Reply)| {
            let write = of(&write, vec![row]);
            async move {
                let stored = if Instant::now() < due { store.alone(&write).await } else { Err(Error::Timeout) };
                drop(reply.send(stored));
            }
        };
        stream::iter(rows.into_iter().zip(replies).map(one)).buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
    }
}

/// The same write of other rows.
fn of(write: &Write, rows: Vec<Vec<Value>>) -> Write {
    Write { plan: Arc::clone(&write.plan), inputs: write.inputs.clone(), rows, ..*write }
}

impl Turn {
    /// Works, and lets the next begin when that is done or takes long.
    async fn during<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Ok(done) = tokio::time::timeout(MOMENT, &mut work).await {
            return done;
        }
        drop(self);
        work.await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(group) = self.store.open.together.next(&self.kind) else { return };
        let (store, kind) = (self.store.clone(), self.kind.clone());
        // Without a runtime nobody waits any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let turn = Turn { store: store.clone(), kind };
                turn.during(Box::pin(store.group(group))).await;
            });
        }
    }
}

/// When a row is stored.
enum Come {
    Now(Write),
    Later(oneshot::Receiver<Result<Written, Error>>),
}

impl Together {
    /// One more.
    fn come(&self, kind: &Kind, write: Write) -> Come {
        let mut lanes = self.0.lock();
        if let Some(lane) = lanes.get_mut(kind) {
            if lane.at_work >= AT_WORK {
                let (reply, answer) = oneshot::channel();
                lane.waiting.push_back((write, reply));
                return Come::Later(answer);
            }
            lane.at_work += 1;
        } else {
            let lane = Lane { _plan: Arc::clone(&write.plan), at_work: 1, waiting: VecDeque::new() };
            lanes.insert(kind.clone(), lane);
        }
        Come::Now(write)
    }

    /// One has ended: those that wait and whom somebody waits for, if there are any.
    fn next(&self, kind: &Kind) -> Option<Group> {
        let mut lanes = self.0.lock();
        let lane = lanes.get_mut(kind)?;
        let mut group: Option<Group> = None;
        while group.as_ref().is_none_or(|group| group.replies.len() < ROWS_MAX)
            && let Some((write, reply)) = lane.waiting.pop_front()
        {
            if reply.is_closed() {
                continue;
            }
            match &mut group {
                Some(group) => {
                    group.write.rows.extend(write.rows);
                    group.replies.push(reply);
                }
                None => group = Some(Group { write, replies: vec![reply] }),
            }
        }
        if group.is_none() {
            lane.at_work -= 1;
            if lane.at_work == 0 {
                lanes.remove(kind);
            }
        }
        group
    }
}

/// Whose rows may share a statement with this one.
fn kind(write: &Write) -> Kind {
    let mut bound = Vec::new();
    let bulk = write.plan.bulk.iter();
    for (param, value) in bulk.flat_map(|bulk| bulk.params.iter().zip(bulk.values(&write.inputs, &[]))) {
        if !matches!(param, Param::Rows(_) | Param::Literal(_)) {
            put(&mut bound, value);
        }
    }
    (Arc::as_ptr(&write.plan).addr(), bound)
}

/// No two values are put in the same way.
fn put(bound: &mut Vec<u8>, value: ParamValue<'_>) {
    let start = bound.len();
    match value {
        ParamValue::Null => bound.push(0),
        ParamValue::Text(text) => {
            bound.push(1);
            bound.extend_from_slice(text.as_bytes());
        }
        ParamValue::Timestamp(micros) => {
            bound.push(2);
            bound.extend_from_slice(&micros.to_be_bytes());
        }
        ParamValue::Value(value) => {
            bound.push(3);
            value.write_json(bound);
        }
    }
    bound.extend_from_slice(&(bound.len() - start).to_be_bytes());
}
