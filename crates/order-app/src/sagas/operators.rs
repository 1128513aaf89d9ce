//! What operators may ask about sagas, and do about them.

use order_domain::OrderId;

use super::{FindSagaError, SagaView, Sagas, concurrent};
use crate::actions::{Actor, Reason};
use crate::caller::{Authority, Caller, Forbidden};
use crate::orders::{FollowError, Followed};
use crate::ports::StoreError;
use crate::saga::{Action, Attention, Intervention, Moment, NotNow, SagaState, intervene};

/// The most sagas of one page. Each is read.
const PAGE: u32 = 50;

/// The sagas for a caller who may operate them. Cheap to clone.
#[derive(Clone)]
pub struct SagaOperator {
    sagas: Sagas,
}

/// One page of sagas that an operator must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlaggedPage {
    /// The sagas, by the ids of their orders.
    pub sagas: Vec<Flagged>,
    /// The last of them, when there are more.
    pub next: Option<OrderId>,
}

/// A saga that an operator must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flagged {
    /// Its order.
    pub order: OrderId,
    /// Where it stands, and why it needs attention; `None` when it cannot be read.
    pub saga: Option<(SagaState, Option<Attention>)>,
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervene {
    /// The order.
    pub id: OrderId,
    /// What.
    pub action: Action,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Reason,
    /// The revision of the saga that the operator has looked at.
    pub revision: i64,
}

/// Why an operator's action had no effect.
#[derive(Debug, thiserror::Error)]
pub enum InterveneError {
    /// There is no such order.
    #[error("there is no such order")]
    OrderNotFound,
    /// The order has no saga, or none any more.
    #[error("the order has no saga")]
    NotFound,
    /// The stored document is not a saga of this release.
    #[error("the saga cannot be read")]
    Unreadable,
    /// The saga has moved since the operator looked at it.
    #[error("the saga has revision {current}")]
    RevisionMismatch {
        /// Its revision.
        current: i64,
    },
    /// The action is not possible now.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The store failed. When it is not known whether the action had its effect, look at the saga again.
    #[error(transparent)]
    Store(StoreError),
}

impl Sagas {
    /// The sagas for a caller.
    ///
    /// # Errors
    /// [`Forbidden`] without the authority [`Authority::Admin`].
    pub fn operator(&self, caller: &Caller) -> Result<SagaOperator, Forbidden> {
        caller.needs(Authority::Admin)?;
        Ok(SagaOperator { sagas: self.clone() })
    }
}

impl SagaOperator {
    /// One page of the sagas that an operator must look at, after an order.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn flagged(&self, after: Option<OrderId>) -> Result<FlaggedPage, StoreError> {
        let (orders, deadline) = (&self.sagas.0, self.sagas.0.deadline());
        let page = orders.saga_store().attention(after, PAGE, deadline).await?;
        let next = page.items.last().copied().filter(|_| page.more);
        let mut sagas = Vec::with_capacity(page.items.len());
        for order in page.items {
            let saga = match orders.saga_by(order, deadline).await {
                Ok(Followed { saga, .. }) => Some((saga.state, saga.attention)),
                Err(FollowError::NotFound) => continue,
                Err(FollowError::Store(error @ StoreError::Unavailable(_))) => {
                    // What was read in time is a page; the next one begins behind it.
                    let last = sagas.last().map(|flagged: &Flagged| flagged.order);
                    let next = Some(last.ok_or(error)?);
                    return Ok(FlaggedPage { sagas, next });
                }
                Err(_) => None,
            };
            sagas.push(Flagged { order, saga });
        }
        Ok(FlaggedPage { sagas, next })
    }

    /// The saga of an order.
    ///
    /// # Errors
    /// [`FindSagaError`], each case by its name.
    pub async fn show(&self, id: OrderId) -> Result<SagaView, FindSagaError> {
        let found = self.sagas.0.saga(id).await;
        if matches!(found, Err(FollowError::NotFound)) && !self.has_order(id).await? {
            return Err(FindSagaError::OrderNotFound);
        }
        Ok(found?.into())
    }

    /// Acts on a saga as it was looked at. The action is kept in the saga, with who did it and why.
    ///
    /// # Errors
    /// [`InterveneError`], each case by its name.
    pub async fn intervene(&self, command: Intervene) -> Result<SagaView, InterveneError> {
        let Intervene { id, action, actor, reason, revision } = command;
        let decide = |found: &Followed, at: &Moment<'_>| {
            if found.revision != revision {
                return Err(InterveneError::RevisionMismatch { current: found.revision });
            }
            let (actor, reason) = (actor.as_str().to_owned(), reason.as_str().to_owned());
            let by = Intervention { action, actor, reason, at: at.now };
            Ok(intervene(&found.saga, &found.order, &by, at, self.sagas.0.can_send())?)
        };
        let done = self.sagas.0.follow(id, None, decide).await;
        let is_missing = matches!(done, Err(InterveneError::NotFound));
        if is_missing && !self.has_order(id).await.map_err(InterveneError::Store)? {
            return Err(InterveneError::OrderNotFound);
        }
        Ok(done?.into())
    }

    /// Whether there is an order, for one that has no saga: an operator who has mistyped its id is told so.
    async fn has_order(&self, id: OrderId) -> Result<bool, StoreError> {
        Ok(self.sagas.0.order(id).await?.is_some())
    }
}

impl From<FollowError> for InterveneError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::NotFound => Self::NotFound,
            FollowError::Unreadable => Self::Unreadable,
            FollowError::ConcurrentUpdate => Self::Store(concurrent()),
            FollowError::Store(error) => Self::Store(error),
        }
    }
}
