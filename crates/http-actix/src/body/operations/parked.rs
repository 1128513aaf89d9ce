//! Parked orders, and events that were skipped.

use order_app::events::{EventRecord, timestamp};
use order_app::operations::{ParkedDetails, ParkedPage, RedrivenAll, SkippedPage};
use order_app::ports::{Parked, Skipped, shard};
use order_domain::OrderId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::schema::{id, time_out};

/// A parked order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedOrder {
    /// The order.
    #[schema(schema_with = id)]
    pub order_id: i64,
    /// The order id modulo 16.
    pub shard: u16,
    /// Its first event that is not published; all later ones wait with it.
    pub sequence: i64,
    /// Why it was parked, the last time.
    pub reason: String,
    /// Since when.
    #[schema(schema_with = time_out)]
    pub since: String,
    /// How often it has been parked.
    pub attempts: u32,
    /// Whether a redrive was asked for whose result is not known yet.
    pub redrive_requested: bool,
}

/// One page of parked orders, by their ids.
#[derive(Serialize, ToSchema)]
pub struct ParkedOrders {
    /// The orders.
    pub orders: Vec<ParkedOrder>,
    /// `after` for the next page; null on the last one.
    pub next: Option<i64>,
}

/// A parked order and what waits with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParkedOrderDetails {
    /// The order.
    #[serde(flatten)]
    pub parked: ParkedOrder,
    /// Its first events that are not published, as CloudEvents, in sequence.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// Whether more of them wait.
    pub more_events: bool,
    /// Which of them cannot be read and are not in `events`, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// An event that an operator left out for ever.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedEvent {
    /// The order.
    #[schema(schema_with = id)]
    pub order_id: i64,
    /// The order's version that the event made.
    pub sequence: i64,
    /// Why it was skipped.
    pub reason: String,
    /// When it was skipped.
    #[schema(schema_with = time_out)]
    pub skipped_at: String,
}

/// One page of skipped events, by order and sequence.
#[derive(Serialize, ToSchema)]
pub struct SkippedEvents {
    /// The events.
    pub events: Vec<SkippedEvent>,
    /// `after` for the next page; null on the last one.
    pub next: Option<String>,
}

/// What a redrive of all parked orders has done.
#[derive(Serialize, ToSchema)]
pub struct RedrivenOrders {
    /// Orders that this request asked for.
    pub orders: u64,
    /// Whether the time was over before all were: ask again.
    pub more: bool,
}

impl From<&Parked> for ParkedOrder {
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

impl From<&ParkedPage> for ParkedOrders {
    fn from(page: &ParkedPage) -> Self {
        let orders = page.orders.iter().map(ParkedOrder::from).collect();
        Self { orders, next: page.next.map(OrderId::get) }
    }
}

impl From<&ParkedDetails> for ParkedOrderDetails {
    fn from(inspection: &ParkedDetails) -> Self {
        let parked = ParkedOrder::from(&inspection.parked);
        let (mut events, mut unreadable) = (Vec::new(), Vec::new());
        for (sequence, event) in &inspection.waiting {
            match event.as_ref().map_err(Clone::clone).and_then(value) {
                Ok(event) => events.push(event),
                Err(reason) => unreadable.push(format!("event {sequence}: {reason}")),
            }
        }
        let unreadable = (!unreadable.is_empty()).then(|| unreadable.join("; "));
        Self { parked, events, more_events: inspection.more, unreadable }
    }
}

/// An event in the JSON format of CloudEvents.
fn value(event: &EventRecord) -> Result<Value, String> {
    let value = event.cloud_event().and_then(|event| serde_json::to_value(&event));
    value.map_err(|error| error.to_string())
}

impl From<&Skipped> for SkippedEvent {
    fn from(skipped: &Skipped) -> Self {
        Self {
            order_id: skipped.order.get(),
            sequence: skipped.sequence.get(),
            reason: skipped.reason.clone(),
            skipped_at: timestamp(skipped.at),
        }
    }
}

impl From<&SkippedPage> for SkippedEvents {
    fn from(page: &SkippedPage) -> Self {
        let events = page.events.iter().map(SkippedEvent::from).collect();
        Self { events, next: page.next.map(|(order, sequence)| format!("{order}.{sequence}")) }
    }
}

impl RedrivenOrders {
    /// For one order.
    pub(crate) const fn one() -> Self {
        Self { orders: 1, more: false }
    }
}

impl From<RedrivenAll> for RedrivenOrders {
    fn from(RedrivenAll { orders, more }: RedrivenAll) -> Self {
        Self { orders, more }
    }
}
