//! The `serde` feature: the spelling of each type, which is that of the public events, and that a
//! wrong value cannot be read.

#![expect(clippy::unwrap_used, reason = "in a test, a broken expectation ends it")]

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use order_domain::{
    Amount, CancelReason, ClientReference, Currency, CustomerId, Decision, NewOrder, Note, Order,
    OrderEventKind, OrderId, OrderLine, OrderLines, OrderStatus, ProductId, ProductName, Quantity,
    StatusChange, UnitPrice, Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn lines() -> OrderLines {
    let line = OrderLine {
        product_id: ProductId::new(7).unwrap(),
        name: Some(ProductName::new("Desk lamp").unwrap()),
        quantity: Quantity::new(3).unwrap(),
        unit_price: UnitPrice::new("49.9".parse().unwrap()).unwrap(),
    };
    OrderLines::new(Currency::USD, vec![line]).unwrap()
}

fn cancelled() -> Order {
    let new = NewOrder {
        id: OrderId::new(1).unwrap(),
        customer_id: CustomerId::new(42).unwrap(),
        lines: lines(),
        client_reference: Some(ClientReference::new("po-7").unwrap()),
        claimed_total: None,
    };
    let placed = Order::place(new, noon()).unwrap().order;
    let cancel = StatusChange::new(OrderStatus::Cancelled, Some(CancelReason::Fraud), None);
    let Decision::Changed(event) = placed.change_status(cancel.unwrap(), noon()).unwrap() else {
        unreachable!("a pending order can be cancelled");
    };
    event.order
}

/// Checks the spelling of a value, and that it is read back from it.
fn spelled<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, expected: &Value) {
    assert_eq!(serde_json::to_value(value).unwrap(), *expected);
    assert_eq!(serde_json::from_value::<T>(expected.clone()).unwrap(), *value);
}

fn refused<T: DeserializeOwned + Debug>(value: &Value) -> String {
    serde_json::from_value::<T>(value.clone()).unwrap_err().to_string()
}

#[test]
fn values_are_spelled_as_in_the_public_events() {
    spelled(&OrderId::new(1).unwrap(), &json!(1));
    spelled(&Version::FIRST, &json!(1));
    spelled(&Quantity::new(9_999).unwrap(), &json!(9_999));
    spelled(&Amount::parse("149.970").unwrap(), &json!("149.97"));
    spelled(&UnitPrice::MAX, &json!("9999999.9999"));
    spelled(&Currency::USD, &json!("USD"));
    spelled(&OrderStatus::InProgress, &json!("IN_PROGRESS"));
    spelled(&OrderEventKind::Created, &json!("order.created"));
    spelled(&CancelReason::OutOfStock, &json!("OUT_OF_STOCK"));
    spelled(&Note::new("left at the door").unwrap(), &json!("left at the door"));
}

#[test]
fn lines_carry_their_currency_and_totals() {
    let form = json!({
        "currency": "USD",
        "totalAmount": "149.70",
        "items": [{
            "productId": 7, "name": "Desk lamp", "quantity": 3,
            "unitPrice": "49.90", "lineTotal": "149.70",
        }],
    });
    spelled(&lines(), &form);
    let alone = json!({"productId": 7, "name": "Desk lamp", "quantity": 3, "unitPrice": "49.9"});
    spelled(lines().iter().next().unwrap(), &alone);
    // Totals need not be given.
    let least = json!({"currency": "USD", "items": [alone]});
    assert_eq!(serde_json::from_value::<OrderLines>(least).unwrap(), lines());
}

#[test]
fn an_order_is_read_back_whole() {
    let form = json!({
        "orderId": 1, "customerId": 42, "version": 2, "status": "CANCELLED", "currency": "USD",
        "totalAmount": "149.70",
        "items": [{
            "productId": 7, "name": "Desk lamp", "quantity": 3,
            "unitPrice": "49.90", "lineTotal": "149.70",
        }],
        "clientReference": "po-7", "cancelReason": "FRAUD",
        "createdAt": "2026-11-22T12:00:00.000000Z", "updatedAt": "2026-11-22T12:00:00.000000Z",
    });
    spelled(&cancelled(), &form);
    for (field, value, complaint) in [
        ("orderId", json!(0), "must be an integer from 1 to"),
        ("status", json!("PENDING"), "a cancel reason on an order that is PENDING"),
        ("totalAmount", json!("149.71"), "totalAmount must be 149.7"),
        ("currency", json!("JPY"), "amounts in JPY have at most 0 decimals"),
        ("items", json!([]), "an order has 1 to 200 lines, not 0"),
        ("updatedAt", json!("2026-11-22T11:59:59Z"), "last changed before it was placed"),
        ("createdAt", json!("noon"), "premature end of input"),
    ] {
        let mut wrong = form.clone();
        *wrong.get_mut(field).unwrap() = value;
        let error = refused::<Order>(&wrong);
        assert!(error.contains(complaint), "{field}: {error}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_the_words_of_its_type() {
    for wrong in [json!(149.97), json!(149), json!("-1"), json!("1,5"), json!("0.00001")] {
        refused::<Amount>(&wrong);
    }
    assert_eq!(refused::<UnitPrice>(&json!("10000000")), "must be from 0 to 9999999.9999");
    assert_eq!(refused::<Quantity>(&json!(0)), "must be an integer from 1 to 9999");
    for wrong in ["pending", "CANCELED", "SHIPPED"] {
        assert!(refused::<OrderStatus>(&json!(wrong)).starts_with("must be one of PENDING"));
    }
    refused::<Currency>(&json!("usd"));
    refused::<OrderEventKind>(&json!("order.returned"));
    refused::<CancelReason>(&json!("RECALLED"));
    refused::<ProductName>(&json!("a\u{0}"));
    refused::<ClientReference>(&json!("a b"));
    let line = json!({"productId": 7, "quantity": 3, "unitPrice": "1", "lineTotal": "4"});
    assert_eq!(refused::<OrderLine>(&line), "lineTotal must be 3");
}
