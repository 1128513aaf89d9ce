//! The position through which a shard is published: kept with its lease, and never taken back.

use order_app::ports::{Duty, Parking, Progress};
use order_domain::Version;

use super::Instance;
use super::steps::{advance, an_order_on, parked, position, publishing, release, take};

fn up_to(position: i64) -> Progress {
    Progress { position, ..Progress::default() }
}

pub(super) async fn progress_outlives_the_lease([one, other]: [Instance; 2]) {
    let lease = take(&one, Duty::Publish(7)).await;
    assert_eq!(lease.position, 0);
    advance(&one, &lease, &up_to(41)).await;
    assert_eq!(position(&one, &lease).await, 41);
    release(&one, &lease).await;
    let next = take(&other, Duty::Publish(7)).await;
    assert_eq!(next.position, 41);
}

pub(super) async fn progress_never_goes_back([one, _]: [Instance; 2]) {
    let order = an_order_on(&one).await.id();
    let lease = take(&one, publishing(order)).await;
    advance(&one, &lease, &up_to(9)).await;
    for earlier in [0, 8, 9] {
        advance(&one, &lease, &up_to(earlier)).await;
        assert_eq!(position(&one, &lease).await, 9, "{earlier}");
    }
    // The rest of the progress is recorded all the same.
    let parking = Parking { order, from: Version::FIRST, reason: "refused".to_owned() };
    advance(&one, &lease, &Progress { park: vec![parking], ..up_to(3) }).await;
    assert_eq!((position(&one, &lease).await, parked(&one).await.len()), (9, 1));
}

pub(super) async fn shards_advance_apart([one, other]: [Instance; 2]) {
    let left = take(&one, Duty::Publish(1)).await;
    let right = take(&other, Duty::Publish(2)).await;
    advance(&one, &left, &up_to(5)).await;
    assert_eq!(position(&other, &right).await, 0);
    advance(&other, &right, &up_to(3)).await;
    assert_eq!((position(&one, &left).await, position(&other, &right).await), (5, 3));
}
