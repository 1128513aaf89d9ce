//! Sagas that move by themselves: on replies, when they are due, and by an operator's hand. A saga is read with its order, decided
//! on, and committed, with the next version of the order where there is one; again when another change came first.

use std::time::Duration;

use order_domain::{Decision as Changed, Order, OrderEvent, OrderId, OrderStatus, StatusChange};
use order_events::saga::CommandType;
use uuid::Uuid;

use super::Orders;
use super::beside::{SagaStep, read};
use super::write::ATTEMPTS;
use crate::events::EventRecord;
use crate::ports::{
    BoxError, Command, Conflict, Deadline, SagaChange, SagaStore, Seen, StoreError, StoredSaga,
    later, uuid_v7,
};
use crate::saga::{Decision, Moment, OrderStep, ReplyOutcome, Saga, SagaTimes};

/// How long it may take to find out what came of a commit, after the time of the request is over.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// What was tried to be written, and what follows from it.
struct Attempt {
    saga: Saga,
    send: Vec<Command>,
    reply: Option<ReplyOutcome>,
}

/// A saga after an input.
pub(crate) struct Followed {
    /// Its order.
    pub(crate) order: Order,
    /// How often it was written.
    pub(crate) revision: i64,
    pub(crate) saga: Saga,
    /// How a reply was taken.
    pub(crate) reply: Option<ReplyOutcome>,
}

/// Why a saga did not move.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error("there is no such order, or it has no saga")]
    NotFound,
    #[error("the saga cannot be read")]
    Unreadable,
    #[error("the saga is being changed by others; try again")]
    ConcurrentUpdate,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Orders {
    /// A saga with its order.
    pub(crate) async fn saga(&self, id: OrderId) -> Result<Followed, FollowError> {
        self.saga_by(id, self.deadline()).await
    }

    /// The same, by a time.
    pub(crate) async fn saga_by(
        &self,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Followed, FollowError> {
        let found = self.0.ports.sagas.saga(id, deadline).await?;
        followed(&found.ok_or(FollowError::NotFound)?)
    }

    /// Whether commands can be sent now.
    pub(crate) fn can_send(&self) -> bool {
        self.0.ports.commands.works_since().is_some()
    }

    /// Finds sagas.
    pub(crate) fn saga_store(&self) -> &dyn SagaStore {
        &*self.0.ports.sagas
    }

    /// How long sagas wait.
    pub(crate) fn saga_times(&self) -> SagaTimes {
        self.0.sagas.times
    }

    /// Counts a reply. `took` is how long its command was open, if the saga waited for it.
    pub(crate) fn takes(
        &self,
        command: CommandType,
        outcome: ReplyOutcome,
        took: Option<Duration>,
    ) {
        self.0.stats.takes(command, outcome, took);
    }

    /// Moves a saga as `decide` says. `cause` is the id of the reply that it is told of; without one, commands that follow from
    /// a change of the order have the event of that change as their cause.
    ///
    /// An attempt whose outcome is not known is settled by the saga as it is read next: commands have random ids, so the same
    /// saga is the one that the attempt has written.
    pub(crate) async fn follow<E: From<FollowError>>(
        &self,
        id: OrderId,
        cause: Option<&str>,
        decide: impl Fn(&Followed, &Moment<'_>) -> Result<Decision, E>,
    ) -> Result<Followed, E> {
        let mut deadline = self.deadline();
        let (mut tried, mut doubt): (Option<Attempt>, Option<StoreError>) = (None, None);
        for attempt in 0..ATTEMPTS {
            let found = match self.0.ports.sagas.saga(id, deadline).await {
                Ok(found) => found.ok_or(FollowError::NotFound)?,
                Err(error) => return Err(FollowError::Store(doubt.unwrap_or(error)).into()),
            };
            let before = followed(&found)?;
            if let Some(Attempt { saga, send, reply }) = tried
                && saga == before.saga
            {
                self.send(send);
                return Ok(Followed { reply, ..before });
            }
            let (mut decision, event_id) = match self.decided(&before, cause, &decide) {
                Ok(decided) => decided,
                Err(refused) => {
                    let Some(unknown) = doubt else { return Err(refused) };
                    // The attempt may have landed before another change, so its refusal says nothing.
                    self.send(before.saga.open_commands(&before.order));
                    return Err(FollowError::Store(unknown).into());
                }
            };
            let reply = decision.reply;
            let Some(saga) = decision.saga.clone() else {
                if doubt.is_some() {
                    // The attempt may have landed before another change. Its commands were not sent, so the saga's open
                    // ones are: at worst, participants get them twice.
                    self.send(before.saga.open_commands(&before.order));
                }
                return Ok(Followed { reply, ..before });
            };
            let send = std::mem::take(&mut decision.send);
            match self.land_saga(&before, decision, event_id, deadline).await {
                Ok(order) => {
                    self.send(send);
                    let order = order.unwrap_or(before.order);
                    let revision = before.revision.saturating_add(1);
                    return Ok(Followed { order, revision, saga, reply });
                }
                Err(StoreError::Conflict(Conflict::Version)) => {}
                Err(unknown @ StoreError::OutcomeUnknown(_)) => {
                    if doubt.is_none() {
                        deadline = deadline.max(later(Deadline::now(), SETTLED_WITHIN));
                    }
                    doubt = Some(unknown);
                }
                Err(failure) => return Err(FollowError::Store(doubt.unwrap_or(failure)).into()),
            }
            tried = Some(Attempt { saga, send, reply });
            self.pause(attempt).await;
        }
        Err(doubt.map_or(FollowError::ConcurrentUpdate, FollowError::Store).into())
    }

    /// A decision, and the id of the event that it makes if it changes the order.
    fn decided<E>(
        &self,
        before: &Followed,
        cause: Option<&str>,
        decide: impl Fn(&Followed, &Moment<'_>) -> Result<Decision, E>,
    ) -> Result<(Decision, Uuid), E> {
        let ports = &self.0.ports;
        let event_id = uuid_v7(ports.clock.now(), &*ports.entropy);
        let decision = decide(before, &self.moment(cause))?;
        if cause.is_some() || decision.order.is_none() {
            return Ok((decision, event_id));
        }
        // Only now it is known that there is an event.
        let event = event_id.to_string();
        Ok((decide(before, &self.moment(Some(&event)))?, event_id))
    }

    /// Commits a decision on an order and its saga. Answers the order, if it has a new version.
    async fn land_saga(
        &self,
        before: &Followed,
        mut decision: Decision,
        event_id: Uuid,
        deadline: Deadline,
    ) -> Result<Option<Order>, StoreError> {
        let (id, seen) = (before.order.id(), before.seen());
        let change = decision.order.take();
        let step = SagaStep::new(before.revision, decision).map_err(StoreError::Corrupt)?;
        let Some(change) = change else {
            let Some(saga) = step.write else { return Ok(None) };
            self.store().commit(SagaChange { id, seen, saga }.into(), deadline).await?;
            return Ok(None);
        };
        let event = self.change_of(&before.order, change).map_err(StoreError::Corrupt)?;
        let frozen = EventRecord::freeze(&event, event_id, &before.saga.origin);
        let frozen = frozen.map_err(|error| StoreError::Corrupt(error.into()))?;
        let order = event.order.clone();
        self.commit_event(event, frozen, None, step, deadline).await?;
        Ok(Some(order))
    }

    /// What a saga does to its order. The decision is made on this order, so the rules allow it.
    fn change_of(&self, order: &Order, step: OrderStep) -> Result<OrderEvent, BoxError> {
        let change = match step {
            OrderStep::Confirm => StatusChange::new(OrderStatus::Confirmed, None, None),
            OrderStep::Cancel(reason) => {
                StatusChange::new(OrderStatus::Cancelled, Some(reason), None)
            }
        };
        match order.change_status(change?, self.0.ports.clock.now())? {
            Changed::Changed(event) => Ok(*event),
            Changed::Unchanged => Err("the order stands there already".into()),
        }
    }
}

impl Followed {
    /// What a change that is decided on it has seen.
    fn seen(&self) -> Seen {
        Seen { version: self.order.version(), saga_revision: self.revision }
    }
}

fn followed(found: &StoredSaga) -> Result<Followed, FollowError> {
    let saga = read(found).map_err(|_| FollowError::Unreadable)?;
    let (order, revision) = (found.stored.order.clone(), found.stored.saga_revision);
    Ok(Followed { order, revision, saga, reply: None })
}
