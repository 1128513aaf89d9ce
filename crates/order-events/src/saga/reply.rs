//! A reply to a command, as the service works with it.

use std::fmt;
use std::str::FromStr;

use order_domain::OrderId;

use uuid::Uuid;

use super::command::{Command, CommandType};
use crate::event::Word;

/// What became of a command. Nothing will be added here: the service acts on each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is done, durably.
    Done,
    /// The business says no, and will say no again. There is no effect.
    Rejected,
    /// It could not be decided, for a technical reason. No outcome: the service asks again.
    Failed,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Done, Self::Rejected, Self::Failed];

    /// The last part of the type of a reply: `done` in `inventory.reserve.done`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a command was rejected. More reasons may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is not enough of a product.
    OutOfStock,
    /// The payment was declined.
    PaymentFailed,
    /// The undo of this command came before it.
    Undone,
    /// There is nothing to complete: the command that it is about is unknown, was rejected or undone.
    NotDone,
}

/// Not one of the names of [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reason that this build knows")]
pub struct UnknownReason;

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::OutOfStock, Self::PaymentFailed, Self::Undone, Self::NotDone];

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::PaymentFailed => "PAYMENT_FAILED",
            Self::Undone => "UNDONE",
            Self::NotDone => "NOT_DONE",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    /// Reads the exact spelling.
    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownReason)
    }
}

/// A reply, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The participant's name for the message, unique with the source. The same reply may come with
    /// the same id or with another one: [`Reply::command_id`] is what matches.
    pub id: String,
    /// The participant, as a URI reference: `/inventory`.
    pub source: String,
    /// The type of the command.
    pub to: CommandType,
    /// The id of the command.
    pub command_id: Uuid,
    /// What became of it.
    pub verdict: Verdict,
    /// Whose command.
    pub order_id: OrderId,
    /// Copied from the command.
    pub correlation_id: String,
    /// Copied from the command.
    pub traceparent: Option<String>,
    /// Copied from the command, for people. A participant may leave it out.
    pub attempt: Option<u32>,
    /// Why it was rejected: one of a list that may grow, spelled in at most 64 of `A-Z 0-9 _`.
    pub reason: Option<Word<Reason>>,
    /// What the participant calls its work; comes back in the undo and the completion. At most
    /// [`Reply::MAX_REFERENCE`] characters.
    pub reference: Option<String>,
    /// A text for operators. At most [`Reply::MAX_DETAIL`] characters.
    pub detail: Option<String>,
}

impl Reply {
    /// The most characters of a reference.
    pub const MAX_REFERENCE: usize = 200;
    /// The most characters of a detail.
    pub const MAX_DETAIL: usize = 500;
    /// The most characters of a reason.
    pub const MAX_REASON: usize = 64;

    /// The reply to a command, with everything in it that has to be copied. Its id is made of the
    /// command's and the verdict, so the same reply has the same id.
    #[must_use]
    pub fn to(command: &Command, source: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            id: format!("{}.{verdict}", command.id),
            source: source.into(),
            to: command.task.kind(),
            command_id: command.id,
            verdict,
            order_id: command.order_id,
            correlation_id: command.correlation_id.clone(),
            traceparent: command.traceparent.clone(),
            attempt: Some(command.attempt),
            reason: None,
            reference: None,
            detail: None,
        }
    }
}
