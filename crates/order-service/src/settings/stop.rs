//! How the service stops.

use std::time::Duration;

use settings_spring::{Reader, keys, values};

keys! {
    pub(super) PHASE;
    BUDGET: Duration = "spring.lifecycle.timeout-per-shutdown-phase", "20s", Plain,
        "a duration from 100ms to 10m",
        "How long the whole stop may take; requests that are still running then are dropped.",
        |text| values::duration(text, Duration::from_millis(100)..=Duration::from_mins(10));
}

keys! {
    pub(super) ROWS;
    DELAY: Duration = "order.shutdown.delay", "0s", Plain,
        "a duration from 0s to 5m, shorter than spring.lifecycle.timeout-per-shutdown-phase",
        "How long readiness says no at a stop while requests are still taken, for load balancers.",
        |text| values::duration(text, Duration::ZERO..=Duration::from_mins(5));
}

/// How the service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// How long readiness says no before requests are refused.
    pub delay: Duration,
    /// How long the whole stop may take.
    pub budget: Duration,
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Stop> {
    let budget = from.read(&BUDGET);
    let delay = from.read(&DELAY);
    let (budget, delay) = (budget?, delay?);
    if delay >= budget {
        from.refuse(&DELAY, "leaves no time to stop in");
        return None;
    }
    Some(Stop { delay, budget })
}
