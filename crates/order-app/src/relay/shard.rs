//! A shard that this instance holds: its entries are read into a window, published from there, and
//! its progress is recorded. Sending is in `shard/publishing.rs`.

pub(super) mod batch;
mod health;
mod parked;
mod progress;
mod publishing;
mod window;

use std::time::Duration;

use order_domain::OrderId;
use tokio::time::Instant;

use super::calls::{Period, ShardOutcome};
use super::context::{Context, Schedule};
use super::lease::HeldLease;
use crate::errors::short_chain;
use crate::ports::{EntryKey, Lease, Leased, Page, Parked, ReadEntry, StoreError, StoredEvent};
use health::Health;
use parked::{ParkedOrders, RedriveStep};
use progress::UnrecordedProgress;
use window::Window;

/// The most entries of one call.
const PAGE: usize = 500;
/// The most events of a redriven order that are read at once.
const HISTORY: u32 = 50;

/// See the head of the file.
pub(super) struct Shard {
    pub(super) lease: HeldLease,
    pub(super) period: Period,
    pub(super) window: Window,
    pub(super) parked: ParkedOrders,
    pub(super) health: Health,
    /// Calls to the publisher under way.
    pub(super) publish_calls: usize,
    progress: UnrecordedProgress,
    stage: Stage,
    /// The position that the journal had when the read under way was started.
    reading: Option<i64>,
    listing: Listing,
    reads: Schedule,
    lists: Schedule,
    records: Schedule,
    leaving: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The lease is held; the parked orders are not known yet.
    Taken,
    /// Events are published.
    Open,
    /// The lease is being given back.
    Released,
}

/// Whether the parked orders are being listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    No,
    Yes,
    /// Yes, but a parking was recorded since, and the list may be older.
    Stale,
}

impl Shard {
    pub(super) fn new(lease: HeldLease, period: Period, context: &Context) -> Self {
        let Lease { position, epoch, .. } = lease.lease;
        tracing::debug!(shard = period.shard, epoch, position, "publishing a shard");
        let settings = &context.settings;
        Self {
            lease,
            period,
            window: Window::new(position, settings.window, settings.window_bytes),
            parked: ParkedOrders::default(),
            health: Health::Well(None),
            publish_calls: 0,
            progress: UnrecordedProgress::new(position),
            stage: Stage::Taken,
            reading: None,
            listing: Listing::No,
            reads: Schedule::new(context.now),
            lists: Schedule::new(context.now),
            records: Schedule::new(context.now),
            leaving: None,
        }
    }

    /// Starts all calls that are due. Up to `front`, the shard reads for itself.
    pub(super) fn work(&mut self, front: i64, context: &mut Context) {
        if self.stage == Stage::Released {
            return;
        }
        if !context.journal_is_down {
            self.lease.renew(context);
            self.list_parked(context);
            self.read(front, context);
            self.read_redriven(context);
            self.record(context);
        }
        if self.is_open() {
            self.publish(context);
        }
        self.leave_when_done(context);
    }

    /// Whether it takes entries in.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.leaving.is_none()
    }

    /// Whether its entries up to a position are in, and there is room for more.
    pub(super) fn follows(&self, position: i64) -> bool {
        self.is_open() && self.window.read_through >= position && self.window.room() > 0
    }

    /// Whether it takes entries in, and has room for a number of them.
    pub(super) fn has_room(&self, entries: usize) -> bool {
        self.is_open() && self.window.room() >= entries
    }

    /// Takes in the next entry, if there is room.
    pub(super) fn offer(&mut self, entry: ReadEntry) -> bool {
        if self.window.room() == 0 {
            return false;
        }
        let EntryKey { position, order, sequence } = EntryKey::of(&entry);
        let is_new = position > self.window.read_through;
        if is_new && self.parked.passes_over(order, sequence) {
            self.window.pass_over(position);
        } else {
            self.window.push(entry);
        }
        true
    }

    /// Finishes the calls under way and gives the lease back, at a time at the latest.
    pub(super) fn leave(&mut self, by: Instant) {
        self.leaving.get_or_insert(by);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Stays after all, unless the lease is being given back.
    pub(super) fn stay(&mut self) {
        if self.stage != Stage::Released {
            self.leaving = None;
        }
    }

    fn read(&mut self, front: i64, context: &mut Context) {
        let limit = self.window.room().min(PAGE);
        let nothing = limit == 0 || self.window.read_through >= front || !self.is_open();
        if nothing || self.reading.is_some() || !context.is_due(self.reads.next) {
            return;
        }
        self.reading = Some(front);
        let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
        let (shard, after) = (Some(self.period.shard), self.window.read_through);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let call = async move { journal.entries_after(after, shard, limit, deadline).await };
        context.calls.start("read a shard", call, self.period.outcome(ShardOutcome::Entries));
    }

    pub(super) fn entries_read(
        &mut self,
        answer: Result<Page<ReadEntry>, StoreError>,
        context: &mut Context,
    ) {
        let Some(through) = self.reading.take() else { return };
        match answer {
            Ok(Page { items: page, more }) => {
                self.reads.succeeded(context.now);
                // There was room for all of them when the read began, and only reads take room.
                let fits = page.into_iter().all(|entry| self.offer(entry));
                if !more && fits {
                    self.window.set_read_through(through);
                }
            }
            Err(error) => context.journal_failed("reading a shard", &mut self.reads, &error),
        }
    }

    /// Lists the parked orders: at the start, and then for requests to redrive them.
    fn list_parked(&mut self, context: &mut Context) {
        let wanted = self.stage == Stage::Taken || self.parked.may_redrive();
        if !wanted
            || self.is_leaving()
            || self.listing != Listing::No
            || !context.is_due(self.lists.next)
        {
            return;
        }
        self.listing = Listing::Yes;
        let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
        let (shard, limit) = (Some(self.period.shard), most_parked(context));
        let call = async move { journal.parked(shard, limit, deadline).await };
        context.calls.start("list parked orders", call, self.period.outcome(ShardOutcome::Parked));
    }

    pub(super) fn parked_listed(
        &mut self,
        answer: Result<Vec<Parked>, StoreError>,
        context: &mut Context,
    ) {
        let stale = std::mem::replace(&mut self.listing, Listing::No) == Listing::Stale;
        let answer = answer.and_then(|parked| {
            let all = u32::try_from(parked.len()).is_ok_and(|rows| rows < most_parked(context));
            // With a part of the list, events of the other parked orders would be published.
            all.then_some(parked).ok_or_else(|| StoreError::Corrupt("too many are parked".into()))
        });
        match answer {
            Ok(parked) => {
                let first = self.stage == Stage::Taken;
                if first {
                    for row in &parked {
                        self.parked.add_recorded(row.order);
                    }
                    self.stage = Stage::Open;
                }
                if first || !stale {
                    self.parked.begin_redrives(&parked, context.now);
                }
                // The more orders are parked, the less often they are listed.
                let rows = u64::try_from(self.parked.len()).unwrap_or(u64::MAX);
                let pause = context.settings.heartbeat().max(Duration::from_millis(rows));
                self.lists.succeeded(context.after(pause));
            }
            Err(error) => {
                context.journal_failed("reading the parked orders", &mut self.lists, &error);
            }
        }
    }

    /// Reads the next events of redriven orders.
    fn read_redriven(&mut self, context: &mut Context) {
        while self.is_open()
            && let Some((order, after)) = self.parked.next_to_read(context.now)
        {
            let (store, deadline) = (context.ports.store.clone(), context.deadline());
            let call = async move { store.events(order, after, HISTORY, deadline).await };
            let outcome =
                self.period.outcome(move |events| ShardOutcome::OrderEvents(order, events));
            context.calls.start("read a parked order", call, outcome);
        }
    }

    pub(super) fn order_events_read(
        &mut self,
        order: OrderId,
        answer: Result<Page<StoredEvent>, StoreError>,
        context: &mut Context,
    ) {
        match answer.map(|events| self.parked.read(order, events.items, context.now)) {
            Ok(RedriveStep::GoesOn) => {}
            Ok(RedriveStep::Ended) => {
                tracing::info!(order.id = order.get(), "a parked order is published");
                self.progress.unpark(order);
            }
            Ok(RedriveStep::Missing) => {
                self.park_again(order, "the event is not in the outbox".to_owned(), context);
            }
            Ok(RedriveStep::Unreadable(reason)) => self.park_again(order, reason, context),
            Err(error @ StoreError::Corrupt(_)) => {
                self.park_again(order, short_chain(&error), context);
            }
            Err(error) => {
                context.journal_failed("reading a parked order", &mut self.lists, &error);
                let failures = self.parked.failed(order);
                let at = context.pause(context.settings.order_backoff, failures);
                self.parked.read_later(order, at);
            }
        }
    }

    /// The next event of a redriven order cannot be read. Parking the order again answers the
    /// request, so that an operator may correct the row and redrive again, or skip the event.
    fn park_again(&mut self, order: OrderId, reason: String, context: &mut Context) {
        if let Some(next) = self.parked.next_event(order) {
            self.park(order, next, None, reason, context);
        }
    }

    /// Records the progress: soon when it is much or orders are parked, else within a time.
    fn record(&mut self, context: &mut Context) {
        if self.progress.is_recording() {
            return;
        }
        let events = self.window.unrecorded;
        let much = context.settings.window.checked_div(4).unwrap_or(1);
        let soon = events > 0 && (self.is_leaving() || self.window.room() == 0 || events >= much);
        if !soon && !self.progress.is_urgent() {
            let by = context.after(context.settings.record_within);
            if events == 0 || !context.is_due(self.progress.due(by)) {
                return;
            }
        }
        if !context.is_due(self.records.next) {
            return;
        }
        let progress = self.progress.begin(self.window.cursor(), events);
        let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
        let lease = self.lease.lease;
        let call = async move { journal.advance(&lease, &progress, deadline).await };
        context.calls.start("record progress", call, self.period.outcome(ShardOutcome::Recorded));
    }

    /// Answers with `false` when the lease is lost.
    pub(super) fn recorded(
        &mut self,
        answer: Result<Leased<()>, StoreError>,
        context: &mut Context,
    ) -> bool {
        match answer {
            Ok(Leased::Lost) => return false,
            Ok(Leased::Done(())) => {
                self.records.succeeded(context.now);
                let Some((events, parked)) = self.progress.succeeded() else { return true };
                self.window.recorded(events);
                if !parked.is_empty() && self.listing == Listing::Yes {
                    self.listing = Listing::Stale;
                }
                for order in parked {
                    self.parked.recorded(order);
                }
            }
            Err(error) => {
                self.progress.failed();
                context.journal_failed("recording what is published", &mut self.records, &error);
            }
        }
        true
    }

    fn leave_when_done(&mut self, context: &mut Context) {
        let Some(by) = self.leaving else { return };
        let recorded = self.window.unrecorded == 0 && !self.progress.is_urgent();
        let done = recorded && !self.progress.is_recording() && self.publish_calls == 0;
        if !self.lease.is_renewing && (done || context.is_due(by)) {
            self.stage = Stage::Released;
            context.give_back(self.lease.lease);
        }
    }
}

/// More orders than are ever parked, so that a shorter list is complete.
fn most_parked(context: &Context) -> u32 {
    let most = context.settings.parked.saturating_mul(2).saturating_add(1);
    u32::try_from(most).unwrap_or(u32::MAX)
}
