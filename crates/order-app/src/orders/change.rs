//! Changes an existing order: read, decide, compare-and-set. When another change came first, it does so
//! again, unless the client named the version that it knows.

use chrono::{DateTime, Utc};
use order_domain::{Decision, Order, OrderEventKind, OrderId, Version};

use super::write::{ATTEMPTS, Landed, Write};
use super::{Answered, Claim, Orders, WriteFailure};
use crate::caller::{Forbidden, Reach};
use crate::ports::{Deadline, StoredOrder};

/// Why an order was not changed; `R` is why the rules forbid it.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<R: std::error::Error + 'static> {
    /// The caller may not change orders in this way.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such order, or none that the caller may know of.
    #[error("there is no such order")]
    NotFound,
    /// The client knows another version than the stored one.
    #[error("the order has version {current}")]
    VersionMismatch {
        /// The stored version.
        current: Version,
    },
    /// The client says something of the order that is not true of the stored one.
    #[error("the order is not what the client takes it for")]
    Contradicted {
        /// What is not true.
        claims: Vec<Claim>,
        /// The stored order.
        order: Box<Order>,
    },
    /// Other changes came first at each attempt.
    #[error("the order is being changed by others; try again")]
    ConcurrentUpdate,
    /// The rules forbid it.
    #[error(transparent)]
    Refused(R),
    /// The saga of the order is not over, and this change is its own to make, or takes the ground from it.
    #[error("a saga leads the order; cancel it and place it anew, or ask an operator")]
    SagaInProgress,
    /// The write itself failed.
    #[error(transparent)]
    Write(#[from] WriteFailure),
}

/// Whether a change is not for a client to make while a saga leads the order: the saga confirms it, and has asked for the stock
/// of its lines.
const fn is_the_sagas(kind: OrderEventKind) -> bool {
    matches!(kind, OrderEventKind::Confirmed | OrderEventKind::Updated)
}

/// What a change asks of the stored order.
pub(super) struct Target<'a> {
    pub(super) id: OrderId,
    /// The orders that the caller may know of.
    pub(super) reach: Reach,
    /// The versions that the client accepts as the stored one; any version when `None`.
    pub(super) expected: Option<&'a [Version]>,
    /// What must be true of it.
    pub(super) claims: &'a [Claim],
}

impl Orders {
    /// Changes an order as `decide` says.
    pub(super) async fn change<R: std::error::Error + 'static>(
        &self,
        target: &Target<'_>,
        write: &Write,
        decide: impl Fn(&Order, DateTime<Utc>) -> Result<Decision, R>,
    ) -> Result<Answered, ChangeError<R>> {
        let deadline = self.deadline();
        let Target { expected, claims, .. } = target;
        if target.reach.is_limited() {
            // Before the key is looked up: what is known of it would tell that the order exists.
            self.stored(target, deadline).await?;
        }
        let _running = self.start(write)?;
        if let Some(answered) = self.earlier(write, deadline).await? {
            return Ok(answered);
        }
        for attempt in 0..ATTEMPTS {
            let stored = self.stored(target, deadline).await?;
            let (order, beside) =
                self.beside(stored, deadline).await.map_err(WriteFailure::from)?;
            if expected.is_some_and(|accepted| !accepted.contains(&order.version())) {
                return Err(ChangeError::VersionMismatch { current: order.version() });
            }
            let untrue: Vec<_> = claims.iter().filter(|claim| !claim.holds(&order)).collect();
            if !untrue.is_empty() {
                let claims = untrue.into_iter().cloned().collect();
                return Err(ChangeError::Contradicted { claims, order: Box::new(order) });
            }
            let decision =
                decide(&order, self.0.ports.clock.now()).map_err(ChangeError::Refused)?;
            let Decision::Changed(event) = decision else {
                // Nothing changes, so nothing is recorded. The same request finds the same order again.
                return Ok(Answered { answer: (write.request.encode)(&order), replayed: false });
            };
            if beside.is_open() && is_the_sagas(event.kind) {
                return Err(ChangeError::SagaInProgress);
            }
            match self.land(*event, &beside, write, deadline).await? {
                Landed::Answered(answered) => return Ok(answered),
                Landed::Excluded(_) => self.pause(attempt).await,
            }
        }
        Err(ChangeError::ConcurrentUpdate)
    }

    async fn stored<R: std::error::Error + 'static>(
        &self,
        Target { id, reach, .. }: &Target<'_>,
        deadline: Deadline,
    ) -> Result<StoredOrder, ChangeError<R>> {
        let found = self.known(*reach, *id, deadline).await.map_err(WriteFailure::from)?;
        found.ok_or(ChangeError::NotFound)
    }
}
