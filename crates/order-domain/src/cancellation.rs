//! Why an order was cancelled.

use std::fmt;
use std::str::FromStr;

/// Why an order was cancelled. More reasons may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// The customer asked for it.
    CustomerRequest,
    /// Stock could not be reserved.
    OutOfStock,
    /// Payment was refused.
    PaymentFailed,
    /// A deadline of the order passed.
    Expired,
    /// The order is believed to be fraudulent.
    Fraud,
    /// A member of staff decided so.
    Operator,
    /// None of the above, or not said.
    Other,
}

/// Not one of the names of [`CancelReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one of CUSTOMER_REQUEST, OUT_OF_STOCK, PAYMENT_FAILED, EXPIRED, FRAUD, OPERATOR, OTHER"
)]
pub struct UnknownCancelReason;

impl CancelReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::CustomerRequest,
        Self::OutOfStock,
        Self::PaymentFailed,
        Self::Expired,
        Self::Fraud,
        Self::Operator,
        Self::Other,
    ];

    /// The spelling on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CustomerRequest => "CUSTOMER_REQUEST",
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Expired => "EXPIRED",
            Self::Fraud => "FRAUD",
            Self::Operator => "OPERATOR",
            Self::Other => "OTHER",
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CancelReason {
    type Err = UnknownCancelReason;

    fn from_str(text: &str) -> Result<Self, UnknownCancelReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownCancelReason)
    }
}
