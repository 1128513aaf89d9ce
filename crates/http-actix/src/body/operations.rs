//! The bodies of the operations: what the management port answers, and what `order-service events` and `order-service sagas`
//! print with `--json`. What is asked is in `operations/requests.rs`, and of sagas in `operations/interventions.rs`.

mod interventions;
mod parked;
mod replays;
mod requests;
mod sagas;

use order_app::events::timestamp;
use order_app::operations::Overview;
use order_app::ports::Backlog;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::schema::time_out;

pub use super::saga::SagaBody;
pub(crate) use interventions::{Asked, confirm, retry, skip_step};
pub use parked::{
    ParkedOrder, ParkedOrderDetails, ParkedOrders, RedrivenOrders, SkippedEvent, SkippedEvents,
};
pub use replays::{Replay, Replays, UnreadableEvent};
pub(crate) use requests::{replay, skip};
pub use sagas::{FlaggedSaga, FlaggedSagas};

/// The schemas of the bodies that the management port reads.
pub(crate) fn schemas() -> Map<String, Value> {
    requests::schemas().into_iter().chain(interventions::schemas()).collect()
}

/// How the events stand.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsOverview {
    /// Events that wait to be published; those of parked orders are not among them.
    pub waiting_events: u64,
    /// Whether there may be more: counting stops at 100000.
    pub at_least: bool,
    /// When the oldest of them happened; null when none waits.
    #[schema(format = "date-time")]
    pub oldest: Option<String>,
    /// How long ago that was.
    pub lag_seconds: f64,
    /// Orders that cannot be published for now.
    pub parked_orders: u64,
    /// The last position of the journal.
    pub head: i64,
    /// The instance that gives events their positions; null when none does.
    pub arranger: Option<String>,
    /// Who publishes, and how far.
    pub shards: Vec<Shard>,
    /// When this was asked.
    #[schema(schema_with = time_out)]
    pub at: String,
}

/// The publishing of a sixteenth of the orders.
#[derive(Serialize, ToSchema)]
pub struct Shard {
    /// The order id modulo 16.
    pub shard: u16,
    /// The instance that publishes; null when none does.
    pub holder: Option<String>,
    /// Up to which position everything of the shard is published, or belongs to a parked order.
    pub position: i64,
}

impl From<&Overview> for EventsOverview {
    fn from(overview: &Overview) -> Self {
        let Overview { backlog, lag, last_position, sequencer, shards, at } = overview;
        let shards = shards.iter().map(|state| Shard {
            shard: state.shard,
            holder: state.holder.map(|holder| holder.to_string()),
            position: state.position,
        });
        Self {
            waiting_events: backlog.events,
            at_least: backlog.events >= Backlog::BOUND,
            oldest: backlog.oldest.map(timestamp),
            lag_seconds: lag.to_std().unwrap_or_default().as_secs_f64(),
            parked_orders: backlog.parked,
            head: *last_position,
            arranger: sequencer.map(|instance| instance.to_string()),
            shards: shards.collect(),
            at: timestamp(*at),
        }
    }
}
