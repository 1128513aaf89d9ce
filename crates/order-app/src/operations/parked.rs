//! Parked orders: list them, look into one, have it published again, leave an event out for ever.

use std::time::Duration;

use order_domain::{OrderId, Version};

use super::{Operations, deadline};
use crate::events::EventRecord;
use crate::ports::{Deadline, Parked, Skipped, StoreError};

/// The most that one page holds.
const PAGE: u32 = 500;
/// The most waiting events that are shown of an order.
const SHOWN: u32 = 100;
/// How long a redrive of all orders goes on in one call.
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
    /// Its events that are not published.
    pub waiting: Waiting,
}

/// Events that are not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// In sequence, the first of them.
    Events {
        /// The events.
        events: Vec<EventRecord>,
        /// Whether there are more.
        more: bool,
    },
    /// One of them cannot be read, for this reason.
    Unreadable(String),
}

/// Why an operation on a parked order did nothing.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The order is not parked, or not any more.
    #[error("order {0} is not parked")]
    NotParked(OrderId),
    /// What the journal said instead.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event was not skipped.
#[derive(Debug, thiserror::Error)]
pub enum SkipError {
    /// The order is not parked, or not any more.
    #[error("order {0} is not parked")]
    NotParked(OrderId),
    /// Another event is the first one that waits.
    #[error("the first event of order {order} that waits is {first}")]
    NotFirst {
        /// Whose event.
        order: OrderId,
        /// The one that waits.
        first: Version,
    },
    /// The order is being published again, and what comes of that is not known yet.
    #[error("order {0} is being published again; wait what comes of it")]
    UnderWay(OrderId),
    /// What the journal said instead.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a redrive of all orders has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedrivenAll {
    /// Orders that were asked for by this call; those that were asked for before do not count.
    pub orders: u64,
    /// Whether the time was over before all were: call again.
    pub more: bool,
}

/// Why an event is left out for ever: 1 to 500 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The most characters.
    pub const MAX: usize = 500;
    /// What a reason must be.
    pub const RULE: &'static str = "must have 1 to 500 characters, and no control characters";

    /// Reads a reason; `None` when it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=Self::MAX).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Operations {
    /// The parked orders with an id above `after`, of one shard or of all.
    ///
    /// # Errors
    /// What the journal said instead.
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
        let most = SHOWN.saturating_add(1);
        let waiting = match self.ports.store.events(order, before, most, deadline()).await {
            Ok(mut events) => {
                let more = cut(&mut events, SHOWN);
                Waiting::Events { events, more }
            }
            Err(StoreError::Corrupt(cause)) => Waiting::Unreadable(cause.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(ParkedDetails { parked, waiting })
    }

    /// Has a parked order published again, in sequence. Asking again before that is done changes
    /// nothing.
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

    /// Has all parked orders published again, as far as that goes in a few seconds.
    ///
    /// # Errors
    /// What the journal said instead; some orders may have been asked for.
    pub async fn redrive_all(&self) -> Result<RedrivenAll, StoreError> {
        let start = Deadline::now();
        let end = start.checked_add(ALL_BUDGET).unwrap_or(start);
        let (mut asked, mut after) = (0_u64, 0);
        loop {
            let page = self.parked(after, None, PAGE).await?;
            for parked in page.orders.iter().filter(|parked| !parked.redrive) {
                if Deadline::now() >= end {
                    return Ok(RedrivenAll { orders: asked, more: true });
                }
                let found = self.ports.journal.redrive(parked.order, None, deadline()).await?;
                asked = asked.saturating_add(u64::from(found));
            }
            match page.next {
                Some(last) => after = last.get(),
                None => break,
            }
        }
        tracing::info!(orders = asked, "an operator has all parked orders published again");
        Ok(RedrivenAll { orders: asked, more: false })
    }

    /// Leaves out the first waiting event of a parked order for ever, and has the rest published.
    /// Who names the event by its `sequence` may safely ask again: it is skipped once, and never
    /// another one in its place.
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
        // The journal does nothing about an order whose last wish is not answered yet.
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
    /// What the journal said instead.
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

/// Cuts what was asked for only to see whether there is more; says whether there is.
fn cut<T>(found: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    more
}
