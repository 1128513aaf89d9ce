//! The estimated end of a replay.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use order_app::operations::{ReplayPlan, ReplayProgress};

use crate::world::everything;

#[test]
fn after_a_quarter_of_the_way_three_times_the_time_remains() {
    let plan = ReplayPlan { after: 1_000, ..everything() };
    let mut progress =
        ReplayProgress { position: 1_250, end: Some(2_000), events: 50, ..Default::default() };
    let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(10);
    let estimate = progress.estimate(&plan, now);
    assert!((estimate.percent - 25.0).abs() < 0.01);
    assert!((estimate.events_per_second - 5.0).abs() < 0.01);
    assert_eq!(estimate.remaining, Some(Duration::from_secs(30)));
    progress.end = Some(0);
    assert!((progress.estimate(&plan, now).percent - 100.0).abs() < 0.01, "nothing to do");
    progress.end = None;
    assert_eq!(progress.estimate(&plan, now).remaining, None);
}
