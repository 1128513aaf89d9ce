//! How a replay finds its events: through the journal, page by page, or order by order when few
//! orders are meant. Either way at most a page is held at a time.

use std::collections::BTreeSet;

use order_domain::{OrderId, Version};

use super::super::deadline;
use super::pace::Pace;
use super::published::{Published, Spot};
use super::sending::Due;
use super::{LeftOut, Replay, add};
use crate::ports::{JournalEntry, OrderEvents, SelectedPage};

/// At most so many events are held at a time; they may be large.
const PAGE: u32 = 200;

impl Replay {
    pub(super) async fn walk(&self) -> Result<(), String> {
        let published = self.ask(|| Published::now(&*self.ports.inspection)).await?;
        let end = self.plan.up_to.unwrap_or(i64::MAX).min(published.last());
        self.progress.send_modify(|progress| progress.end = Some(end));
        let mut pace = Pace::new(self.plan.rate);
        match self.few().await? {
            Some(orders) => self.by_orders(&orders, &mut pace).await?,
            None => self.by_places(&published, end, &mut pace).await?,
        }
        // Nothing is left to do up to the end, wherever it began.
        self.progress.send_modify(|progress| progress.position = progress.position.max(end));
        Ok(())
    }

    /// What is published as things stood at the start.
    async fn by_places(
        &self,
        published: &Published,
        end: i64,
        pace: &mut Pace,
    ) -> Result<(), String> {
        let inspection = &self.ports.inspection;
        let selection = &self.plan.selection;
        let mut at = self.plan.after;
        while at < end {
            let found = self.ask(|| inspection.select(selection, at, PAGE, deadline())).await?;
            let SelectedPage { events, through } = found;
            if through <= at {
                return Err(format!("the journal does not go on after position {at}"));
            }
            let through = through.min(end);
            let (mut due, mut unpublished) = (Vec::new(), 0_usize);
            for entry in events {
                let spot = Spot::of(&entry);
                if spot.position > end {
                    break;
                }
                if !self.is_to_come(spot.order) {
                    continue;
                }
                if !published.has(&spot) {
                    unpublished = unpublished.saturating_add(1);
                    continue;
                }
                match entry {
                    Ok(JournalEntry { position, event }) => {
                        due.push(Due { position: Some(position), event });
                    }
                    Err(unreadable) => self.leave_out(unreadable.into()),
                }
            }
            self.deliver(due, pace).await?;
            self.progress.send_modify(|progress| {
                progress.position = through;
                add(&mut progress.unpublished, unpublished);
            });
            at = through;
        }
        Ok(())
    }

    /// What of each order is published when its turn comes.
    async fn by_orders(&self, orders: &BTreeSet<OrderId>, pace: &mut Pace) -> Result<(), String> {
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
            let mut at = OrderWalk { order: *order, after: 0, unpublished: None, ended: false };
            while !at.ended {
                self.walk_on(&mut at, most, &mut due).await?;
                if due.len() >= most {
                    self.deliver(std::mem::take(&mut due), pace).await?;
                    done(before, last);
                }
            }
            last = Some(*order);
        }
        self.deliver(due, pace).await?;
        done(of, last);
        Ok(())
    }

    /// Whether the events of an order are still to be replayed, when this goes on after an order.
    pub(super) fn is_to_come(&self, order: OrderId) -> bool {
        self.plan.after_order.is_none_or(|last| order > last)
    }

    /// Finds the next events of an order, no more than are held with those that are due.
    async fn walk_on(
        &self,
        at: &mut OrderWalk,
        most: usize,
        due: &mut Vec<Due>,
    ) -> Result<(), String> {
        let inspection = &self.ports.inspection;
        let OrderWalk { order, after, .. } = *at;
        let room = u32::try_from(most.saturating_sub(due.len())).unwrap_or(PAGE);
        let found = self.ask(|| inspection.order_events(order, after, room, deadline())).await?;
        let OrderEvents { events, unpublished } = found;
        at.ended = u32::try_from(events.len()).is_ok_and(|events| events < room);
        at.unpublished = at.unpublished.or(unpublished);
        let mut waiting = 0_usize;
        for (sequence, event) in events {
            at.after = sequence.get();
            let is_published = at.unpublished.is_none_or(|first| sequence < first);
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

/// How far an order's events are found.
struct OrderWalk {
    order: OrderId,
    after: i64,
    /// The first one that was not published when it was met. What is published meanwhile is left
    /// out with it: later ones must not come without it.
    unpublished: Option<Version>,
    ended: bool,
}
