//! The relay: assigns positions in the journal to committed events, and publishes them from there, in
//! sequence per order, at least once. Any number of instances share the work by leases.
//!
//! One task owns all state and never waits for the journal, the store or the publisher: it starts
//! calls and deals with their outcomes as they come. So no lock is held during a call, and a doubtful
//! lease stops everything that depends on it at once.
//!
//! Why no event overtakes an earlier one of its order: an event is sent only when the one before it
//! is confirmed, or the journal says so. An instance that was suspended for a minute, and does not
//! know yet that it has lost its lease, can therefore only repeat what is published already.

mod calls;
mod context;
mod handover;
mod lease;
mod membership;
mod reader;
mod sequencer;
mod settings;
mod shard;
mod stats;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::errors::short_chain;
use crate::ports::{
    Clock, Duty, Entropy, EventJournal, EventPublisher, Lease, OrderStore, StoreError, later,
};
use crate::wake_up::WakeUp;
use calls::{Outcome, Period, ShardOutcome};
use context::Context;
use handover::Handovers;
use lease::HeldLease;
use membership::Membership;
use reader::SharedReader;
use sequencer::Sequencer;
use shard::Shard;

pub use settings::RelaySettings;
pub use stats::{RelayError, RelayReport, RelayStats};

/// The shortest pause between two turns that nothing woke.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// See the head of the file.
pub struct Relay {
    context: Context,
    commits: WakeUp,
    new_positions: WakeUp,
    membership: Membership,
    sequencer: Sequencer,
    reader: SharedReader,
    shards: BTreeMap<u16, Shard>,
    handovers: Handovers,
    /// Calls to the publisher that were started in earlier periods. A shard is not taken again
    /// before they have ended: two events of one order must not be under way at a time.
    orphans: BTreeMap<u16, usize>,
    /// Counts the periods in which this instance holds a shard.
    periods: u64,
    publisher_fails: bool,
    stopping: bool,
}

/// The ports that the relay works on.
#[derive(Clone)]
pub struct RelayPorts {
    /// Where events have their positions.
    pub journal: Arc<dyn EventJournal>,
    /// Where the events of parked orders are read.
    pub store: Arc<dyn OrderStore>,
    /// Where events are published. Without it, events only get their positions.
    pub publisher: Option<Arc<dyn EventPublisher>>,
    /// Tells when a failure happened.
    pub clock: Arc<dyn Clock>,
    /// Randomizes pauses.
    pub entropy: Arc<dyn Entropy>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A call ended, or a time came: there may be more to do.
    Busy,
    /// No call is under way, and there is nothing to do before a time or a wake-up.
    Idle {
        /// When to go on at the latest.
        until: Option<Instant>,
    },
}

impl Relay {
    /// Wires a relay. `instance` names this process; a relay that starts again under the same name
    /// keeps its leases. `commits` is set by the use cases of this process; the relay sets
    /// `new_positions` for the reader of the feed.
    #[must_use]
    pub fn new(
        ports: RelayPorts,
        settings: RelaySettings,
        instance: Uuid,
        commits: WakeUp,
        new_positions: WakeUp,
        stats: Arc<RelayStats>,
    ) -> Self {
        let context = Context::new(ports, settings, stats, instance);
        Self {
            commits,
            new_positions,
            membership: Membership::new(&context),
            sequencer: Sequencer::new(context.now),
            reader: SharedReader::new(&context),
            shards: BTreeMap::new(),
            handovers: Handovers::default(),
            orphans: BTreeMap::new(),
            periods: 0,
            publisher_fails: false,
            stopping: false,
            context,
        }
    }

    /// Works until `stop` is done; then finishes the calls under way and gives its leases back.
    /// Failures of the journal or the publisher never end it.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let turn = async {
                let until = self.begin_turn();
                self.wait(until).await;
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = turn => {}
            }
        }
        self.stop().await;
    }

    /// Starts all calls that are due, and deals with the next outcome. Dropping the future loses
    /// nothing.
    pub async fn step(&mut self) -> Step {
        let until = self.begin_turn();
        if self.context.calls.is_empty() {
            return Step::Idle { until };
        }
        self.wait(until).await;
        Step::Busy
    }

    /// Stops: starts nothing new, gives the calls to the publisher some time, records the progress,
    /// and gives the leases back, so that other instances need not wait until they are over.
    pub async fn stop(mut self) {
        self.stopping = true;
        let settings = &self.context.settings;
        let budget = settings.budget;
        let by = later(Instant::now(), settings.stop_within);
        // Time for the last records, and for the leases.
        let end = later(by, budget.saturating_mul(2));
        self.shards.values_mut().for_each(|shard| shard.leave(by));
        let orderly = timeout_at(end, self.wind_up()).await;
        self.handovers.tell(self.shards.len());
        let Context { ports, instance, .. } = &self.context;
        if ports.publisher.is_some() {
            let deadline = later(Instant::now(), budget);
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
            let until = self.begin_turn();
            let leases = self.sequencer.is_idle() && self.membership.is_idle();
            if leases && self.shards.is_empty() {
                return;
            }
            self.wait(until).await;
        }
    }

    /// Waits for the next outcome, for a time, or for a wake-up.
    async fn wait(&mut self, until: Option<Instant>) {
        let soonest = later(self.context.now, SHORTEST_SLEEP);
        let sleep = async {
            match until {
                Some(until) => sleep_until(until.max(soonest)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = self.context.calls.next() => self.call_ended(outcome),
            () = sleep => {}
            () = self.commits.woken() => {}
        }
    }

    /// Starts all calls that are due. Says when the next turn begins at the latest.
    fn begin_turn(&mut self) -> Option<Instant> {
        let Self { context, shards, orphans, handovers, .. } = self;
        context.begin_turn();
        if self.commits.take() {
            self.sequencer.wake();
        }
        self.sequencer.work(self.stopping, context);
        if context.ports.publisher.is_some() && !self.stopping {
            let taken = |shard| shards.contains_key(&shard) || orphans.contains_key(&shard);
            self.membership.work(staying(shards), taken, context);
            self.reader.work(shards, context);
        }
        let front = self.reader.front();
        let mut parked = 0_usize;
        for shard in shards.values_mut() {
            shard.work(front, context);
            parked = parked.saturating_add(shard.parked.len());
        }
        let mut stats = context.stats.update();
        (stats.held_shards, stats.parked_orders) = (shards.len(), parked);
        drop(stats);
        handovers.tell_when_due(shards.len(), context);
        context.next_turn
    }

    fn call_ended(&mut self, outcome: Outcome) {
        self.context.begin_turn();
        let Self { context, shards, .. } = self;
        match outcome {
            Outcome::Heartbeat(living) => {
                self.membership.heartbeat_answered(living, shards, context);
            }
            Outcome::Lease(Duty::Publish(number), asked_at, lease) => {
                self.shard_leased(number, asked_at, lease);
            }
            Outcome::Lease(_, asked_at, lease) => {
                self.sequencer.lease_answered(asked_at, lease, context);
            }
            Outcome::Released(Duty::Publish(number)) => {
                self.membership.requested.remove(&number);
                if self.forget(number) {
                    self.handovers.given_back(number, &self.context);
                }
            }
            Outcome::Released(_) => self.sequencer.given_back(),
            Outcome::Sequenced(events) => {
                if self.sequencer.sequenced(events, context) {
                    self.reader.wake();
                    self.new_positions.wake();
                }
            }
            Outcome::LastPosition(last) => self.reader.last_position_read(last, context),
            Outcome::Entries(after, page) => {
                self.reader.entries_read(after, page, shards, context);
            }
            Outcome::Shard(period, outcome) => self.shard_call_ended(period, outcome),
        }
    }

    fn shard_leased(
        &mut self,
        number: u16,
        asked_at: Instant,
        answer: Result<Option<Lease>, StoreError>,
    ) {
        let context = &mut self.context;
        let enough = self.membership.lease_answered(number, staying(&self.shards));
        let lease = match answer {
            Ok(lease) => lease,
            Err(error) => {
                let schedule = &mut self.membership.leases;
                context.journal_failed("asking for a lease", schedule, &error);
                if let Some(shard) = self.shards.get_mut(&number) {
                    shard.lease.not_renewed(context);
                }
                return;
            }
        };
        self.membership.leases.succeeded(context.now);
        let epoch = lease.map(|lease| lease.epoch);
        match (self.shards.get_mut(&number), lease) {
            (Some(shard), Some(lease)) if epoch == Some(shard.lease.lease.epoch) => {
                shard.lease = HeldLease::new(lease, asked_at, context);
            }
            (Some(_), _) => self.lost(number),
            (None, Some(lease)) if self.stopping || enough => {
                self.membership.requested.insert(number);
                context.give_back(lease);
            }
            (None, Some(lease)) => {
                self.periods = self.periods.saturating_add(1);
                let period = Period { shard: number, number: self.periods };
                let lease = HeldLease::new(lease, asked_at, context);
                self.handovers.taken(number, context);
                self.shards.insert(number, Shard::new(lease, period, context));
            }
            (None, None) => {}
        }
    }

    /// Another instance has the shard, or had it for a while. What is known about it is out of date;
    /// a new period begins with nothing.
    fn lost(&mut self, number: u16) {
        if self.forget(number) {
            self.handovers.lost(number, &self.context);
        }
    }

    fn forget(&mut self, number: u16) -> bool {
        let Some(shard) = self.shards.remove(&number) else { return false };
        if shard.publish_calls > 0 {
            let orphans = self.orphans.entry(number).or_default();
            *orphans = orphans.saturating_add(shard.publish_calls);
        }
        true
    }

    fn shard_call_ended(&mut self, period: Period, outcome: ShardOutcome) {
        let shard = self.shards.get_mut(&period.shard).filter(|shard| shard.period == period);
        let Some(shard) = shard else {
            if matches!(outcome, ShardOutcome::Published(_)) {
                self.orphan_ended(period.shard);
            }
            return;
        };
        let context = &mut self.context;
        match outcome {
            ShardOutcome::Published(Some((batch, results))) => {
                let back = shard.published(batch, results, context);
                self.publisher_answered(back);
            }
            ShardOutcome::Published(None) => {
                // The events are gone with the call. They are read again in a new period.
                shard.publish_calls = shard.publish_calls.saturating_sub(1);
                self.forget(period.shard);
            }
            ShardOutcome::Recorded(answer) => {
                if !shard.recorded(answer, context) {
                    self.lost(period.shard);
                }
            }
            ShardOutcome::Entries(answer) => shard.entries_read(answer, context),
            ShardOutcome::Parked(answer) => shard.parked_listed(answer, context),
            ShardOutcome::OrderEvents(order, answer) => {
                shard.order_events_read(order, answer, context);
            }
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

    /// Logs once that the publisher fails, and once that it works again. When one shard finds the
    /// broker back, all shards probe at once.
    fn publisher_answered(&mut self, back: bool) {
        let now = self.context.now;
        if back {
            self.shards.values_mut().for_each(|shard| shard.health.probe_now(now));
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

/// How many shards are held and not being left.
fn staying(shards: &BTreeMap<u16, Shard>) -> usize {
    shards.values().filter(|shard| !shard.is_leaving()).count()
}
