//! When few orders are meant, a replay finds their events by the orders. A walk through the journal
//! would look at everything that ever happened for it.

use std::collections::BTreeSet;

use order_domain::OrderId;

use super::super::deadline;
use super::{Replay, ReplayPlan};

/// So many orders are looked up one by one; to more of them, the walk is the shorter way.
const FEW: u32 = 1_000;

impl Replay {
    /// The orders that are meant, if they are few. Not when places say what is meant: an order's
    /// events do not know theirs.
    pub(super) async fn few(&self) -> Result<Option<BTreeSet<OrderId>>, String> {
        let ReplayPlan { selection, after, up_to, .. } = &self.plan;
        let (orders, customers) = (&selection.orders, &selection.customers);
        let by_places = *after > 0 || up_to.is_some();
        if by_places || (orders.is_empty() && customers.is_empty()) || are_many(orders.len()) {
            return Ok(None);
        }
        let mut theirs = BTreeSet::new();
        for customer in customers {
            let inspection = &self.ports.inspection;
            let most = FEW.saturating_add(1);
            let found =
                self.ask(|| inspection.customer_order_ids(*customer, most, deadline())).await?;
            theirs.extend(found);
            if are_many(theirs.len()) {
                return Ok(None);
            }
        }
        let mut meant: BTreeSet<OrderId> = orders.iter().copied().collect();
        if meant.is_empty() {
            meant = theirs;
        } else if !customers.is_empty() {
            meant.retain(|order| theirs.contains(order));
        }
        Ok(Some(meant.into_iter().filter(|order| self.is_to_come(*order)).collect()))
    }
}

fn are_many(orders: usize) -> bool {
    !u32::try_from(orders).is_ok_and(|orders| orders <= FEW)
}
