//! Dead letters are counted, for `/metrics`, and removed when they are older than the manifest keeps them. Several servers on one store may
//! do so at once.

use std::sync::Arc;
use std::time::Duration;

use pintle_model::{Caller, Role};
use tokio::time::Instant;

use crate::run::{SETTLED, Server};

const INTERVAL: Duration = Duration::from_secs(15);

/// Looks after the dead letters of all pipelines, forever.
pub(crate) async fn upkeep(server: Server) {
    let service = Arc::new(Caller::of(Role::ServiceRole));
    let mut ticks = tokio::time::interval_at(Instant::now() + SETTLED, INTERVAL);
    loop {
        ticks.tick().await;
        let state = server.state();
        for door in &state.doors {
            if let Err(reason) = door.dead_letters().look_after(&state.asker(Arc::clone(&service))).await {
                let pipeline = &door.pipeline().name;
                tracing::warn!(%reason, pipeline, "dead letters are not counted for now");
            }
        }
    }
}
