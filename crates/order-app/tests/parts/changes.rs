//! What a change says of itself.

use order_app::ports::{Change, InvalidStateName, OrderChange, SagaChange, Seen, StateName};
use order_domain::{OrderStatus, Version};
use order_testkit::examples::{
    a_change, a_change_placing, a_new_order, a_saga, an_order, an_order_id, moved, noon,
};

#[test]
fn a_change_has_seen_the_version_before_its_own_and_a_new_order_nothing() {
    let placed = OrderChange { saga: Some(a_saga(1)), ..a_change_placing(a_new_order(7, 42)) };
    let placed = Change::from(placed);
    assert_eq!((placed.id(), placed.seen(), placed.saga_revision()), (an_order_id(7), None, 1));

    let confirmed = a_change(moved(&an_order(7), OrderStatus::Confirmed, noon()));
    let seen = Some(Seen { version: Version::FIRST, saga_revision: 5 });
    for (saga, revision) in [(None, 5), (Some(a_saga(1)), 6)] {
        let change = OrderChange { saga_seen: 5, saga, ..confirmed.clone() };
        let change = Change::from(change);
        assert_eq!((change.seen(), change.saga_revision()), (seen, revision));
    }
}

#[test]
fn a_saga_alone_has_seen_what_it_says() {
    let seen = Seen { version: Version::FIRST.next(), saga_revision: 0 };
    let step = Change::from(SagaChange { id: an_order_id(7), seen, saga: a_saga(1) });
    assert_eq!((step.id(), step.seen(), step.saga_revision()), (an_order_id(7), Some(seen), 1));
}

#[test]
fn a_state_is_named_by_a_few_letters() {
    for name in ["A", "RUNNING", &"z".repeat(16)] {
        assert_eq!(StateName::new(name).map(|state| state.as_str().to_owned()), Ok(name.into()));
    }
    for name in ["", &"z".repeat(17), "IN_PROGRESS", "läuft", "RUNNING "] {
        assert_eq!(StateName::new(name), Err(InvalidStateName), "{name:?}");
    }
}
