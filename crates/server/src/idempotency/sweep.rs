//! Answers that nobody may ask for any more are removed, soon after the start and then every ten minutes. Several servers on one store
//! may do so at once: what one has removed the others do not find.

use std::sync::Arc;
use std::time::Duration;

use pintle_query::rest::{Preferences, RestWrite};
use pintle_query::{Fault, Read};
use pintle_store::Error;
use serde::Deserialize;
use tokio::time::Instant;

use super::KEPT;
use super::kept::timestamp;
use crate::run::{SETTLED, Server};
use crate::state::State;

const INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Rows removed by one write, so that others do not wait for it long.
const BATCH: usize = 200;

#[derive(Deserialize)]
struct Row {
    created_at: String,
}

/// Removes what is too old, forever.
pub(crate) async fn sweep(server: Server) {
    let mut ticks = tokio::time::interval_at(Instant::now() + SETTLED, INTERVAL);
    loop {
        ticks.tick().await;
        loop {
            match batch(&server.state()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => {
                    tracing::warn!(reason, "old answers to `Idempotency-Key` stay for now");
                    break;
                }
            }
        }
    }
}

/// Removes the oldest of what is too old; whether there is more.
async fn batch(state: &State) -> Result<bool, String> {
    let (kept, planner) = (&state.idempotency, &state.planner);
    let asker = state.asker(Arc::clone(&kept.service));
    let prefer = Preferences::default();
    let fault = |fault: Fault| fault.to_string();
    let error = |error: Error| error.to_string();
    let old = |until: &str| format!("created_at=lte.{}", until.replace('+', "%2B"));
    let until = old(&timestamp(asker.now.saturating_sub(KEPT)));
    let oldest = format!("select=created_at&{until}&order=created_at&limit=1&offset={}", BATCH - 1);
    let read: Read = planner.rest_read(kept.collection, &oldest, &prefer, &asker).map_err(fault)?.read;
    let rows = state.store.read(read).await.map_err(error)?;
    let rows: Vec<Row> = serde_json::from_slice(&rows.json).map_err(|error| error.to_string())?;
    let (until, more) = match rows.first() {
        Some(row) => (old(&row.created_at), true),
        None => (until, false),
    };
    let RestWrite { write, .. } = planner.rest_delete(kept.collection, &until, &prefer, &asker).map_err(fault)?;
    if let Some(write) = write {
        state.store.write(write).await.map_err(error)?;
    }
    Ok(more)
}
