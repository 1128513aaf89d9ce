//! The saga of an order as it leaves: to clients, and to operators.

use chrono::{DateTime, Utc};
use order_app::events::timestamp;
use order_app::saga::{Action, Attention, Exchange, Intervention, SagaTimes, StepName};
use order_app::sagas::SagaView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The saga of an order: where stock and payment stand.
#[derive(Serialize, ToSchema)]
#[schema(as = Saga)]
#[serde(rename_all = "camelCase")]
pub struct SagaBody<'a> {
    /// The order.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub order_id: i64,
    /// 1 at its beginning, one more with every change; the `ETag`.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 3)]
    pub revision: i64,
    /// `RUNNING`, `READY`, `FULFILLING`, `COMPLETED`, `COMPENSATING` or `COMPENSATED`. More may come.
    #[schema(example = "RUNNING")]
    pub state: &'static str,
    /// When the order expires if it is not confirmed by then; absent when it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::time_out)]
    pub deadline: Option<String>,
    /// When the service looks at it next, at the latest; absent when it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::time_out)]
    pub due_at: Option<String>,
    /// Set while a person should look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attention: Option<AttentionBody>,
    /// The steps that have begun, in their order.
    #[schema(max_items = 4)]
    pub steps: Vec<StepBody<'a>>,
    /// What operators did, oldest first.
    #[schema(max_items = 20)]
    pub interventions: Vec<InterventionBody<'a>>,
    /// When it began.
    #[schema(schema_with = crate::schema::time_out)]
    pub created_at: String,
    /// When it last changed.
    #[schema(schema_with = crate::schema::time_out)]
    pub updated_at: String,
}

/// Why a person should look.
#[derive(Serialize, ToSchema)]
#[schema(as = SagaAttention)]
#[serde(rename_all = "camelCase")]
pub struct AttentionBody {
    /// Since when, without a break.
    #[schema(schema_with = crate::schema::time_out)]
    pub since: String,
    /// `CONTRADICTION`, `ORDER_DIFFERS`, `LINES_CHANGED`, `REJECTED` or `OVERDUE`. More may come.
    #[schema(example = "OVERDUE")]
    pub reason: &'static str,
}

/// A step: a command, and the one that undoes it.
#[derive(Serialize, ToSchema)]
#[schema(as = SagaStep)]
#[serde(rename_all = "camelCase")]
pub struct StepBody<'a> {
    /// `reserve`, `authorize`, `commit` or `capture`.
    #[schema(example = "reserve")]
    pub name: &'static str,
    /// The command.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub command: Option<ExchangeBody<'a>>,
    /// The command that undoes it, when it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub undo: Option<ExchangeBody<'a>>,
}

/// A command, and what is known of its outcome.
#[derive(Serialize, ToSchema)]
#[schema(as = SagaExchange)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeBody<'a> {
    /// `OPEN`, `DONE`, `REJECTED` or `SKIPPED`.
    #[schema(example = "DONE")]
    pub state: &'static str,
    /// How often it was sent, or tried to.
    #[schema(minimum = 1, example = 1)]
    pub attempts: u32,
    /// When first.
    #[schema(schema_with = crate::schema::time_out)]
    pub first_sent: String,
    /// When last.
    #[schema(schema_with = crate::schema::time_out)]
    pub last_sent: String,
    /// When it is sent again, unless it is answered before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::time_out)]
    pub next_attempt: Option<String>,
    /// When the outcome was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::time_out)]
    pub answered: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 100, example = "OUT_OF_STOCK")]
    pub reason: Option<&'a str>,
    /// The participant's name for the effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 200)]
    pub reference: Option<&'a str>,
    /// The last failure, or the verdict that contradicts the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 500)]
    pub last_error: Option<&'a str>,
}

/// What an operator did.
#[derive(Serialize, ToSchema)]
#[schema(as = SagaIntervention)]
#[serde(rename_all = "camelCase")]
pub struct InterventionBody<'a> {
    /// `retry`, `skip` or `confirm`.
    #[schema(example = "retry")]
    pub action: &'static str,
    /// At which step; absent when the action is about all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "reserve")]
    pub step: Option<&'static str>,
    /// Who.
    #[schema(max_length = 64)]
    pub actor: &'a str,
    /// Why.
    #[schema(max_length = 500)]
    pub reason: &'a str,
    /// When.
    #[schema(schema_with = crate::schema::time_out)]
    pub at: String,
}

/// A saga with its order, as JSON.
pub(crate) fn saga(view: &SagaView, times: &SagaTimes) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(&SagaBody::of(view, times)).map_err(|error| Problem::internal(&error))
}

impl<'a> SagaBody<'a> {
    /// A saga with its order.
    #[must_use]
    pub fn of(view: &'a SagaView, times: &SagaTimes) -> Self {
        let saga = &view.saga;
        let exchange = |kind| {
            let next = saga.next_attempt(kind, &view.order, times);
            saga.exchanges.get(&kind).map(|exchange| ExchangeBody::of(exchange, next))
        };
        let steps = StepName::ALL.iter().filter_map(|step| {
            let (command, undo) = step.commands();
            let (command, undo) = (exchange(command), undo.and_then(exchange));
            let has_begun = command.is_some() || undo.is_some();
            has_begun.then_some(StepBody { name: step.as_str(), command, undo })
        });
        Self {
            order_id: saga.order_id.get(),
            revision: view.revision,
            state: saga.state.as_str(),
            deadline: saga.deadline.map(timestamp),
            due_at: saga.due_at.map(timestamp),
            attention: saga.attention.map(AttentionBody::from),
            steps: steps.collect(),
            interventions: saga.interventions.iter().map(InterventionBody::of).collect(),
            created_at: timestamp(saga.created_at),
            updated_at: timestamp(saga.updated_at),
        }
    }
}

impl From<Attention> for AttentionBody {
    fn from(Attention { since, reason }: Attention) -> Self {
        Self { since: timestamp(since), reason: reason.as_str() }
    }
}

impl<'a> ExchangeBody<'a> {
    fn of(exchange: &'a Exchange, next_attempt: Option<DateTime<Utc>>) -> Self {
        Self {
            state: exchange.state.as_str(),
            attempts: exchange.attempts,
            first_sent: timestamp(exchange.first_sent),
            last_sent: timestamp(exchange.last_sent),
            next_attempt: next_attempt.map(timestamp),
            answered: exchange.answered_at.map(timestamp),
            reason: exchange.reason.as_deref(),
            reference: exchange.reference.as_deref(),
            last_error: exchange.last_error.as_deref(),
        }
    }
}

impl<'a> InterventionBody<'a> {
    fn of(intervention: &'a Intervention) -> Self {
        let (action, step) = match intervention.action {
            Action::Retry(step) => ("retry", step),
            Action::Skip(step) => ("skip", Some(step)),
            Action::Confirm => ("confirm", None),
        };
        Self {
            action,
            step: step.map(StepName::as_str),
            actor: &intervention.actor,
            reason: &intervention.reason,
            at: timestamp(intervention.at),
        }
    }
}
