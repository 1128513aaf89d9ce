//! The kinds of events. The event itself carries the order and is in `order.rs`; its public form is
//! the work of `order-events`.

use std::fmt;
use std::str::FromStr;

/// What happened to an order. More kinds may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

/// Not the name of an [`OrderEventKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", OrderEventKind::ALL.map(OrderEventKind::as_str).join(", "))]
pub struct UnknownEventKind;

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

impl FromStr for OrderEventKind {
    type Err = UnknownEventKind;

    /// Reads exactly the public name.
    fn from_str(text: &str) -> Result<Self, UnknownEventKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownEventKind)
    }
}
