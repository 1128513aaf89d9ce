//! Replays, as they stand.

use chrono::{DateTime, Utc};
use order_app::events::timestamp;
use order_app::operations::{LeftOut, ReplayJob, ReplayState};
use order_app::ports::Selection;
use order_domain::OrderId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{id, time_out};

/// A replay.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Its name.
    #[schema(format = "uuid")]
    pub id: String,
    /// `RUNNING`, `COMPLETED`, `CANCELLED` or `FAILED`.
    pub state: &'static str,
    /// Whether it only counts.
    pub dry_run: bool,
    /// Where to; null when each event goes to its own topic.
    pub topic: Option<String>,
    /// The most events in a second.
    pub rate: u32,
    /// Only events of these orders; of all when empty.
    pub orders: Vec<i64>,
    /// Only events of orders of these customers; of all when empty.
    pub customers: Vec<i64>,
    /// Only events of these types; of all when empty.
    pub types: Vec<&'static str>,
    /// Only events that happened at this time or later.
    pub from: Option<String>,
    /// Only events that happened before this time.
    pub to: Option<String>,
    /// Only events after this position of the journal.
    pub after: i64,
    /// Only events up to this position.
    pub up_to: Option<i64>,
    /// Where it goes on from: all selected events up to here are confirmed, or counted. A replay
    /// that has ended early is resumed with this as `after`.
    pub position: i64,
    /// Where a replay of few orders goes on from: all selected events of the orders up to this id are
    /// confirmed, or counted. Such a one is resumed with this as `afterOrder`.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    pub after_order: Option<i64>,
    /// Where it ends; null before that is known.
    pub end: Option<i64>,
    /// How much of the way is done.
    pub percent: f64,
    /// Events that were confirmed, repetitions included, or counted.
    pub events: u64,
    /// Selected events that were left out because they are not published yet.
    pub unpublished: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
    /// The first 100 of them.
    pub unreadable_events: Vec<UnreadableEvent>,
    /// Why it failed, or what keeps it from going on at the moment.
    pub problem: Option<String>,
    /// When it began.
    #[schema(schema_with = time_out)]
    pub started_at: String,
    /// When it ended; null while it is running.
    #[schema(format = "date-time")]
    pub ended_at: Option<String>,
    /// Events in a second since it began.
    pub events_per_second: f64,
    /// How long it will take from now, if it goes on like this.
    pub remaining_seconds: Option<f64>,
}

/// An event that was left out of a replay because it cannot be read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableEvent {
    /// The order.
    #[schema(schema_with = id)]
    pub order_id: i64,
    /// The order's version that the event made.
    pub sequence: i64,
    /// Its position in the journal; null when it was found by its order.
    pub position: Option<i64>,
    /// What is wrong with it.
    pub reason: String,
}

/// The replays of this instance, the newest first.
#[derive(Serialize, ToSchema)]
pub struct Replays {
    /// The replays.
    pub replays: Vec<Replay>,
}

impl From<&LeftOut> for UnreadableEvent {
    fn from(LeftOut { order, sequence, position, reason }: &LeftOut) -> Self {
        Self {
            order_id: order.get(),
            sequence: sequence.get(),
            position: *position,
            reason: reason.clone(),
        }
    }
}

impl Replay {
    /// A replay as it stands at a time.
    #[must_use]
    pub fn of(job: &ReplayJob, now: DateTime<Utc>) -> Self {
        let (plan, progress) = (&*job.plan, &job.progress);
        let (state, problem) = match &progress.state {
            ReplayState::Running => ("RUNNING", progress.trouble.clone()),
            ReplayState::Completed => ("COMPLETED", None),
            ReplayState::Cancelled => ("CANCELLED", None),
            ReplayState::Failed(reason) => ("FAILED", Some(reason.clone())),
        };
        let pace = progress.estimate(plan, now);
        let Selection { orders, customers, kinds, from, to } = &plan.selection;
        Self {
            id: job.id.to_string(),
            state,
            dry_run: plan.dry_run,
            topic: plan.topic.clone(),
            rate: plan.rate,
            orders: orders.iter().map(|id| id.get()).collect(),
            customers: customers.iter().map(|id| id.get()).collect(),
            types: kinds.iter().map(|kind| kind.as_str()).collect(),
            from: from.map(timestamp),
            to: to.map(timestamp),
            after: plan.after,
            up_to: plan.up_to,
            position: progress.position,
            after_order: progress.after_order.map(OrderId::get),
            end: progress.end,
            percent: pace.percent,
            events: progress.events,
            unpublished: progress.unpublished,
            unreadable: progress.unreadable,
            unreadable_events: progress.left_out.iter().map(UnreadableEvent::from).collect(),
            problem,
            started_at: timestamp(progress.started_at),
            ended_at: progress.ended_at.map(timestamp),
            events_per_second: pace.events_per_second,
            remaining_seconds: pace.remaining.map(|time| time.as_secs_f64()),
        }
    }
}
