//! The aggregate: an order and its three decisions, to be placed, to have its lines replaced, and to
//! change its status.

use chrono::{DateTime, SubsecRound as _, Utc};

use crate::amount::Amount;
use crate::cancellation::CancelReason;
use crate::currency::Currency;
use crate::event::OrderEventKind;
use crate::ids::{CustomerId, OrderId, Version};
use crate::line::OrderLines;
use crate::status::{OrderStatus, Transition};
use crate::text::{ClientReference, Note};

/// An order in a valid state. It cannot be changed in place: each decision returns the event that
/// carries the order as it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(OrderSnapshot);

/// All fields of an order, as plain data: what a store keeps and [`Order::restore`] takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSnapshot {
    /// Given by the service at creation.
    pub id: OrderId,
    /// Who placed it.
    pub customer_id: CustomerId,
    /// What was bought; knows the currency and the total.
    pub lines: OrderLines,
    /// Where it stands.
    pub status: OrderStatus,
    /// 1 at creation, one more with every change.
    pub version: Version,
    /// The client's own reference.
    pub client_reference: Option<ClientReference>,
    /// Why it was cancelled; only on a cancelled order.
    pub cancel_reason: Option<CancelReason>,
    /// When it was placed, UTC, in microseconds.
    pub created_at: DateTime<Utc>,
    /// When it last changed, UTC, in microseconds; never before `created_at`.
    pub updated_at: DateTime<Utc>,
}

/// What is needed to place an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// A fresh id.
    pub id: OrderId,
    /// Who places it.
    pub customer_id: CustomerId,
    /// What is bought.
    pub lines: OrderLines,
    /// The client's own reference.
    pub client_reference: Option<ClientReference>,
    /// The total that the client computed, to be compared with the exact one.
    pub claimed_total: Option<Amount>,
}

/// A request to change an order's status. See [`StatusChange::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    to: OrderStatus,
    reason: Option<CancelReason>,
    note: Option<Note>,
}

/// The result of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The order changed; the event carries its new state.
    Changed(Box<OrderEvent>),
    /// The order is already as requested. A result, not an error.
    Unchanged,
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

/// The client's total is not the exact sum of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the total of the lines is {}, not {}", expected.display(*currency), claimed.display(*currency))]
pub struct TotalMismatch {
    /// The exact sum of the lines.
    pub expected: Amount,
    /// What the client sent.
    pub claimed: Amount,
    /// The order's currency.
    pub currency: Currency,
}

/// Lines cannot be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceLinesError {
    /// The order has left `PENDING`.
    #[error("the lines of an order can be replaced only while it is PENDING; it is {current}")]
    NotPending {
        /// Where the order stands.
        current: OrderStatus,
    },
    /// The client's total is not the exact sum of the lines.
    #[error(transparent)]
    TotalMismatch(#[from] TotalMismatch),
}

/// The status table refuses the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {current} cannot become {requested}")]
pub struct InvalidTransition {
    /// Where the order stands.
    pub current: OrderStatus,
    /// Where it was asked to go.
    pub requested: OrderStatus,
}

/// A reason came with a change that is no cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is allowed only when the status is CANCELLED")]
pub struct ReasonWithoutCancellation;

/// A snapshot that no sequence of decisions leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A cancel reason on an order that is not cancelled.
    #[error("a cancel reason on an order that is {0}")]
    ReasonWithoutCancellation(OrderStatus),
    /// It changed before it was placed.
    #[error("last changed before it was placed")]
    UpdatedBeforeCreated,
    /// Times finer than a microsecond.
    #[error("a time finer than a microsecond")]
    TimeTooFine,
}

impl StatusChange {
    /// A change to `to`. A cancellation without a reason has [`CancelReason::Other`].
    ///
    /// # Errors
    /// [`ReasonWithoutCancellation`] when there is a reason and `to` is not `CANCELLED`.
    pub fn new(
        to: OrderStatus,
        reason: Option<CancelReason>,
        note: Option<Note>,
    ) -> Result<Self, ReasonWithoutCancellation> {
        match (to, reason) {
            (OrderStatus::Cancelled, reason) => {
                Ok(Self { to, reason: reason.or(Some(CancelReason::Other)), note })
            }
            (_, None) => Ok(Self { to, reason: None, note }),
            (_, Some(_)) => Err(ReasonWithoutCancellation),
        }
    }

    /// The status asked for.
    #[must_use]
    pub const fn to(&self) -> OrderStatus {
        self.to
    }

    /// Why; always there when `to` is `CANCELLED`, never otherwise.
    #[must_use]
    pub const fn reason(&self) -> Option<CancelReason> {
        self.reason
    }

    /// A remark for the event.
    #[must_use]
    pub const fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }
}

impl Order {
    /// Places a new order: `PENDING`, version 1.
    ///
    /// # Errors
    /// [`TotalMismatch`] when the client sent another total.
    pub fn place(new: NewOrder, now: DateTime<Utc>) -> Result<OrderEvent, TotalMismatch> {
        check_total(&new.lines, new.claimed_total)?;
        let at = now.trunc_subsecs(6);
        let order = Self(OrderSnapshot {
            id: new.id,
            customer_id: new.customer_id,
            lines: new.lines,
            status: OrderStatus::Pending,
            version: Version::FIRST,
            client_reference: new.client_reference,
            cancel_reason: None,
            created_at: at,
            updated_at: at,
        });
        Ok(OrderEvent { kind: OrderEventKind::Created, order, previous_status: None, note: None })
    }

    /// Replaces all lines of a pending order. The same lines again change nothing.
    ///
    /// # Errors
    /// [`ReplaceLinesError`], each case by its name.
    pub fn replace_lines(
        &self,
        lines: OrderLines,
        claimed_total: Option<Amount>,
        now: DateTime<Utc>,
    ) -> Result<Decision, ReplaceLinesError> {
        if self.0.status != OrderStatus::Pending {
            return Err(ReplaceLinesError::NotPending { current: self.0.status });
        }
        check_total(&lines, claimed_total)?;
        if lines == self.0.lines {
            return Ok(Decision::Unchanged);
        }
        Ok(self.changed(OrderEventKind::Updated, None, now, |next| {
            next.lines = lines;
        }))
    }

    /// Changes the status as the table in [`OrderStatus::transition`] allows.
    ///
    /// # Errors
    /// [`InvalidTransition`] when it does not.
    pub fn change_status(
        &self,
        change: StatusChange,
        now: DateTime<Utc>,
    ) -> Result<Decision, InvalidTransition> {
        let StatusChange { to, reason, note } = change;
        match self.0.status.transition(to) {
            Transition::NoOp => Ok(Decision::Unchanged),
            Transition::Refused => Err(InvalidTransition { current: self.0.status, requested: to }),
            Transition::Emits(kind) => Ok(self.changed(kind, note, now, |next| {
                next.status = to;
                next.cancel_reason = reason;
            })),
        }
    }

    /// Takes an order back from a store.
    ///
    /// # Errors
    /// [`RestoreError`] when no sequence of decisions leads to this snapshot.
    pub fn restore(snapshot: OrderSnapshot) -> Result<Self, RestoreError> {
        let fine = |at: DateTime<Utc>| at.trunc_subsecs(6) != at;
        if snapshot.cancel_reason.is_some() && snapshot.status != OrderStatus::Cancelled {
            Err(RestoreError::ReasonWithoutCancellation(snapshot.status))
        } else if snapshot.updated_at < snapshot.created_at {
            Err(RestoreError::UpdatedBeforeCreated)
        } else if fine(snapshot.created_at) || fine(snapshot.updated_at) {
            Err(RestoreError::TimeTooFine)
        } else {
            Ok(Self(snapshot))
        }
    }

    /// All its fields.
    #[must_use]
    pub const fn snapshot(&self) -> &OrderSnapshot {
        &self.0
    }

    /// All its fields, by value.
    #[must_use]
    pub fn into_snapshot(self) -> OrderSnapshot {
        self.0
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.0.id
    }

    /// Its version, which is also the number of its events.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.0.version
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        self.0.status
    }

    /// Its one currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.0.lines.currency()
    }

    fn changed(
        &self,
        kind: OrderEventKind,
        note: Option<Note>,
        now: DateTime<Utc>,
        edit: impl FnOnce(&mut OrderSnapshot),
    ) -> Decision {
        let mut next = self.0.clone();
        edit(&mut next);
        next.version = self.0.version.next();
        // A clock that was set back must not move the time of the last change back.
        next.updated_at = now.trunc_subsecs(6).max(self.0.updated_at);
        let previous_status = Some(self.0.status);
        Decision::Changed(Box::new(OrderEvent { kind, order: Self(next), previous_status, note }))
    }
}

fn check_total(lines: &OrderLines, claimed: Option<Amount>) -> Result<(), TotalMismatch> {
    match claimed {
        Some(claimed) if claimed != lines.total() => {
            Err(TotalMismatch { expected: lines.total(), claimed, currency: lines.currency() })
        }
        _ => Ok(()),
    }
}
