//! What belongs together is sent together, and then awaited in turn. The driver sends a statement when its future is first
//! polled, so those with rows are polled once; the others ([`Sent`]) are not even that.

use std::fmt;
use std::pin::Pin;
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::{FutureExt, MaybeDone, poll_fn};
use pintle_query::plan::ParamValue;
use tokio_postgres::{Client, RowStream, SimpleQueryStream, Statement};

use super::bind::Bound;
use super::fault::Fault;
use crate::Error;

/// A statement that brings nothing back, on its way. Nobody is woken by its answer, which is so short that it holds up none
/// behind it: who needs to know waits with [`Sent::done`].
pub(super) struct Sent(Pin<Box<SimpleQueryStream>>);

impl Sent {
    /// Sends it.
    pub(super) fn send(client: &Client, sql: &str) -> Result<Sent, Fault> {
        match client.simple_query_raw(sql).now_or_never() {
            Some(Ok(answers)) => Ok(Sent(Box::pin(answers))),
            Some(Err(error)) => Err(Fault::general(&error)),
            None => Err(Fault::Told(Error::internal("a statement was not sent at once"))),
        }
    }

    /// Waits until the server has done it.
    pub(super) async fn done(&mut self) -> Result<(), Fault> {
        while self.0.try_next().await.map_err(|error| Fault::general(&error))?.is_some() {}
        Ok(())
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

/// Runs a statement that brings nothing back, if there is one.
pub(super) async fn control(client: &Client, sql: Option<&str>) -> Result<(), Fault> {
    done(send(client, sql)?).await
}

/// Sends a statement that brings nothing back, if there is one.
pub(super) fn send(client: &Client, sql: Option<&str>) -> Result<Option<Sent>, Fault> {
    sql.map(|sql| Sent::send(client, sql)).transpose()
}

/// Waits for it, if there is one.
pub(super) async fn done(sent: Option<Sent>) -> Result<(), Fault> {
    match sent {
        Some(mut sent) => sent.done().await,
        None => Ok(()),
    }
}

/// Polls once, which sends.
pub(super) async fn begin<F: Future>(future: &mut Pin<&mut MaybeDone<F>>) {
    poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

/// Waits for what was begun.
pub(super) async fn ended<T>(
    mut future: Pin<&mut MaybeDone<impl Future<Output = Result<T, Fault>>>>,
) -> Result<T, Fault> {
    future.as_mut().await;
    future.take_output().unwrap_or_else(|| Err(Fault::Told(Error::internal("an answer was taken twice"))))
}

/// Sends a statement with its values; its rows follow.
pub(super) async fn query<'a>(
    client: &Client,
    prepared: &Statement,
    values: impl ExactSizeIterator<Item = ParamValue<'a>>,
) -> Result<RowStream, tokio_postgres::Error> {
    client.query_raw(prepared, values.map(Bound)).await
}
