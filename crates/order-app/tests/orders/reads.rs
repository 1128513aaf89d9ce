//! Finding, listing, and reading the history.

use order_app::orders::FindError;
use order_app::ports::{CustomerOrders, StoreError};
use order_domain::OrderStatus;
use order_testkit::examples::{a_customer, an_order_id, anyone};

use crate::world::{World, put};

#[tokio::test]
async fn an_order_is_found_as_it_was_last_committed() {
    let world = World::new();
    let order = put(&world.memory, 1, &[OrderStatus::Confirmed]).await;
    assert_eq!(world.orders.find(anyone(), an_order_id(1)).await.unwrap(), order);
    let unknown = world.orders.find(anyone(), an_order_id(2)).await;
    assert!(matches!(unknown, Err(FindError::NotFound)));
}

#[tokio::test]
async fn a_history_starts_where_it_is_asked_to() {
    let world = World::new();
    put(&world.memory, 1, &[OrderStatus::Confirmed]).await;
    for (after, limit, expected) in
        [(0, 10, &[1, 2][..]), (0, 1, &[1]), (1, 10, &[2]), (2, 10, &[]), (0, 0, &[])]
    {
        let events = world.orders.history(anyone(), an_order_id(1), after, limit).await;
        let events = events.unwrap();
        let found: Vec<_> = events.events.iter().map(|event| event.sequence.get()).collect();
        assert_eq!(found, expected, "{after} {limit}");
    }
}

#[tokio::test]
async fn a_history_goes_on_without_the_events_that_cannot_be_read() {
    let world = World::new();
    put(&world.memory, 1, &[OrderStatus::Confirmed, OrderStatus::InProgress]).await;
    world.memory.spoil(an_order_id(1), 2);
    let pages = [
        ((0, 10), (&[1, 3][..], &[2][..], None)),
        ((0, 2), (&[1], &[2], Some(2))),
        ((1, 1), (&[], &[2], Some(2))),
        ((2, 1), (&[3], &[], None)),
    ];
    for ((after, limit), expected) in pages {
        let page = world.orders.history(anyone(), an_order_id(1), after, limit).await.unwrap();
        let events: Vec<_> = page.events.iter().map(|event| event.sequence.get()).collect();
        let left_out: Vec<_> = page.left_out.iter().map(|event| event.get()).collect();
        let next = page.next.map(order_domain::Version::get);
        assert_eq!((&events[..], &left_out[..], next), expected, "after {after}, {limit}");
    }
    assert_eq!(world.orders.stats().unreadable_events(), 3);
}

#[tokio::test]
async fn an_unknown_order_has_no_history_at_all() {
    let history = World::new().orders.history(anyone(), an_order_id(1), 0, 10).await;
    assert!(matches!(history, Err(FindError::NotFound)));
}

#[tokio::test]
async fn a_list_has_the_orders_of_one_customer() {
    let world = World::new();
    let (first, second) = (put(&world.memory, 1, &[]).await, put(&world.memory, 2, &[]).await);
    let query = |customer| CustomerOrders {
        customer_id: a_customer(customer),
        statuses: vec![],
        created_from: None,
        created_to: None,
        after: None,
        limit: 10,
    };
    let page = world.orders.list(anyone(), &query(42)).await.unwrap();
    assert_eq!((page.orders, page.next), (vec![second, first], None));
    let empty = world.orders.list(anyone(), &query(43)).await.unwrap();
    assert_eq!((empty.orders, empty.next), (vec![], None));
}

#[tokio::test]
async fn the_failures_of_a_store_are_passed_on() {
    let world = World::new();
    world.orders.ping().await.unwrap();
    world.faults.before_each().fails(|| StoreError::Unavailable("down".into()));
    let id = an_order_id(1);
    let unavailable = |error| matches!(error, FindError::Store(StoreError::Unavailable(_)));
    assert!(unavailable(world.orders.find(anyone(), id).await.unwrap_err()));
    assert!(unavailable(world.orders.history(anyone(), id, 0, 1).await.unwrap_err()));
    let ping = world.orders.ping().await;
    assert!(matches!(ping, Err(StoreError::Unavailable(_))));
}
