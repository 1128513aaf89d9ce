//! What is asked of sagas beside their orders: reading one, taking the replies of participants (here), looking after what is due
//! (`sagas/sweep.rs`), and the actions of operators (`sagas/operators.rs`).

mod operators;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use order_domain::{Order, OrderId};
use order_events::saga::{Reply, Verdict as Said};
use uuid::Uuid;

use crate::caller::{Authority, Caller, Forbidden};
use crate::orders::{FindError, FollowError, Followed, OrderStats, Orders};
use crate::ports::StoreError;
use crate::saga::{Input, Moment, ReplyOutcome, Saga, SagaTimes, Verdict, decide};

pub use operators::{Flagged, FlaggedPage, Intervene, InterveneError, SagaOperator};
pub use sweep::{Sweep, SweepPorts};

/// The use cases of sagas. Cheap to clone.
#[derive(Clone)]
pub struct Sagas(Orders);

/// A saga with its order, as one commit left them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaView {
    /// The order.
    pub order: Order,
    /// How often the saga was written.
    pub revision: i64,
    /// The saga.
    pub saga: Saga,
}

/// Why a saga could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FindSagaError {
    /// The caller may not read orders.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such order, or none that the caller may know of.
    #[error("there is no such order")]
    OrderNotFound,
    /// The order has no saga, or none any more.
    #[error("the order has no saga")]
    NotFound,
    /// The stored document is not a saga of this release. The log says what is wrong with it.
    #[error("the saga cannot be read")]
    Unreadable,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sagas {
    /// The sagas of these orders.
    #[must_use]
    pub const fn new(orders: Orders) -> Self {
        Self(orders)
    }

    /// The saga of an order, as last committed. For a caller of one customer without what operators did, and without
    /// participants' texts for operators.
    ///
    /// # Errors
    /// [`FindSagaError`], each case by its name.
    pub async fn find(&self, caller: &Caller, id: OrderId) -> Result<SagaView, FindSagaError> {
        self.0.find(caller, id).await.map_err(|error| match error {
            FindError::Forbidden(forbidden) => FindSagaError::Forbidden(forbidden),
            FindError::NotFound => FindSagaError::OrderNotFound,
            FindError::Store(error) => FindSagaError::Store(error),
        })?;
        let mut view = SagaView::from(self.0.saga(id).await?);
        if caller.orders(Authority::Read)?.is_limited() {
            // What operators and participants wrote for operators is not for the customer.
            view.saga.interventions.clear();
            view.saga.exchanges.values_mut().for_each(|exchange| exchange.last_error = None);
        }
        Ok(view)
    }

    /// Takes a reply. It has been taken for good when this succeeds, also when no saga waits for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::OutcomeUnknown`]: the reply must be given again.
    pub async fn reply(&self, reply: &Reply) -> Result<ReplyOutcome, StoreError> {
        let input = Input::Reply { of: reply.command_id, verdict: verdict(reply) };
        let decide = |found: &Followed, at: &Moment<'_>| {
            Ok::<_, FollowError>(decide(&found.saga, &found.order, &input, at))
        };
        let followed = self.0.follow(reply.order_id, Some(&reply.id), decide).await;
        let mut took = None;
        let outcome = match followed {
            Ok(followed) => {
                let applied = followed.reply.filter(|outcome| *outcome == ReplyOutcome::Applied);
                took = applied.and_then(|_| time_of_answer(&followed.saga, reply.command_id));
                followed.reply.unwrap_or(ReplyOutcome::Unknown)
            }
            // The command is sent again when it is due, and answered again.
            Err(FollowError::NotFound | FollowError::Unreadable) => ReplyOutcome::Unknown,
            Err(FollowError::ConcurrentUpdate) => {
                return Err(concurrent());
            }
            Err(FollowError::Store(
                error @ (StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)),
            )) => return Err(error),
            // It would fail each time, and replies of other orders come after it.
            Err(FollowError::Store(error)) => {
                tracing::error!(order.id = reply.order_id.get(), ?error, "a reply was not taken");
                ReplyOutcome::Unknown
            }
        };
        if matches!(outcome, ReplyOutcome::Unknown | ReplyOutcome::Contradiction) {
            tracing::warn!(
                order.id = reply.order_id.get(), command = %reply.to, command.id = %reply.command_id,
                reply.id = reply.id, reply.source = reply.source, verdict = %reply.verdict,
                outcome = outcome.as_str(), "a reply does not fit its saga"
            );
        }
        self.0.takes(reply.to, outcome, took);
        Ok(outcome)
    }

    /// Succeeds when the store answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }

    /// The numbers of the sagas, among those of their orders.
    #[must_use]
    pub fn stats(&self) -> Arc<OrderStats> {
        self.0.stats()
    }

    /// How long sagas wait.
    #[must_use]
    pub fn times(&self) -> SagaTimes {
        self.0.saga_times()
    }
}

/// How long a command was open until its answer.
fn time_of_answer(saga: &Saga, command: Uuid) -> Option<Duration> {
    let (_, exchange) = saga.answered_by(command)?;
    exchange.answered_at?.signed_duration_since(exchange.first_sent).to_std().ok()
}

/// What a reply says.
fn verdict(reply: &Reply) -> Verdict {
    match reply.verdict {
        Said::Done => Verdict::Done { reference: reply.reference.clone() },
        Said::Rejected => {
            Verdict::Rejected { reason: reply.reason.as_ref().map(ToString::to_string) }
        }
        Said::Failed => {
            let reason = reply.reason.as_ref().map(ToString::to_string);
            Verdict::Failed { detail: reply.detail.clone().or(reason) }
        }
    }
}

/// Other changes came first at each attempt.
fn concurrent() -> StoreError {
    StoreError::Unavailable("the saga is being changed by others".into())
}

impl From<Followed> for SagaView {
    fn from(Followed { order, revision, saga, .. }: Followed) -> Self {
        Self { order, revision, saga }
    }
}

impl From<FollowError> for FindSagaError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::NotFound => Self::NotFound,
            FollowError::Unreadable => Self::Unreadable,
            FollowError::ConcurrentUpdate => Self::Store(concurrent()),
            FollowError::Store(error) => Self::Store(error),
        }
    }
}
