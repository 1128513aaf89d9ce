//! The saga beside an order that changes: it begins in the commit that places the order, and is told of a change in the commit
//! of that change. What it wants sent is sent after the commit.

use order_domain::{Order, OrderEvent};
use tracing::Instrument as _;
use uuid::Uuid;

use super::Orders;
use crate::events::Origin;
use crate::ports::{BoxError, Command, Deadline, SagaWrite, StoreError, StoredOrder, StoredSaga};
use crate::saga::{Decision, DocumentError, Input, Moment, Saga, begin, decide};
use crate::traces;

/// The saga of an order that is about to change.
pub(super) enum Beside {
    /// One begins with the order.
    Begins,
    /// It is told of the change.
    Told {
        /// How often it was written.
        revision: i64,
        /// As it was read.
        saga: Box<Saga>,
    },
    /// The order changes alone.
    Untouched {
        /// How often its saga was written; 0 when it never had one.
        revision: i64,
        /// Whether there is one that is not over, which this release cannot read.
        is_open: bool,
    },
}

/// What a saga adds to the commit of an order.
#[derive(Default)]
pub(super) struct SagaStep {
    /// The revision that it was decided on.
    pub(super) seen: i64,
    /// The saga as it is to be.
    pub(super) write: Option<SagaWrite>,
    /// What is sent when the commit has landed.
    pub(super) send: Vec<Command>,
}

impl Beside {
    /// No saga, and none begins.
    pub(super) const NOTHING: Self = Self::Untouched { revision: 0, is_open: false };

    /// Whether the saga leads the order now.
    pub(super) const fn is_open(&self) -> bool {
        match self {
            Self::Begins => false,
            Self::Told { saga, .. } => !saga.state.is_final(),
            Self::Untouched { is_open, .. } => *is_open,
        }
    }
}

impl SagaStep {
    /// The part of a decision that is the saga's own.
    pub(super) fn new(seen: i64, decision: Decision) -> Result<Self, BoxError> {
        let write = decision.saga.map(|saga| saga.to_write()).transpose()?;
        Ok(Self { seen, write, send: decision.send })
    }
}

impl Orders {
    /// An order with its saga, both as one commit left them.
    pub(super) async fn beside(
        &self,
        stored: StoredOrder,
        deadline: Deadline,
    ) -> Result<(Order, Beside), StoreError> {
        let StoredOrder { order, saga_revision: revision } = stored;
        if revision == 0 {
            return Ok((order, Beside::NOTHING));
        }
        let Some(found) = self.0.ports.sagas.saga(order.id(), deadline).await? else {
            // It is over, and was purged.
            return Ok((order, Beside::Untouched { revision, is_open: false }));
        };
        let revision = found.stored.saga_revision;
        let beside = match read(&found) {
            Ok(saga) => Beside::Told { revision, saga: Box::new(saga) },
            Err(_) => Beside::Untouched { revision, is_open: found.saga.due_at.is_some() },
        };
        Ok((found.stored.order, beside))
    }

    /// What the saga does in the commit of an event of its order.
    pub(super) fn saga_step(
        &self,
        beside: &Beside,
        event: &OrderEvent,
        id: Uuid,
        origin: &Origin,
    ) -> Result<SagaStep, BoxError> {
        let cause = id.to_string();
        let at = self.moment(Some(&cause));
        let (seen, decision) = match beside {
            Beside::Untouched { revision, .. } => {
                return Ok(SagaStep { seen: *revision, ..SagaStep::default() });
            }
            Beside::Begins => (0, begin(&event.order, origin, &at)),
            Beside::Told { revision, saga } => {
                (*revision, decide(saga, &event.order, &Input::OrderChanged, &at))
            }
        };
        if decision.order.is_some() {
            // Two versions do not fit into one commit: the saga finds the order as it is when it is due.
            return Ok(SagaStep { seen, ..SagaStep::default() });
        }
        SagaStep::new(seen, decision)
    }

    /// The present, for a decision of a saga.
    pub(super) fn moment<'a>(&'a self, cause: Option<&'a str>) -> Moment<'a> {
        let ports = &self.0.ports;
        let (now, entropy, times) = (ports.clock.now(), &*ports.entropy, &self.0.sagas.times);
        Moment { now, entropy, times, cause }
    }

    /// Sends commands in a task of its own: their sender may take longer than the request.
    pub(super) fn send(&self, commands: Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        for command in &commands {
            self.0.stats.sends(command);
        }
        let sender = self.0.ports.commands.clone();
        let step = tracing::info_span!(target: traces::TARGET, "send commands");
        tokio::spawn(async move { sender.send(commands).await }.instrument(step));
    }
}

/// The saga that a document is. One that cannot be read is logged: the order goes on without it.
pub(super) fn read(found: &StoredSaga) -> Result<Saga, DocumentError> {
    Saga::from_document(&found.saga.document).inspect_err(|error| {
        let id = found.stored.order.id().get();
        tracing::error!(order.id = id, %error, "a saga is unreadable");
    })
}
