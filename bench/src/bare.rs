//! The floor: an axum answer that does nothing.

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::get;

/// Answers `GET /` with a few bytes until the process is ended.
pub(crate) async fn serve(listener: tokio::net::TcpListener) -> Result<()> {
    listen(listener, Router::new().route("/", get(|| async { "pintle" }))).await
}

/// What axum offers to serve a router, with answers sent at once.
pub(crate) async fn listen(listener: tokio::net::TcpListener, router: Router) -> Result<()> {
    use axum::serve::ListenerExt;
    // A connection that is gone already tells so itself.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, router).await.context("the server stopped")
}
