//! Sending the events of a shard, and what becomes of each: confirmed, tried again, or refused. A
//! refused event parks its order; the other orders go on.

use chrono::TimeDelta;
use order_domain::{OrderId, Version};

use super::Shard;
use super::batch::{Batch, Origin};
use super::health::{Fault, Health};
use super::window::{size, size_of_event};
use crate::errors::short_chain;
use crate::events::EventRecord;
use crate::ports::{PublishError, Unreadable};
use crate::relay::calls::ShardOutcome;
use crate::relay::context::Context;
use crate::relay::stats::add;

/// The most events that are sent to find out whether the broker is back.
const PROBE: usize = 16;

impl Shard {
    /// Sends all events that may be sent.
    pub(super) fn publish(&mut self, context: &mut Context) {
        let waits = [self.window.end_waits(context.now), self.parked.next_due(context.now)];
        for at in waits.into_iter().flatten() {
            context.is_due(at);
        }
        let Some(publisher) = context.ports.publisher.clone() else { return };
        while self.may_send(context) {
            let length = if self.health.is_failing() { PROBE } else { context.settings.batch };
            let mut batch = Batch::default();
            self.parked.take(&mut batch, length, context.now);
            for (number, unreadable) in self.window.take(&mut batch, length) {
                self.unreadable(number, unreadable, context);
            }
            if batch.len() == 0 {
                return;
            }
            self.publish_calls = self.publish_calls.saturating_add(1);
            let publisher = publisher.clone();
            let call = async move {
                let results = publisher.publish(&batch.events).await;
                Ok((batch, results))
            };
            let outcome = |result: Result<_, _>| ShardOutcome::Published(result.ok());
            context.calls.start("publish", call, self.period.outcome(outcome));
        }
    }

    /// An instance that is not sure to hold the lease must not send: another one may send too.
    fn may_send(&self, context: &mut Context) -> bool {
        self.lease.is_sure(context.now)
            && match self.health {
                Health::Well(_) => self.publish_calls < context.settings.calls,
                Health::Failing { until, .. } => self.publish_calls == 0 && context.is_due(until),
            }
    }

    /// Deals with the answer to a call. Says whether the broker is back.
    pub(crate) fn published(
        &mut self,
        batch: Batch,
        results: Vec<Result<(), PublishError>>,
        context: &mut Context,
    ) -> bool {
        self.publish_calls = self.publish_calls.saturating_sub(1);
        let confirmed = results.iter().filter(|result| result.is_ok()).count();
        let transient = |result: &_| matches!(result, Err(PublishError::Transient(_)));
        let (fault, back) = if confirmed == 0 && results.iter().all(transient) {
            let only = batch.events.first().filter(|_| batch.len() == 1);
            let (order, backoff) =
                (only.map(|event| event.order_id), context.settings.shard_backoff);
            let pause = |failures| context.pause(backoff, failures);
            (self.health.failed(order, context.now, pause), false)
        } else {
            (Fault::Order, self.health.answered())
        };
        if back {
            self.window.end_all_waits();
        }
        add(&mut context.stats.update().published, confirmed);
        if let (true, Some(last)) = (confirmed > 0, batch.events.last()) {
            let lag = context.ports.clock.now().signed_duration_since(last.occurred_at);
            context.stats.update().lag = lag.max(TimeDelta::zero());
        }
        // A publisher that answers for too few events says nothing about the others.
        let unanswered = || Err(PublishError::Transient("the publisher gave no answer".into()));
        let results = results.into_iter().chain(std::iter::repeat_with(unanswered));
        let mut failure = None;
        for ((event, origin), result) in batch.events.into_iter().zip(batch.origins).zip(results) {
            match result {
                Ok(()) => match origin {
                    Origin::Window(number) => self.window.published(number, &event),
                    Origin::Redrive => self.parked.published(&event, context.now),
                },
                Err(PublishError::Permanent(_)) if self.is_full_of_parked(context) => {
                    failure = result.err();
                    self.postpone(origin, event, Fault::Order, context);
                }
                Err(error @ PublishError::Permanent(_)) => {
                    let slot = matches!(origin, Origin::Window(_)).then(|| size_of_event(&event));
                    self.park(event.order_id, event.sequence, slot, short_chain(&error), context);
                    failure = Some(error);
                }
                Err(error @ PublishError::Transient(_)) => {
                    add(&mut context.stats.update().transient_failures, 1);
                    failure = Some(error);
                    self.postpone(origin, event, fault, context);
                }
            }
        }
        if let Some(error) = failure {
            context.note_error(short_chain(&error));
        }
        back
    }

    fn is_full_of_parked(&self, context: &Context) -> bool {
        self.parked.len() >= context.settings.parked
    }

    /// Tries the event again: together with the shard, or when its order has waited.
    fn postpone(
        &mut self,
        origin: Origin,
        event: EventRecord,
        fault: Fault,
        context: &mut Context,
    ) {
        let backoff = context.settings.order_backoff;
        match (origin, fault) {
            (Origin::Window(number), Fault::Shard) => self.window.put_back(number, event),
            (Origin::Window(number), Fault::Order) => {
                let until = context.pause(backoff, self.window.failed(event.order_id));
                self.window.put_back_until(number, Ok(event), until);
            }
            (Origin::Redrive, Fault::Shard) => self.parked.put_back(event, context.now),
            (Origin::Redrive, Fault::Order) => {
                let until = context.pause(backoff, self.parked.failed(event.order_id));
                self.parked.put_back(event, until);
            }
        }
    }

    /// The next event of an order cannot be read. Everything before it is confirmed.
    fn unreadable(&mut self, number: u64, unreadable: Unreadable, context: &mut Context) {
        let (order, from) = (unreadable.order, unreadable.sequence);
        let (reason, item) = (unreadable.to_string(), Err(unreadable));
        if self.is_full_of_parked(context) {
            let failures = self.window.failed(order);
            let until = context.pause(context.settings.order_backoff, failures);
            self.window.put_back_until(number, item, until);
        } else {
            self.park(order, from, Some(size(&item)), reason, context);
        }
    }

    /// Parks an order: its event `from` will not be published without an operator. `slot` is the
    /// size of that event when it came from the window.
    pub(super) fn park(
        &mut self,
        order: OrderId,
        from: Version,
        slot: Option<usize>,
        reason: String,
        context: &mut Context,
    ) {
        tracing::warn!(order.id = order.get(), sequence = from.get(), reason, "an order is parked");
        add(&mut context.stats.update().parkings, 1);
        let last = slot.and_then(|size| self.window.pass_over_order(order, size));
        self.parked.park(order, last.unwrap_or(from));
        self.progress.park(order, from, reason);
    }
}
