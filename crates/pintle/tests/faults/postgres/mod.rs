//! What PostgreSQL brings: several servers of one database, and a database that goes away by itself. Where there is no
//! PostgreSQL these tests are left out, by this module's name.

mod database;
mod ingest;
mod replicas;
