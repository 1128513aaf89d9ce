//! A shard that this instance holds: its journal is read into a window, published from there, and
//! what is done is recorded. How batches are sent and what comes of them is in `publishing.rs`.

use order_domain::OrderId;
use tokio::time::Instant;

use super::asides::{Asides, Redriven};
use super::calls::{Answer, Call, Seat, Work};
use super::desk::{Desk, Pace};
use super::health::Health;
use super::ledger::Ledger;
use super::tenure::Tenure;
use super::window::{At, Window, at};
use crate::errors::short_chain;
use crate::events::EventRecord;
use crate::ports::{JournalEntry, Lease, Leased, Parked, StoreError, Unreadable};

/// At most so many events are read at once.
const PAGE: usize = 500;
/// At most so many events of a redriven order are read at once.
const HISTORY: u32 = 50;

/// See the head of the file.
pub(super) struct Shard {
    pub(super) tenure: Tenure,
    pub(super) seat: Seat,
    pub(super) window: Window,
    pub(super) asides: Asides,
    pub(super) ledger: Ledger,
    pub(super) health: Health,
    /// Calls to the publisher under way.
    pub(super) calls: usize,
    stage: Stage,
    /// What was asked of the journal, if a read is under way.
    reading: Option<Reading>,
    looking: Looking,
    reads: Pace,
    looks: Pace,
    records: Pace,
    leaving: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Which orders are parked is not known yet.
    Taken,
    /// At work.
    Open,
    /// The lease is being given back.
    Released,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    limit: usize,
    /// How far the journal reached when the question was put.
    tail: i64,
}

/// Whether the parked orders are being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looking {
    No,
    Yes,
    /// Yes, but the answer may be older than what was recorded since.
    Stale,
}

impl Shard {
    pub(super) fn new(tenure: Tenure, seat: Seat, desk: &Desk) -> Self {
        let Lease { position, epoch, .. } = *tenure.lease();
        tracing::info!(shard = seat.shard, epoch, position, "publishing a shard");
        let settings = &desk.settings;
        Self {
            tenure,
            seat,
            window: Window::new(position, settings.window, settings.window_bytes),
            asides: Asides::default(),
            ledger: Ledger::new(position),
            health: Health::Well(None),
            calls: 0,
            stage: Stage::Taken,
            reading: None,
            looking: Looking::No,
            reads: Pace::new(desk.now),
            looks: Pace::new(desk.now),
            records: Pace::new(desk.now),
            leaving: None,
        }
    }

    /// Starts whatever can be started. `tail` is up to where the shard reads for itself.
    pub(super) fn work(&mut self, tail: i64, desk: &mut Desk) {
        if self.stage == Stage::Released {
            return;
        }
        if !desk.journal_is_out() {
            self.tenure.renew(desk);
            self.look(desk);
            self.read(tail, desk);
            self.read_parked(desk);
            self.record(desk);
        }
        if self.is_open() {
            self.publish(desk);
        }
        self.leave_when_done(desk);
    }

    /// Whether it takes events in.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.leaving.is_none()
    }

    /// Whether all events up to a position are in, and there is room for more.
    pub(super) fn follows(&self, position: i64) -> bool {
        self.is_open() && self.window.read() >= position && self.window.room() > 0
    }

    /// Whether it takes events in, and has room for so many.
    pub(super) fn has_room(&self, events: usize) -> bool {
        self.is_open() && self.window.room() >= events
    }

    /// Takes in the next event of the shard, if there is room.
    pub(super) fn offer(&mut self, entry: Result<JournalEntry, Unreadable>) -> bool {
        if self.window.room() == 0 {
            return false;
        }
        let At { position, order, sequence } = at(&entry);
        if position > self.window.read() && self.asides.passes(order, sequence) {
            self.window.pass(position);
        } else {
            self.window.push(entry);
        }
        true
    }

    /// Finishes what is under way and gives the lease back, at a time at the latest.
    pub(super) fn leave(&mut self, by: Instant) {
        self.leaving.get_or_insert(by);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Goes on after all, if the lease is still ours.
    pub(super) fn stay(&mut self) {
        if self.stage != Stage::Released {
            self.leaving = None;
        }
    }

    fn read(&mut self, tail: i64, desk: &mut Desk) {
        let limit = self.window.room().min(PAGE);
        let nothing = limit == 0 || self.window.read() >= tail || !self.is_open();
        if nothing || self.reading.is_some() || !desk.is_due(self.reads.next()) {
            return;
        }
        self.reading = Some(Reading { limit, tail });
        let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
        let (shard, after) = (Some(self.seat.shard), self.window.read());
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        desk.calls.start(Call::Shard(self.seat, Work::Read), async move {
            Answer::Page(journal.entries_after(after, shard, limit, deadline).await)
        });
    }

    pub(super) fn was_read(
        &mut self,
        answer: Result<Vec<Result<JournalEntry, Unreadable>>, StoreError>,
        desk: &mut Desk,
    ) {
        let Some(Reading { limit, tail }) = self.reading.take() else { return };
        match answer {
            Ok(page) => {
                self.reads.worked(desk.now);
                let whole = page.len() < limit;
                // There was room for all of them when they were asked for, and only reading
                // takes room.
                let fits = page.into_iter().all(|entry| self.offer(entry));
                if whole && fits {
                    self.window.read_up_to(tail);
                }
            }
            Err(error) => desk.journal_failed("reading a shard", &mut self.reads, &error),
        }
    }

    /// Asks which orders are parked: to begin with, and for wishes to redrive them.
    fn look(&mut self, desk: &mut Desk) {
        let wanted = self.stage == Stage::Taken || self.asides.may_redrive();
        if !wanted
            || self.is_leaving()
            || self.looking != Looking::No
            || !desk.is_due(self.looks.next())
        {
            return;
        }
        self.looking = Looking::Yes;
        let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
        let (shard, limit) = (Some(self.seat.shard), most_parked(desk));
        desk.calls.start(Call::Shard(self.seat, Work::Parked), async move {
            Answer::Parked(journal.parked(shard, limit, deadline).await)
        });
    }

    pub(super) fn was_looked(&mut self, answer: Result<Vec<Parked>, StoreError>, desk: &mut Desk) {
        let stale = std::mem::replace(&mut self.looking, Looking::No) == Looking::Stale;
        let answer = answer.and_then(|parked| {
            let all = u32::try_from(parked.len()).is_ok_and(|rows| rows < most_parked(desk));
            // Whoever does not know all of them would publish what must wait.
            all.then_some(parked).ok_or_else(|| StoreError::Corrupt("too many are parked".into()))
        });
        match answer {
            Ok(parked) if self.stage == Stage::Taken => {
                for row in &parked {
                    self.asides.known(row.order);
                }
                self.asides.wishes(&parked, desk.now);
                self.stage = Stage::Open;
                self.looks.worked(self.next_look(desk));
            }
            Ok(parked) => {
                if !stale {
                    self.asides.wishes(&parked, desk.now);
                }
                self.looks.worked(self.next_look(desk));
            }
            Err(error) => {
                desk.journal_failed("reading the parked orders", &mut self.looks, &error);
            }
        }
    }

    /// The more orders are parked, the less often they are read.
    fn next_look(&self, desk: &Desk) -> Instant {
        let rows = u64::try_from(self.asides.len()).unwrap_or(u64::MAX);
        desk.after(desk.settings.beat().max(std::time::Duration::from_millis(rows)))
    }

    /// Reads the next events of orders that are redriven.
    fn read_parked(&mut self, desk: &mut Desk) {
        while self.is_open()
            && let Some((order, after, alone)) = self.asides.next_to_read(desk.now)
        {
            let limit = if alone { 1 } else { HISTORY };
            let (store, deadline) = (desk.ports.store.clone(), desk.deadline());
            desk.calls.start(Call::Shard(self.seat, Work::Events(order)), async move {
                Answer::Events(store.events(order, after, limit, deadline).await)
            });
        }
    }

    pub(super) fn was_read_parked(
        &mut self,
        order: OrderId,
        answer: Result<Vec<EventRecord>, StoreError>,
        desk: &mut Desk,
    ) {
        let outcome = match answer {
            // Whichever event of the page it is: the next one is asked for alone.
            Err(StoreError::Corrupt(_)) if self.asides.read_alone(order, desk.now) => return,
            answer => answer.map(|events| self.asides.read(order, events, desk.now)),
        };
        match outcome {
            Ok(Redriven::Goes) => {}
            Ok(Redriven::Ended) => {
                tracing::info!(order.id = order.get(), "a parked order is published");
                self.ledger.unpark(order);
            }
            Ok(Redriven::Missing) => {
                self.refuse_next(order, "the event is not in the outbox".to_owned(), desk);
            }
            Err(error @ StoreError::Corrupt(_)) => {
                self.refuse_next(order, short_chain(&error), desk)
            }
            Err(error) => self.redrive_later(order, &error, desk),
        }
    }

    /// The next event of a redriven order cannot be read: it is parked again, which answers the
    /// wish, so that somebody may correct the row and ask again, or skip it.
    fn refuse_next(&mut self, order: OrderId, reason: String, desk: &mut Desk) {
        if let Some(next) = self.asides.next_event(order) {
            self.park(order, next, None, reason, desk);
        }
    }

    fn redrive_later(&mut self, order: OrderId, error: &StoreError, desk: &mut Desk) {
        desk.journal_failed("reading a parked order", &mut self.looks, error);
        let failures = self.asides.failed(order);
        let at = desk.pause(desk.settings.order_backoff, failures);
        self.asides.read_later(order, at);
    }

    /// Records what is done: soon when there is much of it or orders are parked, else by and by.
    fn record(&mut self, desk: &mut Desk) {
        if self.ledger.is_busy() {
            return;
        }
        let events = self.window.unrecorded();
        let much = desk.settings.window.checked_div(4).unwrap_or(1);
        let soon = events > 0 && (self.is_leaving() || self.window.room() == 0 || events >= much);
        if !soon && !self.ledger.is_urgent() {
            let by = desk.after(desk.settings.record);
            if events == 0 || !desk.is_due(self.ledger.due(by)) {
                return;
            }
        }
        if !desk.is_due(self.records.next()) {
            return;
        }
        let progress = self.ledger.send(self.window.cursor(), events);
        let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
        let lease = *self.tenure.lease();
        desk.calls.start(Call::Shard(self.seat, Work::Record), async move {
            Answer::Recorded(journal.advance(&lease, &progress, deadline).await)
        });
    }

    /// Answers with `false` when the lease is lost.
    pub(super) fn was_recorded(
        &mut self,
        answer: Result<Leased<()>, StoreError>,
        desk: &mut Desk,
    ) -> bool {
        match answer {
            Ok(Leased::Lost) => return false,
            Ok(Leased::Done(())) => {
                self.records.worked(desk.now);
                let recorded = self.ledger.recorded();
                let Some(recorded) = recorded else { return true };
                self.window.recorded(recorded.events);
                if !recorded.parked.is_empty() && self.looking == Looking::Yes {
                    self.looking = Looking::Stale;
                }
                recorded.parked.into_iter().for_each(|order| self.asides.recorded(order));
            }
            Err(error) => {
                self.ledger.failed();
                desk.journal_failed("recording what is published", &mut self.records, &error);
            }
        }
        true
    }

    fn leave_when_done(&mut self, desk: &mut Desk) {
        let Some(by) = self.leaving else { return };
        let recorded = self.window.unrecorded() == 0 && !self.ledger.is_urgent();
        let done = recorded && !self.ledger.is_busy() && self.calls == 0;
        if !self.tenure.is_renewing() && (done || desk.is_due(by)) {
            self.stage = Stage::Released;
            desk.release(*self.tenure.lease());
        }
    }
}

/// More than are ever parked, so that an answer that is shorter is complete.
fn most_parked(desk: &Desk) -> u32 {
    let most = desk.settings.parked.saturating_mul(2).saturating_add(1);
    u32::try_from(most).unwrap_or(u32::MAX)
}
