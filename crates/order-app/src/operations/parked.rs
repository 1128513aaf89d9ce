//! Parked orders: list them, inspect one, redrive it, skip an event.

use std::time::Duration;

use order_domain::{OrderId, Version};

use super::{Operator, deadline};
use crate::actions::Reason;
use crate::ports::{Deadline, Page, Parked, Skipped, StoreError, StoredEvent, later};

/// The most entries of one page.
const PAGE: u32 = 500;
/// The most waiting events that are shown of an order.
const SHOWN: u32 = 100;
/// How long one call redrives all orders.
const ALL_BUDGET: Duration = Duration::from_secs(5);

/// One page of parked orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedPage {
    /// The orders, by their ids.
    pub orders: Vec<Parked>,
    /// The last of them, when there are more.
    pub next: Option<OrderId>,
}

/// One page of skipped events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedPage {
    /// The events, by order and sequence.
    pub events: Vec<Skipped>,
    /// The last of them, when there are more.
    pub next: Option<(OrderId, Version)>,
}

/// A parked order and what waits with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedDetails {
    /// The order.
    pub parked: Parked,
    /// Its first events that are not published, in sequence.
    pub waiting: Vec<StoredEvent>,
    /// Whether there are more of them.
    pub more: bool,
}

/// Why an order was not inspected or redriven.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The order is not parked, or not any more.
    #[error("order {0} is not parked")]
    NotParked(OrderId),
    /// The journal failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event was not skipped.
#[derive(Debug, thiserror::Error)]
pub enum SkipError {
    /// The order is not parked, or not any more.
    #[error("order {0} is not parked")]
    NotParked(OrderId),
    /// Another event of the order is the first one that waits.
    #[error("the first event of order {order} that waits is {first}")]
    NotFirst {
        /// The order.
        order: OrderId,
        /// Its first event that waits.
        first: Version,
    },
    /// The order is being redriven, and the result is not known yet.
    #[error("order {0} is being published again; wait what comes of it")]
    UnderWay(OrderId),
    /// The journal failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one call has done to redrive all orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedrivenAll {
    /// Orders whose redrive this call has requested; earlier requests do not count.
    pub orders: u64,
    /// Whether orders are left because the time was over: call again.
    pub more: bool,
}

impl Operator {
    /// The parked orders with an id above `after`, of one shard or of all.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn parked(
        &self,
        after: i64,
        shard: Option<u16>,
        limit: u32,
    ) -> Result<ParkedPage, StoreError> {
        let limit = limit.clamp(1, PAGE);
        let most = limit.saturating_add(1);
        let inspection = &self.ports.inspection;
        let mut orders = inspection.parked_after(after, shard, most, deadline()).await?;
        let more = cut(&mut orders, limit);
        let next = orders.last().filter(|_| more).map(|parked| parked.order);
        Ok(ParkedPage { orders, next })
    }

    /// A parked order, and the events that wait with it.
    ///
    /// # Errors
    /// [`RedriveError`], each case by its name.
    pub async fn inspect(&self, order: OrderId) -> Result<ParkedDetails, RedriveError> {
        let parked = self.find_parked(order).await?.ok_or(RedriveError::NotParked(order))?;
        let before = parked.from.get().saturating_sub(1);
        let Page { items: waiting, more } =
            self.ports.store.events(order, before, SHOWN, deadline()).await?;
        Ok(ParkedDetails { parked, waiting, more })
    }

    /// Requests that a parked order be published again, in sequence. Requesting it again before that
    /// is done changes nothing.
    ///
    /// # Errors
    /// [`RedriveError`], each case by its name.
    pub async fn redrive(&self, order: OrderId) -> Result<(), RedriveError> {
        if self.ports.journal.redrive(order, None, deadline()).await? {
            tracing::info!(%order, "an operator has an order published again");
            return Ok(());
        }
        Err(RedriveError::NotParked(order))
    }

    /// Requests that all parked orders be published again, as many as it can in a few seconds.
    ///
    /// # Errors
    /// Those of the journal; the redrive of some orders may have been requested.
    pub async fn redrive_all(&self) -> Result<RedrivenAll, StoreError> {
        let end = later(Deadline::now(), ALL_BUDGET);
        let (mut requested, mut after) = (0_u64, 0);
        loop {
            let page = self.parked(after, None, PAGE).await?;
            for parked in page.orders.iter().filter(|parked| !parked.redrive) {
                if Deadline::now() >= end {
                    return Ok(RedrivenAll { orders: requested, more: true });
                }
                let found = self.ports.journal.redrive(parked.order, None, deadline()).await?;
                requested = requested.saturating_add(u64::from(found));
            }
            match page.next {
                Some(last) => after = last.get(),
                None => break,
            }
        }
        tracing::info!(orders = requested, "an operator has all parked orders published again");
        Ok(RedrivenAll { orders: requested, more: false })
    }

    /// Skips the first waiting event of a parked order for ever, and requests that the rest be
    /// published. With a `sequence`, the call may be repeated safely: this event is skipped once,
    /// and no other one.
    ///
    /// # Errors
    /// [`SkipError`], each case by its name.
    pub async fn skip(
        &self,
        order: OrderId,
        sequence: Option<Version>,
        reason: &Reason,
    ) -> Result<Skipped, SkipError> {
        let parked = self.find_parked(order).await?;
        let event = match (sequence, &parked) {
            (Some(event), _) => event,
            (None, Some(parked)) => parked.from,
            (None, None) => return Err(SkipError::NotParked(order)),
        };
        if let Some(skipped) = self.find_skipped(order, event).await? {
            return Ok(skipped);
        }
        let parked = parked.ok_or(SkipError::NotParked(order))?;
        if parked.from != event {
            return Err(SkipError::NotFirst { order, first: parked.from });
        }
        let skip = Some((event, reason.as_str()));
        if !self.ports.journal.redrive(order, skip, deadline()).await? {
            return Err(SkipError::NotParked(order));
        }
        // The journal ignores the request while the order's last one is not answered.
        let skipped = self.find_skipped(order, event).await?;
        if skipped.is_some() {
            let sequence = event.get();
            tracing::warn!(%order, sequence, reason = reason.as_str(), "an operator skips an event");
        }
        skipped.ok_or(SkipError::UnderWay(order))
    }

    /// The skipped events after one, of an order or of all.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn skipped(
        &self,
        after: (i64, i64),
        order: Option<OrderId>,
        limit: u32,
    ) -> Result<SkippedPage, StoreError> {
        let limit = limit.clamp(1, PAGE);
        let most = limit.saturating_add(1);
        let inspection = &self.ports.inspection;
        let mut events = inspection.skipped_after(after, order, most, deadline()).await?;
        let more = cut(&mut events, limit);
        let next = events.last().filter(|_| more).map(|event| (event.order, event.sequence));
        Ok(SkippedPage { events, next })
    }

    async fn find_parked(&self, order: OrderId) -> Result<Option<Parked>, StoreError> {
        let before = order.get().saturating_sub(1);
        let found = self.ports.inspection.parked_after(before, None, 1, deadline()).await?;
        Ok(found.into_iter().find(|parked| parked.order == order))
    }

    async fn find_skipped(
        &self,
        order: OrderId,
        event: Version,
    ) -> Result<Option<Skipped>, StoreError> {
        let before = (order.get(), event.get().saturating_sub(1));
        let found = self.ports.inspection.skipped_after(before, Some(order), 1, deadline());
        Ok(found.await?.into_iter().find(|skipped| skipped.sequence == event))
    }
}

/// Cuts off the one entry that was read to see whether there are more. Says whether there are.
fn cut<T>(found: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    more
}
