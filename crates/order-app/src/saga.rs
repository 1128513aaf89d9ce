//! The saga of an order: stock and payment are asked for when it is placed, the order is confirmed when both are there, and
//! what was asked for is undone when it is cancelled. Here are the inputs and results of its one decision; `saga/machine.rs`
//! decides, `saga/steps.rs` has the data, `saga/sending.rs` the commands, `saga/document.rs` the stored form.
//!
//! The decision is pure and total: it asks nothing, and has an answer for every document, order and input. A use case reads
//! order and saga, decides, applies [`Decision::order`] to the order, commits both as one change, and only then sends
//! [`Decision::send`]. Commands that are lost on the way are due again, because the document says so.
//!
//! The decision goes by the order as it is now, not by the input that tells of a change: an order that was changed without a
//! decision, as an older release does it, is dealt with at the next input.

mod document;
mod machine;
mod sending;
mod steps;

use std::time::Duration;

use chrono::{DateTime, Utc};
use order_domain::CancelReason;
use uuid::Uuid;

use crate::ports::{Command, Entropy};

pub use document::{DocumentError, MAX_DOCUMENT_BYTES};
pub use machine::{begin, decide, intervene};
pub use steps::{
    Action, Attention, AttentionReason, Exchange, ExchangeState, Intervention, MAX_INTERVENTIONS,
    ReplyOutcome, Saga, SagaState, StepName,
};

/// How long a saga waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaTimes {
    /// From placing until an order that is not confirmed is cancelled. Zero: never.
    pub deadline: Duration,
    /// The pause before a command is sent again. It grows to 5 minutes for commands that are sent until they are answered.
    pub resend_after: Duration,
    /// How long a command may be unanswered before a person should look. Commands that the deadline ends do not count.
    pub attention_after: Duration,
}

/// Which orders have sagas, and how long these wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaPolicy {
    /// Whether orders that are placed from now on begin one. Those that have one keep it.
    pub begins: bool,
    /// How long a saga waits.
    pub times: SagaTimes,
}

impl Default for SagaPolicy {
    /// None begins; the times are those of a service with default settings.
    fn default() -> Self {
        let times = SagaTimes {
            deadline: Duration::from_mins(15),
            resend_after: Duration::from_secs(30),
            attention_after: Duration::from_mins(15),
        };
        Self { begins: false, times }
    }
}

/// What a decision needs from outside.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The time, UTC; kept in microseconds.
    pub now: DateTime<Utc>,
    /// Makes the ids of commands, which must be hard to guess.
    pub entropy: &'a dyn Entropy,
    /// The settings.
    pub times: &'a SagaTimes,
    /// The id of the event or reply that causes the commands of this decision, where it is known.
    pub cause: Option<&'a str>,
}

/// What a saga is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A participant answers a command.
    Reply {
        /// The id of the command.
        of: Uuid,
        /// The answer.
        verdict: Verdict,
    },
    /// The due time has come.
    Due {
        /// Since when commands can be sent; `None` when they cannot. An order does not expire before they can.
        transport_since: Option<DateTime<Utc>>,
    },
    /// The order is changed in the same commit, or was changed earlier.
    OrderChanged,
}

/// A participant's answer. Texts are cut to the bounds of the [`Exchange`], and lose their control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The effect is there.
    Done {
        /// The participant's name for it.
        reference: Option<String>,
    },
    /// A business decision against it, which asking again does not change.
    Rejected {
        /// Why.
        reason: Option<String>,
    },
    /// It could not be decided now. No outcome: the command is sent again.
    Failed {
        /// What went wrong.
        detail: Option<String>,
    },
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The saga to write; `None` when nothing changed.
    pub saga: Option<Saga>,
    /// The change of the order, for the same commit.
    pub order: Option<OrderStep>,
    /// The commands to send after the commit.
    pub send: Vec<Command>,
    /// How a reply was taken; only for [`Input::Reply`].
    pub reply: Option<ReplyOutcome>,
}

/// What a saga does to its order. The status table of the domain allows it whenever it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStep {
    /// It becomes `CONFIRMED`.
    Confirm,
    /// It becomes `CANCELLED`.
    Cancel(CancelReason),
}

/// Why an operator's action is not possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// No command is unanswered or rejected, at the step or at all.
    #[error("no unanswered or rejected command to send again")]
    NothingToRetry,
    /// The step has no unanswered, rejected or contradicted command.
    #[error("the step {} has no unanswered, rejected or contradicted command", .0.as_str())]
    NothingToSkip(StepName),
    /// Only a saga that is `RUNNING` can have its order confirmed.
    #[error("only a saga that is RUNNING can be confirmed; it is {}", .0.as_str())]
    NotRunning(SagaState),
    /// The lines were replaced after stock was asked for: only to confirm or to cancel the order is left.
    #[error("the lines of the order were replaced; confirm it as it is, or cancel it")]
    LinesChanged,
}
