//! What a client says of an order beside the change that it asks for: it sends back what it has read.
//! A change is refused when something of it is not true of the stored order.

use chrono::{DateTime, Utc};
use order_domain::{
    Amount, CancelReason, ClientReference, Currency, CustomerId, Order, OrderId, OrderLine,
    OrderStatus, Version,
};

/// One thing that a client says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Its id.
    Id(OrderId),
    /// Who placed it.
    Customer(CustomerId),
    /// Its currency.
    Currency(Currency),
    /// Its lines, all of them, in their order.
    Lines(Vec<OrderLine>),
    /// The exact sum of its lines.
    Total(Amount),
    /// Where it stands.
    Status(OrderStatus),
    /// Where it may go from there, in any order.
    Transitions(Vec<OrderStatus>),
    /// Its version.
    Version(Version),
    /// The client's own name for it.
    ClientReference(ClientReference),
    /// Why it was cancelled.
    CancelReason(CancelReason),
    /// When it was placed, UTC.
    CreatedAt(DateTime<Utc>),
    /// When it last changed, UTC.
    UpdatedAt(DateTime<Utc>),
}

impl Claim {
    /// Whether it is true of an order. Amounts are compared by value, times as instants.
    #[must_use]
    pub fn holds(&self, order: &Order) -> bool {
        let stored = order.snapshot();
        match self {
            Self::Id(id) => *id == stored.id,
            Self::Customer(id) => *id == stored.customer_id,
            Self::Currency(currency) => *currency == stored.lines.currency(),
            Self::Lines(lines) => lines == stored.lines.as_slice(),
            Self::Total(total) => *total == stored.lines.total(),
            Self::Status(status) => *status == stored.status,
            Self::Transitions(all) => {
                let allowed = |status: &OrderStatus| {
                    stored.status.allowed_transitions().any(|next| next == *status)
                };
                all.iter().all(allowed)
                    && stored.status.allowed_transitions().all(|next| all.contains(&next))
            }
            Self::Version(version) => *version == stored.version,
            Self::ClientReference(name) => Some(name) == stored.client_reference.as_ref(),
            Self::CancelReason(reason) => Some(*reason) == stored.cancel_reason,
            Self::CreatedAt(at) => *at == stored.created_at,
            Self::UpdatedAt(at) => *at == stored.updated_at,
        }
    }
}
