//! The statements, and the ports that run them. Compiled once as a part of each backend, which says what
//! `Connection`, `Database` and `Dialect` are: generic code over diesel's backends drowns in trait bounds.

use std::sync::Arc;

use bb8::Pool;
use diesel::QueryResult;
use order_app::ports::BoxError;

use super::{
    BEGIN, FROM_NOW, ITEMS_BYTES, JOIN_EVENTS, LISTS, LOCKING, SKIPPING, UNTIMED, WRITERS,
};
use super::{Connection, Database, Dialect, MIGRATIONS, batch, incoming};
use super::{catalogue, counters, errors, moods};
use super::{list_key, listed_by};
use crate::backend::{Access, Backend, BatchOutcome, ListsQuery, Obstacle, Ports, Query};
use crate::commit::queue::CommitQueue;
use crate::executor::Executor;
use crate::ids::OrderIds;
use crate::pool::{Guarded, Manager};
use crate::read::Reads;
use crate::rows::{ChangeRows, SagaOfOrder, StoredRow, Wanted};
use crate::types::Guid;

#[path = "sql/adoption.rs"]
pub(crate) mod adoption;
#[path = "sql/journal.rs"]
mod journal;
#[path = "sql/migrations.rs"]
pub(crate) mod migrations;
#[path = "sql/pages.rs"]
pub(super) mod pages;
#[path = "sql/sagas.rs"]
mod sagas;
#[path = "sql/statements.rs"]
pub(super) mod statements;
#[path = "sql/store.rs"]
mod store;

impl Backend for Database {
    const WRITERS: Option<u32> = WRITERS;
    const BEGIN: &'static str = BEGIN;
    const LISTS: Option<ListsQuery<Self>> = LISTS;
    const ORDERS: Query<Self, [Wanted], Vec<Option<Arc<StoredRow>>>> = statements::find_orders;
    const SAGAS: Query<Self, [i64], Vec<Option<Arc<SagaOfOrder>>>> = sagas::find;
    const STORED_EVENTS: Query<Self, Vec<Guid>, Vec<Guid>> = statements::stored_events;
    const UNLOCKED: Query<Self, [i64], Vec<i64>> = statements::unlocked_orders;
    const OBSTACLE: Query<Self, ChangeRows, Obstacle> = statements::obstacle;

    fn at(url: &str, access: Access<'_>) -> Result<Self, BoxError> {
        Self::new(url, access)
    }

    async fn write_batch(
        guarded: &mut Guarded<Connection>,
        changes: &[Arc<ChangeRows>],
        in_doubt: &mut bool,
        pool: &Pool<Manager<Self>>,
    ) -> QueryResult<BatchOutcome> {
        batch::write(guarded, changes, in_doubt, pool).await
    }
}

/// The ports over one database.
pub(crate) fn ports(
    executor: Arc<Executor<Database>>,
    queue: CommitQueue,
    ids: Arc<OrderIds>,
    reads: Reads,
) -> Ports {
    let journal = Arc::new(journal::Journal(Arc::clone(&executor)));
    let orders = Arc::new(store::Store { executor, queue, ids, reads });
    (orders.clone(), orders, journal.clone(), journal)
}
