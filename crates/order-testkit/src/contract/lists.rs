//! A customer's list of orders: its order, its pages, its filters.

use chrono::{DateTime, Utc};
use order_app::ports::{CustomerOrders, OrderPage, PagePosition};
use order_domain::{Currency, NewOrder, Order, OrderId, OrderStatus};

use super::steps::{Store, a_fresh_customer, a_fresh_order, all_of, commit, in_time, place};
use crate::examples::{a_change, large_lines, lines_in, moved, noon, noon_plus, placed};

/// Places an order at each of these times, in microseconds after noon.
async fn place_at(store: &Store, customer: i64, times: &[i64]) -> Vec<Order> {
    let mut orders = Vec::new();
    for time in times {
        let new = a_fresh_order(store, customer).await;
        orders.push(place(store, new, noon_plus(*time)).await);
    }
    orders
}

fn newest_first(mut orders: Vec<Order>) -> Vec<Order> {
    orders.sort_by_key(|order| std::cmp::Reverse(position(order)));
    orders
}

fn position(order: &Order) -> PagePosition {
    PagePosition { created_at: order.snapshot().created_at, id: order.id() }
}

fn ids(orders: &[Order]) -> Vec<OrderId> {
    orders.iter().map(Order::id).collect()
}

async fn page(store: &Store, query: &CustomerOrders) -> OrderPage {
    let page = store.customer_orders(query, in_time()).await;
    page.expect("the store lists orders")
}

/// Follows the pages to the end.
async fn pages(store: &Store, mut query: CustomerOrders) -> Vec<Vec<Order>> {
    let mut pages = Vec::new();
    loop {
        let page = page(store, &query).await;
        let last = page.orders.last().map(position);
        pages.push(page.orders);
        match page.next {
            None => return pages,
            next => {
                assert_eq!(next, last, "the next page starts after the last order");
                query.after = next;
            }
        }
    }
}

pub(super) async fn the_newest_order_comes_first(store: Store) {
    let customer = a_fresh_customer();
    let placed = place_at(&store, customer, &[5, -3_600_000_000, 0, 4, 6]).await;
    let page = page(&store, &all_of(customer, 100)).await;
    assert_eq!(page.orders, newest_first(placed));
    assert_eq!(page.next, None);
}

pub(super) async fn equal_times_are_ordered_by_id(store: Store) {
    let customer = a_fresh_customer();
    let mut placed = Vec::new();
    for _ in 0..4 {
        placed.push(a_fresh_order(&store, customer).await);
    }
    // Inserted with the highest id first, so that the order of insertion is another one.
    placed.sort_by_key(|new| std::cmp::Reverse(new.id));
    let expected: Vec<_> = placed.iter().map(|new| new.id).collect();
    placed.swap(1, 2);
    for new in placed {
        place(&store, new, noon()).await;
    }
    let page = page(&store, &all_of(customer, 100)).await;
    assert_eq!(ids(&page.orders), expected);
}

pub(super) async fn pages_join_without_gap_or_repeat(store: Store) {
    let customer = a_fresh_customer();
    let placed = place_at(&store, customer, &[0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]).await;
    let expected = newest_first(placed);
    for limit in [1, 2, 3, 4, 7, 10, 11, 12, 100] {
        let found = pages(&store, all_of(customer, limit)).await;
        assert_eq!(found.concat(), expected, "limit {limit}");
        let full = usize::try_from(limit).expect("a small number");
        let sizes: Vec<_> = expected.chunks(full).map(<[_]>::len).collect();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
    }
}

/// Places an order with as many lines as it may have.
pub(super) async fn place_large(store: &Store, customer: i64, time: i64) -> Order {
    let new = a_fresh_order(store, customer).await;
    let new = NewOrder { lines: lines_in(Currency::USD, large_lines("1")), ..new };
    let change = a_change(placed(new, noon_plus(time)));
    let order = change.order.clone();
    store.commit(change.into(), in_time()).await.expect("nothing excludes the change");
    order
}

pub(super) async fn a_page_of_large_orders_ends_by_its_bytes(store: Store) {
    let customer = a_fresh_customer();
    let mut placed = Vec::new();
    for time in 0..8 {
        placed.push(place_large(&store, customer, time).await);
    }
    let placed = newest_first(placed);
    let pending = vec![OrderStatus::Pending];
    for statuses in [vec![], pending] {
        let query = CustomerOrders { statuses, ..all_of(customer, 100) };
        let found = pages(&store, query).await;
        assert_eq!(found.concat(), placed);
        // Each has about 170 KB, so that six fit.
        let sizes: Vec<_> = found.iter().map(Vec::len).collect();
        assert!(matches!(sizes[..], [5 | 6, 2 | 3]), "{sizes:?}");
    }
    let found = pages(&store, all_of(customer, 3)).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
}

pub(super) async fn large_and_small_orders_make_one_list(store: Store) {
    let customer = a_fresh_customer();
    let mut placed = Vec::new();
    for time in [0, 2, 4, 6] {
        placed.extend(place_at(&store, customer, &[time]).await);
        placed.push(place_large(&store, customer, time.saturating_add(1)).await);
    }
    let placed = newest_first(placed);
    for limit in [1, 3, 8, 100] {
        let found = pages(&store, all_of(customer, limit)).await;
        assert_eq!(found.concat(), placed, "limit {limit}");
    }
}

pub(super) async fn an_exactly_full_last_page_is_the_last(store: Store) {
    let customer = a_fresh_customer();
    assert_eq!(pages(&store, all_of(customer, 1)).await, [vec![]]);
    let placed = place_at(&store, customer, &[1, 2, 3, 4]).await;
    let expected = newest_first(placed);
    let exact = page(&store, &all_of(customer, 4)).await;
    assert_eq!((exact.orders.len(), exact.next), (4, None));
    let found = pages(&store, all_of(customer, 2)).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found.concat(), expected);
}

pub(super) async fn newer_orders_do_not_disturb_the_pages_that_follow(store: Store) {
    let customer = a_fresh_customer();
    let expected = newest_first(place_at(&store, customer, &[1, 2, 3, 4]).await);
    let mut query = all_of(customer, 2);
    let first = page(&store, &query).await;
    assert!(expected.starts_with(&first.orders));
    place_at(&store, customer, &[5, 6]).await;
    query.after = first.next;
    let rest = page(&store, &query).await;
    assert!(expected.ends_with(&rest.orders));
    assert_eq!((rest.orders.len(), rest.next), (2, None));
}

/// Places an order and moves it along a path.
async fn walk(store: &Store, customer: i64, time: i64, path: &[OrderStatus]) -> Order {
    let new = a_fresh_order(store, customer).await;
    let mut order = place(store, new, noon_plus(time)).await;
    for to in path {
        let event = moved(&order, *to, noon_plus(1_000_000));
        order = event.order.clone();
        commit(store, a_change(event)).await;
    }
    order
}

pub(super) async fn a_list_is_filtered_by_status(store: Store) {
    use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress, Pending};
    let customer = a_fresh_customer();
    let mut all = Vec::new();
    for (time, path) in (0..).zip([
        &[][..],
        &[Confirmed],
        &[Confirmed, InProgress],
        &[Confirmed, InProgress, Delivered],
        &[Cancelled],
        &[Confirmed, Cancelled],
        &[],
    ]) {
        all.push(walk(&store, customer, time, path).await);
    }
    let all = newest_first(all);
    for statuses in [
        vec![Pending],
        vec![Confirmed],
        vec![InProgress],
        vec![Delivered],
        vec![Cancelled],
        vec![Pending, Cancelled],
        vec![Delivered, Confirmed, InProgress],
        OrderStatus::ALL.to_vec(),
        vec![],
    ] {
        let wanted = |order: &&Order| statuses.is_empty() || statuses.contains(&order.status());
        let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
        let query = CustomerOrders { statuses: statuses.clone(), ..all_of(customer, 100) };
        assert_eq!(page(&store, &query).await.orders, expected, "{statuses:?}");
    }
}

pub(super) async fn a_list_starts_with_created_from_and_ends_before_created_to(store: Store) {
    let customer = a_fresh_customer();
    let placed = place_at(&store, customer, &[0, 1, 2, 3]).await;
    let at = |time: Option<i64>| time.map(noon_plus);
    for (from, to, expected) in [
        (Some(1), None, &[3, 2, 1][..]),
        (None, Some(2), &[1, 0]),
        (Some(1), Some(3), &[2, 1]),
        (Some(1), Some(2), &[1]),
        (Some(2), Some(2), &[]),
        (Some(3), Some(1), &[]),
        (Some(4), None, &[]),
        (None, Some(0), &[]),
    ] {
        let query =
            CustomerOrders { created_from: at(from), created_to: at(to), ..all_of(customer, 100) };
        let found: Vec<DateTime<Utc>> = page(&store, &query)
            .await
            .orders
            .iter()
            .map(|order| order.snapshot().created_at)
            .collect();
        let expected: Vec<_> = expected.iter().map(|time| noon_plus(*time)).collect();
        assert_eq!(found, expected, "{from:?} {to:?}");
    }
    assert_eq!(placed.len(), 4);
}

pub(super) async fn filters_hold_on_every_page(store: Store) {
    let customer = a_fresh_customer();
    let mut expected = Vec::new();
    for time in [0, 1, 1, 1, 2, 2, 3] {
        walk(&store, customer, time, &[]).await;
        let confirmed = walk(&store, customer, time, &[OrderStatus::Confirmed]).await;
        if (1..3).contains(&time) {
            expected.push(confirmed);
        }
    }
    let query = CustomerOrders {
        statuses: vec![OrderStatus::Confirmed, OrderStatus::Cancelled],
        created_from: Some(noon_plus(1)),
        created_to: Some(noon_plus(3)),
        ..all_of(customer, 2)
    };
    let found = pages(&store, query).await;
    assert_eq!(found.concat(), newest_first(expected));
    assert_eq!(found.len(), 3);
}

pub(super) async fn a_customer_sees_only_their_own_orders(store: Store) {
    let (one, other) = (a_fresh_customer(), a_fresh_customer());
    let mine = place_at(&store, one, &[0, 1]).await;
    place_at(&store, other, &[0, 1, 2]).await;
    let found = pages(&store, all_of(one, 1)).await;
    assert_eq!(found.concat(), newest_first(mine));
    let empty = page(&store, &all_of(a_fresh_customer(), 100)).await;
    assert_eq!((empty.orders, empty.next), (vec![], None));
}
