//! What happened to an order. How an event looks to subscribers is not here: the application maps
//! it to its versioned public form.

use std::fmt;

use crate::order::Order;
use crate::status::OrderStatus;
use crate::text::Note;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderEventKind {
    /// The order was placed.
    Created,
    /// Its lines were replaced while it was pending.
    Updated,
    /// It became `CONFIRMED`.
    Confirmed,
    /// It became `IN_PROGRESS`.
    InProgress,
    /// It became `DELIVERED`.
    Delivered,
    /// It became `CANCELLED`.
    Cancelled,
}

impl OrderEventKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Updated,
        Self::Confirmed,
        Self::InProgress,
        Self::Delivered,
        Self::Cancelled,
    ];

    /// The public name, such as `order.created`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "order.created",
            Self::Updated => "order.updated",
            Self::Confirmed => "order.confirmed",
            Self::InProgress => "order.in_progress",
            Self::Delivered => "order.delivered",
            Self::Cancelled => "order.cancelled",
        }
    }
}

impl fmt::Display for OrderEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One change of one order: what happened, and the order as it was right after. Every version of
/// an order has exactly one event, so the event's sequence is the order's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// What happened.
    pub kind: OrderEventKind,
    /// The order right after.
    pub order: Order,
    /// The status before; `None` when the order was placed.
    pub previous_status: Option<OrderStatus>,
    /// A remark that came with a change of status.
    pub note: Option<Note>,
}
