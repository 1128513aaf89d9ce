//! A command as a participant works with it: checked, with types of the domain, amounts exact.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use order_domain::{Amount, Currency, CustomerId, OrderId, ProductId, Quantity};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Word;

/// The six commands. The list is closed, so that a participant that handles one fewer does not
/// compile; a seventh comes with a new minor version of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CommandType {
    /// Keep stock back for an order.
    #[serde(rename = "inventory.reserve")]
    Reserve,
    /// Give the stock back.
    #[serde(rename = "inventory.release")]
    Release,
    /// Take the stock out for good.
    #[serde(rename = "inventory.commit")]
    Commit,
    /// Keep money back for an order.
    #[serde(rename = "payment.authorize")]
    Authorize,
    /// Give the money back.
    #[serde(rename = "payment.void")]
    Void,
    /// Take the money for good.
    #[serde(rename = "payment.capture")]
    Capture,
}

/// What a command does to the work of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Begins it: reserve, authorize.
    Do,
    /// Takes it back: release, void.
    Undo,
    /// Makes it final: commit, capture.
    Complete,
}

/// Not one of the names of [`CommandType`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a type of command that this build knows")]
pub struct UnknownCommandType;

impl CommandType {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::Reserve, Self::Release, Self::Commit, Self::Authorize, Self::Void, Self::Capture];

    /// The spelling on the wire, with the participant in front: `inventory.reserve`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "inventory.reserve",
            Self::Release => "inventory.release",
            Self::Commit => "inventory.commit",
            Self::Authorize => "payment.authorize",
            Self::Void => "payment.void",
            Self::Capture => "payment.capture",
        }
    }

    /// The command that it takes back or makes final: the one that has begun the work of its step.
    #[must_use]
    pub const fn about(self) -> Option<Self> {
        match self {
            Self::Reserve | Self::Authorize => None,
            Self::Release | Self::Commit => Some(Self::Reserve),
            Self::Void | Self::Capture => Some(Self::Authorize),
        }
    }

    /// What it does to the work of its step.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Reserve | Self::Authorize => Phase::Do,
            Self::Release | Self::Void => Phase::Undo,
            Self::Commit | Self::Capture => Phase::Complete,
        }
    }
}

impl fmt::Display for CommandType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CommandType {
    type Err = UnknownCommandType;

    /// Reads the exact spelling.
    fn from_str(text: &str) -> Result<Self, UnknownCommandType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownCommandType)
    }
}

/// A command for one order, as it travels.
///
/// ```
/// use order_domain::{Amount, Currency, CustomerId, OrderId};
/// use order_events::Word;
/// use order_events::saga::{Command, Payment, Reason, Reply, Task, Verdict};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let payment = Payment {
///     customer_id: CustomerId::new(42)?,
///     amount: Amount::parse("149.97")?,
///     currency: Word::Known(Currency::USD),
/// };
/// let id = "6d2f3c66-7a0c-4d0e-9f0a-5b8f6f0c9b11".parse()?;
/// let cause = "019aab12-3456-7890-8abc-def000000001";
/// let command =
///     Command::new(id, OrderId::new(1)?, Task::Authorize(payment), cause, cause, "order.replies");
/// let message = command.encode()?;
///
/// // At the participant:
/// let received = Command::decode(message.headers(), Some(message.value()))?;
/// assert_eq!(received, command);
/// let mut reply = Reply::to(&received, "/payment", Verdict::Rejected);
/// reply.reason = Some(Word::Known(Reason::PaymentFailed));
/// let answer = reply.encode()?;
///
/// // And back at the service:
/// let reply = Reply::decode(answer.headers(), Some(answer.value()))?;
/// assert_eq!((reply.command_id, reply.verdict), (id, Verdict::Rejected));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// The same each time the command is sent: the key of idempotency. Random.
    pub id: Uuid,
    /// Whose command; the key in Kafka.
    pub order_id: OrderId,
    /// What to do.
    pub task: Task,
    /// The event or reply that caused it; at most [`MAX_HEADER`](super::MAX_HEADER) bytes.
    pub causation_id: String,
    /// Joins everything that one request or conversation caused; bounded like the causation.
    pub correlation_id: String,
    /// W3C Trace Context of the request that placed the order. To be linked, not continued.
    pub traceparent: Option<String>,
    /// How often it has been sent, from 1 on.
    pub attempt: u32,
    /// The topic for the reply: a name that Kafka allows.
    pub reply_to: String,
    /// When the service gives the step up: a hint, which a participant may ignore. UTC.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Command {
    /// A command that is sent for the first time, without a trace and without an end.
    #[must_use]
    pub fn new(
        id: Uuid,
        order_id: OrderId,
        task: Task,
        causation_id: impl Into<String>,
        correlation_id: impl Into<String>,
        reply_to: impl Into<String>,
    ) -> Self {
        Self {
            id,
            order_id,
            task,
            causation_id: causation_id.into(),
            correlation_id: correlation_id.into(),
            traceparent: None,
            attempt: 1,
            reply_to: reply_to.into(),
            expires_at: None,
        }
    }
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Keep these back: 1 to 200 lines.
    Reserve(Vec<Item>),
    /// Give a reservation back.
    Release(Earlier),
    /// Take what was reserved out for good.
    Commit(Earlier),
    /// Keep this amount back.
    Authorize(Payment),
    /// Give an authorisation back.
    Void(Earlier),
    /// Take what was authorised for good.
    Capture(Earlier),
}

impl Task {
    /// The type of the command.
    #[must_use]
    pub const fn kind(&self) -> CommandType {
        match self {
            Self::Reserve(_) => CommandType::Reserve,
            Self::Release(_) => CommandType::Release,
            Self::Commit(_) => CommandType::Commit,
            Self::Authorize(_) => CommandType::Authorize,
            Self::Void(_) => CommandType::Void,
            Self::Capture(_) => CommandType::Capture,
        }
    }
}

/// One line of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// What is wanted.
    pub product_id: ProductId,
    /// How many pieces.
    pub quantity: Quantity,
}

/// The money of an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Whose.
    pub customer_id: CustomerId,
    /// How much, exact, in the unit of the currency. It may be zero.
    pub amount: Amount,
    /// ISO 4217.
    pub currency: Word<Currency>,
}

/// The do-command that an undo or a completion is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its id.
    pub of: Uuid,
    /// What the participant called its work in the reply, when one has come: at most 200 characters.
    pub reference: Option<String>,
}
