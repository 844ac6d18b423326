//! `/rest/v1`: its grammar and its writes, as tables and as properties.

mod accepted;
mod grammar;
mod random;
mod shown;
mod writes;
