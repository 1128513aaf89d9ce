//! Publishing past events once more, each order's in sequence, different orders concurrently. Only
//! published events are replayed: an event that the relay has yet to publish would otherwise appear
//! behind later ones of its order. Finding events is in `replay/walk.rs` and `replay/by_order.rs`,
//! sending them in `replay/sending.rs`.
//!
//! A replay can be resumed. All selected events up to its position are confirmed, so a replay that
//! starts after that position misses none, and may repeat some. A replay that goes by orders is
//! resumed after an order in the same way. Both are in its progress from the start to the end,
//! however it ends.
//!
//! One replay sends at a time, under a lease, to spare brokers, subscribers and operators. A replay
//! that was suspended for longer than its lease may send for a moment beside its successor, which
//! does no harm.

mod by_order;
mod estimate;
mod jobs;
mod published;
mod rate_limit;
mod sending;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_domain::{OrderId, Version};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::{OperationsPorts, Operator, deadline};
use crate::ports::{
    Deadline, Duty, EventJournal, Lease, Selection, StoreError, Unreadable, later, uuid_v7,
};

pub use estimate::ReplayEstimate;
pub use jobs::{ReplayJob, Replays};

/// How long the lease lasts. It is renewed after a third of that. After a kill, no replay can begin
/// until it has expired.
const LEASE: Duration = Duration::from_secs(10);
/// How long a replay that has ended tries to give its lease back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(1);
/// The most unreadable events that are listed one by one; further ones are counted.
const LISTED: usize = 100;

/// What is to be replayed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Which events.
    pub selection: Selection,
    /// The topic; each event's own topic when `None`.
    pub topic: Option<String>,
    /// Only events after this position; a resumed replay starts where the first one ended.
    pub after: i64,
    /// Only events up to this position.
    pub up_to: Option<i64>,
    /// Only events of orders with a higher id than this one; a resumed replay of few orders starts
    /// where the first one ended.
    pub after_order: Option<OrderId>,
    /// The most events in a second, at least 1.
    pub rate: u32,
    /// Only counts.
    pub dry_run: bool,
}

impl ReplayPlan {
    /// The default rate, in events per second.
    pub const USUAL_RATE: u32 = 1_000;
    /// The highest rate that may be asked for, in events per second.
    pub const HIGHEST_RATE: u32 = 100_000;
}

/// The progress of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Whether it runs.
    pub state: ReplayState,
    /// Where it can be resumed: all selected events up to here are confirmed, or counted.
    pub position: i64,
    /// The position at which it ends, once that is known.
    pub end: Option<i64>,
    /// Events that were confirmed, repetitions included, or counted.
    pub events: u64,
    /// Selected events that were left out because they are not published yet.
    pub unpublished: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
    /// The first of these.
    pub left_out: Vec<LeftOut>,
    /// How many orders are done, and of how many, when it goes by orders and not by positions. The
    /// position then stays at the start until all are done.
    pub orders: Option<(u64, u64)>,
    /// Where a replay by orders can be resumed: all selected events of orders up to this id, which
    /// need not be an order's, are confirmed, or counted.
    pub after_order: Option<OrderId>,
    /// The failure after which it is pausing now; it tries again.
    pub trouble: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Whether a replay runs, and else how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReplayState {
    /// It runs.
    #[default]
    Running,
    /// All selected events are confirmed, or counted.
    Completed,
    /// An operator, or the end of the process, stopped it.
    Cancelled,
    /// It cannot go on, for this reason.
    Failed(String),
}

/// An event that was left out because it cannot be read. Later ones of its order were not left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The order that it happened to.
    pub order: OrderId,
    /// The order's version that it made.
    pub sequence: Version,
    /// Its position in the journal; unknown when it was found by its order.
    pub position: Option<i64>,
    /// What is wrong with it; for operators.
    pub reason: String,
}

impl From<Unreadable> for LeftOut {
    fn from(Unreadable { position, order, sequence, reason }: Unreadable) -> Self {
        Self { order, sequence, position: Some(position), reason }
    }
}

/// Why a replay was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one of this process is running.
    #[error("replay {0} is running")]
    Running(Uuid),
    /// One of another instance is running, or of a command line; or one was killed a moment ago.
    #[error("another replay is running, or was killed within the last 10 s")]
    Elsewhere,
    /// There are no brokers.
    #[error("there are no brokers to replay to")]
    NoBrokers,
    /// The process is about to end.
    #[error("this instance is stopping")]
    Stopping,
    /// The journal did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One replay.
pub struct Replay {
    id: Uuid,
    ports: OperationsPorts,
    plan: ReplayPlan,
    progress: Arc<watch::Sender<ReplayProgress>>,
    /// The lease under which it sends; `None` when it only counts.
    lease: Option<Lease>,
}

impl Replay {
    /// Prepares a replay, which must be run then. From now on its progress can be watched, and no
    /// other replay can begin, unless this one only counts.
    ///
    /// # Errors
    /// [`StartError`], each case by its name.
    pub async fn begin(operator: &Operator, plan: ReplayPlan) -> Result<Self, StartError> {
        Self::with(operator.ports.clone(), plan).await
    }

    async fn with(ports: OperationsPorts, plan: ReplayPlan) -> Result<Self, StartError> {
        if ports.replayer.is_none() && !plan.dry_run {
            return Err(StartError::NoBrokers);
        }
        let started_at = ports.clock.now();
        let id = uuid_v7(started_at, &*ports.entropy);
        let mut lease = None;
        if !plan.dry_run {
            lease = ports.journal.lease(Duty::Replay, id, LEASE, deadline()).await?;
            lease.ok_or(StartError::Elsewhere)?;
        }
        let progress = ReplayProgress {
            position: plan.after,
            after_order: plan.after_order,
            started_at,
            ..ReplayProgress::default()
        };
        Ok(Self { id, ports, plan, progress: Arc::new(watch::Sender::new(progress)), lease })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Its progress, also after its end.
    #[must_use]
    pub fn progress(&self) -> Arc<watch::Sender<ReplayProgress>> {
        Arc::clone(&self.progress)
    }

    /// Runs until all is done, it cannot go on, or `stop` is done.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> ReplayProgress {
        let mut lease = self.lease.take();
        let state = tokio::select! {
            biased;
            () = stop => ReplayState::Cancelled,
            () = keep(&*self.ports.journal, &mut lease) => {
                ReplayState::Failed("another replay has begun".to_owned())
            }
            walked = self.walk() => match walked {
                Ok(()) => ReplayState::Completed,
                Err(reason) => ReplayState::Failed(reason),
            },
        };
        self.give_back(lease).await;
        let now = self.ports.clock.now();
        self.progress.send_modify(|progress| {
            progress.state = state;
            progress.trouble = None;
            progress.ended_at = Some(now);
        });
        self.progress.borrow().clone()
    }

    /// Gives up before it has begun.
    async fn abandon(mut self) {
        let lease = self.lease.take();
        self.give_back(lease).await;
    }

    /// Lets other replays begin. When this fails, they can begin after the lease has run out.
    async fn give_back(&self, lease: Option<Lease>) {
        if let Some(lease) = lease {
            let soon = later(Deadline::now(), GIVEN_BACK_WITHIN);
            let _ = self.ports.journal.release(&lease, soon).await;
        }
    }

    /// Counts, logs and lists an event that is left out.
    fn leave_out(&self, event: LeftOut) {
        self.progress.send_modify(|progress| {
            add(&mut progress.unreadable, 1);
            if progress.left_out.len() < LISTED {
                let LeftOut { order, sequence, position, reason } = &event;
                tracing::error!(
                    replay = %self.id, order.id = order.get(), sequence = sequence.get(), position,
                    reason, "an event is left out of a replay: it cannot be read"
                );
                progress.left_out.push(event);
            }
        });
    }
}

/// Renews a lease, and ends when another replay has it. A journal that does not answer is asked
/// again: meanwhile, no other replay can get the lease from it.
async fn keep(journal: &dyn EventJournal, lease: &mut Option<Lease>) {
    if lease.is_none() {
        std::future::pending::<()>().await;
    }
    while let Some(held) = *lease {
        sleep(LEASE.checked_div(3).unwrap_or(LEASE)).await;
        match journal.lease(held.duty, held.instance, LEASE, deadline()).await {
            Ok(renewed) => *lease = renewed,
            Err(error) => tracing::debug!(%error, "the lease of a replay is not renewed"),
        }
    }
}

fn add(count: &mut u64, more: usize) {
    *count = count.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
}
