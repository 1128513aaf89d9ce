//! What all parts of the relay share: the ports, the time of the present turn, the calls under way,
//! and whether the journal answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::RelayPorts;
use super::calls::{Calls, Outcome};
use super::settings::RelaySettings;
use super::stats::{RelayError, RelayStats};
use crate::backoff::Backoff;
use crate::errors::short_chain;
use crate::ports::{Deadline, Duty, Lease, StoreError, later};

/// See the head of the file.
pub(super) struct Context {
    pub(super) ports: RelayPorts,
    pub(super) settings: RelaySettings,
    pub(super) stats: Arc<RelayStats>,
    pub(super) instance: Uuid,
    pub(super) calls: Calls,
    /// The time of the present turn.
    pub(super) now: Instant,
    /// When the next turn begins at the latest. `None`: at the end of a call or with a wake-up only.
    pub(super) next_turn: Option<Instant>,
    /// Whether the journal failed the last time. Then only the heartbeat and the sequencer go on,
    /// to find out when it is back; the calls of all shards would not bring it back sooner.
    pub(super) journal_is_down: bool,
    outage_is_logged: bool,
}

/// When a repeated call is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    failures: u32,
    pub(super) next: Instant,
}

impl Context {
    pub(super) fn new(
        ports: RelayPorts,
        settings: RelaySettings,
        stats: Arc<RelayStats>,
        instance: Uuid,
    ) -> Self {
        Self {
            ports,
            settings,
            calls: Calls::new(Arc::clone(&stats)),
            stats,
            instance,
            now: Instant::now(),
            next_turn: None,
            journal_is_down: false,
            outage_is_logged: false,
        }
    }

    /// Begins a turn.
    pub(super) fn begin_turn(&mut self) {
        self.now = Instant::now();
        self.next_turn = None;
    }

    /// Whether a time has come. If not, the next turn begins by then.
    pub(super) fn is_due(&mut self, at: Instant) -> bool {
        if at > self.now {
            self.next_turn = Some(self.next_turn.map_or(at, |next| next.min(at)));
        }
        at <= self.now
    }

    pub(super) fn after(&self, time: Duration) -> Instant {
        later(self.now, time)
    }

    /// The deadline of a call to the journal or the store that starts now.
    pub(super) fn deadline(&self) -> Deadline {
        self.after(self.settings.budget)
    }

    /// The end of a pause that starts now.
    pub(super) fn pause(&self, backoff: Backoff, failures: u32) -> Instant {
        self.after(backoff.pause(failures, &*self.ports.entropy))
    }

    pub(super) fn ask_for_lease(&mut self, duty: Duty) {
        let journal = self.ports.journal.clone();
        let (instance, lasts, deadline) = (self.instance, self.settings.lease, self.deadline());
        let asked_at = self.now;
        self.calls.start(
            "lease",
            async move { journal.lease(duty, instance, lasts, deadline).await },
            move |lease| Outcome::Lease(duty, asked_at, lease),
        );
    }

    pub(super) fn give_back(&mut self, lease: Lease) {
        let (journal, deadline) = (self.ports.journal.clone(), self.deadline());
        self.calls.start(
            "release",
            async move { journal.release(&lease, deadline).await },
            move |released| {
                if let Err(error) = released {
                    let cause = short_chain(&error);
                    tracing::debug!(cause, "a lease was not given back; it runs out");
                }
                Outcome::Released(lease.duty)
            },
        );
    }

    /// Notes that a call to the journal failed. The first failure of an outage is logged, the
    /// others are not.
    pub(super) fn journal_failed(
        &mut self,
        what: &str,
        schedule: &mut Schedule,
        error: &StoreError,
    ) {
        let cause = short_chain(error);
        let outage = matches!(error, StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_));
        self.journal_is_down |= outage;
        if outage && schedule.failures == 0 && !self.outage_is_logged {
            self.outage_is_logged = true;
            tracing::warn!(cause, "{what} failed; the relay waits for its journal");
        } else if !outage && schedule.failures == 0 {
            tracing::error!(cause, "{what} failed; it is tried until it works");
        }
        self.note_error(cause);
        schedule.next = self.pause(self.settings.journal_backoff, schedule.failures);
        schedule.failures = schedule.failures.saturating_add(1);
    }

    /// Keeps a failure as the last one.
    pub(super) fn note_error(&self, text: String) {
        let error = RelayError { at: self.ports.clock.now(), text };
        self.stats.update().last_error = Some(error);
    }

    pub(super) fn journal_answered(&mut self) {
        self.journal_is_down = false;
        if std::mem::take(&mut self.outage_is_logged) {
            tracing::info!("the relay's journal answers again");
        }
    }
}

impl Schedule {
    pub(super) fn new(next: Instant) -> Self {
        Self { failures: 0, next }
    }

    /// Whether the last call succeeded.
    pub(super) fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// The call succeeded, and is due again at a time.
    pub(super) fn succeeded(&mut self, next: Instant) {
        *self = Self::new(next);
    }
}
