//! The operations: what operators may ask about the events, and do about them. Orders themselves are
//! not touched here. All of them belong to an [`Operator`]: a caller with the authority for them.
//!
//! * How much waits, and which instance works on it: [`Operator::overview`].
//! * Parked orders: list and inspect them, redrive them, skip an event that cannot be published
//!   (`operations/parked.rs`).
//! * Publishing past events once more: [`Replay`], and [`Replays`] for a process that serves.

mod overview;
mod parked;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::caller::{Authority, Caller, Forbidden};
use crate::ports::{
    Clock, Deadline, Entropy, EventJournal, EventReplayer, JournalInspection, OrderStore, later,
};

pub use overview::{Overview, ShardState};
pub use parked::{ParkedDetails, ParkedPage, RedriveError, RedrivenAll, SkipError, SkippedPage};
pub use replay::{
    LeftOut, Replay, ReplayEstimate, ReplayJob, ReplayPlan, ReplayProgress, ReplayState, Replays,
    StartError,
};

/// How long one call to the database may take.
const BUDGET: Duration = Duration::from_secs(3);

/// The driven ports that the operations work on.
#[derive(Clone)]
pub struct OperationsPorts {
    /// Takes the requests to redrive parked orders.
    pub journal: Arc<dyn EventJournal>,
    /// Answers the questions of operators.
    pub inspection: Arc<dyn JournalInspection>,
    /// Has the events of an order.
    pub store: Arc<dyn OrderStore>,
    /// Publishes past events once more; `None` without brokers.
    pub replayer: Option<Arc<dyn EventReplayer>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Names replays and randomizes pauses.
    pub entropy: Arc<dyn Entropy>,
}

/// The operations of a process. Cheap to clone.
#[derive(Clone)]
pub struct Operations(Operator);

/// The operations for a caller that may use them. Cheap to clone.
#[derive(Clone)]
pub struct Operator {
    ports: OperationsPorts,
    replays: Replays,
}

impl Operations {
    /// Wires the operations. Must be called on the runtime on which replays are to run.
    #[must_use]
    pub fn new(ports: OperationsPorts) -> Self {
        Self(Operator { replays: Replays::new(ports.clone()), ports })
    }

    /// The operations for a caller.
    ///
    /// # Errors
    /// [`Forbidden`] without the authority [`Authority::Admin`].
    pub fn of(&self, caller: &Caller) -> Result<Operator, Forbidden> {
        caller.needs(Authority::Admin)?;
        Ok(self.0.clone())
    }

    /// Stops the replays of this process, for its end.
    pub async fn stop(&self) {
        self.0.replays.stop().await;
    }
}

impl Operator {
    /// The time on the clock of the operations.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.ports.clock.now()
    }

    /// The replays of this process.
    #[must_use]
    pub fn replays(&self) -> &Replays {
        &self.replays
    }
}

/// The deadline of a call that starts now.
fn deadline() -> Deadline {
    later(Deadline::now(), BUDGET)
}
