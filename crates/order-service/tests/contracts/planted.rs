//! Tests of the check itself: it finds each kind of breaking change, and lets compatible ones pass.

use serde_json::{Value, json};

use crate::contracts;
use crate::documents::{Kind, breaks};
use crate::schema::{Comparison, Flow};

/// A change to a document: a pointer, and the new value there (`None`: it is removed).
type Change = (&'static str, Option<Value>);

fn changed(document: &Value, changes: &[Change]) -> Value {
    let mut document = document.clone();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        match (parent, value) {
            (Value::Object(members), Some(value)) => {
                members.insert(name, value.clone());
            }
            (Value::Object(members), None) => {
                assert!(members.remove(&name).is_some(), "no {pointer}");
            }
            (Value::Array(list), Some(value)) if name == "-" => list.push(value.clone()),
            (Value::Array(list), Some(value)) => {
                list[name.parse::<usize>().unwrap()] = value.clone();
            }
            (Value::Array(list), None) => {
                list.remove(name.parse().unwrap());
            }
            _ => panic!("{pointer} leads nowhere"),
        }
    }
    document
}

fn document(kind: Kind, number: usize) -> Value {
    let mut all = contracts().into_iter().filter(|(_, of, _)| *of == kind);
    all.nth(number).unwrap().2
}

fn breaks_by(kind: Kind, changes: &[Change]) -> Vec<String> {
    let old = document(kind, 0);
    breaks(kind, &old, &changed(&old, changes))
}

/// Breaking changes, each with the words of its error.
fn each_breaks(kind: Kind, table: Vec<(Change, &str)>) {
    for (change, told) in table {
        let told_of = breaks_by(kind, std::slice::from_ref(&change));
        assert!(told_of.iter().any(|line| line.contains(told)), "{change:?}: {told_of:?}");
    }
}

fn none_breaks(kind: Kind, table: Vec<Change>) {
    for change in table {
        assert_eq!(breaks_by(kind, std::slice::from_ref(&change)), [""; 0], "{change:?}");
    }
}

const GET: &str = "/paths/~1orders~1{id}/get";

#[test]
fn nothing_is_broken_by_the_same_document() {
    for (name, kind, now) in contracts() {
        assert_eq!(breaks(kind, &now, &now), [""; 0], "{name}");
    }
}

#[test]
fn a_request_may_not_be_asked_more_of() {
    let at = |rest: &str| -> &'static str { format!("/components/schemas/{rest}").leak() };
    each_breaks(
        Kind::OpenApi,
        vec![
            (("/paths/~1orders~1{id}", None), "/orders/{id} was removed"),
            ((GET, None), "get was removed"),
            ((format!("{GET}/operationId").leak(), Some(json!("other"))), "operationId changed"),
            ((format!("{GET}/security").leak(), Some(json!([{"key": []}]))), "security changed"),
            (
                (
                    format!("{GET}/parameters/-").leak(),
                    Some(json!({
                        "in": "query", "name": "tenant", "required": true, "schema": {"type": "string"},
                    })),
                ),
                "\"tenant\" is required now",
            ),
            (("/paths/~1orders~1{id}~1events/get/parameters/2", None), "was removed"),
            (
                ("/paths/~1orders~1{id}~1events/get/parameters/2/required", Some(json!(true))),
                "required now",
            ),
            (
                ("/paths/~1orders~1{id}~1events/get/parameters/2/schema/maximum", Some(json!(100))),
                "maximum became narrower",
            ),
            (
                ("/paths/~1orders~1{id}~1events/get/parameters/2/schema/default", Some(json!(7))),
                "default changed",
            ),
            (
                ("/paths/~1orders/post/requestBody/content/application~1json", None),
                "application/json was removed",
            ),
            ((at("PlaceOrder/required/-"), Some(json!("currency"))), "currency is required now"),
            ((at("PlaceOrder/properties/currency"), None), "currency was removed"),
            ((at("Id/type"), Some(json!("string"))), "the type changed"),
            ((at("Id/minimum"), Some(json!(2))), "minimum became narrower"),
            ((at("Id/maximum"), None), "maximum became wider"),
            ((at("IdempotencyKey/pattern"), Some(json!("^x$"))), "pattern changed"),
            ((at("UnitPrice/maxLength"), Some(json!(10))), "alternative 0 is not taken any more"),
            ((at("UnitPrice/x-also-accepts"), None), "alternative 1 is not taken any more"),
            ((at("EnabledCurrency/enum/0"), None), "alternative 0 is not taken any more"),
            (
                (at("PlaceOrder/properties/currency/x-also-accepts"), None),
                "alternative 1 is not taken any more",
            ),
            ((at("Status/x-also-accepts/pattern"), Some(json!("^(CANCELED)$"))), "not taken any"),
            ((at("ChangeStatus/if/properties/status/const"), Some(json!("PENDING"))), "judged"),
            ((at("ChangeStatus/else"), None), "else changed, and this cannot be judged"),
        ],
    );
}

#[test]
fn an_answer_may_not_promise_less() {
    let at = |rest: &str| -> &'static str { format!("/components/schemas/{rest}").leak() };
    each_breaks(
        Kind::OpenApi,
        vec![
            ((format!("{GET}/responses/404").leak(), None), "404 was removed"),
            ((format!("{GET}/responses/200/headers/ETag").leak(), None), "ETag was removed"),
            (
                (format!("{GET}/responses/200/content/application~1json").leak(), None),
                "was removed",
            ),
            ((at("Order/properties/version"), None), "version was removed"),
            ((at("Order/required/0"), None), "may be absent now"),
            ((at("Amount/type"), Some(json!("number"))), "the type changed"),
            (
                (at("Order/properties/clientReference/type"), Some(json!(["string", "null"]))),
                "the type changed",
            ),
            ((at("Status/enum/0"), None), "was removed"),
            ((at("Status/enum/-"), Some(json!("LOST"))), "added to a closed list"),
            ((at("Problem/properties/code/x-extensible-enum/0"), None), "was removed"),
            ((at("Problem/properties/code/x-extensible-enum"), None), "was removed"),
            ((at("Timestamp/format"), None), "format changed"),
            ((at("Timestamp/pattern"), Some(json!("^x$"))), "pattern changed"),
            ((at("OrderEvent/properties/id/format"), None), "format changed"),
            (
                (at("OrderEventData/properties/items/maxItems"), Some(json!(300))),
                "maxItems became wider",
            ),
            ((at("OrderEventData/properties/items/items"), None), "any items may come now"),
            ((at("Order/not"), Some(json!({"required": ["x"]}))), "cannot be judged"),
        ],
    );
}

#[test]
fn an_event_may_not_promise_less() {
    each_breaks(
        Kind::Schema,
        vec![
            (("/$id", Some(json!("urn:other"))), "$id changed"),
            (("/properties/note", None), "note was removed"),
            (("/required/0", None), "may be absent now"),
            (("/properties/totalAmount/type", Some(json!("number"))), "the type changed"),
            (("/properties/status/enum/-", Some(json!("LOST"))), "added to a closed list"),
            (("/properties/status/enum", None), "any value may come now"),
            (("/properties/cancelReason/x-extensible-enum/0", None), "was removed"),
            (
                ("/$defs/OrderEventLine/properties/quantity/maximum", Some(json!(10_000))),
                "maximum became wider",
            ),
            (("/$defs/OrderEventLine/properties/lineTotal", None), "lineTotal was removed"),
        ],
    );
    let headers = "/components/schemas/OrderCreatedHeaders";
    let at = |rest: &str| -> &'static str { format!("{headers}/{rest}").leak() };
    let message = "/components/messages/OrderCreated";
    each_breaks(
        Kind::AsyncApi,
        vec![
            (("/channels/orderEvents", None), "orderEvents was removed"),
            (("/channels/orderEvents/address", Some(json!("orders"))), "address changed"),
            (("/channels/orderEvents/bindings/kafka/topic", None), "bindings changed"),
            (("/channels/orderEvents/messages/OrderUpdated", None), "OrderUpdated was removed"),
            (("/operations/publishOrderEvents", None), "publishOrderEvents was removed"),
            (("/operations/publishOrderEvents/action", Some(json!("receive"))), "action changed"),
            (("/operations/publishOrderEvents/messages/0", None), "was removed"),
            ((format!("{message}/name").leak(), Some(json!("order.new"))), "name changed"),
            (
                (format!("{message}/contentType").leak(), Some(json!("text/plain"))),
                "contentType changed",
            ),
            (
                (format!("{message}/bindings/kafka/key/pattern").leak(), Some(json!("^x$"))),
                "pattern changed",
            ),
            ((at("properties/ce_sequence"), None), "ce_sequence was removed"),
            ((at("required/0"), None), "may be absent now"),
            ((at("properties/ce_type/const"), Some(json!("order.new"))), "was removed"),
            ((at("properties/ce_dataschema/const"), Some(json!("urn:v2"))), "was removed"),
            (("/components/schemas/OrderEventData/properties/items", None), "items was removed"),
        ],
    );
}

#[test]
fn a_command_may_not_promise_less() {
    let old = order_events::saga::command_schema();
    for change in [
        ("/$id", Some(json!("urn:other"))),
        ("/$defs/SagaReserve/required/0", None),
        ("/$defs/SagaItem/properties/quantity/maximum", Some(json!(10_000))),
        ("/$defs/SagaAuthorize/properties/amount/type", Some(json!("number"))),
        ("/$defs/SagaFollowUp/properties/reference", None),
    ] {
        let new = changed(&old, std::slice::from_ref(&change));
        assert_ne!(breaks(Kind::Schema, &old, &new), [""; 0], "{change:?}");
    }
    let new = changed(&old, &[("/$defs/SagaReserve/properties/warehouse", Some(json!({})))]);
    assert_eq!(breaks(Kind::Schema, &old, &new), [""; 0]);
}

#[test]
fn a_reply_may_not_be_asked_more_of() {
    each_breaks(
        Kind::ReadSchema,
        vec![
            (("/$id", Some(json!("urn:other"))), "$id changed"),
            (("/required/-", Some(json!("reference"))), "reference is required now"),
            (("/properties/detail/maxLength", Some(json!(100))), "maxLength became narrower"),
            (("/properties/reason/x-extensible-enum/0", None), "was removed"),
            (("/properties/reason/pattern", Some(json!("^x$"))), "pattern changed"),
        ],
    );
    none_breaks(
        Kind::ReadSchema,
        vec![
            ("/properties/detail/maxLength", Some(json!(1_000))),
            ("/properties/carrier", Some(json!({"type": "string"}))),
        ],
    );
}

#[test]
fn a_channel_is_judged_by_who_writes_to_it() {
    let of_command = "/components/schemas/InventoryReserveHeaders";
    let of_reply = "/components/schemas/InventoryReserveReplyHeaders";
    let at = |headers: &str, rest: &str| -> &'static str { format!("{headers}/{rest}").leak() };
    let late = Some(json!("inventory.reserve.late"));
    each_breaks(
        Kind::AsyncApi,
        vec![
            (("/channels/orderReplies", None), "orderReplies was removed"),
            (("/channels/paymentCommands/address", Some(json!("pay"))), "address changed"),
            (("/operations/receiveReplies/action", Some(json!("send"))), "action changed"),
            (("/operations/receiveReplies/messages/0", None), "was removed"),
            (("/operations/sendPaymentCommands/reply", None), "channel changed"),
            (("/operations/sendPaymentCommands/reply/messages/0", None), "was removed"),
            (("/components/messages/PaymentVoid/correlationId", None), "correlationId changed"),
            ((at(of_command, "required/0"), None), "may be absent now"),
            ((at(of_command, "properties/ce_replyto"), None), "ce_replyto was removed"),
            ((at(of_reply, "required/-"), Some(json!("ce_attempt"))), "ce_attempt is required now"),
            ((at(of_reply, "properties/ce_type/enum/0"), None), "was removed"),
            ((at(of_reply, "properties/ce_id/minLength"), Some(json!(9))), "became narrower"),
            (("/components/schemas/SagaItem/properties/quantity/maximum", None), "became wider"),
            (
                ("/components/schemas/SagaReply/properties/detail/maxLength", Some(json!(9))),
                "became narrower",
            ),
        ],
    );
    none_breaks(
        Kind::AsyncApi,
        vec![
            (at(of_command, "required/-"), Some(json!("traceparent"))),
            (at(of_reply, "required/0"), None),
            (at(of_reply, "properties/ce_type/enum/-"), late),
            ("/components/schemas/SagaReply/properties/detail/maxLength", Some(json!(1_000))),
            ("/components/schemas/SagaItem/properties/quantity/maximum", Some(json!(9))),
        ],
    );
    // Without the operation nothing would say who writes: then it is the service, as it was before.
    let old = changed(&document(Kind::AsyncApi, 0), &[("/operations/receiveReplies", None)]);
    let new = changed(&old, &[(at(of_reply, "required/0"), None)]);
    assert_ne!(breaks(Kind::AsyncApi, &old, &new), [""; 0]);
}

#[test]
fn what_was_closed_stays_closed_to_readers_and_open_to_writers() {
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let open = changed(&closed, &[("/additionalProperties", None)]);
    let more = changed(&closed, &[("/properties/hint", Some(json!({"type": "string"})))]);
    let told = |flow, old, new| {
        let mut comparison = Comparison::of(old, new);
        comparison.schema("", old, new, flow);
        comparison.breaks
    };
    assert_eq!(told(Flow::Out, &closed, &open), [": other fields may come now"]);
    assert_eq!(
        told(Flow::Out, &closed, &more),
        [": hint was added where nothing else was to come"]
    );
    assert_eq!(told(Flow::Out, &open, &closed), [""; 0]);
    assert_eq!(told(Flow::In, &open, &closed), [": other fields are refused now"]);
    assert_eq!(told(Flow::In, &closed, &open), [""; 0]);
    assert_eq!(told(Flow::In, &closed, &more), [""; 0]);
}

#[test]
fn a_topic_for_each_type_keeps_its_types() {
    let old = order_events::asyncapi::document("{type}");
    let new = changed(&old, &[("/channels/orderEvents/parameters/type/enum/0", None)]);
    assert_eq!(breaks(Kind::AsyncApi, &old, &new).len(), 1);
    let new = changed(&old, &[("/channels/orderEvents/parameters/type/enum/-", Some(json!("x")))]);
    assert_eq!(breaks(Kind::AsyncApi, &old, &new), [""; 0]);
}

#[test]
fn additions_are_let_pass() {
    let at = |rest: &str| -> &'static str { format!("/components/schemas/{rest}").leak() };
    let text = || Some(json!({"type": "string"}));
    none_breaks(
        Kind::OpenApi,
        vec![
            ("/paths/~1invoices", Some(json!({"get": {"responses": {}}}))),
            ("/paths/~1orders~1{id}/delete", Some(json!({"responses": {}}))),
            (format!("{GET}/description").leak(), Some(json!("other words"))),
            (format!("{GET}/responses/410").leak(), Some(json!({"description": "gone"}))),
            (
                format!("{GET}/responses/200/headers/Age").leak(),
                Some(json!({"schema": {"type": "string"}})),
            ),
            (
                format!("{GET}/parameters/-").leak(),
                Some(json!({
                    "in": "query", "name": "fields", "required": false, "schema": {"type": "string"},
                })),
            ),
            (at("PlaceOrder/properties/giftWrap"), text()),
            (at("Order/properties/giftWrap"), text()),
            (at("Order/required/-"), Some(json!("clientReference"))),
            (at("Problem/properties/code/x-extensible-enum/-"), Some(json!("out_of_stock"))),
            (at("IdempotencyKey/pattern"), None),
            (at("EnabledCurrency/enum/-"), Some(json!("EUR"))),
            (at("UnitPrice/x-also-accepts/type"), Some(json!(["number", "null"]))),
            (at("Status/x-also-accepts"), Some(json!({"type": "string"}))),
            (at("New"), text()),
        ],
    );
    none_breaks(
        Kind::Schema,
        vec![
            ("/properties/giftWrap", text()),
            ("/properties/note/maxLength", Some(json!(100))),
            ("/properties/cancelReason/x-extensible-enum/-", Some(json!("RECALLED"))),
            ("/$defs/OrderEventLine/properties/weight", text()),
            ("/description", Some(json!("other words"))),
        ],
    );
    none_breaks(
        Kind::AsyncApi,
        vec![
            ("/channels/orderEvents/messages/OrderReturned", text()),
            ("/components/messages/OrderReturned", text()),
            ("/components/schemas/OrderCreatedHeaders/properties/ce_tenant", text()),
            ("/components/schemas/OrderEventData/properties/giftWrap", text()),
            ("/operations/publishOrderEvents/messages/-", Some(json!({"$ref": "#/x"}))),
            ("/info/version", Some(json!("9.9.9"))),
        ],
    );
}
