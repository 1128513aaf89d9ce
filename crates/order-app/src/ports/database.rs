//! What a store adapter gives the composition root: the ports over one database, and the database
//! behind them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{BoxError, EventJournal, JournalInspection, OrderStore};

/// One database behind its ports.
#[derive(Clone)]
pub struct Stores {
    /// Orders, their events and idempotent answers.
    pub orders: Arc<dyn OrderStore>,
    /// The positions of the events.
    pub journal: Arc<dyn EventJournal>,
    /// The same journal, for operators.
    pub inspection: Arc<dyn JournalInspection>,
    /// The database itself.
    pub database: Arc<dyn Database>,
}

/// A database, as the process that uses it sees it.
#[async_trait]
pub trait Database: Send + Sync {
    /// Brings the tables up to date, and names the migrations that it ran. Law: several processes at
    /// once take turns, and up-to-date tables stay as they are.
    async fn migrate(&self) -> Result<Vec<String>, BoxError>;

    /// The pools of connections, now; empty without any. Law: it asks the database nothing.
    fn pools(&self) -> Vec<PoolReport>;
}

/// The state of a pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolReport {
    /// What the pool is for.
    pub name: &'static str,
    /// The most connections that it opens.
    pub max: u32,
    /// Connections that are open or being opened.
    pub open: u32,
    /// Open connections that are not in use.
    pub idle: u32,
    /// Requests that wait for a connection now.
    pub waiting: u64,
    /// Requests that got none in time, since the start.
    pub timed_out: u64,
}
