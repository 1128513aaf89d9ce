//! How much waits to be published, and who works on it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Operations, deadline};
use crate::ports::{Backlog, Duty, StoreError};

/// How the events stand. It is put together from several answers, each true at its moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What waits.
    pub backlog: Backlog,
    /// How long the oldest waiting event has been waiting, by this process's clock; zero when
    /// nothing waits.
    pub lag: TimeDelta,
    /// The last place that was given.
    pub last_position: i64,
    /// Which instance gives the places now.
    pub sequencer: Option<Uuid>,
    /// Who publishes, and how far.
    pub shards: Vec<ShardState>,
    /// When this was asked.
    pub at: DateTime<Utc>,
}

/// How the publishing of one shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardState {
    /// Which shard.
    pub shard: u16,
    /// Which instance publishes it now.
    pub holder: Option<Uuid>,
    /// Up to which place everything is published, or belongs to a parked order.
    pub position: i64,
}

impl Operations {
    /// How the events stand now.
    ///
    /// # Errors
    /// What the journal said instead.
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let duties = self.ports.inspection.duties(deadline()).await?;
        let backlog = self.ports.journal.backlog(deadline()).await?;
        let at = self.ports.clock.now();
        let waits = |since: DateTime<Utc>| at.signed_duration_since(since).max(TimeDelta::zero());
        let sequencing = duties.iter().find(|duty_state| duty_state.duty == Duty::Sequence);
        let shards = duties.iter().filter_map(|duty_state| match duty_state.duty {
            Duty::Sequence | Duty::Replay => None,
            Duty::Publish(shard) => {
                let (holder, position) = (duty_state.holder, duty_state.position);
                Some(ShardState { shard, holder, position })
            }
        });
        Ok(Overview {
            backlog,
            lag: backlog.oldest.map_or_else(TimeDelta::zero, waits),
            last_position: sequencing.map_or(0, |duty_state| duty_state.position),
            sequencer: sequencing.and_then(|duty_state| duty_state.holder),
            shards: shards.collect(),
            at,
        })
    }
}
