//! Giving committed events their places in the journal, for as long as this instance holds the
//! lease for that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::calls::{Answer, Call};
use super::desk::{Desk, Pace, later};
use super::stats::add;
use super::tenure::Tenure;
use crate::ports::{Duty, Lease, Leased, StoreError};

/// At most so many events get their places at once.
const BATCH: u32 = 1_000;

/// See the head of the file.
pub(super) struct Arranging {
    tenure: Option<Tenure>,
    /// Whether the lease is being asked for, while we do not have it, or given back.
    busy_with_lease: bool,
    leases: Pace,
    /// Whether there is something to arrange, by all that we know.
    wanted: bool,
    /// Since when a call is under way.
    running: Option<Instant>,
    /// Not before this time, so that under load each call finds more.
    earliest: Instant,
    rounds: Pace,
}

impl Arranging {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            tenure: None,
            busy_with_lease: false,
            leases: Pace::new(now),
            wanted: true,
            running: None,
            earliest: now,
            rounds: Pace::new(now),
        }
    }

    /// Something was committed.
    pub(super) fn wake(&mut self) {
        self.wanted = true;
    }

    /// Whether the lease is neither held nor asked for.
    pub(super) fn is_over(&self) -> bool {
        self.tenure.is_none() && !self.busy_with_lease
    }

    pub(super) fn work(&mut self, stopping: bool, desk: &mut Desk) {
        desk.stats.is_sequencer.store(self.tenure.is_some(), Ordering::Relaxed);
        if self.busy_with_lease {
            return;
        }
        let Some(tenure) = &mut self.tenure else {
            if !stopping && desk.is_due(self.leases.next()) {
                self.busy_with_lease = true;
                desk.lease(Duty::Sequence);
            }
            return;
        };
        if stopping {
            if self.running.is_none() && !tenure.is_renewing() {
                self.busy_with_lease = true;
                desk.release(*tenure.lease());
            }
            return;
        }
        if !desk.journal_is_out() {
            tenure.renew(desk);
        }
        let hurry = self.wanted && self.rounds.is_well();
        let at = if hurry { self.earliest } else { self.rounds.next() };
        if self.running.is_none() && desk.is_due(at) {
            self.wanted = false;
            self.running = Some(desk.now);
            let lease = *tenure.lease();
            let (journal, deadline) = (desk.ports.journal.clone(), desk.deadline());
            desk.calls.start(Call::Arrange, async move {
                Answer::Arranged(journal.assign_positions(&lease, BATCH, deadline).await)
            });
        }
    }

    pub(super) fn leased(
        &mut self,
        asked_at: Instant,
        answer: Result<Option<Lease>, StoreError>,
        desk: &mut Desk,
    ) {
        self.busy_with_lease = false;
        if answer.is_ok() {
            desk.journal_works();
        }
        match answer {
            Ok(Some(lease)) => {
                if self.tenure.is_none() {
                    tracing::info!(epoch = lease.epoch, "giving events their places");
                }
                self.leases.worked(desk.now);
                self.tenure = Some(Tenure::new(lease, asked_at, desk));
            }
            Ok(None) => self.lost(desk),
            Err(error) => {
                desk.journal_failed("asking for a lease", &mut self.leases, &error);
                if let Some(tenure) = &mut self.tenure {
                    tenure.not_renewed(desk);
                }
            }
        }
    }

    pub(super) fn released(&mut self) {
        (self.tenure, self.busy_with_lease) = (None, false);
    }

    /// Answers with whether there is something new in the journal.
    pub(super) fn arranged(
        &mut self,
        answer: Result<Leased<u32>, StoreError>,
        desk: &mut Desk,
    ) -> bool {
        let started = self.running.take().unwrap_or(desk.now);
        match answer {
            Ok(Leased::Done(events)) => {
                desk.journal_works();
                add(&desk.stats.sequenced, events.try_into().unwrap_or(usize::MAX));
                self.wanted |= events >= BATCH;
                self.earliest = later(started, breath(events, desk.settings.breath));
                self.rounds.worked(desk.after(desk.settings.poll));
                events > 0
            }
            Ok(Leased::Lost) => {
                self.lost(desk);
                false
            }
            Err(error) => {
                // It may have been done all the same.
                self.wanted = true;
                desk.journal_failed("arranging the journal", &mut self.rounds, &error);
                true
            }
        }
    }

    fn lost(&mut self, desk: &Desk) {
        if let Some(tenure) = self.tenure.take() {
            let epoch = tenure.lease().epoch;
            tracing::warn!(epoch, "another instance gives events their places");
        }
        self.leases.worked(desk.after(desk.settings.beat()));
    }
}

/// How long after a call that found so many events the next one begins: the shortest time, and a
/// fifth of it more for each hundred. What follows from a call costs the broker a request for each
/// partition, and the journal a read, however few events there were. None when there are more.
fn breath(events: u32, shortest: Duration) -> Duration {
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
    fn the_more_a_call_found_the_longer_is_the_breath_after_it() {
        let after = |events| breath(events, Duration::from_millis(20)).as_millis();
        assert_eq!([0, 99, 100, 550, BATCH - 1, BATCH].map(after), [20, 20, 24, 40, 56, 0]);
    }
}
