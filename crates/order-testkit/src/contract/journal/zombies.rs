//! Holders that do not know that their lease was taken: their calls change nothing.

use order_app::ports::{Duty, Lease, Leased, Parking, Progress};
use order_domain::Version;

use super::super::steps::in_time;
use super::Instance;
use super::steps::{
    ALL, LONG, SHORT, a_name, advance, an_order_on, ask, assign, assign_all, entries_after,
    last_position, parked, position, publishing, release, take_over,
};

/// A lease that was taken by the other instance, and the one that it has now.
async fn a_lost_lease([one, other]: [&Instance; 2], duty: Duty) -> (Lease, Lease) {
    let lost = ask(one, duty, a_name(), SHORT).await.expect("it is free");
    let held = take_over(other, duty, a_name()).await;
    (lost, held)
}

pub(super) async fn no_position_is_assigned_under_a_lost_lease([one, other]: [Instance; 2]) {
    let (lost, held) = a_lost_lease([&one, &other], Duty::Sequence).await;
    an_order_on(&one).await;
    for instance in [&one, &other] {
        let assigned = instance.journal.assign_positions(&lost, ALL, in_time()).await;
        assert_eq!(assigned.expect("the journal works"), Leased::Lost);
    }
    assert_eq!(last_position(&one).await, 0);
    assert_eq!(entries_after(&one, 0, None, ALL).await, []);
    release(&one, &lost).await;
    assert_eq!(ask(&one, Duty::Sequence, a_name(), LONG).await, None, "it is still held");
    assert_eq!(assign(&other, &held, ALL).await, 1);
    let assigned = one.journal.assign_positions(&lost, ALL, in_time()).await;
    assert_eq!(assigned.expect("the journal works"), Leased::Lost, "with nothing to do, too");
}

pub(super) async fn nothing_is_recorded_under_a_lost_lease([one, other]: [Instance; 2]) {
    let order = an_order_on(&one).await.id();
    assign_all(&one).await;
    let (lost, held) = a_lost_lease([&one, &other], publishing(order)).await;
    let parking = Parking { order, from: Version::FIRST, reason: "refused".to_owned() };
    let parks = Progress { position: 1, park: vec![parking], unpark: Vec::new() };
    let refused = one.journal.advance(&lost, &parks, in_time()).await;
    assert_eq!(refused.expect("the journal works"), Leased::Lost);
    assert_eq!((parked(&one).await, position(&other, &held).await), (vec![], 0));

    advance(&other, &held, &parks).await;
    let unparks = Progress { position: 9, park: Vec::new(), unpark: vec![order] };
    let refused = one.journal.advance(&lost, &unparks, in_time()).await;
    assert_eq!(refused.expect("the journal works"), Leased::Lost);
    assert_eq!((parked(&one).await.len(), position(&other, &held).await), (1, 1));
}

pub(super) async fn an_earlier_lease_of_the_same_instance_is_lost([one, other]: [Instance; 2]) {
    let name = a_name();
    let first = ask(&one, Duty::Sequence, name, SHORT).await.expect("it is free");
    let between = take_over(&other, Duty::Sequence, a_name()).await;
    release(&other, &between).await;
    let second = ask(&one, Duty::Sequence, name, LONG).await.expect("it is free");
    an_order_on(&one).await;
    let assigned = one.journal.assign_positions(&first, ALL, in_time()).await;
    assert_eq!(assigned.expect("the journal works"), Leased::Lost);
    assert_eq!(assign(&one, &second, ALL).await, 1);
}
