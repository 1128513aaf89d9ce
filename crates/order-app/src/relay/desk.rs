//! What all parts of the relay work with: the ports, the time, and how a call is started and a
//! failure noted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::RelayPorts;
use super::calls::{Answer, Call, Calls};
use super::settings::{Backoff, RelaySettings};
use super::stats::RelayStats;
use crate::errors::short_chain;
use crate::ports::{Deadline, Duty, Lease, StoreError};

/// See the head of the file.
pub(super) struct Desk {
    pub(super) ports: RelayPorts,
    pub(super) settings: RelaySettings,
    pub(super) stats: Arc<RelayStats>,
    pub(super) instance: Uuid,
    pub(super) calls: Calls,
    /// The time of the present turn.
    pub(super) now: Instant,
    /// When there will be something to do that there is not now.
    wake: Option<Instant>,
    /// Whether the journal was last heard to be out of order. Then only the regular calls of the
    /// instance go on, to see when it is back; a hundred others would not bring it back sooner.
    journal_is_out: bool,
    /// Whether that was said in the log.
    outage_is_known: bool,
}

/// When something may be tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    failures: u32,
    next: Instant,
}

impl Desk {
    pub(super) fn new(
        ports: RelayPorts,
        settings: RelaySettings,
        stats: Arc<RelayStats>,
        instance: Uuid,
    ) -> Self {
        Self {
            ports,
            settings,
            stats,
            instance,
            calls: Calls::default(),
            now: Instant::now(),
            wake: None,
            journal_is_out: false,
            outage_is_known: false,
        }
    }

    /// Starts a turn.
    pub(super) fn look_at_the_clock(&mut self) {
        self.now = Instant::now();
        self.wake = None;
    }

    /// Whether a time has come; if not, the relay wakes up then.
    pub(super) fn is_due(&mut self, at: Instant) -> bool {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        at <= self.now
    }

    /// When to wake up.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// So long from now.
    pub(super) fn after(&self, time: Duration) -> Instant {
        later(self.now, time)
    }

    /// When a call to the journal is due that starts now.
    pub(super) fn deadline(&self) -> Deadline {
        self.after(self.settings.budget)
    }

    /// The end of a pause that starts now.
    pub(super) fn pause(&self, backoff: Backoff, failures: u32) -> Instant {
        self.after(backoff.pause(failures, &*self.ports.entropy))
    }

    /// Asks for a lease.
    pub(super) fn lease(&mut self, duty: Duty) {
        let journal = self.ports.journal.clone();
        let (instance, lasts, deadline) = (self.instance, self.settings.lease, self.deadline());
        self.calls.start(Call::Lease(duty, self.now), async move {
            Answer::Leased(journal.lease(duty, instance, lasts, deadline).await)
        });
    }

    /// Gives a lease back.
    pub(super) fn release(&mut self, lease: Lease) {
        let (journal, deadline) = (self.ports.journal.clone(), self.deadline());
        self.calls.start(Call::Release(lease.duty), async move {
            if let Err(error) = journal.release(&lease, deadline).await {
                tracing::debug!(
                    cause = short_chain(&error),
                    "a lease was not given back; it runs out"
                );
            }
            Answer::Released
        });
    }

    /// Notes that the journal failed. An outage is one line in the log, whoever meets it first.
    pub(super) fn journal_failed(&mut self, what: &str, pace: &mut Pace, error: &StoreError) {
        let cause = short_chain(error);
        let outage = matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_));
        self.journal_is_out |= outage;
        if outage && pace.failures == 0 && !self.outage_is_known {
            self.outage_is_known = true;
            tracing::warn!(cause, "{what} failed; the relay waits for its journal");
        } else if !outage && pace.failures == 0 {
            tracing::error!(cause, "{what} failed; it is tried until it works");
        }
        self.stats.failed(self.ports.clock.now(), cause);
        pace.next = self.pause(self.settings.journal_backoff, pace.failures);
        pace.failures = pace.failures.saturating_add(1);
    }

    /// Whether the journal does not answer, as far as we know.
    pub(super) fn journal_is_out(&self) -> bool {
        self.journal_is_out
    }

    /// Notes that the journal works.
    pub(super) fn journal_works(&mut self) {
        self.journal_is_out = false;
        if std::mem::take(&mut self.outage_is_known) {
            tracing::info!("the relay's journal answers again");
        }
    }
}

impl Pace {
    pub(super) fn new(next: Instant) -> Self {
        Self { failures: 0, next }
    }

    /// When to try.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Whether it worked the last time.
    pub(super) fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// It worked; when to do it again.
    pub(super) fn worked(&mut self, next: Instant) {
        *self = Self::new(next);
    }
}

/// A time after another one.
pub(super) fn later(from: Instant, time: Duration) -> Instant {
    from.checked_add(time).unwrap_or(from)
}

/// What the answer to a call is whose task has panicked.
pub(super) fn panicked() -> StoreError {
    StoreError::Corrupt("the call panicked".into())
}
