//! The calls under way to the journal, the store and the publisher. The relay never waits for one
//! of them: it starts a call, works on, and takes the outcome when it comes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use order_domain::OrderId;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::shard::batch::Batch;
use super::stats::{RelayStats, add};
use crate::ports::{
    Duty, Lease, Leased, Page, Parked, PublishError, ReadEntry, StoreError, StoredEvent,
};

/// One period in which this instance holds a shard. The outcome of a call of an earlier period must
/// not be taken for one of this period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) shard: u16,
    pub(super) number: u64,
}

impl Period {
    /// Makes the result of a call an outcome about this period of the shard.
    pub(super) fn outcome<T>(
        self,
        outcome: impl FnOnce(T) -> ShardOutcome + Send + 'static,
    ) -> impl FnOnce(T) -> Outcome + Send + 'static {
        move |result| Outcome::Shard(self, outcome(result))
    }
}

/// What came of a call. One that panicked ended with an error.
#[derive(Debug)]
pub(super) enum Outcome {
    /// How many instances live.
    Heartbeat(Result<u32, StoreError>),
    /// A lease, and when it was asked for: it counts from then.
    Lease(Duty, Instant, Result<Option<Lease>, StoreError>),
    /// A lease was given back, or runs out by itself.
    Released(Duty),
    /// How many events got their positions.
    Sequenced(Result<Leased<u32>, StoreError>),
    /// The last position of the journal.
    LastPosition(Result<i64, StoreError>),
    /// The entries of all shards after a position.
    Entries(i64, Result<Page<ReadEntry>, StoreError>),
    /// About one shard.
    Shard(Period, ShardOutcome),
}

/// What came of a call about one shard.
#[derive(Debug)]
pub(super) enum ShardOutcome {
    /// Its parked orders.
    Parked(Result<Vec<Parked>, StoreError>),
    /// Its next entries.
    Entries(Result<Page<ReadEntry>, StoreError>),
    /// What the publisher answered; `None` when it panicked and the events are gone.
    Published(Option<(Batch, Vec<Result<(), PublishError>>)>),
    /// Its progress was recorded.
    Recorded(Result<Leased<()>, StoreError>),
    /// The next events of a redriven order.
    OrderEvents(OrderId, Result<Page<StoredEvent>, StoreError>),
}

/// The calls under way, each in a task of its own. Dropping this ends them.
#[derive(Debug)]
pub(super) struct Calls {
    tasks: JoinSet<Outcome>,
    stats: Arc<RelayStats>,
}

impl Calls {
    pub(super) fn new(stats: Arc<RelayStats>) -> Self {
        Self { tasks: JoinSet::new(), stats }
    }

    /// Starts a call. `name` is for the log, in case that it panics.
    pub(super) fn start<T: Send>(
        &mut self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
        outcome: impl FnOnce(Result<T, StoreError>) -> Outcome + Send + 'static,
    ) {
        let stats = Arc::clone(&self.stats);
        self.tasks.spawn(async move {
            let mut call = pin!(call);
            let result = std::future::poll_fn(|context| {
                let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
                polled.unwrap_or_else(|_| {
                    add(&mut stats.update().panics, 1);
                    tracing::error!(call = name, "a call of the relay panicked");
                    Poll::Ready(Err(StoreError::Corrupt("the call panicked".into())))
                })
            });
            outcome(result.await)
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The next outcome; waits for ever when no call is under way. Dropping the future loses none.
    pub(super) async fn next(&mut self) -> Outcome {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(outcome)) => return outcome,
                // The runtime ends.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}
