//! Migrations of a PostgreSQL database.

use pintle_model::Model;

use super::connect;
use crate::{Consent, Error, MigrationPlan, PostgresUrl};

/// What the tables lack to be the model's. Nothing is changed.
pub(super) async fn plan(url: &PostgresUrl, _model: &Model) -> Result<MigrationPlan, Error> {
    connect::connect(url).await?;
    Err(Error::Migration("migrations of PostgreSQL are not built yet".to_owned()))
}

/// Brings the tables to the model's state. What was done is returned; an empty plan if they were there already.
pub(super) async fn apply(url: &PostgresUrl, model: &Model, _consent: Consent) -> Result<MigrationPlan, Error> {
    plan(url, model).await
}
