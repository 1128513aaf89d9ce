//! An event as a subscriber works with it: checked, with types of the domain, amounts exact.

use std::fmt;

use chrono::{DateTime, Utc};
use order_domain::{
    Amount, CancelReason, Currency, CustomerId, OrderEventKind, OrderId, OrderStatus, ProductId,
    Quantity, Version,
};
use uuid::Uuid;

/// One change of one order, and the order right after it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Unique with the source; the same on every copy of the event.
    pub id: Uuid,
    /// The service that sent it: `/order-service`.
    pub source: String,
    /// What happened.
    pub kind: Word<OrderEventKind>,
    /// Joins everything that one request or conversation caused.
    pub correlation_id: String,
    /// The request or message that caused the event.
    pub causation_id: String,
    /// W3C Trace Context of the request, when it sent one.
    pub traceparent: Option<String>,
    /// Whether it was sent again by a replay (`ce_replay`). For the state this makes no difference:
    /// the version decides. For effects outside, such as a mail, it does: a replay that rebuilds a
    /// lost state should not send them again.
    pub replayed: bool,
    /// The order right after.
    pub order: OrderState,
}

/// An order as an event carries it: complete, so the newest event alone gives the present state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderState {
    /// Which order.
    pub id: OrderId,
    /// Whose.
    pub customer_id: CustomerId,
    /// Its version, which is the event's sequence: 1, 2, 3, … without a gap.
    pub version: Version,
    /// Where it stands now.
    pub status: OrderStatus,
    /// Where it stood before; `None` when it was placed.
    pub previous_status: Option<OrderStatus>,
    /// ISO 4217.
    pub currency: Word<Currency>,
    /// The exact sum of the lines.
    pub total: Amount,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The client's own name for it.
    pub client_reference: Option<String>,
    /// On cancellation: why.
    pub cancel_reason: Option<Word<CancelReason>>,
    /// A remark that came with the change.
    pub note: Option<String>,
    /// When the change happened.
    pub changed_at: DateTime<Utc>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// What was bought.
    pub product_id: ProductId,
    /// What it was called.
    pub name: Option<String>,
    /// How many.
    pub quantity: Quantity,
    /// For how much a piece.
    pub unit_price: Amount,
    /// Quantity times unit price.
    pub line_total: Amount,
}

/// A word of a list that may grow within a major version. A subscriber that was built earlier meets
/// words that it does not know, and must go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word<T> {
    /// A word that this build knows.
    Known(T),
    /// A word that was added later.
    Other(String),
}

impl<T> Word<T> {
    /// The word, when this build knows it.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Other(_) => None,
        }
    }

    pub(crate) fn read(text: &str, known: Option<T>) -> Self {
        known.map_or_else(|| Self::Other(text.to_owned()), Self::Known)
    }
}

/// The spelling on the wire.
impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => fmt::Display::fmt(word, f),
            Self::Other(text) => f.write_str(text),
        }
    }
}
