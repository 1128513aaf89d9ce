//! The order and its rules, and nothing else: no IO, no async, no clock. The time is an argument, ids
//! are arguments, and every decision is a value.
//!
//! An [`Order`] is placed, its lines are replaced while it is pending, and its status changes by one
//! table, [`OrderStatus::transition`]. Each decision returns the [`OrderEvent`] that says what happened
//! and carries the order right after; the order's version counts its events.
//!
//! ```
//! use chrono::{TimeZone, Utc};
//! use order_domain::{
//!     Currency, CustomerId, Decision, NewOrder, Order, OrderId, OrderLine, OrderLines, OrderStatus,
//!     ProductId, Quantity, StatusChange, UnitPrice,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let line = OrderLine {
//!     product_id: ProductId::new(7)?,
//!     name: None,
//!     quantity: Quantity::new(3)?,
//!     unit_price: UnitPrice::new("49.99".parse()?)?,
//! };
//! let new = NewOrder {
//!     id: OrderId::new(1)?,
//!     customer_id: CustomerId::new(42)?,
//!     lines: OrderLines::new(Currency::USD, vec![line])?,
//!     client_reference: None,
//!     claimed_total: None,
//! };
//! let noon = Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap();
//! let placed = Order::place(new, noon)?;
//! assert_eq!(placed.kind.as_str(), "order.created");
//! assert_eq!(placed.order.snapshot().lines.total().to_string(), "149.97");
//!
//! let confirm = StatusChange::new(OrderStatus::Confirmed, None, None)?;
//! let Decision::Changed(confirmed) = placed.order.change_status(confirm.clone(), noon)? else {
//!     unreachable!("a pending order can be confirmed");
//! };
//! assert_eq!(confirmed.order.version().get(), 2);
//! assert_eq!(confirmed.order.change_status(confirm, noon)?, Decision::Unchanged);
//!
//! let reopen = StatusChange::new(OrderStatus::Pending, None, None)?;
//! assert!(confirmed.order.change_status(reopen, noon).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `serde` (off by default), the values, [`OrderLine`], [`OrderLines`] and [`Order`]
//! can be written and read. The spelling is that of the public events: amounts are decimal text, ids
//! are numbers, a status has its name, and lines come with their currency and totals. Reading checks
//! every rule, also that the totals are those of the lines.

mod amount;
mod cancellation;
mod currency;
mod event;
mod ids;
mod line;
mod order;
mod quantity;
#[cfg(feature = "serde")]
mod serialization;
mod status;
mod text;
mod unit_price;

pub use amount::{Amount, AmountError, AmountText};
pub use cancellation::{CancelReason, UnknownCancelReason};
pub use currency::{Currency, UnknownCurrency};
pub use event::{OrderEventKind, UnknownEventKind};
pub use ids::{CustomerId, InvalidId, MAX_ID, OrderId, ProductId, Version};
pub use line::{LinesError, OrderLine, OrderLines};
pub use order::{
    Decision, InvalidTransition, NewOrder, Order, OrderEvent, OrderSnapshot,
    ReasonWithoutCancellation, ReplaceLinesError, RestoreError, StatusChange, TotalMismatch,
};
pub use quantity::{InvalidQuantity, Quantity};
pub use status::{OrderStatus, Transition, UnknownStatus};
pub use text::{ClientReference, Note, ProductName, TextError};
pub use unit_price::{UnitPrice, UnitPriceTooLarge};

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
