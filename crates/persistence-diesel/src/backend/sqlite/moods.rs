//! Settings that would change what statements mean or promise: SQLite keeps none of them in a file but WAL mode, which the
//! set-up of each connection sets.

/// Rows if the database cannot be used as it is set.
pub(super) const REFUSED: Option<&str> = None;

/// Rows for what weakens a promise.
pub(super) const TOLD: Option<&str> = None;
