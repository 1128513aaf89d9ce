//! The saga of an order: how stock and payment are arranged.

use async_graphql::SimpleObject;
use chrono::Utc;
use order_app::saga::{Attention, Exchange, SagaTimes, StepName};
use order_app::sagas::SagaView;

use super::enums::{SagaAttentionReason, SagaExchangeState, SagaState, SagaStepName};
use super::scalars::DateTime;

/// How stock and payment of an order are arranged.
#[derive(SimpleObject)]
pub(super) struct OrderSaga {
    /// How often it was written.
    revision: i64,
    /// Where it stands.
    state: SagaState,
    /// When the order expires if it is not confirmed by then; absent when it never does.
    deadline: Option<DateTime>,
    /// When the service looks at it next, at the latest; absent when it is over.
    due_at: Option<DateTime>,
    /// Set while a person should look at it.
    attention: Option<SagaAttention>,
    /// The steps that have begun, in their order.
    steps: Vec<SagaStep>,
    /// When it began.
    created_at: DateTime,
    /// When it last changed.
    updated_at: DateTime,
}

/// Why a person should look.
#[derive(SimpleObject)]
struct SagaAttention {
    /// Since when, without a break.
    since: DateTime,
    /// Why.
    reason: SagaAttentionReason,
}

/// A step: a command, and the one that undoes it.
#[derive(SimpleObject)]
struct SagaStep {
    /// Which.
    name: SagaStepName,
    /// The command.
    #[graphql(name = "do")]
    command: Option<SagaExchange>,
    /// The command that undoes it, when it was issued.
    undo: Option<SagaExchange>,
}

/// A command, and what is known of its outcome.
#[derive(SimpleObject)]
struct SagaExchange {
    /// Where it stands.
    state: SagaExchangeState,
    /// How often it was sent, or tried to.
    attempts: u32,
    /// When first.
    first_sent: DateTime,
    /// When last.
    last_sent: DateTime,
    /// When it is sent again, unless it is answered before.
    next_attempt: Option<DateTime>,
    /// When the outcome was recorded.
    answered: Option<DateTime>,
    /// Why it was rejected.
    reason: Option<String>,
    /// The participant's name for the effect.
    reference: Option<String>,
    /// The last failure, or the verdict that contradicts the outcome; absent for a caller of one customer.
    last_error: Option<String>,
}

impl OrderSaga {
    pub(super) fn of(view: &SagaView, times: &SagaTimes) -> Self {
        let saga = &view.saga;
        let exchange = |kind| {
            let next = saga.next_attempt(kind, &view.order, times);
            saga.exchanges.get(&kind).map(|exchange| SagaExchange::of(exchange, next))
        };
        let steps = StepName::ALL.iter().filter_map(|step| {
            let (command, undo) = step.commands();
            let (command, undo) = (exchange(command), undo.and_then(exchange));
            let has_begun = command.is_some() || undo.is_some();
            has_begun.then_some(SagaStep { name: (*step).into(), command, undo })
        });
        Self {
            revision: view.revision,
            state: saga.state.into(),
            deadline: saga.deadline.map(DateTime),
            due_at: saga.due_at.map(DateTime),
            attention: saga.attention.map(SagaAttention::of),
            steps: steps.collect(),
            created_at: DateTime(saga.created_at),
            updated_at: DateTime(saga.updated_at),
        }
    }
}

impl SagaAttention {
    fn of(Attention { since, reason }: Attention) -> Self {
        Self { since: DateTime(since), reason: reason.into() }
    }
}

impl SagaExchange {
    fn of(exchange: &Exchange, next_attempt: Option<chrono::DateTime<Utc>>) -> Self {
        Self {
            state: exchange.state.into(),
            attempts: exchange.attempts,
            first_sent: DateTime(exchange.first_sent),
            last_sent: DateTime(exchange.last_sent),
            next_attempt: next_attempt.map(DateTime),
            answered: exchange.answered_at.map(DateTime),
            reason: exchange.reason.clone(),
            reference: exchange.reference.clone(),
            last_error: exchange.last_error.clone(),
        }
    }
}
