//! What differs between the databases. Each file here names its connection, its migrations and how
//! it is set up, and then compiles the one source of all statements, `statements.rs` and
//! `store.rs`, for itself.

pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
