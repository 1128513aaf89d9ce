//! What differs between the databases. Each file here names its connection, its migrations and how
//! it is set up, and then compiles the one source of all statements and of when they run,
//! `statements.rs`, `store.rs`, `lookups.rs`, `writer.rs` and `journal.rs`, for itself.

pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
