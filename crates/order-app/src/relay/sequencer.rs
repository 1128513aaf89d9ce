//! The sequencer: assigns positions in the journal to committed events, while this instance holds
//! the lease for that.

use std::time::Duration;

use tokio::time::Instant;

use super::calls::Outcome;
use super::context::{Context, Schedule};
use super::lease::HeldLease;
use super::stats::add;
use crate::ports::{Duty, Lease, Leased, StoreError, later};

/// The most events that get their positions in one call.
const BATCH: u32 = 1_000;

/// See the head of the file.
pub(super) struct Sequencer {
    lease: Option<HeldLease>,
    /// Whether the lease is being asked for, or given back.
    lease_call_under_way: bool,
    leases: Schedule,
    /// Whether events may be waiting for their positions.
    has_work: bool,
    /// When the call under way was started.
    started: Option<Instant>,
    /// No call before this time, so that under load each call finds more events.
    earliest: Instant,
    rounds: Schedule,
}

impl Sequencer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            lease: None,
            lease_call_under_way: false,
            leases: Schedule::new(now),
            has_work: true,
            started: None,
            earliest: now,
            rounds: Schedule::new(now),
        }
    }

    /// Events were committed.
    pub(super) fn wake(&mut self) {
        self.has_work = true;
    }

    /// Whether the lease is neither held nor asked for.
    pub(super) fn is_idle(&self) -> bool {
        self.lease.is_none() && !self.lease_call_under_way
    }

    pub(super) fn work(&mut self, stopping: bool, context: &mut Context) {
        context.stats.update().is_sequencer = self.lease.is_some();
        if self.lease_call_under_way {
            return;
        }
        let Some(held) = &mut self.lease else {
            if !stopping && context.is_due(self.leases.next) {
                self.lease_call_under_way = true;
                context.ask_for_lease(Duty::Sequence);
            }
            return;
        };
        if stopping {
            if self.started.is_none() && !held.is_renewing {
                self.lease_call_under_way = true;
                context.give_back(held.lease);
            }
            return;
        }
        if !context.journal_is_down {
            held.renew(context);
        }
        let now = self.has_work && self.rounds.is_well();
        let at = if now { self.earliest } else { self.rounds.next };
        if self.started.is_none() && context.is_due(at) {
            self.has_work = false;
            self.started = Some(context.now);
            let lease = held.lease;
            let (journal, deadline) = (context.ports.journal.clone(), context.deadline());
            let call = async move { journal.assign_positions(&lease, BATCH, deadline).await };
            context.calls.start("assign positions", call, Outcome::Sequenced);
        }
    }

    pub(super) fn lease_answered(
        &mut self,
        asked_at: Instant,
        answer: Result<Option<Lease>, StoreError>,
        context: &mut Context,
    ) {
        self.lease_call_under_way = false;
        if answer.is_ok() {
            context.journal_answered();
        }
        match answer {
            Ok(Some(lease)) => {
                if self.lease.is_none() {
                    tracing::info!(epoch = lease.epoch, "this instance assigns positions");
                }
                self.leases.succeeded(context.now);
                self.lease = Some(HeldLease::new(lease, asked_at, context));
            }
            Ok(None) => self.lost(context),
            Err(error) => {
                context.journal_failed("asking for a lease", &mut self.leases, &error);
                if let Some(held) = &mut self.lease {
                    held.not_renewed(context);
                }
            }
        }
    }

    pub(super) fn given_back(&mut self) {
        (self.lease, self.lease_call_under_way) = (None, false);
    }

    /// Says whether the journal may have new entries.
    pub(super) fn sequenced(
        &mut self,
        answer: Result<Leased<u32>, StoreError>,
        context: &mut Context,
    ) -> bool {
        let started = self.started.take().unwrap_or(context.now);
        match answer {
            Ok(Leased::Done(events)) => {
                context.journal_answered();
                let found = events.try_into().unwrap_or(usize::MAX);
                add(&mut context.stats.update().sequenced, found);
                self.has_work |= events >= BATCH;
                self.earliest = later(started, pause(events, context.settings.sequencing_pause));
                self.rounds.succeeded(context.after(context.settings.poll));
                events > 0
            }
            Ok(Leased::Lost) => {
                self.lost(context);
                false
            }
            Err(error) => {
                // The positions may have been assigned all the same.
                self.has_work = true;
                context.journal_failed("assigning positions", &mut self.rounds, &error);
                true
            }
        }
    }

    fn lost(&mut self, context: &Context) {
        if let Some(held) = self.lease.take() {
            let epoch = held.lease.epoch;
            tracing::warn!(epoch, "another instance assigns positions");
        }
        self.leases.succeeded(context.after(context.settings.heartbeat()));
    }
}

/// The time from the start of a call to the start of the next one, given how many events the first
/// one found: `shortest`, and a fifth of it more for each hundred. A call with few events costs the
/// broker as many requests, and the journal as many reads, as one with many. There is no pause after
/// a full batch.
fn pause(events: u32, shortest: Duration) -> Duration {
    if events >= BATCH {
        return Duration::ZERO;
    }
    let hundreds = events.checked_div(100).unwrap_or_default();
    let more = shortest.checked_div(5).unwrap_or_default().saturating_mul(hundreds);
    shortest.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_events_of_the_last_call_and_is_left_out_after_a_full_batch() {
        let after = |events| pause(events, Duration::from_millis(20)).as_millis();
        assert_eq!([0, 99, 100, 550, BATCH - 1, BATCH].map(after), [20, 20, 24, 40, 56, 0]);
    }
}
