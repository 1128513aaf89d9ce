//! What a store adapter gives the composition root: the ports over one database, and the database
//! behind them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BoxError, EventJournal, JournalInspection, OrderStore, SagaStore, UnreadableOrder};

/// One database behind its ports.
#[derive(Clone)]
pub struct Stores {
    /// Orders, their events and idempotent answers.
    pub orders: Arc<dyn OrderStore>,
    /// The sagas of orders.
    pub sagas: Arc<dyn SagaStore>,
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
    /// Adapts existing tables, brings all tables up to date, and names what it did. A table that it may not adapt is
    /// [`Unsuitable`]. Law: several processes at once take turns, up-to-date tables stay as they are, and unsuitable ones
    /// stay unchanged.
    async fn migrate(&self, extent: Extent) -> Result<Vec<String>, BoxError>;

    /// What an existing table of orders has that is not as the service needs it; `None` when there is no such table. Law: it
    /// changes nothing.
    async fn inspect(&self) -> Result<Option<Vec<Finding>>, BoxError>;

    /// The migrations that have not run yet, by name. Law: it changes nothing. A user who may not read which have run gets
    /// none of a database on which the first ones have. A migration of a newer release that older ones may not serve beside
    /// is an error, here and in [`Database::migrate`].
    async fn pending(&self) -> Result<Vec<String>, BoxError>;

    /// What an operator should know, a sentence each: migrations of a newer release beside which this one may serve, and
    /// settings of the server that weaken what the service promises. Law: it changes nothing.
    async fn cautions(&self) -> Result<Vec<String>, BoxError>;

    /// Reads all stored orders, in the order of their ids, and tells of each `at_a_time` of them what it found. Law: it
    /// changes nothing, works before the migration, too, and keeps no more of them in memory.
    async fn check_orders(
        &self,
        at_a_time: u32,
        tell: &mut (dyn FnMut(CheckedOrders) + Send),
    ) -> Result<(), BoxError>;

    /// How many decimals of a second the table of orders keeps, 0 to 6; 0 until [`Database::migrate`] or
    /// [`Database::inspect`] has succeeded. Law: it asks the database nothing.
    fn time_decimals(&self) -> u16;

    /// The pools of connections, now; empty without any. Law: it asks the database nothing.
    fn pools(&self) -> Vec<PoolReport>;
}

/// How far a migration may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It rewrites no table, because other instances, or another service, may be using it.
    Quick,
    /// It may rewrite tables, as an operator asked for.
    Whole,
}

/// Something in an existing table that is not as the service needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The column; `None` when it is about the table.
    pub column: Option<String>,
    /// What is there.
    pub is: String,
    /// What the service needs.
    pub must_be: String,
    /// Who mends it.
    pub remedy: Remedy,
    /// The statement that mends it, if there is one.
    pub statement: Option<String>,
}

/// Who mends a [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Every migration: no row is touched, nothing is lost, and another service does not notice.
    Quick,
    /// A migration of [`Extent::Whole`]: the table is rewritten, and nothing is lost.
    Rewrite,
    /// An operator, who alone knows what the values mean.
    Operator,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, is, must_be, remedy, statement } = self;
        f.write_str(table)?;
        if let Some(column) = column {
            write!(f, ".{column}")?;
        }
        write!(f, " {is}; {must_be}")?;
        match remedy {
            Remedy::Quick => f.write_str("; the migration changes it")?,
            Remedy::Rewrite => f.write_str("; `order-service migrate` rewrites the table")?,
            Remedy::Operator => {}
        }
        match statement {
            Some(statement) => write!(f, ": {statement}"),
            None => Ok(()),
        }
    }
}

/// Tables that the service cannot use as they are, and may not change by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database has a table that cannot be used as it is: {}", lines(.0))]
pub struct Unsuitable(pub Vec<Finding>);

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

/// Some stored orders, looked at one by one.
#[derive(Debug, Default)]
pub struct CheckedOrders {
    /// How many there were.
    pub count: u32,
    /// Those that cannot be read.
    pub unreadable: Vec<UnreadableOrder>,
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
