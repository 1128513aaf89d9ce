//! An event as it is told, rendered once for all subscribers, and which of them want it.

use order_domain::{CustomerId, OrderEventKind, OrderId};
use serde::Deserialize;

use crate::ports::{JournalEntry, Unreadable};

/// An event, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEvent {
    /// Its place in the journal.
    pub position: i64,
    /// What happened.
    pub kind: OrderEventKind,
    /// Whose event it is.
    pub order: OrderId,
    /// Whose order that is.
    pub customer: i64,
    /// The event in the JSON format of `CloudEvents`, in one line.
    pub json: String,
}

/// Which events somebody wants: those that fit everything that is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of these kinds only; of all when empty.
    pub kinds: Vec<OrderEventKind>,
    /// Of this customer's orders only.
    pub customer: Option<CustomerId>,
    /// Of this order only.
    pub order: Option<OrderId>,
}

/// The one thing that is wanted of an event's data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whose {
    customer_id: i64,
}

impl LiveEvent {
    pub(super) fn of(JournalEntry { position, event }: JournalEntry) -> Result<Self, Unreadable> {
        let render = || {
            let whose: Whose = serde_json::from_str(&event.data)?;
            serde_json::to_string(&event.cloud_event()?).map(|json| (whose.customer_id, json))
        };
        let (order, sequence) = (event.order_id, event.sequence);
        match render() {
            // What was frozen is one line. Where somebody has laid it out anew, the line ends are
            // white space: within a string they would be no JSON.
            Ok((customer, json)) if json.contains(['\n', '\r']) => {
                let json = json.replace(['\n', '\r'], " ");
                Ok(Self { position, kind: event.kind, order, customer, json })
            }
            Ok((customer, json)) => Ok(Self { position, kind: event.kind, order, customer, json }),
            Err(error) => {
                let reason = format!("its data or context is not the JSON expected: {error}");
                Err(Unreadable { position, order, sequence, reason })
            }
        }
    }
}

impl Filter {
    pub(super) fn takes(&self, event: &LiveEvent) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.customer.is_none_or(|customer| customer.get() == event.customer)
            && self.order.is_none_or(|order| order == event.order)
    }
}
