//! The status of an order, and the table that decides how it may change.

use std::fmt;
use std::str::FromStr;

use crate::event::OrderEventKind;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Placed; its lines may still change.
    Pending,
    /// Accepted.
    Confirmed,
    /// Being prepared or on its way.
    InProgress,
    /// Handed over to the customer. Final.
    Delivered,
    /// Called off. Final.
    Cancelled,
}

/// The entry of the status table for one pair of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The order has this status already: nothing happens, and it is no error.
    NoOp,
    /// The order may change; the event of that change has this kind.
    Emits(OrderEventKind),
    /// The order may not change.
    Refused,
}

/// Not a status in any accepted spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of PENDING, CONFIRMED, IN_PROGRESS, DELIVERED, CANCELLED")]
pub struct UnknownStatus;

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Confirmed, Self::InProgress, Self::Delivered, Self::Cancelled];

    /// The spelling on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Confirmed => "CONFIRMED",
            Self::InProgress => "IN_PROGRESS",
            Self::Delivered => "DELIVERED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The status table; every change of a status is decided here.
    #[must_use]
    pub const fn transition(self, to: Self) -> Transition {
        use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};
        match (self, to) {
            (Pending, Pending)
            | (Confirmed, Confirmed)
            | (InProgress, InProgress)
            | (Delivered, Delivered)
            | (Cancelled, Cancelled) => Transition::NoOp,
            (Pending, Confirmed) => Transition::Emits(OrderEventKind::Confirmed),
            (Confirmed, InProgress) => Transition::Emits(OrderEventKind::InProgress),
            (InProgress, Delivered) => Transition::Emits(OrderEventKind::Delivered),
            (Pending | Confirmed, Cancelled) => Transition::Emits(OrderEventKind::Cancelled),
            (Pending, InProgress | Delivered)
            | (Confirmed, Pending | Delivered)
            | (InProgress, Pending | Confirmed | Cancelled)
            | (Delivered, Pending | Confirmed | InProgress | Cancelled)
            | (Cancelled, Pending | Confirmed | InProgress | Delivered) => Transition::Refused,
        }
    }

    /// The statuses this one may change to, in lifecycle order; none when it is final.
    pub fn allowed_transitions(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |to| matches!(self.transition(*to), Transition::Emits(_)))
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    /// Reads the wire spelling, in any case, with a space or hyphen for the underscore, and
    /// `CANCELED` with one L.
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let word = |text: &str| Self::ALL.into_iter().find(|status| status.as_str() == text);
        if let Some(status) = word(text) {
            return Ok(status);
        }
        let spelled = text.to_ascii_uppercase().replace([' ', '-'], "_");
        if spelled == "CANCELED" {
            return Ok(Self::Cancelled);
        }
        word(&spelled).ok_or(UnknownStatus)
    }
}
