//! Finding the events of a replay order by order, when few orders are selected: the journal may hold
//! far more events of others.

use std::collections::BTreeSet;

use order_domain::{OrderId, Version};

use super::rate_limit::RateLimit;
use super::sending::Due;
use super::walk::PAGE;
use super::{LeftOut, Replay, ReplayPlan, add, deadline};
use crate::ports::{JOURNAL_PAGE_BYTES, OrderEvents, Page};

/// The most orders that are looked up one by one. For more, reading the journal is faster.
const FEW: u32 = 1_000;

/// How far an order's events are found.
struct OrderWalk {
    order: OrderId,
    after: i64,
    /// The first event that was not published when it was found. Those after it are left out with
    /// it, even when they are published by now: they must not come without it.
    unpublished: Option<Version>,
    ended: bool,
}

impl Replay {
    /// The selected orders, if they are few. `None` when the plan names positions: the events of an
    /// order are found without theirs.
    pub(super) async fn few_orders(&self) -> Result<Option<BTreeSet<OrderId>>, String> {
        let ReplayPlan { selection, after, up_to, .. } = &self.plan;
        let (orders, customers) = (&selection.orders, &selection.customers);
        let by_position = *after > 0 || up_to.is_some();
        if by_position || (orders.is_empty() && customers.is_empty()) || are_many(orders.len()) {
            return Ok(None);
        }
        let mut theirs = BTreeSet::new();
        for customer in customers {
            let inspection = &self.ports.inspection;
            let most = FEW.saturating_add(1);
            let ids = || inspection.customer_order_ids(*customer, most, deadline());
            theirs.extend(self.ask(ids).await?);
            if are_many(theirs.len()) {
                return Ok(None);
            }
        }
        let mut selected: BTreeSet<OrderId> = orders.iter().copied().collect();
        if selected.is_empty() {
            selected = theirs;
        } else if !customers.is_empty() {
            selected.retain(|order| theirs.contains(order));
        }
        Ok(Some(selected.into_iter().filter(|order| self.is_to_come(*order)).collect()))
    }

    /// Whether the events of an order are still to be replayed when this resumes after an order.
    pub(super) fn is_to_come(&self, order: OrderId) -> bool {
        self.plan.after_order.is_none_or(|last| order > last)
    }

    /// Replays of each order what is published when its turn comes.
    pub(super) async fn by_order(
        &self,
        orders: &BTreeSet<OrderId>,
        limit: &mut RateLimit,
    ) -> Result<(), String> {
        let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let of = u64::try_from(orders.len()).unwrap_or(u64::MAX);
        let done = |done: u64, last: Option<OrderId>| {
            self.progress.send_modify(|progress| {
                progress.orders = Some((done, of));
                progress.after_order = progress.after_order.max(last);
            });
        };
        let mut last = self.plan.after_order;
        done(0, last);
        let mut due = Vec::new();
        for (before, order) in (0..).zip(orders) {
            let mut walk = OrderWalk { order: *order, after: 0, unpublished: None, ended: false };
            while !walk.ended {
                self.find_next(&mut walk, most, &mut due).await?;
                if due.len() >= most || bytes(&due) >= JOURNAL_PAGE_BYTES {
                    self.deliver(std::mem::take(&mut due), limit).await?;
                    done(before, last);
                }
            }
            last = Some(*order);
        }
        self.deliver(due, limit).await?;
        done(of, last);
        Ok(())
    }

    /// Finds the next events of an order, up to `most` events in `due`.
    async fn find_next(
        &self,
        walk: &mut OrderWalk,
        most: usize,
        due: &mut Vec<Due>,
    ) -> Result<(), String> {
        let inspection = &self.ports.inspection;
        let OrderWalk { order, after, .. } = *walk;
        let room = u32::try_from(most.saturating_sub(due.len())).unwrap_or(PAGE);
        let found = self.ask(|| inspection.order_events(order, after, room, deadline())).await?;
        let OrderEvents { events: Page { items: events, more }, unpublished } = found;
        walk.ended = !more;
        walk.unpublished = walk.unpublished.or(unpublished);
        let mut waiting = 0_usize;
        for (sequence, event) in events {
            walk.after = sequence.get();
            let is_published = walk.unpublished.is_none_or(|first| sequence < first);
            match event {
                Ok(event) if !self.plan.selection.takes(&event) => {}
                _ if !is_published => waiting = waiting.saturating_add(1),
                Ok(event) => due.push(Due { position: None, event }),
                Err(reason) => self.leave_out(LeftOut { order, sequence, position: None, reason }),
            }
        }
        self.progress.send_modify(|progress| add(&mut progress.unpublished, waiting));
        Ok(())
    }
}

/// The bytes of the data of events.
fn bytes(due: &[Due]) -> usize {
    due.iter().map(|due| due.event.data.len()).fold(0, usize::saturating_add)
}

fn are_many(orders: usize) -> bool {
    !u32::try_from(orders).is_ok_and(|orders| orders <= FEW)
}
