//! Enumerations: the words of the domain, by the names that REST and events have.

use async_graphql::{Enum, Error, Result};

/// An enumeration whose domain type may get more words: one that this schema does not have cannot be written.
macro_rules! open_words {
    ($(#[doc = $about:literal])+ $name:ident of $domain:path {
        $($(#[doc = $doc:literal])+ $word:ident,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $($(#[doc = $doc])+ $word),+ }

        impl $name {
            pub(super) fn of(word: $domain) -> Result<Self> {
                use $domain as Domain;
                match word {
                    $(Domain::$word => Ok(Self::$word),)+
                    _ => Err(Error::new("The schema has no name for what is stored.")),
                }
            }
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$word => Self::$word),+ }
            }
        }
    };
}

/// Where an order stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "order_domain::OrderStatus")]
pub(super) enum OrderStatus {
    /// Placed.
    Pending,
    /// Stock and payment are there.
    Confirmed,
    /// On its way.
    InProgress,
    /// It has arrived.
    Delivered,
    /// It will not be delivered.
    Cancelled,
}

open_words! {
    /// Why an order was cancelled.
    CancelReason of order_domain::CancelReason {
        /// The customer wanted it.
        CustomerRequest,
        /// The goods are not there.
        OutOfStock,
        /// The payment did not come.
        PaymentFailed,
        /// It was not confirmed in time.
        Expired,
        /// It was placed with ill intent.
        Fraud,
        /// An operator of the service wanted it.
        Operator,
        /// None of the others.
        Other,
    }
}

open_words! {
    /// What happened to an order.
    OrderEventType of order_domain::OrderEventKind {
        /// It was placed: `order.created`.
        Created,
        /// Its lines were replaced: `order.updated`.
        Updated,
        /// It was confirmed: `order.confirmed`.
        Confirmed,
        /// It was sent: `order.in_progress`.
        InProgress,
        /// It arrived: `order.delivered`.
        Delivered,
        /// It was cancelled: `order.cancelled`.
        Cancelled,
    }
}

/// Where a saga stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "order_app::saga::SagaState")]
pub(super) enum SagaState {
    /// Stock and payment are being arranged.
    Running,
    /// Both are there; the order is confirmed next.
    Ready,
    /// The order is confirmed; what was promised is being carried out.
    Fulfilling,
    /// Everything was carried out.
    Completed,
    /// What was promised is being undone.
    Compensating,
    /// Everything was undone.
    Compensated,
}

/// Where a command to a participant stands.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "order_app::saga::ExchangeState")]
pub(super) enum SagaExchangeState {
    /// No answer that counts has come.
    Open,
    /// It was carried out.
    Done,
    /// It was refused.
    Rejected,
    /// An operator has set it aside.
    Skipped,
}

/// A step of a saga.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "order_app::saga::StepName")]
pub(super) enum SagaStepName {
    /// Stock is reserved.
    Reserve,
    /// Payment is authorized.
    Authorize,
    /// Reserved stock leaves the warehouse.
    Commit,
    /// Authorized payment is taken.
    Capture,
}

/// Why a person should look at a saga.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "order_app::saga::AttentionReason")]
pub(super) enum SagaAttentionReason {
    /// A participant has taken back what it said.
    Contradiction,
    /// The order is not as its saga takes it to be.
    OrderDiffers,
    /// The lines were changed under the saga.
    LinesChanged,
    /// What must be done was refused.
    Rejected,
    /// An answer is missing for too long.
    Overdue,
}
