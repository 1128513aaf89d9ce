//! Sending a shard's events and dealing with what comes of each: confirmed, to be tried again, or
//! refused, in which case its order is parked and everything else goes on.

use std::sync::atomic::Ordering;

use order_domain::{OrderId, Version};
use tokio::time::Instant;

use super::batch::{Batch, Origin};
use super::calls::{Answer, Call, Work};
use super::desk::Desk;
use super::health::{Fault, Health};
use super::shard::Shard;
use super::stats::add;
use super::window::{size, size_of_event};
use crate::errors::short_chain;
use crate::events::EventRecord;
use crate::ports::{PublishError, Unreadable};

/// So many events at most are sent to see whether a broker is back.
const PROBE: usize = 16;

impl Shard {
    /// Sends whatever may be sent.
    pub(super) fn publish(&mut self, desk: &mut Desk) {
        let waking = [self.window.wake(desk.now), self.asides.wake(desk.now)];
        for at in waking.into_iter().flatten() {
            desk.is_due(at);
        }
        let Some(publisher) = desk.ports.publisher.clone() else { return };
        while self.may_send(desk) {
            let length = if self.health.is_failing() { PROBE } else { desk.settings.batch };
            let mut batch = Batch::default();
            self.asides.take(&mut batch, length, desk.now);
            for (number, unreadable) in self.window.take(&mut batch, length) {
                self.unreadable(number, unreadable, desk);
            }
            if batch.len() == 0 {
                return;
            }
            self.calls = self.calls.saturating_add(1);
            let publisher = publisher.clone();
            desk.calls.start(Call::Shard(self.seat, Work::Publish), async move {
                let results = publisher.publish(&batch.events).await;
                Answer::Published(batch, results)
            });
        }
    }

    /// Whoever is not sure to hold the lease must not send anything: another one may.
    fn may_send(&self, desk: &mut Desk) -> bool {
        self.tenure.is_sure(desk.now)
            && match self.health {
                Health::Well(_) => self.calls < desk.settings.calls,
                Health::Failing { until, .. } => self.calls == 0 && desk.is_due(until),
            }
    }

    /// Deals with the answer to a call; says whether the broker is back.
    pub(super) fn published(
        &mut self,
        batch: Batch,
        results: Vec<Result<(), PublishError>>,
        desk: &mut Desk,
    ) -> bool {
        self.calls = self.calls.saturating_sub(1);
        let all = batch.len();
        let confirmed = results.iter().filter(|result| result.is_ok()).count();
        let transient = |result: &_| matches!(result, Err(PublishError::Transient(_)));
        let in_vain = confirmed == 0 && results.iter().all(transient);
        let (fault, back) = if in_vain {
            let only = (all == 1).then(|| batch.events.first().map(|event| event.order_id));
            (self.in_vain(only.flatten(), desk), false)
        } else {
            (Fault::Order, self.health.answered())
        };
        if back {
            self.window.hurry();
        }
        add(&desk.stats.published, confirmed);
        if let (true, Some(last)) = (confirmed > 0, batch.events.last()) {
            let lag = desk.ports.clock.now().signed_duration_since(last.occurred_at);
            desk.stats.confirmed(lag);
        }
        // An answer that is too short says nothing about the rest.
        let unanswered = || Err(PublishError::Transient("the publisher gave no answer".into()));
        let results = results.into_iter().chain(std::iter::repeat_with(unanswered));
        let mut failure = None;
        for ((event, origin), result) in batch.events.into_iter().zip(batch.origins).zip(results) {
            match result {
                Ok(()) => self.confirmed(origin, &event, desk.now),
                Err(PublishError::Permanent(_)) if self.asides.len() >= desk.settings.parked => {
                    failure = result.err();
                    self.postpone(origin, event, Fault::Order, desk);
                }
                Err(error @ PublishError::Permanent(_)) => {
                    let slot = matches!(origin, Origin::Slot(_)).then(|| size_of_event(&event));
                    self.park(event.order_id, event.sequence, slot, short_chain(&error), desk);
                    failure = Some(error);
                }
                Err(error @ PublishError::Transient(_)) => {
                    desk.stats.transient_failures.fetch_add(1, Ordering::Relaxed);
                    failure = Some(error);
                    self.postpone(origin, event, fault, desk);
                }
            }
        }
        if let Some(error) = failure {
            desk.stats.failed(desk.ports.clock.now(), short_chain(&error));
        }
        back
    }

    /// Nothing of a call was confirmed.
    fn in_vain(&mut self, only: Option<OrderId>, desk: &mut Desk) -> Fault {
        let backoff = desk.settings.shard_backoff;
        self.health.failed(only, desk.now, |failures| desk.pause(backoff, failures))
    }

    fn confirmed(&mut self, origin: Origin, event: &EventRecord, now: Instant) {
        match origin {
            Origin::Slot(number) => self.window.done(number, event),
            Origin::Redrive => self.asides.done(event, now),
        }
    }

    /// The event is to be tried again: when the shard goes on, or when its order has waited.
    fn postpone(&mut self, origin: Origin, event: EventRecord, fault: Fault, desk: &mut Desk) {
        let backoff = desk.settings.order_backoff;
        match (origin, fault) {
            (Origin::Slot(number), Fault::Shard) => self.window.again(number, event),
            (Origin::Slot(number), Fault::Order) => {
                let until = desk.pause(backoff, self.window.failed(event.order_id));
                self.window.wait(number, Ok(event), until);
            }
            (Origin::Redrive, Fault::Shard) => self.asides.again(event, desk.now),
            (Origin::Redrive, Fault::Order) => {
                let until = desk.pause(backoff, self.asides.failed(event.order_id));
                self.asides.again(event, until);
            }
        }
    }

    /// The next event of an order cannot be read. Everything before it is confirmed.
    fn unreadable(&mut self, number: u64, unreadable: Unreadable, desk: &mut Desk) {
        let (order, from) = (unreadable.order, unreadable.sequence);
        let (reason, entry) = (unreadable.to_string(), Err(unreadable));
        if self.asides.len() >= desk.settings.parked {
            let until = desk.pause(desk.settings.order_backoff, self.window.failed(order));
            self.window.wait(number, entry, until);
        } else {
            self.park(order, from, Some(size(&entry)), reason, desk);
        }
    }

    /// The event will not be published before somebody has done something about it: its order is
    /// parked, and everything else goes on. `slot` is the size of what the window has of it.
    pub(super) fn park(
        &mut self,
        order: OrderId,
        from: Version,
        slot: Option<usize>,
        reason: String,
        desk: &mut Desk,
    ) {
        tracing::warn!(order.id = order.get(), sequence = from.get(), reason, "an order is parked");
        desk.stats.parkings.fetch_add(1, Ordering::Relaxed);
        let last = slot.and_then(|size| self.window.set_aside(order, size));
        self.asides.park(order, last.unwrap_or(from));
        self.ledger.park(order, from, reason);
    }
}
