//! Clearing away what has served its time: idempotent answers and published events past their
//! retention, in bounded batches, so that no delete ever holds locks for long.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::ports::{Clock, Deadline, EventJournal, OrderStore, Purged, StoreError};

/// How long an answer is kept at least.
const ANSWERS: TimeDelta = TimeDelta::hours(24);
/// The most rows that one delete removes.
const BATCH: u32 = 500;
/// The longest that one delete may take.
const BUDGET: Duration = Duration::from_secs(5);

/// Deletes what has expired.
#[derive(Clone)]
pub struct Housekeeping {
    store: Arc<dyn OrderStore>,
    journal: Arc<dyn EventJournal>,
    events: Option<TimeDelta>,
    clock: Arc<dyn Clock>,
}

/// What there is to clear away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Idempotent answers.
    Answers,
    /// Published events.
    Events,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A full batch was deleted: there may be more.
    More,
    /// Nothing is left to do for now.
    Idle,
}

impl Housekeeping {
    /// Every chore.
    pub const CHORES: [Chore; 2] = [Chore::Answers, Chore::Events];

    /// Wires the process. `events` is how long published events are kept; for ever when `None`.
    #[must_use]
    pub fn new(
        store: Arc<dyn OrderStore>,
        journal: Arc<dyn EventJournal>,
        events: Option<TimeDelta>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, journal, events, clock }
    }

    /// Deletes one batch.
    ///
    /// # Errors
    /// What the store or the journal said instead.
    pub async fn step(&self, chore: Chore) -> Result<Step, StoreError> {
        let kept = match chore {
            Chore::Answers => Some(ANSWERS),
            Chore::Events => self.events,
        };
        // What is kept for longer than there is time is kept for ever.
        let before = kept.and_then(|kept| self.clock.now().checked_sub_signed(kept));
        let Some(before) = before else { return Ok(Step::Idle) };
        let start = Deadline::now();
        let deadline = start.checked_add(BUDGET).unwrap_or(start);
        let more = match chore {
            Chore::Answers => self.store.purge_answers(before, BATCH, deadline).await? >= BATCH,
            Chore::Events => {
                let Purged { events, more } = self.journal.purge(before, BATCH, deadline).await?;
                if events > 0 {
                    tracing::debug!(events, "published events were purged");
                }
                more
            }
        };
        Ok(if more { Step::More } else { Step::Idle })
    }

    /// Runs for ever: everything that is due, then a pause. A failure is logged and tried again
    /// after the pause; nobody waits for this.
    pub async fn run(self, pause: Duration) {
        loop {
            for chore in Self::CHORES {
                self.finish(chore).await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn finish(&self, chore: Chore) {
        loop {
            match (self.step(chore).await, chore) {
                // Let others have the database between two batches.
                (Ok(Step::More), _) => tokio::task::yield_now().await,
                (Ok(Step::Idle), _) => return,
                (Err(error), Chore::Answers) => {
                    return tracing::warn!(?error, "expired idempotency keys were not purged");
                }
                (Err(error), Chore::Events) => {
                    return tracing::warn!(?error, "published events were not purged");
                }
            }
        }
    }
}
