//! What all writes share: a write runs to its end in one task, runs once per idempotency key, and commits one
//! value.

use std::time::Duration;

use chrono::SubsecRound as _;
use order_domain::OrderEvent;
use tracing::{Instrument as _, Span};

use super::beside::{Beside, SagaStep};
use super::{Answered, Once, Orders, WriteFailure, WriteRequest};
use crate::backoff::Backoff;
use crate::caller::Caller;
use crate::events::EventRecord;
use crate::idempotency::{Fingerprint, IdempotencyKey, Operation, RecordedAnswer, Running};
use crate::ports::{Conflict, Deadline, OrderChange, StoreError, uuid_v7};
use crate::traces;

/// How often a write is decided again when another one came first.
pub(super) const ATTEMPTS: u32 = 12;
/// The pauses between them.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(30) };

/// A write, with the key under which it runs once: the client's, and the caller's own.
pub(super) struct Write {
    pub(super) request: WriteRequest,
    once: Option<(IdempotencyKey, Fingerprint)>,
}

impl Write {
    pub(super) fn new(caller: &Caller, operation: Operation, mut request: WriteRequest) -> Self {
        let caller = caller.name();
        let once = request.once.take().map(|Once { key, fingerprint, recorded }| {
            let caller = caller.clone();
            (IdempotencyKey { caller, operation, recorded, key }, fingerprint)
        });
        Self { request, once }
    }
}

/// The outcome of a commit, unless the store failed.
pub(super) enum Landed {
    /// The change is durable, or an earlier request with the same key has landed.
    Answered(Answered),
    /// The change as it was decided conflicts with the stored data.
    Excluded(Conflict),
}

impl Orders {
    /// Runs a write in a task of its own, so that a caller that goes away never cuts it short. The task is
    /// on the caller's runtime, because a task on another one would have to wake the thread of the caller.
    /// `step` is its part of the trace.
    pub(super) async fn spawn_write<T, E, F>(step: Span, write: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<WriteFailure> + Send + 'static,
    {
        // In the span of the request, too, so that log lines on the way name the request.
        match tokio::spawn(write.instrument(step).in_current_span()).await {
            Ok(result) => result,
            Err(stopped) => Err(WriteFailure::Internal(Box::new(stopped)).into()),
        }
    }

    /// Takes the key of a request, so that no second request with this key runs in this process.
    pub(super) fn start(&self, write: &Write) -> Result<Option<Running<'_>>, WriteFailure> {
        let Some((key, _)) = &write.once else { return Ok(None) };
        self.0.in_flight.start(key).ok_or(WriteFailure::InProgress).map(Some)
    }

    /// The recorded answer of an earlier run, if there was one.
    pub(super) async fn earlier(
        &self,
        write: &Write,
        deadline: Deadline,
    ) -> Result<Option<Answered>, WriteFailure> {
        let Some((key, fingerprint)) = &write.once else { return Ok(None) };
        match self.store().answer(key, deadline).await? {
            None => Ok(None),
            Some(earlier) if earlier.fingerprint == *fingerprint => {
                self.0.stats.replayed();
                Ok(Some(Answered { answer: earlier.answer, replayed: true }))
            }
            Some(_) => Err(WriteFailure::KeyReused),
        }
    }

    /// Commits an event with the order it carries, the answer, and what the saga beside it does.
    pub(super) async fn land(
        &self,
        event: OrderEvent,
        beside: &Beside,
        write: &Write,
        deadline: Deadline,
    ) -> Result<Landed, WriteFailure> {
        let (ports, request) = (&self.0.ports, &write.request);
        let answer = (request.encode)(&event.order);
        let id = uuid_v7(event.order.snapshot().updated_at, &*ports.entropy);
        let frozen = EventRecord::freeze(&event, id, &request.origin)
            .map_err(|error| WriteFailure::Internal(Box::new(error)))?;
        let recorded = write.once.clone().map(|(key, fingerprint)| RecordedAnswer {
            key,
            fingerprint,
            answer: answer.clone(),
            recorded_at: ports.clock.now().trunc_subsecs(6),
        });
        let step = self.saga_step(beside, &event, id, &request.origin);
        let step = step.map_err(WriteFailure::Internal)?;
        match self.commit_event(event, frozen, recorded, step, deadline).await {
            Ok(()) => Ok(Landed::Answered(Answered { answer, replayed: false })),
            // Another instance may have run the same request: then its answer is the answer, whatever the
            // conflict is.
            Err(StoreError::Conflict(conflict)) => {
                Ok(match self.earlier(write, deadline).await? {
                    Some(answered) => Landed::Answered(answered),
                    None => Landed::Excluded(conflict),
                })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Commits an event with the order it carries and what its saga does, and does what follows from it.
    pub(super) async fn commit_event(
        &self,
        event: OrderEvent,
        frozen: EventRecord,
        answer: Option<RecordedAnswer>,
        step: SagaStep,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let (from, kind) = (event.previous_status, event.kind);
        let (order, id) = (event.order, frozen.order_id.get());
        let SagaStep { seen: saga_seen, write: saga, send } = step;
        let change = OrderChange { order, event: frozen, answer, saga_seen, saga };
        let step = tracing::info_span!(target: traces::TARGET, "commit", order.id = id);
        self.store().commit(change.into(), deadline).instrument(step).await?;
        self.0.commits.wake();
        self.0.stats.took(from, kind);
        self.send(send);
        Ok(())
    }

    /// Waits for a random time before the next attempt, which is longer each time (full jitter).
    pub(super) async fn pause(&self, attempt: u32) {
        tokio::time::sleep(PAUSES.pause(attempt, &*self.0.ports.entropy)).await;
    }
}

impl From<StoreError> for WriteFailure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => Self::Unavailable(source),
            StoreError::OutcomeUnknown(source) => Self::OutcomeUnknown(source),
            StoreError::Unreadable(order) => Self::Unreadable(order),
            StoreError::Refused(source) | StoreError::Corrupt(source) => Self::Internal(source),
            conflict @ StoreError::Conflict(_) => Self::Internal(Box::new(conflict)),
        }
    }
}
