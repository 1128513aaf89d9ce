//! What the relay has asked the journal, the store and the publisher, and is not answered yet. The
//! relay itself never waits for one of them: it starts a call and goes on with something else.

use std::collections::HashMap;

use order_domain::OrderId;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::batch::Batch;
use crate::events::EventRecord;
use crate::ports::{
    Duty, JournalEntry, Lease, Leased, Parked, PublishError, StoreError, Unreadable,
};

/// One shard in one tenure of ours. An answer to an earlier tenure must not be taken for one to
/// this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) shard: u16,
    pub(super) tenure: u64,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Who lives.
    Attend,
    /// A lease, and when it was asked for: it counts from then.
    Lease(Duty, Instant),
    /// To take a lease back.
    Release(Duty),
    /// Places for events without one.
    Arrange,
    /// The end of the journal, from a position on, or its position alone.
    Tail(Option<i64>),
    /// Something about one shard.
    Shard(Seat, Work),
}

/// What was asked about a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Which of its orders are parked.
    Parked,
    /// Its next events.
    Read,
    /// To publish a batch.
    Publish,
    /// To record progress.
    Record,
    /// The events of a parked order.
    Events(OrderId),
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Answer {
    Living(Result<u32, StoreError>),
    Leased(Result<Option<Lease>, StoreError>),
    Released,
    Arranged(Result<Leased<u32>, StoreError>),
    Head(Result<i64, StoreError>),
    Page(Result<Vec<Result<JournalEntry, Unreadable>>, StoreError>),
    Parked(Result<Vec<Parked>, StoreError>),
    Published(Batch, Vec<Result<(), PublishError>>),
    Recorded(Result<Leased<()>, StoreError>),
    Events(Result<Vec<EventRecord>, StoreError>),
    /// Nothing, because of a defect behind the port.
    Panicked,
}

/// The calls under way, each in a task of its own. They end with this.
#[derive(Debug, Default)]
pub(super) struct Calls {
    tasks: JoinSet<Answer>,
    names: HashMap<Id, Call>,
}

impl Calls {
    pub(super) fn start(
        &mut self,
        call: Call,
        work: impl Future<Output = Answer> + Send + 'static,
    ) {
        let id = self.tasks.spawn(work).id();
        self.names.insert(id, call);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The next answer; waits for ever when nothing was asked. Dropping the future loses none.
    pub(super) async fn next(&mut self) -> (Call, Answer) {
        loop {
            let (id, answer) = match self.tasks.join_next_with_id().await {
                Some(Ok(answered)) => answered,
                Some(Err(ended)) => (ended.id(), Answer::Panicked),
                None => std::future::pending().await,
            };
            if let Some(call) = self.names.remove(&id) {
                return (call, answer);
            }
        }
    }
}
