//! One command a file.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod dead_letters;
pub(crate) mod diagram;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod kubernetes;
pub(crate) mod migrate;
pub(crate) mod new;
pub(crate) mod proto;
pub(crate) mod replay;
pub(crate) mod restore;
pub(crate) mod schema;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod types;
pub(crate) mod up;
pub(crate) mod worker;
