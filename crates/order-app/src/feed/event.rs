//! An event in the form in which it is delivered, rendered once for all subscribers, and the filter
//! of a subscriber.

use order_domain::{CustomerId, OrderEventKind, OrderId};
use serde::Deserialize;

use crate::caller::Reach;
use crate::ports::{JournalEntry, Unreadable};

/// An event, ready to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// Its position in the journal.
    pub position: i64,
    /// What happened.
    pub kind: OrderEventKind,
    /// The order that it happened to.
    pub order: OrderId,
    /// The customer of that order.
    pub customer: i64,
    /// The event in the JSON format of `CloudEvents`, in one line.
    pub json: String,
}

/// The events that a subscriber wants: those that fit all fields that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds only; of all when empty.
    pub kinds: Vec<OrderEventKind>,
    /// Of this customer's orders only.
    pub customer: Option<CustomerId>,
    /// Of this order only.
    pub order: Option<OrderId>,
}

/// The events that a subscriber gets: those that it wants, of the orders that its caller may know of.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) filter: Filter,
    pub(super) reach: Reach,
}

/// The only field of an event's data that the filter needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    customer_id: i64,
}

impl FeedEvent {
    pub(super) fn of(JournalEntry { position, event }: JournalEntry) -> Result<Self, Unreadable> {
        let render = || {
            let data: Data = serde_json::from_str(&event.data)?;
            let json = serde_json::to_string(&event.cloud_event()?)?;
            // The service stores one line. Where an operator has reformatted the stored JSON, its
            // line ends are white space: within a string they would not be JSON.
            let json =
                if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ") } else { json };
            Ok((data.customer_id, json))
        };
        let (order, sequence) = (event.order_id, event.sequence);
        let rendered: serde_json::Result<_> = render();
        let (customer, json) = rendered.map_err(|error| {
            let reason = format!("its data or context is not the JSON expected: {error}");
            Unreadable { position, order, sequence, reason }
        })?;
        Ok(Self { position, kind: event.kind, order, customer, json })
    }
}

impl Shown {
    pub(super) fn has(&self, event: &FeedEvent) -> bool {
        self.reach.covers_id(event.customer) && self.filter.takes(event)
    }
}

impl Filter {
    fn takes(&self, event: &FeedEvent) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.customer.is_none_or(|customer| customer.get() == event.customer)
            && self.order.is_none_or(|order| order == event.order)
    }
}
