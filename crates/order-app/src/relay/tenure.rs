//! DutyState a lease: until when its holder may count on it, and when it is renewed. Only the local
//! monotonic clock is asked. A process that was stopped for a while finds by it that it cannot be
//! sure any more, before it does anything else.

use tokio::time::Instant;

use super::desk::{Desk, later};
use crate::ports::Lease;

/// A lease of ours.
#[derive(Debug)]
pub(super) struct Tenure {
    lease: Lease,
    sure_until: Instant,
    renew_at: Instant,
    renewing: bool,
}

impl Tenure {
    /// The lease was asked for at a time, and granted somewhat later: it counts from the former.
    pub(super) fn new(lease: Lease, asked_at: Instant, desk: &Desk) -> Self {
        let lasts = desk.settings.lease;
        let margin = lasts.checked_div(10).unwrap_or(lasts);
        Self {
            lease,
            sure_until: later(asked_at, lasts.saturating_sub(margin)),
            renew_at: later(asked_at, lasts.checked_div(3).unwrap_or(lasts)),
            renewing: false,
        }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether nobody else can hold the lease now, by all that we know.
    pub(super) fn is_sure(&self, now: Instant) -> bool {
        now < self.sure_until
    }

    pub(super) fn is_renewing(&self) -> bool {
        self.renewing
    }

    /// Asks for more time, when it is time for that.
    pub(super) fn renew(&mut self, desk: &mut Desk) {
        if !self.renewing && desk.is_due(self.renew_at) {
            self.renewing = true;
            desk.lease(self.lease.duty);
        }
    }

    /// Nobody knows whether it was renewed: asks again soon.
    pub(super) fn not_renewed(&mut self, desk: &Desk) {
        self.renewing = false;
        self.renew_at = desk.pause(desk.settings.journal_backoff, 0);
    }
}
