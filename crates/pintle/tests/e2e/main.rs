//! The real binary, as its users use it: each file is a thing that they do.

#![expect(clippy::unwrap_used, reason = "a test's way to fail")]

#[path = "../common/mod.rs"]
mod common;

/// Makes each of these functions of a [`common::Place`] a test on SQLite and a test on PostgreSQL.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $test() { super::$test(crate::common::Place::Sqlite).await; })+
        }
        mod on_postgres {
            $(#[tokio::test] async fn $test() { super::$test(crate::common::Place::Postgres).await; })+
        }
    };
}

/// As [`on_both_stores`], and the same as services behind a gateway; those behind the `;` by one process alone.
macro_rules! in_every_way {
    ($($test:ident),+ $(,)? $(; $($whole:ident),+ $(,)?)?) => {
        on_both_stores!($($test),+ $(, $($whole),+)?);
        mod as_services_on_sqlite {
            $(#[tokio::test] async fn $test() { super::$test(crate::common::Place::SqliteServices).await; })+
        }
        mod as_services_on_postgres {
            $(#[tokio::test] async fn $test() { super::$test(crate::common::Place::PostgresServices).await; })+
        }
    };
}

/// Tests of places on a PostgreSQL that has no PostGIS.
macro_rules! on_postgres_without_postgis {
    ($($test:ident),+ $(,)?) => {
        mod on_postgres_without_postgis {
            $(#[tokio::test] async fn $test() { super::$test(crate::common::Place::PostgresWithoutPostgis).await; })+
        }
    };
}

mod backup;
mod check;
mod configs;
mod configs_search;
mod connect;
mod connect_page;
mod copy;
mod credentials;
mod dead_letters;
mod declarations;
mod dev;
mod diagram;
mod docs_page;
mod errors;
mod gateway;
mod grpc;
mod health;
mod idempotency;
mod import;
mod life;
mod migrate;
mod nats;
mod new;
mod pages;
mod pipelines;
mod postgrest;
mod proximity;
mod retriever;
mod route_cache;
mod scripts;
mod search;
mod secrets;
mod seed;
mod services;
mod settings;
mod startup;
mod system;
mod tokens;
mod types;
mod unread;
mod up;
mod watch;
