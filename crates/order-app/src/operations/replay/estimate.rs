//! How far a replay is, how fast it goes, and when it will be done: by the places it has walked
//! through, which are known without counting, or by the orders.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{ReplayPlan, ReplayProgress};

/// How a replay gets on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayPace {
    /// How much of the way is done, 0 to 100.
    pub percent: f64,
    /// Events in a second since it began.
    pub events_per_second: f64,
    /// How long it will take from now on, if it goes on like this; `None` when that is not known,
    /// or it has ended.
    pub remaining: Option<Duration>,
}

impl ReplayProgress {
    /// How it gets on, at a time.
    #[must_use]
    pub fn pace(&self, plan: &ReplayPlan, now: DateTime<Utc>) -> ReplayPace {
        let until = self.ended_at.unwrap_or(now);
        let took = until.signed_duration_since(self.started_at).to_std().unwrap_or_default();
        let done = self.position.saturating_sub(plan.after);
        let way = self.end.map(|end| end.saturating_sub(plan.after).max(0));
        let share = match (self.orders, way) {
            // When all are done, the position is at the end.
            (Some((done, of)), _) if self.ended_at.is_none() => share(done, of),
            (_, None) => 0.0,
            (_, Some(0)) => 1.0,
            (_, Some(way)) => share(done, way),
        };
        let events = f64::from(u32::try_from(self.events).unwrap_or(u32::MAX));
        let seconds = took.as_secs_f64();
        let goes_on = self.ended_at.is_none() && share > 0.0;
        ReplayPace {
            percent: share * 100.0,
            events_per_second: if seconds > 0.0 { events / seconds } else { 0.0 },
            remaining: goes_on.then(|| {
                let left = seconds * (1.0 - share) / share;
                Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)
            }),
        }
    }
}

/// A part of a whole, in millionths, 0 to 1.
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::{ReplayState, Selection};
    use super::*;

    #[test]
    fn a_quarter_of_the_way_leaves_three_times_the_time() {
        let plan = ReplayPlan {
            selection: Selection::default(),
            topic: None,
            after: 1_000,
            up_to: None,
            after_order: None,
            rate: 1,
            dry_run: false,
        };
        let mut progress = ReplayProgress {
            state: ReplayState::Running,
            position: 1_250,
            end: Some(2_000),
            events: 50,
            unpublished: 0,
            unreadable: 0,
            left_out: Vec::new(),
            orders: None,
            after_order: None,
            trouble: None,
            started_at: DateTime::UNIX_EPOCH,
            ended_at: None,
        };
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(10);
        let pace = progress.pace(&plan, now);
        assert!((pace.percent - 25.0).abs() < 0.01 && (pace.events_per_second - 5.0).abs() < 0.01);
        assert_eq!(pace.remaining, Some(Duration::from_secs(30)));
        progress.end = Some(0);
        assert!((progress.pace(&plan, now).percent - 100.0).abs() < 0.01, "nothing to do");
        progress.end = None;
        assert_eq!(progress.pace(&plan, now).remaining, None);
    }
}
