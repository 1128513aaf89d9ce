//! The rules of every JSON body: names, unknown and doubled fields, nulls, and all errors at once.

use serde_json::json;

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, id_of, line, with};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        an_order_has_exactly_its_fields,
        unknown_fields_are_refused_wherever_they_stand,
        names_are_spelled_in_camel_case_only,
        a_doubled_field_is_refused,
        null_is_the_same_as_absent,
        all_field_errors_are_told_at_once,
        field_errors_come_before_broken_rules,
        the_order_of_fields_and_white_space_mean_nothing,
    ]
}

fn an_order_has_exactly_its_fields(stage: &Stage) {
    let named = with(line(7, 3, "49.99"), "name", "Desk lamp");
    let items = vec![named.clone(), line(9, 1, "0.03")];
    let body = with(with(a_body(), "items", items), "clientReference", "PO-1");
    let order = stage.place(&body).order(201);
    let expected = json!({
        "id": order["id"], "customerId": body["customerId"], "currency": "USD",
        "items": [
            with(named, "lineTotal", "149.97"),
            with(line(9, 1, "0.03"), "lineTotal", "0.03"),
        ],
        "totalAmount": "150.00", "status": "PENDING", "version": 1, "clientReference": "PO-1",
        "allowedTransitions": ["CONFIRMED", "CANCELLED"],
        "createdAt": order["createdAt"], "updatedAt": order["createdAt"],
    });
    assert_eq!(order, expected);
    let change = json!({"status": "CANCELLED", "reason": "FRAUD", "note": "seen twice"});
    let cancelled = stage.change(id_of(&order), &change).order(200);
    let mut expected = with(with(expected, "status", "CANCELLED"), "version", 2);
    expected = with(with(expected, "cancelReason", "FRAUD"), "allowedTransitions", json!([]));
    assert_eq!(cancelled, with(expected, "updatedAt", cancelled["updatedAt"].clone()));
}

fn unknown_fields_are_refused_wherever_they_stand(stage: &Stage) {
    let reply = stage.place(&with(a_body(), "custmerId", 1));
    reply.problem(400, "unknown_field");
    assert_eq!(reply.pointers(), ["/custmerId"]);
    let lines = vec![line(1, 1, "1.00"), with(line(2, 1, "1.00"), "colour", "red")];
    let reply = stage.place(&with(a_body(), "items", lines.clone()));
    reply.problem(400, "unknown_field");
    assert_eq!(reply.pointers(), ["/items/1/colour"]);
    // RFC 6901 escapes.
    let reply = stage.place(&with(a_body(), "a/b~c", json!(null)));
    reply.problem(400, "unknown_field");
    assert_eq!(reply.pointers(), ["/a~1b~0c"]);

    let order = stage.new_order();
    let id = id_of(&order);
    let reply = stage.replace(id, &json!({"items": lines, "custmerId": 1}));
    reply.problem(400, "unknown_field");
    let mut pointers = reply.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/custmerId", "/items/1/colour"]);
    let reply = stage.change(id, &json!({"status": "CONFIRMED", "reson": "OTHER"}));
    reply.problem(400, "unknown_field");
    assert_eq!(reply.pointers(), ["/reson"]);
    assert_eq!(stage.order(id), order);
}

fn names_are_spelled_in_camel_case_only(stage: &Stage) {
    for name in ["customer_id", "CustomerId", "customerid", "CUSTOMERID"] {
        let body = json!({name: 1, "items": [line(1, 1, "1.00")]});
        let reply = stage.place(&body);
        reply.problem(400, "validation_failed");
        let mut pointers = reply.pointers();
        pointers.sort_unstable();
        let mut expected = ["/customerId".to_owned(), format!("/{name}")];
        expected.sort_unstable();
        assert_eq!(pointers, expected);
    }
}

fn a_doubled_field_is_refused(stage: &Stage) {
    // Parsers disagree on which of two equal fields counts.
    let lines = json!([line(1, 1, "1.00")]);
    for body in [
        format!("{{\"customerId\":1,\"customerId\":2,\"items\":{lines}}}"),
        format!("{{\"customerId\":1,\"items\":{lines},\"items\":[]}}"),
        r#"{"customerId":1,"items":[{"productId":1,"quantity":1,"quantity":2,"unitPrice":1}]}"#
            .to_owned(),
    ] {
        let reply = stage.ask("POST", "/orders", &[], body.clone());
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.pointers().len(), 1, "{body}");
    }
}

fn null_is_the_same_as_absent(stage: &Stage) {
    let plain = stage.new_order();
    let nulls = json!({
        "customerId": fresh(), "currency": null, "clientReference": null, "totalAmount": null,
        "items": [with(line(7, 3, "49.99"), "name", json!(null))],
    });
    let order = stage.place(&nulls).order(201);
    let mut expected = with(plain, "id", order["id"].clone());
    for field in ["customerId", "createdAt", "updatedAt"] {
        expected = with(expected, field, order[field].clone());
    }
    assert_eq!(order, expected);
    let change = json!({"status": "CONFIRMED", "reason": null, "note": null});
    stage.change(id_of(&order), &change).order(200);
    for field in ["customerId", "items"] {
        let reply = stage.place(&with(a_body(), field, json!(null)));
        reply.problem(400, "validation_failed");
        assert_eq!(reply.pointers(), [format!("/{field}")]);
    }
    let reply = stage.change(id_of(&order), &json!({"status": null}));
    assert_eq!((reply.status, reply.pointers()), (400, vec!["/status".to_owned()]));
}

fn all_field_errors_are_told_at_once(stage: &Stage) {
    let lines = json!([
        {"productId": "1", "quantity": 1.5, "unitPrice": "-1", "name": 7, "x": 1},
        {"productId": 0, "unitPrice": 1},
        7,
        line(3, 1, "1.00"),
    ]);
    let of_lines = [
        "/items/0/name",
        "/items/0/productId",
        "/items/0/quantity",
        "/items/0/unitPrice",
        "/items/0/x",
        "/items/1/productId",
        "/items/1/quantity",
        "/items/2",
    ];
    let body = json!({
        "customerId": 0, "currency": "abc", "items": lines, "clientReference": "a b",
        "totalAmount": "x", "colour": "red",
    });
    let reply = stage.place(&body);
    reply.problem(400, "validation_failed");
    let mut told = reply.pointers();
    told.sort_unstable();
    let of_order = ["/clientReference", "/colour", "/currency", "/customerId"];
    assert_eq!(told, [&of_order[..], &of_lines[..], &["/totalAmount"]].concat());

    let order = stage.new_order();
    let reply = stage.replace(id_of(&order), &json!({"items": lines, "totalAmount": true}));
    reply.problem(400, "validation_failed");
    let mut told = reply.pointers();
    told.sort_unstable();
    assert_eq!(told, [&of_lines[..], &["/totalAmount"]].concat());

    let reply = stage.change(id_of(&order), &json!({"reason": "BORED", "note": 7, "x": 1}));
    reply.problem(400, "validation_failed");
    let mut told = reply.pointers();
    told.sort_unstable();
    assert_eq!(told, ["/note", "/reason", "/status", "/x"]);
}

fn field_errors_come_before_broken_rules(stage: &Stage) {
    let doubled = vec![line(1, 1, "1.00"), line(1, 1, "1.00")];
    let body = with(with(a_body(), "items", doubled), "totalAmount", "9.00");
    stage.place(&body).problem(422, "duplicate_product");
    let reply = stage.place(&with(body, "clientReference", "a b"));
    reply.problem(400, "validation_failed");
    assert_eq!(reply.pointers(), ["/clientReference"]);
}

fn the_order_of_fields_and_white_space_mean_nothing(stage: &Stage) {
    let customer = fresh();
    let body = format!(
        "\r\n\t {{ \"items\" : [ {{\"unitPrice\":\n49.99 , \"quantity\":3,\t\"product\\u0049d\":7}} \
         ] , \"customerId\": {customer} }} \n"
    );
    let order = stage.ask("POST", "/orders", &[], body).order(201);
    assert_eq!(order["customerId"], customer);
    assert_eq!(order["items"], stage.new_order()["items"]);
}
