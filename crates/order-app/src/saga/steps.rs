//! The data of a saga. A command and its answer are an exchange; a saga has at most one of each kind of command.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use order_domain::OrderId;
use order_events::saga::CommandType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events::Origin;

/// The most interventions that a document keeps; the oldest go first.
pub const MAX_INTERVENTIONS: usize = 20;

/// Enums with one spelling each: in documents, in metrics, and for operators.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The one spelling.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    )+};
}

names! {
    /// Where a saga stands. Its order is cancelled before `READY` and at it, never later.
    SagaState {
        /// Stock and payment are asked for; the order is `PENDING`.
        Running = "RUNNING",
        /// Both are there and the order is `CONFIRMED`: it waits for the order to go on.
        Ready = "READY",
        /// The order is `IN_PROGRESS` or `DELIVERED`: stock and payment are made final.
        Fulfilling = "FULFILLING",
        /// They are. Final.
        Completed = "COMPLETED",
        /// The order is `CANCELLED`: stock and payment are given back.
        Compensating = "COMPENSATING",
        /// They are, or never were taken. Final.
        Compensated = "COMPENSATED",
    }

    /// A step, as operators name it. The first two can be undone.
    StepName {
        /// Reserve stock; undone by releasing it.
        Reserve = "reserve",
        /// Authorise the payment; undone by voiding it.
        Authorize = "authorize",
        /// Take the reserved stock.
        Commit = "commit",
        /// Take the authorised payment.
        Capture = "capture",
    }

    /// Where an exchange stands. A kind of command that was never issued has no exchange.
    ExchangeState {
        /// Issued; the outcome is not known.
        Open = "OPEN",
        /// The participant did it.
        Done = "DONE",
        /// The participant decided against it.
        Rejected = "REJECTED",
        /// An operator took it as done.
        Skipped = "SKIPPED",
    }

    /// Why a person should look at a saga. The strongest reason counts.
    AttentionReason {
        /// A participant gave two verdicts on one command. Goes with a skip of the step, which says that it was looked at.
        Contradiction = "CONTRADICTION",
        /// The order stands where its saga does not lead: something else has moved it.
        OrderDiffers = "ORDER_DIFFERS",
        /// The lines were replaced after stock was asked for: no command is sent for the new ones.
        LinesChanged = "LINES_CHANGED",
        /// A command was rejected that has no way back.
        Rejected = "REJECTED",
        /// A command is unanswered for too long.
        Overdue = "OVERDUE",
    }

    /// How a reply was taken.
    ReplyOutcome {
        /// The saga waited for it.
        Applied = "applied",
        /// It had this verdict already.
        Known = "known",
        /// The saga no longer waits for it. It is recorded where the outcome was open.
        Late = "late",
        /// It had another verdict.
        Contradiction = "contradiction",
        /// It answers no command of this saga.
        Unknown = "unknown",
    }
}

/// The saga of one order, as plain data. How often it was written is known by its row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saga {
    /// The order, whose id is the saga's.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: SagaState,
    /// The request that placed the order.
    pub origin: Origin,
    /// When an order that is not confirmed expires; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DateTime<Utc>>,
    /// When it is to be looked at next; `None` exactly when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// Set while a person should look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Attention>,
    /// What was ever issued.
    pub exchanges: BTreeMap<CommandType, Exchange>,
    /// What operators did, oldest first, at most [`MAX_INTERVENTIONS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last changed; never goes back.
    pub updated_at: DateTime<Utc>,
}

/// A command and what is known of its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// The id of the command.
    pub command: Uuid,
    /// Where it stands.
    pub state: ExchangeState,
    /// The event or reply that caused it; up to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<String>,
    /// How often it was sent, or tried to.
    pub attempts: u32,
    /// When first.
    pub first_sent: DateTime<Utc>,
    /// When last.
    pub last_sent: DateTime<Utc>,
    /// When the outcome was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<DateTime<Utc>>,
    /// Why it was rejected; up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The participant's name for the effect; up to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The last failure, or the verdict that contradicts the outcome; up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When an operator asked to have it sent at once, where nothing could be sent: it is due. Gone with the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime<Utc>>,
    /// Whether the participant has given another verdict, too, and no operator has skipped the step since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub contradicted: bool,
}

/// A person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attention {
    /// Since when, without a break.
    pub since: DateTime<Utc>,
    /// The strongest reason now.
    pub reason: AttentionReason,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intervention {
    /// What.
    #[serde(flatten)]
    pub action: Action,
    /// Who; up to 64 characters.
    pub actor: String,
    /// Why; up to 500 characters.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "action", content = "step", rename_all = "lowercase")]
pub enum Action {
    /// Send again now: at one step, or all. A rejected command is issued anew, under a new id.
    Retry(Option<StepName>),
    /// Take a step as done, as a person has settled it by hand.
    Skip(StepName),
    /// Confirm the order without waiting for the rest; unanswered commands are skipped.
    Confirm,
}

impl SagaState {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated)
    }
}

impl StepName {
    /// The step of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| step.as_str() == name)
    }

    /// The step that a command does or undoes.
    #[must_use]
    pub const fn of(command: CommandType) -> Self {
        match command {
            CommandType::Reserve | CommandType::Release => Self::Reserve,
            CommandType::Authorize | CommandType::Void => Self::Authorize,
            CommandType::Commit => Self::Commit,
            CommandType::Capture => Self::Capture,
        }
    }

    /// The command that does it, and the one that undoes it.
    #[must_use]
    pub const fn commands(self) -> (CommandType, Option<CommandType>) {
        match self {
            Self::Reserve => (CommandType::Reserve, Some(CommandType::Release)),
            Self::Authorize => (CommandType::Authorize, Some(CommandType::Void)),
            Self::Commit => (CommandType::Commit, None),
            Self::Capture => (CommandType::Capture, None),
        }
    }
}

impl Saga {
    /// The exchange of a command.
    #[must_use]
    pub fn answered_by(&self, command: Uuid) -> Option<(CommandType, &Exchange)> {
        let mut all = self.exchanges.iter();
        all.find(|(_, exchange)| exchange.command == command).map(|(kind, found)| (*kind, found))
    }

    /// The state of an exchange; `None` when the command was never issued.
    #[must_use]
    pub fn stands(&self, kind: CommandType) -> Option<ExchangeState> {
        self.exchanges.get(&kind).map(|exchange| exchange.state)
    }

    /// Whether a command is done, or taken as done.
    pub(super) fn is_settled(&self, kind: CommandType) -> bool {
        matches!(self.stands(kind), Some(ExchangeState::Done | ExchangeState::Skipped))
    }

    /// The commands that must be settled before the saga leaves its state. What may have had an effect is undone or made
    /// final: everything that was ever issued and is not rejected, answered or not. Of two verdicts, the worse one counts.
    pub(super) fn wanted(&self) -> impl Iterator<Item = CommandType> + use<> {
        use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};
        let has_effect = |kind| {
            let exchange = self.exchanges.get(&kind);
            exchange.is_some_and(|it| it.state != ExchangeState::Rejected || it.contradicted)
        };
        let (stock, money) = (has_effect(Reserve), has_effect(Authorize));
        let pair = match self.state {
            SagaState::Running => [Some(Reserve), self.is_settled(Reserve).then_some(Authorize)],
            SagaState::Fulfilling => [stock.then_some(Commit), money.then_some(Capture)],
            SagaState::Compensating => [stock.then_some(Release), money.then_some(Void)],
            SagaState::Ready | SagaState::Completed | SagaState::Compensated => [None, None],
        };
        pair.into_iter().flatten()
    }
}
