//! A lease that this instance holds: until when it may count on it, and when it renews it. Both are
//! measured by the local monotonic clock, so that a process that was suspended finds its lease
//! doubtful before it does anything under it.

use tokio::time::Instant;

use super::context::Context;
use crate::ports::{Lease, later};

/// See the head of the file.
#[derive(Debug)]
pub(super) struct HeldLease {
    pub(super) lease: Lease,
    sure_until: Instant,
    renew_at: Instant,
    pub(super) is_renewing: bool,
}

impl HeldLease {
    /// The lease counts from when it was asked for, which is earlier than when it was granted.
    pub(super) fn new(lease: Lease, asked_at: Instant, context: &Context) -> Self {
        let lasts = context.settings.lease;
        let margin = lasts.checked_div(10).unwrap_or(lasts);
        Self {
            lease,
            sure_until: later(asked_at, lasts.saturating_sub(margin)),
            renew_at: later(asked_at, lasts.checked_div(3).unwrap_or(lasts)),
            is_renewing: false,
        }
    }

    /// Whether no other instance can hold the lease now.
    pub(super) fn is_sure(&self, now: Instant) -> bool {
        now < self.sure_until
    }

    /// Renews the lease when that is due.
    pub(super) fn renew(&mut self, context: &mut Context) {
        if !self.is_renewing && context.is_due(self.renew_at) {
            self.is_renewing = true;
            context.ask_for_lease(self.lease.duty);
        }
    }

    /// The renewal failed, or its outcome is unknown: asks again soon.
    pub(super) fn not_renewed(&mut self, context: &Context) {
        self.is_renewing = false;
        self.renew_at = context.pause(context.settings.journal_backoff, 0);
    }
}
