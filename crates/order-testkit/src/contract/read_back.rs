//! What is written is read back equal, in every field and at every bound.

use chrono::{DateTime, Utc};
use order_app::ports::StoredOrder;
use order_domain::{
    CancelReason, Currency, MAX_ID, NewOrder, OrderLine, OrderStatus, ProductName, StatusChange,
};
use tokio::task::JoinSet;

use super::steps::{
    Store, a_fresh_customer, a_fresh_id, a_fresh_order, a_stored_order, assert_absent,
    assert_stored, commit, order, place,
};
use crate::examples::{
    a_change, a_currency, a_customer, a_line, a_reference, an_amount, an_order_id, lines_in, moved,
    noon, noon_plus, relined, soon,
};

pub(super) async fn an_order_is_read_back_as_it_was_written(store: Store) {
    let customer = a_fresh_customer();
    let bare = a_stored_order(&store, customer).await;
    assert_stored(&store, &bare).await;

    let lines = vec![a_line(MAX_ID, 1, "0"), OrderLine { name: None, ..a_line(1, 9_999, "0.01") }];
    let full = NewOrder {
        lines: lines_in(Currency::USD, lines),
        client_reference: Some(a_reference("PO-2026.11_7")),
        ..a_fresh_order(&store, customer).await
    };
    let full = place(&store, full, noon_plus(1)).await;
    assert_stored(&store, &full).await;
}

pub(super) async fn an_unknown_order_is_none(store: Store) {
    let never_placed = a_fresh_id(&store).await;
    assert_absent(&store, an_order_id(never_placed)).await;
}

pub(super) async fn an_order_of_another_customer_is_none(store: Store) {
    let customer = a_fresh_customer();
    let placed = a_stored_order(&store, customer).await;
    let found = |of: i64| store.stored(placed.id(), Some(a_customer(of)), soon());
    let own = found(customer).await.expect("the store answers");
    assert_eq!(own, Some(StoredOrder { order: placed.clone(), saga_revision: 0 }));
    let other = a_fresh_customer();
    assert_eq!(found(other).await.expect("the store answers"), None);
    let never_placed = an_order_id(a_fresh_id(&store).await);
    let missing = store.stored(never_placed, Some(a_customer(customer)), soon()).await;
    assert_eq!(missing.expect("the store answers"), None);

    // What is asked for at one moment may be answered by one statement.
    let mut asked = JoinSet::new();
    for asks in [None, Some(customer), Some(other)].repeat(8) {
        let (store, id) = (store.clone(), placed.id());
        asked.spawn(async move {
            let found = store.stored(id, asks.map(a_customer), soon()).await;
            (asks, found.expect("the store answers").is_some())
        });
    }
    for (asks, is_found) in asked.join_all().await {
        assert_eq!(is_found, asks != Some(other), "{asks:?}");
    }
}

pub(super) async fn every_currency_keeps_its_decimals(store: Store) {
    let customer = a_fresh_customer();
    for (code, largest, smallest) in [
        ("JPY", "9999999", "1"),
        ("USD", "9999999.99", "0.01"),
        ("KWD", "9999999.999", "0.001"),
        ("CLF", "9999999.9999", "0.0001"),
    ] {
        let lines = vec![a_line(1, 1, largest), a_line(2, 1, smallest)];
        let new = NewOrder {
            lines: lines_in(a_currency(code), lines),
            ..a_fresh_order(&store, customer).await
        };
        let placed = place(&store, new, noon()).await;
        assert_stored(&store, &placed).await;
        assert_eq!(placed.snapshot().lines.total(), an_amount("10000000"));
    }
}

pub(super) async fn tenths_add_up_exactly(store: Store) {
    let lines = vec![a_line(1, 1, "0.1"), a_line(2, 1, "0.2")];
    let new = NewOrder {
        lines: lines_in(Currency::USD, lines),
        claimed_total: Some(an_amount("0.3")),
        ..a_fresh_order(&store, a_fresh_customer()).await
    };
    let placed = place(&store, new, noon()).await;
    let found = order(&store, placed.id()).await.expect("it was placed");
    assert_eq!(found.snapshot().lines.total(), an_amount("0.3"));
    assert_eq!(found, placed);
}

pub(super) async fn every_name_is_kept_character_by_character(store: Store) {
    let names = [
        String::new(),
        r#"O'Brien's "best" `rope`"#.to_owned(),
        r"C:\new\table\0 \u0041 \\".to_owned(),
        "%s $1 ?1 {} ${x} :id ; -- /* */".to_owned(),
        " spaces at both ends ".to_owned(),
        "null".to_owned(),
        "\u{1f469}\u{200d}\u{1f680} \u{1f1e8}\u{1f1ed}".to_owned(),
        // The same letter, composed and decomposed: stores must not normalise it.
        "\u{e9} e\u{301}".to_owned(),
        "\u{645}\u{631}\u{62d}\u{628}\u{627} \u{2028} \u{feff} \u{fffd}".to_owned(),
        "x".repeat(ProductName::MAX),
        "\u{1d11e}".repeat(ProductName::MAX),
    ];
    let line = |(product, name): (i64, String)| OrderLine {
        name: Some(ProductName::new(name).expect("a name")),
        ..a_line(product, 1, "1")
    };
    let new = NewOrder {
        lines: lines_in(Currency::USD, (1..).zip(names).map(line).collect()),
        ..a_fresh_order(&store, a_fresh_customer()).await
    };
    let placed = place(&store, new, noon()).await;
    assert_stored(&store, &placed).await;
}

/// 200 lines at every bound, with names of 800 bytes, which make its event larger than 64 KiB.
pub(super) async fn the_largest_order_is_kept(store: Store) {
    let line = |product| OrderLine {
        name: Some(ProductName::new("\u{1d11e}".repeat(ProductName::MAX)).expect("a name")),
        ..a_line(product, 9_999, "9999999.9999")
    };
    let products = (0_i64..200).map(|back| MAX_ID.saturating_sub(back));
    let new = NewOrder {
        lines: lines_in(a_currency("CLF"), products.map(line).collect()),
        client_reference: Some(a_reference(&"r".repeat(64))),
        ..a_fresh_order(&store, a_fresh_customer()).await
    };
    let placed = place(&store, new, noon()).await;
    let total = an_amount("19997999999800.02");
    assert_eq!(placed.snapshot().lines.total(), total);
    assert_stored(&store, &placed).await;
}

/// Also times at which the clocks of some zones jump, and both ends of what every database holds.
pub(super) async fn times_are_kept_to_the_microsecond(store: Store) {
    let customer = a_fresh_customer();
    for (placed_at, moved_at) in [
        ("1971-01-01T00:00:00.000001Z", "1971-01-01T00:00:00.000002Z"),
        ("2026-03-08T02:30:00.5Z", "2026-03-29T02:30:00.123456Z"),
        ("2026-10-25T00:30:00.999999Z", "2026-10-25T01:30:00Z"),
        ("2037-12-31T23:59:59.999998Z", "2037-12-31T23:59:59.999999Z"),
    ] {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let new = a_fresh_order(&store, customer).await;
        let placed = place(&store, new, at(placed_at)).await;
        assert_stored(&store, &placed).await;
        let event = moved(&placed, OrderStatus::Confirmed, at(moved_at));
        let order = event.order.clone();
        commit(&store, a_change(event)).await;
        assert_stored(&store, &order).await;
        assert_eq!(order.snapshot().created_at, at(placed_at));
        assert_eq!(order.snapshot().updated_at, at(moved_at));
    }
}

pub(super) async fn every_cancel_reason_is_kept(store: Store) {
    let customer = a_fresh_customer();
    for reason in CancelReason::ALL {
        let placed = a_stored_order(&store, customer).await;
        let cancel = StatusChange::new(OrderStatus::Cancelled, Some(reason), None);
        let decision = placed.change_status(cancel.expect("a cancellation"), noon());
        let order_domain::Decision::Changed(event) = decision.expect("it is pending") else {
            unreachable!("a pending order is not cancelled yet");
        };
        let cancelled = event.order.clone();
        commit(&store, a_change(*event)).await;
        assert_stored(&store, &cancelled).await;
        assert_eq!(cancelled.snapshot().cancel_reason, Some(reason));
    }
    // Lines that were replaced are read back, too.
    let placed = a_stored_order(&store, customer).await;
    let event = relined(&placed, vec![a_line(1, 1, "0.99")], noon_plus(7));
    let order = event.order.clone();
    commit(&store, a_change(event)).await;
    assert_stored(&store, &order).await;
}

pub(super) async fn a_store_that_works_answers_a_ping(store: Store) {
    store.ping(soon()).await.expect("the store works");
}
