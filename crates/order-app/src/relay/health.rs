//! Whether it is one order that fails or everything. One order alone waits by itself, longer and
//! longer; when nothing is confirmed any more, the whole shard pauses and asks with a few events at
//! a time, so that a broker that is down is not hammered, and no order pays for it.

use order_domain::OrderId;
use tokio::time::Instant;

/// See the head of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Events are confirmed, except perhaps those of one order.
    Well(Option<OrderId>),
    /// Nothing is confirmed.
    Failing { failures: u32, until: Instant },
}

/// Whose fault it is that a whole call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The order's.
    Order,
    /// Everybody's.
    Shard,
}

impl Health {
    pub(super) fn is_failing(self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// Notes that the broker answered to something; says whether that is news.
    pub(super) fn answered(&mut self) -> bool {
        let was = std::mem::replace(self, Self::Well(None));
        was.is_failing()
    }

    /// Notes that nothing of a call was confirmed, for reasons that may pass. `pause` says until
    /// when to wait, given the number of failures before.
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
            // Of the calls that were under way together, one counts.
            Self::Failing { until, .. } if now < until => return Fault::Shard,
            Self::Failing { failures, .. } => failures,
        };
        *self = Self::Failing { failures: failures.saturating_add(1), until: pause(failures) };
        Fault::Shard
    }

    /// Asks at once, because there is hope.
    pub(super) fn hope(&mut self, now: Instant) {
        if let Self::Failing { until, .. } = self {
            *until = now.min(*until);
        }
    }
}
