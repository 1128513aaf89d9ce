//! What is sent again, and when.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use order_domain::{Order, OrderLine, OrderStatus, Version};
use order_events::Word;
use order_events::saga::{CommandType, Earlier, Item, Payment, Task};

use super::SagaTimes;
use super::steps::{ExchangeState, Saga, SagaState};
use crate::ports::Command;

/// The longest pause between two attempts of a command that is sent until it is answered.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// When a saga that waits for its order or for a person is looked at again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_hours(24);

impl Saga {
    /// The commands that wait for an answer, as they were sent last. To be sent without a decision, when it is not known
    /// whether the last commit landed: at worst each is a duplicate.
    #[must_use]
    pub fn open_commands(&self, order: &Order) -> Vec<Command> {
        let open = self.unanswered(order).into_iter();
        open.filter_map(|kind| self.command(kind, order)).collect()
    }

    /// When a command is sent again, if it waits for an answer.
    #[must_use]
    pub fn next_attempt(
        &self,
        kind: CommandType,
        order: &Order,
        times: &SagaTimes,
    ) -> Option<DateTime<Utc>> {
        self.unanswered(order).contains(&kind).then(|| self.resend_at(kind, times)).flatten()
    }

    /// When a command that is unanswered is sent again. Until the deadline the pauses are even; after it nothing but an
    /// answer ends them, and they grow.
    #[must_use]
    pub fn resend_at(&self, kind: CommandType, times: &SagaTimes) -> Option<DateTime<Utc>> {
        let exchange = self.exchanges.get(&kind).filter(|it| it.state == ExchangeState::Open)?;
        if let Some(asked) = exchange.asked_at {
            return Some(asked);
        }
        let even = times.resend_after;
        let doublings = exchange.attempts.saturating_sub(1);
        let grown = even.saturating_mul(2_u32.saturating_pow(doublings));
        let pause = match self.state {
            SagaState::Running => even,
            _ => grown.min(LONGEST_PAUSE.max(even)),
        };
        Some(later(exchange.last_sent, pause))
    }

    /// The kinds of commands that are sent until they are answered.
    pub(super) fn unanswered(&self, order: &Order) -> Vec<CommandType> {
        let open = |kind: &CommandType| self.stands(*kind) == Some(ExchangeState::Open);
        self.wanted().filter(|kind| open(kind) && !self.is_held(order)).collect()
    }

    /// Whether the lines are not those that stock was asked for. While an order is pending, its version counts its lines.
    pub(super) fn is_held(&self, order: &Order) -> bool {
        self.state == SagaState::Running
            && order.status() == OrderStatus::Pending
            && order.version() != Version::FIRST
    }

    /// The command of an exchange.
    pub(super) fn command(&self, kind: CommandType, order: &Order) -> Option<Command> {
        let exchange = self.exchanges.get(&kind)?;
        let order = order.snapshot();
        let earlier = || {
            let earlier = self.exchanges.get(&kind.about()?)?;
            Some(Earlier { of: earlier.command, reference: earlier.reference.clone() })
        };
        let item = |line: &OrderLine| Item { product_id: line.product_id, quantity: line.quantity };
        let task = match kind {
            CommandType::Reserve => Task::Reserve(order.lines.iter().map(item).collect()),
            CommandType::Release => Task::Release(earlier()?),
            CommandType::Commit => Task::Commit(earlier()?),
            CommandType::Authorize => Task::Authorize(Payment {
                customer_id: order.customer_id,
                amount: order.lines.total(),
                currency: Word::Known(order.lines.currency()),
            }),
            CommandType::Void => Task::Void(earlier()?),
            CommandType::Capture => Task::Capture(earlier()?),
        };
        Some(Command {
            id: exchange.command,
            order_id: self.order_id,
            task,
            attempt: exchange.attempts,
            causation: exchange.causation.clone(),
            origin: self.origin.clone(),
            expires_at: self.deadline.filter(|_| kind.about().is_none()),
        })
    }
}

/// A time after another; the last time there is when there is none.
pub(super) fn later(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).ok();
    by.and_then(|by| time.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
