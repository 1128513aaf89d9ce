//! What one commit writes.

use chrono::{DateTime, Utc};
use order_domain::{Order, OrderId, Version};

use crate::events::EventRecord;
use crate::idempotency::RecordedAnswer;

/// Everything that one commit writes, as one value. No transaction handle leaves an adapter, so it
/// may merge concurrent changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most changes are of the large kind")]
pub enum Change {
    /// A new version of an order with its event, and, if its saga moves with it, a write of the saga.
    Order(OrderChange),
    /// A write of an order's saga alone. The order stays as it is: no version, no event, and the same time of its last change.
    Saga(SagaChange),
}

/// A new version of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The new state of the order. Version 1 is an insert, any other an update of the version before.
    pub order: Order,
    /// The one event of that version, with its final bytes.
    pub event: EventRecord,
    /// The answer to repeat when the request comes again.
    pub answer: Option<RecordedAnswer>,
    /// The revision of its saga that the change was decided on; 0 when it has none, as a new order.
    pub saga_seen: i64,
    /// The saga as it is to be; `None` leaves it as it is.
    pub saga: Option<SagaWrite>,
}

/// A write of a saga alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaChange {
    /// The order.
    pub id: OrderId,
    /// What it was decided on.
    pub seen: Seen,
    /// The saga as it is to be.
    pub saga: SagaWrite,
}

/// What a change was decided on: the stored order must be the same for the change to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The order's version.
    pub version: Version,
    /// The revision of its saga; 0 when it has none.
    pub saga_revision: i64,
}

/// A saga as it is to be stored, whole. Its revision is one more than the one that the change has seen, so the first is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaWrite {
    /// The name of its state.
    pub state: StateName,
    /// When something must be done about it at the latest, UTC, in microseconds; `None`: never.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether an operator must look at it.
    pub attention: bool,
    /// Everything that the saga knows. The bytes stay as they are.
    pub document: String,
    /// When it began, UTC, in microseconds.
    pub created_at: DateTime<Utc>,
    /// When it changed last, UTC, in microseconds.
    pub updated_at: DateTime<Utc>,
}

/// The name of a saga's state: 1 to 16 letters of ASCII. Those of another release are read, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateName(String);

/// A text that names no state of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a state of a saga is named by 1 to 16 letters")]
pub struct InvalidStateName;

impl StateName {
    /// Checks the letters.
    ///
    /// # Errors
    /// [`InvalidStateName`] for any other text.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidStateName> {
        let name = name.into();
        let is_name = (1..=16).contains(&name.len());
        let is_name = is_name && name.bytes().all(|letter| letter.is_ascii_alphabetic());
        if is_name { Ok(Self(name)) } else { Err(InvalidStateName) }
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Change {
    /// The order that it is about.
    #[must_use]
    pub fn id(&self) -> OrderId {
        match self {
            Self::Order(change) => change.order.id(),
            Self::Saga(change) => change.id,
        }
    }

    /// What the stored order must be for this change to apply; `None` when there must be no order with this id yet.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        match self {
            Self::Order(OrderChange { order, saga_seen, .. }) => {
                // Before the first version there is none.
                let version = Version::new(order.version().get().saturating_sub(1)).ok()?;
                Some(Seen { version, saga_revision: *saga_seen })
            }
            Self::Saga(change) => Some(change.seen),
        }
    }

    /// The revision of the order's saga after this change; 0 when it has none then.
    #[must_use]
    pub fn saga_revision(&self) -> i64 {
        let seen = self.seen().map_or(0, |seen| seen.saga_revision);
        let writes = match self {
            Self::Order(change) => change.saga.is_some(),
            Self::Saga(_) => true,
        };
        seen.saturating_add(writes.into())
    }
}

impl From<OrderChange> for Change {
    fn from(change: OrderChange) -> Self {
        Self::Order(change)
    }
}

impl From<SagaChange> for Change {
    fn from(change: SagaChange) -> Self {
        Self::Saga(change)
    }
}
