//! The order store and the event journal on SQLite, PostgreSQL, MySQL and MariaDB, from one source.
//!
//! [`open`] gives an [`OrderStore`](order_app::ports::OrderStore) and an
//! [`EventJournal`](order_app::ports::EventJournal) for a URL, [`migrate`] brings its database up to
//! date. Changes pass `commit/`, lookups pass `read/`; the statements are in `sql/`, which is compiled
//! for each database in `backend/`. The contract suites of `order-testkit` check the laws of the ports on
//! every database.

#![expect(clippy::duplicate_mod, reason = "one source of all statements, compiled per backend")]

mod adopt;
mod backend;
mod commit;
mod executor;
mod ids;
mod migrate;
mod open;
mod pool;
mod read;
mod retry;
mod rows;
mod schema;
mod tls;
mod types;

pub use open::{MigrateError, OpenError, StoreSettings, UnknownDatabase, migrate, open};
pub use tls::{Check, FileError, Identity, Tls};

/// Temporary.
pub(crate) fn broken(what: &str) -> bool {
    std::env::var("BREAK").is_ok_and(|said| said == what)
}
