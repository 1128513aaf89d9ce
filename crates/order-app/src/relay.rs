//! The relay: every committed event gets its place in the journal, and is published from there, per
//! order in sequence, at least once. Any number of instances share the work by leases.
//!
//! One task owns all state and never waits for the journal, the store or the publisher: it starts
//! calls and deals with their answers as they come. So no lock is held while anybody is asked, and
//! a lease that has become doubtful stops everything that depends on it at once.
//!
//! Why nothing overtakes: an event is sent only when the one before it of the same order is
//! confirmed, or known to be by what the journal says. So whoever sends, be it an instance that was
//! stopped for a minute and does not know yet that it has lost its lease, can only repeat what is
//! there already.

mod arranging;
mod asides;
mod attendance;
mod batch;
mod calls;
mod desk;
mod health;
mod ledger;
mod publishing;
mod settings;
mod shard;
mod stats;
mod tail;
mod tenure;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::errors::short_chain;
use crate::ports::{
    Clock, Duty, Entropy, EventJournal, EventPublisher, Lease, OrderStore, StoreError,
};
use crate::wake_up::WakeUp;
use arranging::Arranging;
use attendance::Attendance;
use calls::{Answer, Call, Seat, Work};
use desk::{Desk, later, panicked};
use shard::Shard;
use tail::Tail;
use tenure::Tenure;

pub use settings::{Backoff, RelaySettings};
pub use stats::{RelayError, RelayReport, RelayStats};

/// Whatever else is wrong, a turn that changes nothing is not followed by another one at once.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// See the head of the file.
pub struct Relay {
    desk: Desk,
    bell: WakeUp,
    /// Rung when there is something new in the journal.
    placed: WakeUp,
    attendance: Attendance,
    arranging: Arranging,
    tail: Tail,
    shards: BTreeMap<u16, Shard>,
    /// Calls to the publisher that were started in earlier tenures. A shard is not taken again
    /// before they have ended: two events of one order must not be under way at a time.
    orphans: BTreeMap<u16, usize>,
    /// Numbers our tenures of shards.
    tenures: u64,
    publisher_fails: bool,
    stopping: bool,
}

/// The ports that the relay works on.
#[derive(Clone)]
pub struct RelayPorts {
    /// Where events have their places.
    pub journal: Arc<dyn EventJournal>,
    /// Where the events of parked orders are read.
    pub store: Arc<dyn OrderStore>,
    /// Where events go; when there is no broker, they only get their places.
    pub publisher: Option<Arc<dyn EventPublisher>>,
    /// When a failure happened.
    pub clock: Arc<dyn Clock>,
    /// How long pauses are.
    pub entropy: Arc<dyn Entropy>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something happened: there may be more to do.
    Busy,
    /// Nothing is under way, and there is nothing to do before a time, or a ring of the bell.
    Idle {
        /// When to go on at the latest.
        until: Option<Instant>,
    },
}

impl Relay {
    /// Wires a relay. `instance` names this process; a relay that starts again under the same name
    /// keeps its leases. The bell is the one of the use cases of this process; `placed` is rung for
    /// whoever reads the journal on.
    #[must_use]
    pub fn new(
        ports: RelayPorts,
        settings: RelaySettings,
        instance: Uuid,
        bell: WakeUp,
        placed: WakeUp,
        stats: Arc<RelayStats>,
    ) -> Self {
        let desk = Desk::new(ports, settings, stats, instance);
        Self {
            bell,
            placed,
            attendance: Attendance::new(&desk),
            arranging: Arranging::new(desk.now),
            tail: Tail::new(&desk),
            shards: BTreeMap::new(),
            orphans: BTreeMap::new(),
            tenures: 0,
            publisher_fails: false,
            stopping: false,
            desk,
        }
    }

    /// Works until it is told to stop; then finishes what is under way and gives its leases back.
    /// Failures of the journal or the publisher never end it.
    pub async fn run(mut self, told: impl Future<Output = ()>) {
        tokio::pin!(told);
        loop {
            tokio::select! {
                biased;
                () = &mut told => break,
                () = self.turn() => {}
            }
        }
        self.stop().await;
    }

    /// Starts all that can be started, and deals with the next answer. Dropping the future loses
    /// nothing.
    pub async fn step(&mut self) -> Step {
        let until = self.begin();
        if self.desk.calls.is_empty() {
            return Step::Idle { until };
        }
        self.wait(until).await;
        Step::Busy
    }

    /// Stops: starts nothing new, gives what is under way some time, records what is done, and
    /// gives the leases back, so that other instances need not wait until they are over.
    pub async fn stop(mut self) {
        self.stopping = true;
        let settings = &self.desk.settings;
        let by = later(Instant::now(), settings.stop);
        // For the last records, and for the leases.
        let end = later(by, settings.budget.saturating_mul(2));
        self.shards.values_mut().for_each(|shard| shard.leave(by));
        let orderly = tokio::time::timeout_at(end, self.wind_up()).await;
        let Desk { ports, instance, .. } = &self.desk;
        if ports.publisher.is_some() {
            let deadline = later(Instant::now(), self.desk.settings.budget);
            let gone = ports.journal.heartbeat(*instance, Duration::ZERO, deadline).await;
            if let Err(error) = gone {
                tracing::debug!(cause = short_chain(&error), "the instance did not sign off");
            }
        }
        if orderly.is_err() {
            tracing::warn!("the relay did not end in time; its leases run out by themselves");
        }
    }

    async fn wind_up(&mut self) {
        loop {
            let until = self.begin();
            let leases = self.arranging.is_over() && self.attendance.is_over();
            if leases && self.shards.is_empty() {
                return;
            }
            self.wait(until).await;
        }
    }

    async fn turn(&mut self) {
        let until = self.begin();
        self.wait(until).await;
    }

    /// Waits for the next answer, for a time, or for the bell.
    async fn wait(&mut self, until: Option<Instant>) {
        let soonest = later(self.desk.now, SHORTEST_SLEEP);
        let sleep = async {
            match until {
                Some(until) => sleep_until(until.max(soonest)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            (call, answer) = self.desk.calls.next() => self.finish(call, answer),
            () = sleep => {}
            () = self.bell.woken() => {}
        }
    }

    /// Starts all that can be started; says when there will be more.
    fn begin(&mut self) -> Option<Instant> {
        let Self { desk, shards, orphans, .. } = self;
        desk.look_at_the_clock();
        if self.bell.take() {
            self.arranging.wake();
        }
        self.arranging.work(self.stopping, desk);
        if desk.ports.publisher.is_some() && !self.stopping {
            let held = shards.values().filter(|shard| !shard.is_leaving()).count();
            let taken = |shard| shards.contains_key(&shard) || orphans.contains_key(&shard);
            self.attendance.work(held, taken, desk);
            self.tail.work(shards, desk);
        }
        let tail = self.tail.position();
        let mut parked = 0_usize;
        for shard in shards.values_mut() {
            shard.work(tail, desk);
            parked = parked.saturating_add(shard.asides.len());
        }
        desk.stats.held_shards.store(shards.len(), Ordering::Relaxed);
        desk.stats.parked_orders.store(parked, Ordering::Relaxed);
        desk.wake()
    }

    fn finish(&mut self, call: Call, answer: Answer) {
        self.desk.look_at_the_clock();
        let desk = &mut self.desk;
        if matches!(answer, Answer::Panicked) {
            desk.stats.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(?call, "a call of the relay panicked");
        }
        match (call, answer) {
            (Call::Attend, answer) => self.attendance.attended(answer, &mut self.shards, desk),
            (Call::Lease(duty, asked_at), Answer::Leased(answer)) => {
                self.leased(duty, asked_at, answer);
            }
            (Call::Lease(duty, asked_at), _) => self.leased(duty, asked_at, Err(panicked())),
            (Call::Release(duty), _) => self.released(duty),
            (Call::Arrange, answer) => {
                let answer = match answer {
                    Answer::Arranged(answer) => answer,
                    _ => Err(panicked()),
                };
                if self.arranging.arranged(answer, desk) {
                    self.tail.wake();
                    self.placed.wake();
                }
            }
            (Call::Tail(Some(after)), Answer::Page(page)) => {
                self.tail.read(after, page, &mut self.shards, desk);
            }
            (Call::Tail(_), Answer::Head(head)) => self.tail.seen(head, desk),
            (Call::Tail(_), _) => self.tail.seen(Err(panicked()), desk),
            (Call::Shard(seat, work), answer) => self.shard_answered(seat, work, answer),
        }
    }

    fn leased(&mut self, duty: Duty, asked_at: Instant, answer: Result<Option<Lease>, StoreError>) {
        let desk = &mut self.desk;
        let Duty::Publish(number) = duty else {
            return self.arranging.leased(asked_at, answer, desk);
        };
        let held = self.shards.values().filter(|shard| !shard.is_leaving()).count();
        let enough = self.attendance.answered(number, held);
        let lease = match answer {
            Ok(lease) => lease,
            Err(error) => {
                desk.journal_failed("asking for a lease", &mut self.attendance.leases, &error);
                if let Some(shard) = self.shards.get_mut(&number) {
                    shard.tenure.not_renewed(desk);
                }
                return;
            }
        };
        self.attendance.leases.worked(desk.now);
        let epoch = lease.map(|lease| lease.epoch);
        match (self.shards.get_mut(&number), lease) {
            (Some(shard), Some(lease)) if epoch == Some(shard.tenure.lease().epoch) => {
                shard.tenure = Tenure::new(lease, asked_at, desk);
            }
            (Some(_), _) => self.lost(number),
            (None, Some(lease)) if self.stopping || enough => {
                self.attendance.gives_up(number);
                desk.release(lease);
            }
            (None, Some(lease)) => {
                self.tenures = self.tenures.saturating_add(1);
                let seat = Seat { shard: number, tenure: self.tenures };
                let tenure = Tenure::new(lease, asked_at, desk);
                self.shards.insert(number, Shard::new(tenure, seat, desk));
            }
            (None, None) => {}
        }
    }

    fn released(&mut self, duty: Duty) {
        match duty {
            Duty::Sequence => self.arranging.released(),
            Duty::Publish(number) => {
                self.attendance.gave_up(number);
                if self.forget(number) {
                    tracing::info!(shard = number, "gave a shard back");
                }
            }
            // Nothing of the relay's.
            Duty::Replay => {}
        }
    }

    /// Somebody else has the shard, or had it for a while. What was known about it is worth nothing
    /// any more; it is taken anew if it comes to us again.
    fn lost(&mut self, number: u16) {
        if self.forget(number) {
            tracing::warn!(shard = number, "another instance has taken a shard");
        }
    }

    fn forget(&mut self, number: u16) -> bool {
        let Some(shard) = self.shards.remove(&number) else { return false };
        if shard.calls > 0 {
            let orphans = self.orphans.entry(number).or_default();
            *orphans = orphans.saturating_add(shard.calls);
        }
        true
    }

    fn shard_answered(&mut self, seat: Seat, work: Work, answer: Answer) {
        let shard = self.shards.get_mut(&seat.shard).filter(|shard| shard.seat == seat);
        let Some(shard) = shard else {
            if work == Work::Publish {
                self.orphan_ended(seat.shard);
            }
            return;
        };
        let desk = &mut self.desk;
        match (work, answer) {
            (Work::Publish, Answer::Published(batch, results)) => {
                let back = shard.published(batch, results, desk);
                self.publisher_answered(back);
            }
            (Work::Publish, _) => {
                // Its events are gone with the call; they are read again in the next tenure.
                shard.calls = shard.calls.saturating_sub(1);
                self.forget(seat.shard);
            }
            (Work::Record, Answer::Recorded(answer)) => {
                if !shard.was_recorded(answer, desk) {
                    self.lost(seat.shard);
                }
            }
            (Work::Record, _) => drop(shard.was_recorded(Err(panicked()), desk)),
            (Work::Read, Answer::Page(answer)) => shard.was_read(answer, desk),
            (Work::Read, _) => shard.was_read(Err(panicked()), desk),
            (Work::Parked, Answer::Parked(answer)) => shard.was_looked(answer, desk),
            (Work::Parked, _) => shard.was_looked(Err(panicked()), desk),
            (Work::Events(order), Answer::Events(answer)) => {
                shard.was_read_parked(order, answer, desk);
            }
            (Work::Events(order), _) => shard.was_read_parked(order, Err(panicked()), desk),
        }
    }

    fn orphan_ended(&mut self, number: u16) {
        if let Some(orphans) = self.orphans.get_mut(&number) {
            *orphans = orphans.saturating_sub(1);
            if *orphans == 0 {
                self.orphans.remove(&number);
            }
        }
    }

    /// Says once that the publisher fails, and once that it works again. What one shard finds out
    /// gives hope to all.
    fn publisher_answered(&mut self, back: bool) {
        let now = self.desk.now;
        if back {
            self.shards.values_mut().for_each(|shard| shard.health.hope(now));
        }
        let fails = self.shards.values().any(|shard| shard.health.is_failing());
        if fails && !self.publisher_fails {
            tracing::warn!("nothing is confirmed by the broker; events wait");
        } else if !fails && self.publisher_fails {
            tracing::info!("the broker confirms events again");
        }
        self.publisher_fails = fails;
    }
}
