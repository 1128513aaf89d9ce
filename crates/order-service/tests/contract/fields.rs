//! The table of an order's fields, row by row: values just inside every bound come back as they were
//! sent; values just outside are refused with a pointer to them.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{MAX_ID, a_body, body_with, fresh, id_of, line, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        an_id_is_given_by_the_service_and_exact_for_json_clients,
        a_customer_is_1_to_2_to_the_53,
        an_order_has_1_to_200_lines,
        a_product_is_1_to_2_to_the_53,
        a_name_has_up_to_200_characters,
        a_quantity_is_1_to_9999,
        a_unit_price_is_0_to_9999999_9999,
        a_unit_price_has_at_most_the_decimals_of_its_currency,
        a_product_stands_in_one_line,
        a_line_total_is_computed,
        a_currency_is_one_of_the_enabled_ones,
        a_total_is_computed_and_may_be_claimed,
        a_total_above_the_largest_amount_is_refused,
        a_status_is_not_the_clients_to_give,
        a_version_counts_changes_and_is_the_etag,
        a_client_reference_is_1_to_64_plain_characters,
        a_client_reference_is_unique_per_customer,
        a_cancel_reason_is_one_of_seven,
        times_are_utc_in_microseconds_and_never_go_back,
    ]
}

/// Asserts that a value is accepted, and comes back in the answer, from the database and in the event.
fn taken(stage: &Stage, pointer: &str, text: &str, expected: &Value) {
    let reply = stage.ask("POST", "/orders", &[], body_with(pointer, text));
    let order = reply.order(201);
    assert_eq!(order.pointer(pointer), Some(expected), "{text}");
    assert_eq!(stage.order(id_of(&order)), order, "{text}");
    assert_eq!(stage.history(id_of(&order))[0]["data"].pointer(pointer), Some(expected), "{text}");
}

/// Asserts that a value is refused, here and where lines are replaced.
fn refused(stage: &Stage, pointer: &str, texts: &[&str]) {
    let order = stage.new_order();
    for text in texts {
        let body = body_with(pointer, text);
        let reply = stage.ask("POST", "/orders", &[], body.clone());
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), [pointer], "{text}");
        if pointer.starts_with("/items") {
            // The customer is the first field of the body.
            let lines = body.split_once(',').map_or("}", |(_, lines)| lines);
            let path = format!("/orders/{}", order["id"]);
            let reply = stage.ask("PUT", &path, &[], format!("{{{lines}"));
            reply.problem(400, "validation_failed");
            assert_eq!(reply.pointers(), [pointer], "{text}");
        }
    }
    assert_eq!(stage.order(id_of(&order)), order);
}

/// Values that are not whole numbers.
const NO_WHOLE_NUMBERS: [&str; 9] =
    ["1.5", "\"2\"", "null", "true", "[]", "{}", "-1", "1e400", "99999999999999999999999999"];

fn an_id_is_given_by_the_service_and_exact_for_json_clients(stage: &Stage) {
    let mut ids: Vec<i64> = (0..10).map(|turn| id_of(&stage.instance(turn).new_order())).collect();
    assert!(ids.iter().all(|id| (1..=MAX_ID).contains(id)), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each order has its own");
    let reply = stage.place(&with(a_body(), "id", 5));
    reply.problem(422, "field_mismatch");
    assert_eq!(reply.pointers(), ["/id"]);
}

fn a_customer_is_1_to_2_to_the_53(stage: &Stage) {
    for customer in [1, MAX_ID] {
        taken(stage, "/customerId", &customer.to_string(), &json!(customer));
    }
    refused(stage, "/customerId", &["0", "9007199254740992", ""]);
    refused(stage, "/customerId", &NO_WHOLE_NUMBERS);
}

fn an_order_has_1_to_200_lines(stage: &Stage) {
    let lines = |count: i64| -> Value { (1..=count).map(|i| line(i, 1, "0.01")).collect() };
    for count in [1, 200] {
        let order = stage.place(&with(a_body(), "items", lines(count))).order(201);
        assert_eq!(order["totalAmount"], format!("{}.{:02}", count / 100, count % 100));
        for (i, item) in order["items"].as_array().unwrap().iter().enumerate() {
            let sent = with(line(i64::try_from(i).unwrap() + 1, 1, "0.01"), "lineTotal", "0.01");
            assert_eq!(*item, sent, "lines keep their order");
        }
        assert_eq!(stage.order(id_of(&order)), order);
        assert_eq!(stage.history(id_of(&order))[0]["data"]["items"], order["items"]);
    }
    let too_many = lines(201).to_string();
    refused(stage, "/items", &["[]", &too_many, "", "null", "{}", "\"1\"", "1"]);
    for no_line in ["1", "null", "[]", "\"x\""] {
        let reply = stage.ask("POST", "/orders", &[], body_with("/items", &format!("[{no_line}]")));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/items/0"], "{no_line}");
    }
}

fn a_product_is_1_to_2_to_the_53(stage: &Stage) {
    let pointer = "/items/0/productId";
    for product in [1, MAX_ID] {
        taken(stage, pointer, &product.to_string(), &json!(product));
    }
    refused(stage, pointer, &["0", "9007199254740992", ""]);
    refused(stage, pointer, &NO_WHOLE_NUMBERS);
}

fn a_name_has_up_to_200_characters(stage: &Stage) {
    let pointer = "/items/0/name";
    // Characters are counted, not bytes.
    for name in ["L".repeat(200), "ä".repeat(200), "😀".repeat(200)] {
        taken(stage, pointer, &json!(name).to_string(), &json!(name));
        let longer = json!(format!("{name}L")).to_string();
        refused(stage, pointer, &[&longer]);
    }
    for name in ["Desk \"lamp\" \\ 'x'", "日本語 ü ß", "' OR 1=1 --", "null", " a  b "] {
        taken(stage, pointer, &json!(name).to_string(), &json!(name));
    }
    taken(stage, pointer, r#""\u004camp \ud83d\ude00""#, &json!("Lamp 😀"));
    refused(stage, pointer, &["1", "true", "[]", "{}"]);
    assert!(stage.new_order()["items"][0].get("name").is_none(), "it may be left out");
}

fn a_quantity_is_1_to_9999(stage: &Stage) {
    let pointer = "/items/0/quantity";
    for quantity in [1, 9_999] {
        taken(stage, pointer, &quantity.to_string(), &json!(quantity));
    }
    refused(stage, pointer, &["0", "10000", "65536", "65537", "4294967297", "0.5", ""]);
    refused(stage, pointer, &NO_WHOLE_NUMBERS);
}

fn a_unit_price_is_0_to_9999999_9999(stage: &Stage) {
    let pointer = "/items/0/unitPrice";
    for (text, price) in [
        ("0", "0.00"),
        ("\"0.00\"", "0.00"),
        ("0.01", "0.01"),
        ("9999999.99", "9999999.99"),
        ("\"9999999.99\"", "9999999.99"),
    ] {
        taken(stage, pointer, text, &json!(price));
    }
    // The last digit of the bound needs a currency of four decimals.
    let finest = [line(1, 1, "9999999.9999"), line(2, 9_999, "0.0001")];
    let body = with(with(a_body(), "currency", "CLF"), "items", finest.to_vec());
    let order = stage.place(&body).order(201);
    assert_eq!(order["items"][0]["unitPrice"], "9999999.9999");
    assert_eq!(order["totalAmount"], "10000000.9998");
    assert_eq!(stage.order(id_of(&order)), order);
    refused(stage, pointer, &["10000000", "\"10000000.00\"", "-0.01", "\"-1\"", "1e400", "1e7"]);
    refused(stage, pointer, &["null", "true", "[]", "{}", "\"\"", "\"abc\"", "\"1,50\"", ""]);
    refused(stage, pointer, &["\" 1\"", "\"+1\"", "\"1.\"", "\".5\"", "\"0x10\"", "\"NaN\""]);
    refused(stage, pointer, &["\"1_000\"", "\"1 000\"", "\"$1\"", "\"Infinity\"", "\"١\""]);
}

fn a_unit_price_has_at_most_the_decimals_of_its_currency(stage: &Stage) {
    for (currency, finest, too_fine) in [
        ("JPY", "1", "1.5"),
        ("USD", "0.01", "0.001"),
        ("EUR", "0.01", "0.001"),
        ("KWD", "0.001", "0.0001"),
        ("CLF", "0.0001", "0.00001"),
    ] {
        let body =
            |price| with(with(a_body(), "currency", currency), "items", vec![line(1, 1, price)]);
        let order = stage.place(&body(finest)).order(201);
        assert_eq!(order["items"][0]["unitPrice"], finest, "{currency}");
        assert_eq!(stage.order(id_of(&order)), order);
        let reply = stage.place(&body(too_fine));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/items/0/unitPrice"], "{currency}");
        let reply = stage.replace(id_of(&order), &json!({"items": [line(1, 1, too_fine)]}));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/items/0/unitPrice"], "{currency}");
    }
}

fn a_product_stands_in_one_line(stage: &Stage) {
    let lines = vec![line(1, 1, "1.00"), line(2, 1, "1.00"), line(1, 2, "2.00")];
    let reply = stage.place(&with(a_body(), "items", lines.clone()));
    reply.problem(422, "duplicate_product");
    assert_eq!(reply.pointers(), ["/items/2/productId"]);
    let order = stage.new_order();
    let reply = stage.replace(id_of(&order), &json!({"items": lines}));
    reply.problem(422, "duplicate_product");
    assert_eq!(stage.order(id_of(&order)), order);
}

fn a_line_total_is_computed(stage: &Stage) {
    let lines = vec![line(1, 3, "49.99"), line(2, 9_999, "9999999.99"), line(3, 1, "0")];
    let order = stage.place(&with(a_body(), "items", lines)).order(201);
    let totals: Vec<_> =
        order["items"].as_array().unwrap().iter().map(|line| &line["lineTotal"]).collect();
    assert_eq!(totals, ["149.97", "99989999900.01", "0.00"]);
    for (claim, is_right) in [
        (json!("149.97"), true),
        (json!("149.9700"), true),
        (json!(149.97), true),
        (json!(null), true),
        (json!("149.98"), false),
        (json!(0), false),
        (json!(1e300), false),
    ] {
        let lines = json!([with(line(1, 3, "49.99"), "lineTotal", claim.clone())]);
        let placed = stage.place(&with(a_body(), "items", lines.clone()));
        let put = stage.replace(id_of(&order), &json!({"items": lines}));
        if is_right {
            assert_eq!(placed.order(201)["items"][0]["lineTotal"], "149.97", "{claim}");
            assert_eq!(put.order(200)["items"][0]["lineTotal"], "149.97", "{claim}");
        } else {
            for reply in [placed, put] {
                reply.problem(422, "field_mismatch");
                assert_eq!(reply.pointers(), ["/items/0/lineTotal"], "{claim}");
            }
        }
    }
    refused(stage, "/items/0/lineTotal", &["true", "[]", "\"x\"", "\"\"", "-1", "0.00001"]);
}

fn a_currency_is_one_of_the_enabled_ones(stage: &Stage) {
    assert_eq!(stage.new_order()["currency"], "USD", "the default");
    for currency in ["USD", "EUR", "CLF"] {
        taken(stage, "/currency", &format!("\"{currency}\""), &json!(currency));
    }
    for currency in ["GBP", "CHF"] {
        let reply = stage.place(&with(a_body(), "currency", currency));
        reply.problem(422, "currency_not_enabled");
        assert_eq!(reply.pointers(), ["/currency"]);
    }
    refused(stage, "/currency", &["\"ABC\"", "\"\"", "\"US\"", "\"USDT\"", "840", "[]", "true"]);
    // One per order: new lines are in the order's currency.
    let order = stage.place(&with(a_body(), "currency", "EUR")).order(201);
    let lines = |currency| json!({"items": [line(1, 1, "2.00")], "currency": currency});
    let reply = stage.replace(id_of(&order), &lines("USD"));
    reply.problem(422, "field_mismatch");
    assert_eq!(reply.pointers(), ["/currency"]);
    assert_eq!(stage.replace(id_of(&order), &lines("EUR")).order(200)["currency"], "EUR");
}

fn a_total_is_computed_and_may_be_claimed(stage: &Stage) {
    let lines = json!([line(1, 3, "49.99"), line(2, 1, "0.03")]).to_string();
    let items = format!("\"items\":{lines}");
    let order = stage.new_order();
    let path = format!("/orders/{}", order["id"]);
    for claim in ["\"150.00\"", "150", "150.0", "1.5e2", "\"150.0000\"", "null"] {
        let body = format!("{{\"customerId\":{},\"totalAmount\":{claim},{items}}}", fresh());
        let placed = stage.ask("POST", "/orders", &[], body).order(201);
        assert_eq!(placed["totalAmount"], "150.00", "{claim}");
        let body = format!("{{\"totalAmount\":{claim},{items}}}");
        assert_eq!(stage.ask("PUT", &path, &[], body).order(200)["totalAmount"], "150.00");
    }
    let order = stage.order(id_of(&order));
    for claim in ["\"150.01\"", "149.99", "0", "150.0001"] {
        let body = format!("{{\"customerId\":{},\"totalAmount\":{claim},{items}}}", fresh());
        let reply = stage.ask("POST", "/orders", &[], body);
        reply.problem(422, "total_mismatch");
        assert_eq!(reply.pointers(), ["/totalAmount"], "{claim}");
        let body = format!("{{\"totalAmount\":{claim},{items}}}");
        stage.ask("PUT", &path, &[], body).problem(422, "total_mismatch");
    }
    assert_eq!(stage.order(id_of(&order)), order);
    refused(stage, "/totalAmount", &["\"x\"", "-1", "true", "[]", "\"\"", "1.00001"]);
}

fn a_total_above_the_largest_amount_is_refused(stage: &Stage) {
    let order = stage.new_order();
    for claim in ["\"1000000000000000\"", "1e15", "1e400", "\"999999999999999999999999.99\""] {
        let body = body_with("/totalAmount", claim);
        stage.ask("POST", "/orders", &[], body).problem(422, "amount_overflow");
        let body = format!("{{\"items\":{},\"totalAmount\":{claim}}}", json!([line(1, 1, "1")]));
        let reply = stage.ask("PUT", &format!("/orders/{}", order["id"]), &[], body);
        reply.problem(422, "amount_overflow");
    }
    // The largest amount is only a wrong total.
    let body = body_with("/totalAmount", "\"999999999999999.9999\"");
    stage.ask("POST", "/orders", &[], body).problem(422, "total_mismatch");
}

fn a_status_is_not_the_clients_to_give(stage: &Stage) {
    assert_eq!(stage.new_order()["status"], "PENDING");
    for (field, value) in [
        ("status", json!("CONFIRMED")),
        ("version", json!(2)),
        ("allowedTransitions", json!([])),
        ("createdAt", json!("2026-11-22T12:00:00Z")),
        ("updatedAt", json!("2026-11-22T12:00:00Z")),
        ("cancelReason", json!("OTHER")),
    ] {
        let reply = stage.place(&with(a_body(), field, value));
        reply.problem(422, "field_mismatch");
        assert_eq!(reply.pointers(), [format!("/{field}")]);
    }
}

fn a_version_counts_changes_and_is_the_etag(stage: &Stage) {
    let order = stage.new_order();
    let id = id_of(&order);
    assert_eq!(order["version"], 1);
    let replaced = stage.replace(id, &json!({"items": [line(1, 1, "5.00")]})).order(200);
    assert_eq!(replaced["version"], 2);
    let confirmed = stage.change(id, &json!({"status": "CONFIRMED"})).order(200);
    assert_eq!(confirmed["version"], 3);
    assert_eq!(stage.order(id)["version"], 3);
    assert_eq!(stage.history(id).len(), 3, "as many as there are events");
}

fn a_client_reference_is_1_to_64_plain_characters(stage: &Stage) {
    let pointer = "/clientReference";
    let longest = "x".repeat(64);
    for reference in ["a", "-", "PO-2026_11.22", "..", longest.as_str()] {
        taken(stage, pointer, &json!(reference).to_string(), &json!(reference));
    }
    let too_long = json!("x".repeat(65)).to_string();
    refused(stage, pointer, &["\"\"", &too_long, "\"a b\"", "\"a/b\"", "\"ü\"", "\"a\\n\"", "7"]);
    assert!(stage.new_order().get("clientReference").is_none(), "it may be left out");
}

fn a_client_reference_is_unique_per_customer(stage: &Stage) {
    let body = with(a_body(), "clientReference", "Po-1");
    let order = stage.place(&body).order(201);
    let reply = stage.second.place(&with(body.clone(), "items", vec![line(9, 1, "1.00")]));
    let problem = reply.problem(409, "duplicate_client_reference");
    assert_eq!(problem["existingOrderId"], order["id"], "{problem}");
    // Another customer, and another spelling, are another reference.
    stage.place(&with(body.clone(), "customerId", fresh())).order(201);
    stage.place(&with(body.clone(), "clientReference", "PO-1")).order(201);
    // Two orders without a reference do not have the same one.
    let customer = fresh();
    for _ in 0..2 {
        stage.place(&with(a_body(), "customerId", customer)).order(201);
    }
    assert_eq!(stage.orders_of(customer).len(), 2);
    assert_eq!(stage.orders_of(body["customerId"].as_i64().unwrap()).len(), 2);
}

fn a_cancel_reason_is_one_of_seven(stage: &Stage) {
    for reason in [
        "CUSTOMER_REQUEST",
        "OUT_OF_STOCK",
        "PAYMENT_FAILED",
        "EXPIRED",
        "FRAUD",
        "OPERATOR",
        "OTHER",
    ] {
        let order = stage.new_order();
        assert!(order.get("cancelReason").is_none());
        let change = json!({"status": "CANCELLED", "reason": reason});
        let cancelled = stage.change(id_of(&order), &change).order(200);
        assert_eq!(cancelled["cancelReason"], reason);
        assert_eq!(stage.order(id_of(&order)), cancelled);
        assert_eq!(stage.history(id_of(&order))[1]["data"]["cancelReason"], reason);
    }
    let order = stage.new_order();
    for wrong in [json!("BORED"), json!(""), json!(1), json!([])] {
        let change = json!({"status": "CANCELLED", "reason": wrong});
        let reply = stage.change(id_of(&order), &change);
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), ["/reason"]);
    }
    assert_eq!(stage.order(id_of(&order)), order);
}

fn times_are_utc_in_microseconds_and_never_go_back(stage: &Stage) {
    let reply = stage.place(&a_body());
    let order = reply.order(201);
    let id = id_of(&order);
    assert_eq!(order["createdAt"], order["updatedAt"]);
    let now = DateTime::parse_from_rfc2822(reply.header("date").unwrap()).unwrap();
    let created = time(&order["createdAt"]);
    assert!((now - created).abs() < TimeDelta::seconds(30), "{created} is not near {now}");
    let mut last = created;
    for turn in 0..4 {
        let body = json!({"items": [line(1, turn + 1, "1.00")]});
        let changed = stage.instance(usize::try_from(turn).unwrap()).replace(id, &body).order(200);
        assert_eq!(changed["createdAt"], order["createdAt"]);
        assert!(time(&changed["updatedAt"]) >= last, "{changed}");
        last = time(&changed["updatedAt"]);
        assert_eq!(stage.order(id), changed, "as exact from the database");
    }
    assert!(last > created);
}

/// A time as the contract spells it: RFC 3339, UTC, six decimals.
fn time(text: &Value) -> DateTime<chrono::FixedOffset> {
    let text = text.as_str().unwrap();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99.999999Z");
    DateTime::parse_from_rfc3339(text).unwrap()
}
