//! Tells the failure of one order from a failure of the broker. After the first, the order alone
//! waits, longer each time. After the second, the shard pauses and then probes with a few events, so
//! that a broker that is down gets few calls and no order is blamed for it.

use order_domain::OrderId;
use tokio::time::Instant;

/// See the head of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// The broker confirms events, except perhaps those of one order.
    Well(Option<OrderId>),
    /// The broker confirms nothing. The next probe is due at `until`.
    Failing { failures: u32, until: Instant },
}

/// Who has to wait after a call without a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The order alone.
    Order,
    /// The whole shard.
    Shard,
}

impl Health {
    pub(crate) fn is_failing(self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// The broker confirmed or refused an event. Says whether it failed before.
    pub(super) fn answered(&mut self) -> bool {
        std::mem::replace(self, Self::Well(None)).is_failing()
    }

    /// No event of a call was confirmed, for transient reasons. `only` is the order of a call with
    /// one event; `pause` gives the time of the next probe after a number of failures.
    pub(super) fn failed(
        &mut self,
        only: Option<OrderId>,
        now: Instant,
        pause: impl FnOnce(u32) -> Instant,
    ) -> Fault {
        let failures = match *self {
            Self::Well(suspect) if only.is_some() && suspect.is_none_or(|s| Some(s) == only) => {
                *self = Self::Well(only);
                return Fault::Order;
            }
            Self::Well(_) => 0,
            // Concurrent calls that fail together count once.
            Self::Failing { until, .. } if now < until => return Fault::Shard,
            Self::Failing { failures, .. } => failures,
        };
        *self = Self::Failing { failures: failures.saturating_add(1), until: pause(failures) };
        Fault::Shard
    }

    /// Probes now: another shard has found the broker back.
    pub(crate) fn probe_now(&mut self, now: Instant) {
        if let Self::Failing { until, .. } = self {
            *until = now.min(*until);
        }
    }
}
