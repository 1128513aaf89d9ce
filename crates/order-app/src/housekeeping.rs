//! Deletes what has expired, in bounded batches, so that no delete holds locks for long: recorded
//! answers, published events past their retention, and sagas that are over for long.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::ports::{
    Clock, Deadline, EventJournal, OrderStore, Purged, SagaStore, StoreError, later,
};

/// The shortest time that an answer is kept.
const ANSWERS: TimeDelta = TimeDelta::hours(24);
/// The most rows that one delete removes.
const BATCH: u32 = 500;
/// The longest time that one delete may take.
const BUDGET: Duration = Duration::from_secs(5);

/// See the head of the file.
#[derive(Clone)]
pub struct Housekeeping {
    store: Arc<dyn OrderStore>,
    journal: Arc<dyn EventJournal>,
    sagas: Arc<dyn SagaStore>,
    kept: Retention,
    clock: Arc<dyn Clock>,
}

/// How long what can be kept for ever is kept; for ever when `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Published events.
    pub events: Option<TimeDelta>,
    /// Sagas that are over and need no operator.
    pub sagas: Option<TimeDelta>,
}

/// What expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Recorded answers.
    Answers,
    /// Published events.
    Events,
    /// Sagas that are over.
    Sagas,
}

impl Housekeeping {
    /// Wires the process.
    #[must_use]
    pub fn new(
        store: Arc<dyn OrderStore>,
        journal: Arc<dyn EventJournal>,
        sagas: Arc<dyn SagaStore>,
        kept: Retention,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, journal, sagas, kept, clock }
    }

    /// Deletes one batch. Says whether there may be more.
    ///
    /// # Errors
    /// Those of the store or the journal.
    pub async fn step(&self, chore: Chore) -> Result<bool, StoreError> {
        let kept = match chore {
            Chore::Answers => Some(ANSWERS),
            Chore::Events => self.kept.events,
            Chore::Sagas => self.kept.sagas,
        };
        // A retention that reaches back beyond the calendar keeps everything.
        let before = kept.and_then(|kept| self.clock.now().checked_sub_signed(kept));
        let Some(before) = before else { return Ok(false) };
        let deadline = later(Deadline::now(), BUDGET);
        match chore {
            Chore::Answers => Ok(self.store.purge_answers(before, BATCH, deadline).await? >= BATCH),
            Chore::Sagas => Ok(self.sagas.purge(before, BATCH, deadline).await? >= BATCH),
            Chore::Events => {
                let Purged { events, more } = self.journal.purge(before, BATCH, deadline).await?;
                if events > 0 {
                    tracing::debug!(events, "published events were purged");
                }
                Ok(more)
            }
        }
    }

    /// Runs for ever: deletes everything that has expired, then pauses. A failure is logged and
    /// tried again after the pause.
    pub async fn run(self, pause: Duration) {
        loop {
            for chore in [Chore::Answers, Chore::Events, Chore::Sagas] {
                self.finish(chore).await;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn finish(&self, chore: Chore) {
        loop {
            match (self.step(chore).await, chore) {
                // Between two batches, requests get the database.
                (Ok(true), _) => tokio::task::yield_now().await,
                (Ok(false), _) => return,
                (Err(error), Chore::Answers) => {
                    return tracing::warn!(?error, "expired idempotency keys were not purged");
                }
                (Err(error), Chore::Events) => {
                    return tracing::warn!(?error, "published events were not purged");
                }
                (Err(error), Chore::Sagas) => {
                    return tracing::warn!(?error, "sagas that are over were not purged");
                }
            }
        }
    }
}
