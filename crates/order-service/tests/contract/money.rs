//! Money: exact from the request's text to the database and back, in every spelling.

use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, body_with, id_of, line, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        sums_are_exact_where_binary_fractions_are_not,
        a_price_is_read_from_its_text_whatever_its_spelling,
        no_digit_of_a_large_total_is_lost,
        amounts_leave_with_the_decimals_of_their_currency,
        amounts_are_strings_wherever_they_leave,
        a_price_with_hidden_decimals_is_refused_and_not_rounded,
        an_absurd_exponent_is_refused_at_once,
    ]
}

fn sums_are_exact_where_binary_fractions_are_not(stage: &Stage) {
    for (prices, total) in [
        (&["0.1", "0.2"][..], "0.30"),
        (&["0.1"; 10][..], "1.00"),
        (&["1.1", "2.2", "3.3"][..], "6.60"),
        (&["9999999.99", "0.01"][..], "10000000.00"),
        (&["4.35", "1.005e1"][..], "14.40"),
    ] {
        let line = |(i, price): (usize, &&str)| {
            format!("{{\"productId\":{},\"quantity\":1,\"unitPrice\":{price}}}", i + 1)
        };
        let lines: Vec<_> = prices.iter().enumerate().map(line).collect();
        let body = body_with("/items", &format!("[{}]", lines.join(",")));
        let order = stage.ask("POST", "/orders", &[], body).order(201);
        assert_eq!(order["totalAmount"], total, "{prices:?}");
        assert_eq!(stage.order(id_of(&order)), order);
    }
    // 0.07 times 100 is 7.000000000000001 in binary floating point.
    let body = with(a_body(), "items", vec![line(1, 100, "0.07"), line(2, 3, "1.15")]);
    assert_eq!(stage.place(&body).order(201)["totalAmount"], "10.45");
}

fn a_price_is_read_from_its_text_whatever_its_spelling(stage: &Stage) {
    for (text, price) in [
        ("1e2", "100.00"),
        ("1E+2", "100.00"),
        ("150e-2", "1.50"),
        ("\"1.50\"", "1.50"),
        ("\"1.5\"", "1.50"),
        ("1.5", "1.50"),
        ("1.5000", "1.50"),
        ("\"1e2\"", "100.00"),
        ("0.0", "0.00"),
        ("-0", "0.00"),
        ("7", "7.00"),
    ] {
        let body = body_with("/items/0/unitPrice", text);
        let order = stage.ask("POST", "/orders", &[], body).order(201);
        assert_eq!(order["items"][0]["unitPrice"], price, "{text}");
        assert_eq!(order["totalAmount"], price, "{text}");
    }
}

fn no_digit_of_a_large_total_is_lost(stage: &Stage) {
    // 200 lines of the largest price and quantity: 19 digits, more than a double holds.
    let lines: Value = (1..=200).map(|product| line(product, 9_999, "9999999.9999")).collect();
    let ten_thousandths = 99_999_999_999_i64 * 9_999 * 200;
    let total = format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000);
    let body = with(with(a_body(), "currency", "CLF"), "items", lines);
    let customer = body["customerId"].as_i64().unwrap();
    let order = stage.place(&with(body.clone(), "totalAmount", total.clone())).order(201);
    assert_eq!(order["totalAmount"], total);
    assert_eq!(stage.order(id_of(&order)), order);
    assert_eq!(stage.orders_of(customer), std::slice::from_ref(&order));
    assert_eq!(stage.history(id_of(&order))[0]["data"]["totalAmount"], total);
    // Off by the last digit: 199979999998000.0199 and 199979999998000.02 are the same double.
    let off = format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000 - 1);
    let claim = body.to_string().replacen('{', &format!("{{\"totalAmount\":{off},"), 1);
    stage.ask("POST", "/orders", &[], claim).problem(422, "total_mismatch");
}

fn amounts_leave_with_the_decimals_of_their_currency(stage: &Stage) {
    for (currency, price, total) in [
        ("JPY", "100", "300"),
        ("JPY", "100.0", "300"),
        ("USD", "1", "3.00"),
        ("EUR", "0.1", "0.30"),
        ("KWD", "1.5", "4.500"),
        ("KWD", "0.001", "0.003"),
        ("CLF", "0.5", "1.5000"),
    ] {
        let body = with(with(a_body(), "currency", currency), "items", vec![line(1, 3, price)]);
        let order = stage.place(&body).order(201);
        assert_eq!(order["totalAmount"], total, "{price} {currency}");
        assert_eq!(order["items"][0]["lineTotal"], total, "{price} {currency}");
        assert_eq!(stage.order(id_of(&order)), order);
        let lines = json!({"items": [line(1, 6, price)]});
        let replaced = stage.replace(id_of(&order), &lines).order(200);
        assert_eq!(replaced["items"][0]["unitPrice"], order["items"][0]["unitPrice"]);
    }
}

fn amounts_are_strings_wherever_they_leave(stage: &Stage) {
    let order = stage.new_order();
    let id = id_of(&order);
    let list = stage.orders_of(order["customerId"].as_i64().unwrap());
    let changed = stage.change(id, &json!({"status": "CONFIRMED"})).order(200);
    let mut seen = vec![order, stage.order(id), changed];
    seen.extend(list);
    seen.extend(stage.history(id).iter().map(|event| event["data"].clone()));
    assert_eq!(seen.len(), 6);
    for seen in seen {
        assert_eq!(seen["totalAmount"], "149.97");
        let expected = with(line(7, 3, "49.99"), "lineTotal", "149.97");
        assert_eq!(seen["items"], json!([expected]));
    }
}

fn a_price_with_hidden_decimals_is_refused_and_not_rounded(stage: &Stage) {
    for text in ["0.30000000000000004", "1.999", "\"0.0099999999999999999999\"", "1e-3"] {
        let reply = stage.ask("POST", "/orders", &[], body_with("/items/0/unitPrice", text));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/items/0/unitPrice"], "{text}");
    }
}

fn an_absurd_exponent_is_refused_at_once(stage: &Stage) {
    for text in
        ["1e999999999", "1e-999999999", "\"1e99999999999999999999\"", "9e18446744073709551616"]
    {
        let reply = stage.ask("POST", "/orders", &[], body_with("/items/0/unitPrice", text));
        reply.problem(400, "validation_failed");
    }
    let digits = "9".repeat(100_000);
    let reply = stage.ask("POST", "/orders", &[], body_with("/items/0/unitPrice", &digits));
    reply.problem(400, "validation_failed");
}
