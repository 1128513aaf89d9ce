//! The operations: what whoever runs the service may ask of its events, and do about them. Orders
//! themselves are not touched here.
//!
//! * How much waits, and who works on it: [`Operations::overview`].
//! * Parked orders: look at them, have them published again, skip what nobody can publish
//!   (`operations/parked.rs`).
//! * Past events once more: [`Replay`], and [`Replays`] for a process that serves.

mod overview;
mod parked;
mod replay;
mod replays;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::ports::{
    Clock, Deadline, Entropy, EventJournal, EventReplayer, JournalInspection, OrderStore,
};

pub use overview::{Overview, ShardState};
pub use parked::{
    ParkedDetails, ParkedPage, Reason, RedriveError, RedrivenAll, SkipError, SkippedPage, Waiting,
};
pub use replay::{LeftOut, Replay, ReplayPace, ReplayPlan, ReplayProgress, ReplayState};
pub use replays::{ReplayJob, Replays, StartError};

/// How long one call to a database may take.
const BUDGET: Duration = Duration::from_secs(3);

/// The driven ports that the operations work on.
#[derive(Clone)]
pub struct OperationsPorts {
    /// Where parked orders are asked for again.
    pub journal: Arc<dyn EventJournal>,
    /// Where operators look.
    pub inspection: Arc<dyn JournalInspection>,
    /// Where the events of an order are.
    pub store: Arc<dyn OrderStore>,
    /// Where events go once more; nowhere without brokers.
    pub replayer: Option<Arc<dyn EventReplayer>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and jitter come from.
    pub entropy: Arc<dyn Entropy>,
}

/// The operations. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    ports: OperationsPorts,
    replays: Replays,
}

impl Operations {
    /// Wires the operations. Must be called on the runtime on which replays are to run.
    #[must_use]
    pub fn new(ports: OperationsPorts) -> Self {
        Self { replays: Replays::new(ports.clone()), ports }
    }

    /// What time it is for the operations.
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

/// When a call that starts now must have been answered.
fn deadline() -> Deadline {
    let now = Deadline::now();
    now.checked_add(BUDGET).unwrap_or(now)
}
