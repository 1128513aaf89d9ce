//! The speed of a replay and the time that it still needs, estimated from the positions that it has
//! passed, or the orders.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{ReplayPlan, ReplayProgress};

/// How fast a replay goes, and when it will be done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayEstimate {
    /// How much is done, 0 to 100.
    pub percent: f64,
    /// Events per second since it began.
    pub events_per_second: f64,
    /// The time that it still needs at this speed; `None` when that is unknown, or it has ended.
    pub remaining: Option<Duration>,
}

impl ReplayProgress {
    /// The estimate at a time.
    #[must_use]
    pub fn estimate(&self, plan: &ReplayPlan, now: DateTime<Utc>) -> ReplayEstimate {
        let until = self.ended_at.unwrap_or(now);
        let took = until.signed_duration_since(self.started_at).to_std().unwrap_or_default();
        let done = self.position.saturating_sub(plan.after);
        let all = self.end.map(|end| end.saturating_sub(plan.after).max(0));
        let share = match (self.orders, all) {
            // At the end of a replay by orders, the position is at the end, too.
            (Some((done, of)), _) if self.ended_at.is_none() => share(done, of),
            (_, None) => 0.0,
            (_, Some(0)) => 1.0,
            (_, Some(all)) => share(done, all),
        };
        let events = f64::from(u32::try_from(self.events).unwrap_or(u32::MAX));
        let seconds = took.as_secs_f64();
        let goes_on = self.ended_at.is_none() && share > 0.0;
        ReplayEstimate {
            percent: share * 100.0,
            events_per_second: if seconds > 0.0 { events / seconds } else { 0.0 },
            remaining: goes_on.then(|| {
                let left = seconds * (1.0 - share) / share;
                Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)
            }),
        }
    }
}

/// A part of a whole, 0 to 1, exact to a millionth.
fn share(part: impl Into<i128>, whole: impl Into<i128>) -> f64 {
    const MILLION: u32 = 1_000_000;
    let millionths = part
        .into()
        .saturating_mul(i128::from(MILLION))
        .checked_div(whole.into())
        .unwrap_or_default()
        .clamp(0, i128::from(MILLION));
    f64::from(u32::try_from(millionths).unwrap_or_default()) / f64::from(MILLION)
}
