//! Connections: how the server is reached, and what every session is told.

use tokio_postgres::{Client, NoTls};

use crate::{Error, PostgresUrl};

/// A connection of one's own, outside the pool. Its session speaks UTC and ISO, and finds tables in the app's schema.
///
/// # Errors
/// When the server does not answer or refuses.
pub(super) async fn connect(url: &PostgresUrl) -> Result<Client, Error> {
    let (client, connection) =
        tokio_postgres::connect(url.secret(), NoTls).await.map_err(|error| Error::Unavailable(error.into()))?;
    tokio::spawn(connection);
    Ok(client)
}
