//! Clearing away what has served its time: idempotent answers past their retention, in bounded
//! batches, so that no delete ever holds locks for long.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::ports::{Clock, Deadline, OrderStore, StoreError};

/// How long an answer is kept at least.
const RETENTION: TimeDelta = TimeDelta::hours(24);
/// The most rows that one delete removes.
const BATCH: u32 = 500;
/// The longest that one delete may take.
const BUDGET: Duration = Duration::from_secs(5);

/// Deletes expired idempotent answers.
#[derive(Clone)]
pub struct Housekeeping {
    store: Arc<dyn OrderStore>,
    clock: Arc<dyn Clock>,
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
    /// Wires the process.
    #[must_use]
    pub fn new(store: Arc<dyn OrderStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Deletes one batch.
    ///
    /// # Errors
    /// What the store said instead.
    pub async fn step(&self) -> Result<Step, StoreError> {
        let now = self.clock.now();
        let before = now.checked_sub_signed(RETENTION).unwrap_or(now);
        let start = Deadline::now();
        let deadline = start.checked_add(BUDGET).unwrap_or(start);
        let deleted = self.store.purge_answers(before, BATCH, deadline).await?;
        Ok(if deleted >= BATCH { Step::More } else { Step::Idle })
    }

    /// Runs for ever: everything that is due, then a pause. A failure is logged and tried again
    /// after the pause; nobody waits for this.
    pub async fn run(self, pause: Duration) {
        loop {
            match self.step().await {
                // Let others have the database between two batches.
                Ok(Step::More) => tokio::task::yield_now().await,
                Ok(Step::Idle) => tokio::time::sleep(pause).await,
                Err(error) => {
                    tracing::warn!(?error, "expired idempotency keys were not purged");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}
