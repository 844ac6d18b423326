//! The floor: an axum answer that does nothing.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use bytes::Bytes;

/// The longest answer.
const BYTES_MAX: usize = 1 << 20;

/// Answers `GET /` with a few bytes, and `GET /N` with N bytes that are there already, until the process is ended.
pub(crate) async fn serve(listener: tokio::net::TcpListener) -> Result<()> {
    let bytes = Bytes::from(vec![b' '; BYTES_MAX]);
    let some = get(async move |Path(count): Path<usize>| bytes.slice(..count.min(BYTES_MAX)));
    listen(listener, Router::new().route("/", get(|| async { "pintle" })).route("/{count}", some)).await
}

/// What axum offers to serve a router, with answers sent at once.
pub(crate) async fn listen(listener: tokio::net::TcpListener, router: Router) -> Result<()> {
    use axum::serve::ListenerExt;
    // A connection that is gone already tells so itself.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.context("the server stopped")
}
