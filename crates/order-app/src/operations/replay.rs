//! Publishing past events once more, each order's one after the other, different orders together.
//! Only what is published already is replayed: an event that the relay has yet to publish would
//! otherwise appear behind later ones of its order. How events are found is in `replay/walk.rs`,
//! how they are sent in `replay/sending.rs`.
//!
//! A replay can be resumed: everything that is selected up to its position is confirmed, so another
//! one that starts after that position misses nothing, and may repeat a little. One that goes by
//! orders goes on after an order in the same way. Both are in its progress from the start to the end,
//! however it ends.
//!
//! One replay sends at a time, whoever began it: it has a lease. That is for the sake of brokers,
//! subscribers and operators; nothing breaks when one that was halted for longer than its lease
//! sends for a moment more, until it finds that another has begun.

mod estimate;
mod few;
mod pace;
mod published;
mod sending;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_domain::{OrderId, Version};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use super::replays::StartError;
use super::{OperationsPorts, deadline};
use crate::ports::{Duty, EventJournal, Lease, Selection, Unreadable, uuid_v7};

pub use estimate::ReplayPace;

/// How long the lease lasts without being renewed, which it is after a third of that: after a kill,
/// so long nobody can begin another replay.
const LEASE: Duration = Duration::from_secs(10);
/// How long a replay that has ended tries to give its lease back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(1);
/// So many events that could not be read are told one by one; beyond, they are counted.
const TOLD: usize = 100;

/// What is to be replayed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Which events.
    pub selection: Selection,
    /// Where to; each event to its own topic when `None`.
    pub topic: Option<String>,
    /// Only events with places after this one; a resumed replay starts where the first one ended.
    pub after: i64,
    /// Only events up to this place.
    pub up_to: Option<i64>,
    /// Only events of orders with a higher id than this one; a resumed replay of few orders starts
    /// where the first one ended.
    pub after_order: Option<OrderId>,
    /// At most so many events in a second, at least 1.
    pub rate: u32,
    /// Only counts.
    pub dry_run: bool,
}

impl ReplayPlan {
    /// Events in a second when nobody says otherwise.
    pub const USUAL_RATE: u32 = 1_000;
    /// The most events in a second that may be asked for.
    pub const HIGHEST_RATE: u32 = 100_000;
}

/// How a replay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Whether it goes on.
    pub state: ReplayState,
    /// Where it goes on from: all selected events up to here are confirmed, or counted.
    pub position: i64,
    /// Where it ends, once that is known.
    pub end: Option<i64>,
    /// Events that were confirmed, repetitions included, or counted.
    pub events: u64,
    /// Selected events that were left out because they are not published yet.
    pub unpublished: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
    /// Which these are, as far as there are not too many.
    pub left_out: Vec<LeftOut>,
    /// How many orders are done, and of how many, when it goes by orders and not by places: then
    /// the position is at the start until all are done.
    pub orders: Option<(u64, u64)>,
    /// Where it goes on from then: all selected events of the orders up to this id, which need not be
    /// an order's, are confirmed, or counted.
    pub after_order: Option<OrderId>,
    /// What keeps it from going on at the moment; it tries again.
    pub trouble: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Whether a replay goes on, and else how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayState {
    /// It goes on.
    Running,
    /// All that was selected has been confirmed, or counted.
    Completed,
    /// Somebody stopped it.
    Cancelled,
    /// It cannot go on, for this reason.
    Failed(String),
}

/// An event that could not be read, and was left out: the later ones of its order were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose event it is.
    pub order: OrderId,
    /// The order's version that it made.
    pub sequence: Version,
    /// Its place in the journal; not known when it was found by its order.
    pub position: Option<i64>,
    /// What is wrong with it; for operators.
    pub reason: String,
}

impl From<Unreadable> for LeftOut {
    fn from(Unreadable { position, order, sequence, reason }: Unreadable) -> Self {
        Self { order, sequence, position: Some(position), reason }
    }
}

/// One replay.
pub struct Replay {
    id: Uuid,
    ports: OperationsPorts,
    plan: ReplayPlan,
    progress: Arc<watch::Sender<ReplayProgress>>,
    /// What it sends under; nothing when it only counts.
    lease: Option<Lease>,
}

impl Replay {
    /// Prepares a replay, which must be run then; its progress can be watched from now on. From now
    /// on no other one can be begun, unless this one only counts.
    ///
    /// # Errors
    /// [`StartError`], each case by its name.
    pub async fn begin(ports: OperationsPorts, plan: ReplayPlan) -> Result<Self, StartError> {
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
            state: ReplayState::Running,
            position: plan.after,
            end: None,
            events: 0,
            unpublished: 0,
            unreadable: 0,
            left_out: Vec::new(),
            orders: None,
            after_order: plan.after_order,
            trouble: None,
            started_at,
            ended_at: None,
        };
        Ok(Self { id, ports, plan, progress: Arc::new(watch::Sender::new(progress)), lease })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Shows how it stands, for as long as anybody likes to look.
    #[must_use]
    pub fn progress(&self) -> Arc<watch::Sender<ReplayProgress>> {
        Arc::clone(&self.progress)
    }

    /// Runs until all is done, it cannot go on, or it is told to stop.
    pub async fn run(mut self, told: impl Future<Output = ()>) -> ReplayProgress {
        let mut lease = self.lease.take();
        let state = tokio::select! {
            biased;
            () = told => ReplayState::Cancelled,
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
    pub(super) async fn abandon(mut self) {
        let lease = self.lease.take();
        self.give_back(lease).await;
    }

    /// Lets others begin. When nobody hears of it, they can when the lease is over.
    async fn give_back(&self, lease: Option<Lease>) {
        if let Some(lease) = lease {
            let now = tokio::time::Instant::now();
            let soon = now.checked_add(GIVEN_BACK_WITHIN).unwrap_or(now);
            let _ = self.ports.journal.release(&lease, soon).await;
        }
    }

    /// Tells of an event that is left out.
    fn leave_out(&self, event: LeftOut) {
        self.progress.send_modify(|progress| {
            add(&mut progress.unreadable, 1);
            if progress.left_out.len() < TOLD {
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

/// Renews a lease for as long as nobody else has it. A journal that does not answer is asked again:
/// nobody else can take the lease of it meanwhile. When another replay has come and gone in between,
/// it is no obstacle any more.
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
