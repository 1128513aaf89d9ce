//! How much waits to be published, and which instance works on it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Operator, deadline};
use crate::ports::{Backlog, Duty, StoreError};

/// The state of publishing. It combines several answers, each true at its moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What waits.
    pub backlog: Backlog,
    /// How long the oldest waiting event has waited, by the clock of this process; zero when
    /// nothing waits.
    pub lag: TimeDelta,
    /// The last position of the journal.
    pub last_position: i64,
    /// The instance that assigns positions now.
    pub sequencer: Option<Uuid>,
    /// The state of each shard.
    pub shards: Vec<ShardState>,
    /// When the journal was asked.
    pub at: DateTime<Utc>,
}

/// The state of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardState {
    /// The number of the shard.
    pub shard: u16,
    /// The instance that publishes it now.
    pub holder: Option<Uuid>,
    /// Up to this position, every event is published or belongs to a parked order.
    pub position: i64,
}

impl Operator {
    /// The state of publishing now.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let duties = self.ports.inspection.duties(deadline()).await?;
        let backlog = self.ports.journal.backlog(deadline()).await?;
        let at = self.ports.clock.now();
        let waits = |since: DateTime<Utc>| at.signed_duration_since(since).max(TimeDelta::zero());
        let sequencing = duties.iter().find(|state| state.duty == Duty::Sequence);
        let shards = duties.iter().filter_map(|state| match state.duty {
            Duty::Sequence | Duty::Replay | Duty::Sagas => None,
            Duty::Publish(shard) => {
                Some(ShardState { shard, holder: state.holder, position: state.position })
            }
        });
        Ok(Overview {
            backlog,
            lag: backlog.oldest.map_or_else(TimeDelta::zero, waits),
            last_position: sequencing.map_or(0, |state| state.position),
            sequencer: sequencing.and_then(|state| state.holder),
            shards: shards.collect(),
            at,
        })
    }
}
