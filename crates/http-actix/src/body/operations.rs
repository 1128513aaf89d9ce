//! What the operations on the management port answer; what they are asked is in
//! `operations/requests.rs`.

mod requests;

use chrono::{DateTime, Utc};
use order_app::events::timestamp;
use order_app::operations::{
    LeftOut, Overview, ParkedDetails, ParkedPage, RedrivenAll, ReplayJob, ReplayState, SkippedPage,
    Waiting,
};
use order_app::ports::{Backlog, Parked, Selection, Skipped, shard};
use order_domain::OrderId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::schema::{id, time_out};

pub(crate) use requests::{ReplayRequestBody, SkipBody, replay, skip};

/// How the events stand.
#[derive(Serialize, ToSchema)]
#[schema(as = EventsOverview)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverviewBody {
    /// Events that wait to be published; those of parked orders are not among them.
    waiting_events: u64,
    /// Whether there may be more: counting stops at 100000.
    at_least: bool,
    /// When the oldest of them happened; null when none waits.
    #[schema(format = "date-time")]
    oldest: Option<String>,
    /// How long ago that was.
    lag_seconds: f64,
    /// Orders that cannot be published for now.
    parked_orders: u64,
    /// The last place that was given in the journal.
    head: i64,
    /// The instance that gives the places; null when none does.
    arranger: Option<String>,
    /// Who publishes, and how far.
    shards: Vec<ShardBody>,
    /// When this was asked.
    #[schema(schema_with = time_out)]
    at: String,
}

/// The publishing of a sixteenth of the orders.
#[derive(Serialize, ToSchema)]
#[schema(as = Shard)]
pub(crate) struct ShardBody {
    /// The order id modulo 16.
    shard: u16,
    /// The instance that publishes; null when none does.
    holder: Option<String>,
    /// Up to which place everything of the shard is published, or belongs to a parked order.
    position: i64,
}

/// A parked order.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedOrder)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParkedBody {
    #[schema(schema_with = id)]
    order_id: i64,
    shard: u16,
    /// Its first event that is not published; all later ones wait with it.
    sequence: i64,
    /// Why it was parked, the last time.
    reason: String,
    #[schema(schema_with = time_out)]
    since: String,
    /// How often it has been parked.
    attempts: u32,
    /// Whether somebody has asked for it to be published again, and it is not known yet what comes
    /// of that.
    redrive_requested: bool,
}

/// One page of parked orders, by their ids.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedOrders)]
pub(crate) struct ParkedPageBody {
    orders: Vec<ParkedBody>,
    /// `after` for the next page; null on the last one.
    next: Option<i64>,
}

/// A parked order and what waits with it.
#[derive(Serialize, ToSchema)]
#[schema(as = ParkedOrderDetails)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InspectionBody {
    #[serde(flatten)]
    parked: ParkedBody,
    /// Its first events that are not published, as CloudEvents, in sequence.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// Whether more of them wait.
    more_events: bool,
    /// Why the events cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// An event that somebody decided not to publish.
#[derive(Serialize, ToSchema)]
#[schema(as = SkippedEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkippedBody {
    #[schema(schema_with = id)]
    order_id: i64,
    sequence: i64,
    reason: String,
    #[schema(schema_with = time_out)]
    skipped_at: String,
}

/// One page of skipped events, by order and sequence.
#[derive(Serialize, ToSchema)]
#[schema(as = SkippedEvents)]
pub(crate) struct SkippedPageBody {
    events: Vec<SkippedBody>,
    /// `after` for the next page; null on the last one.
    next: Option<String>,
}

/// What a redrive of all parked orders has done.
#[derive(Serialize, ToSchema)]
#[schema(as = RedrivenOrders)]
pub(crate) struct RedrivenBody {
    /// Orders that this request asked for.
    orders: u64,
    /// Whether the time was over before all were: ask again.
    more: bool,
}

/// A replay.
#[derive(Serialize, ToSchema)]
#[schema(as = Replay)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayBody {
    #[schema(format = "uuid")]
    id: String,
    /// `RUNNING`, `COMPLETED`, `CANCELLED` or `FAILED`.
    state: &'static str,
    dry_run: bool,
    topic: Option<String>,
    rate: u32,
    orders: Vec<i64>,
    customers: Vec<i64>,
    types: Vec<&'static str>,
    from: Option<String>,
    to: Option<String>,
    after: i64,
    up_to: Option<i64>,
    /// Where it goes on from: all selected events up to here are confirmed, or counted. A replay
    /// that has ended early is resumed with this as `after`.
    position: i64,
    /// Where a replay of few orders goes on from: all selected events of the orders up to this id are
    /// confirmed, or counted. Such a one is resumed with this as `afterOrder`.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    after_order: Option<i64>,
    /// Where it ends; null before that is known.
    end: Option<i64>,
    /// How much of the way is done.
    percent: f64,
    /// Events that were confirmed, repetitions included, or counted.
    events: u64,
    /// Selected events that were left out because they are not published yet.
    unpublished: u64,
    /// Events that were left out because they cannot be read.
    unreadable: u64,
    /// The first 100 of them.
    unreadable_events: Vec<UnreadableBody>,
    /// Why it failed, or what keeps it from going on at the moment.
    problem: Option<String>,
    #[schema(schema_with = time_out)]
    started_at: String,
    #[schema(format = "date-time")]
    ended_at: Option<String>,
    /// Events in a second since it began.
    events_per_second: f64,
    /// How long it will take from now, if it goes on like this.
    remaining_seconds: Option<f64>,
}

/// An event that was left out of a replay because it cannot be read.
#[derive(Serialize, ToSchema)]
#[schema(as = UnreadableEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnreadableBody {
    #[schema(schema_with = id)]
    order_id: i64,
    sequence: i64,
    /// Its place in the journal; null when it was found by its order.
    position: Option<i64>,
    /// What is wrong with it.
    reason: String,
}

/// The replays of this instance, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Replays)]
pub(crate) struct ReplaysBody {
    pub(crate) replays: Vec<ReplayBody>,
}

impl From<&Overview> for OverviewBody {
    fn from(overview: &Overview) -> Self {
        let Overview { backlog, lag, last_position, sequencer, shards, at } = overview;
        let shards = shards.iter().map(|state| ShardBody {
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

impl From<&Parked> for ParkedBody {
    fn from(parked: &Parked) -> Self {
        Self {
            order_id: parked.order.get(),
            shard: shard(parked.order),
            sequence: parked.from.get(),
            reason: parked.reason.clone(),
            since: timestamp(parked.since),
            attempts: parked.attempts,
            redrive_requested: parked.redrive,
        }
    }
}

impl From<&ParkedPage> for ParkedPageBody {
    fn from(page: &ParkedPage) -> Self {
        let orders = page.orders.iter().map(ParkedBody::from).collect();
        Self { orders, next: page.next.map(OrderId::get) }
    }
}

impl From<&ParkedDetails> for InspectionBody {
    fn from(inspection: &ParkedDetails) -> Self {
        let parked = ParkedBody::from(&inspection.parked);
        let (events, more_events, unreadable) = match &inspection.waiting {
            Waiting::Unreadable(reason) => (Vec::new(), false, Some(reason.clone())),
            Waiting::Events { events, more } => {
                let event = |event: &order_app::events::EventRecord| {
                    event.cloud_event().and_then(|event| serde_json::to_value(&event))
                };
                match events.iter().map(event).collect() {
                    Ok(events) => (events, *more, None),
                    Err(error) => (Vec::new(), false, Some(serde_json::Error::to_string(&error))),
                }
            }
        };
        Self { parked, events, more_events, unreadable }
    }
}

impl From<&Skipped> for SkippedBody {
    fn from(skipped: &Skipped) -> Self {
        Self {
            order_id: skipped.order.get(),
            sequence: skipped.sequence.get(),
            reason: skipped.reason.clone(),
            skipped_at: timestamp(skipped.at),
        }
    }
}

impl From<&SkippedPage> for SkippedPageBody {
    fn from(page: &SkippedPage) -> Self {
        let events = page.events.iter().map(SkippedBody::from).collect();
        Self { events, next: page.next.map(|(order, sequence)| format!("{order}.{sequence}")) }
    }
}

impl From<&LeftOut> for UnreadableBody {
    fn from(LeftOut { order, sequence, position, reason }: &LeftOut) -> Self {
        Self {
            order_id: order.get(),
            sequence: sequence.get(),
            position: *position,
            reason: reason.clone(),
        }
    }
}

impl RedrivenBody {
    /// For one order.
    pub(crate) const fn one() -> Self {
        Self { orders: 1, more: false }
    }
}

impl From<RedrivenAll> for RedrivenBody {
    fn from(RedrivenAll { orders, more }: RedrivenAll) -> Self {
        Self { orders, more }
    }
}

impl ReplayBody {
    /// A replay as it stands at a time.
    pub(crate) fn of(job: &ReplayJob, now: DateTime<Utc>) -> Self {
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
            unreadable_events: progress.left_out.iter().map(UnreadableBody::from).collect(),
            problem,
            started_at: timestamp(progress.started_at),
            ended_at: progress.ended_at.map(timestamp),
            events_per_second: pace.events_per_second,
            remaining_seconds: pace.remaining.map(|time| time.as_secs_f64()),
        }
    }
}
