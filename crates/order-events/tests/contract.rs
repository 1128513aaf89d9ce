//! The published documents are sound: valid by their own meta-schemas, in agreement with each other
//! and with the messages, and every example in them is what they say. What the document says of the
//! saga is in `saga/document.rs`.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use order_domain::OrderEventKind;
use order_events::asyncapi::{
    DEFAULT_TOPIC, HEADERS, Topics, document, document_of, json as text, json_of,
};
use order_events::{DATA_SCHEMA, schema};
use serde_json::{Value, json};

fn problems(validator: &Validator, instance: &Value) -> Vec<String> {
    validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// A validator of one of the document's schemas, with references into the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
    });
    whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
    jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
}

#[test]
fn the_schemas_are_valid_by_draft_2020_12_and_have_their_names() {
    for (schema, id) in
        [(schema::event_data(), DATA_SCHEMA), (schema::cloud_event(), schema::CLOUD_EVENT_SCHEMA)]
    {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], id);
        jsonschema::meta::validate(&schema).unwrap();
    }
}

#[test]
fn the_data_has_what_every_event_has_and_room_for_more() {
    let schema = schema::event_data();
    let required: BTreeSet<_> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let always = [
        "orderId",
        "customerId",
        "sequence",
        "status",
        "previousStatus",
        "currency",
        "totalAmount",
        "items",
        "occurredAt",
    ];
    assert_eq!(required, BTreeSet::from(always));
    let properties: BTreeSet<_> =
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let sometimes = ["clientReference", "cancelReason", "note"];
    assert_eq!(properties, always.into_iter().chain(sometimes).collect());
    assert_eq!(schema.get("additionalProperties"), None);
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name} is not described");
    }
}

#[test]
fn the_asyncapi_document_is_valid_by_its_published_schema() {
    let published = include_str!("asyncapi-3.0.0/schema.json");
    let published: Value = serde_json::from_str(published).unwrap();
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .should_validate_formats(true)
        .build(&published)
        .unwrap();
    for topic in [DEFAULT_TOPIC, "shop.{type}.v1", "{type}"] {
        assert_eq!(problems(&validator, &document(topic)), [""; 0], "{topic}");
        let mut topics = Topics::of_events(topic);
        topics.inventory = "shop.stock".into();
        topics.payment = "shop.money".into();
        topics.replies = "shop_replies-2".into();
        assert_eq!(problems(&validator, &document_of(&topics)), [""; 0], "{topic}");
    }
    // And the check is one.
    for (pointer, name, value) in [
        ("/channels/orderEvents", "adress", json!("x")),
        ("/channels/inventoryCommands/bindings/kafka", "topics", json!("x")),
        ("/channels/orderReplies", "messages", json!(["InventoryReserveReply"])),
        ("/operations/sendPaymentCommands", "action", json!("ask")),
        ("/operations/sendPaymentCommands/reply", "operation", json!("receiveReplies")),
        ("/operations/receiveReplies", "channel", json!("orderReplies")),
        ("/components/messages/PaymentVoid", "payload", json!({"type": "thing"})),
        ("/components/messages/PaymentVoidReply/examples/0", "payloads", json!({})),
    ] {
        let mut wrong = document(DEFAULT_TOPIC);
        wrong.pointer_mut(pointer).unwrap()[name] = value;
        assert_ne!(problems(&validator, &wrong), [""; 0], "{pointer}/{name}");
    }
}

#[test]
fn the_topic_of_the_events_alone_leaves_the_others_at_their_defaults() {
    assert_eq!(document(DEFAULT_TOPIC), document_of(&Topics::default()));
    assert_eq!(document("shop"), document_of(&Topics::of_events("shop")));
    assert_eq!(text("shop"), json_of(&Topics::of_events("shop")));
    assert_eq!(serde_json::from_str::<Value>(&text("shop")).unwrap(), document("shop"));
}

#[test]
fn every_reference_in_the_asyncapi_document_leads_somewhere() {
    let document = document(DEFAULT_TOPIC);
    let (mut open, mut references) = (vec![&document], 0);
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    references += 1;
                }
                open.extend(members.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    // In components, in a channel and in an operation; a reply also with its command.
    assert!(references >= 6 * 4 + 6 * 4 + 6 * 5, "{references}");
}

#[test]
fn every_type_has_its_message_with_headers_key_and_an_example_that_holds() {
    let document = document(DEFAULT_TOPIC);
    let all = &document["components"]["messages"];
    let messages = document["channels"]["orderEvents"]["messages"].as_object().unwrap();
    let messages: BTreeMap<_, _> = messages.keys().map(|name| (name, &all[name])).collect();
    assert_eq!(messages.len(), OrderEventKind::ALL.len());
    let sent = document["operations"]["publishOrderEvents"]["messages"].as_array().unwrap();
    assert_eq!(sent.len(), OrderEventKind::ALL.len());
    let titles: BTreeSet<_> = messages.values().map(|message| message["title"].as_str()).collect();
    assert_eq!(titles.len(), messages.len(), "each type has a title of its own");
    for kind in OrderEventKind::ALL {
        let message = messages.values().find(|message| message["name"] == kind.as_str()).unwrap();
        let [headers, payload, key] =
            [&message["headers"], &message["payload"], &message["bindings"]["kafka"]["key"]]
                .map(|schema| validator(&document, schema));
        let examples = message["examples"].as_array().unwrap();
        assert!(!examples.is_empty());
        for example in examples {
            assert_eq!(problems(&headers, &example["headers"]), [""; 0], "{kind}");
            assert_eq!(problems(&payload, &example["payload"]), [""; 0], "{kind}");
            assert_eq!(problems(&key, &example["headers"]["ce_subject"]), [""; 0], "{kind}");
            let list = example["headers"].as_object().unwrap().iter();
            let list =
                list.map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes()));
            let value = serde_json::to_vec(&example["payload"]).unwrap();
            let event = order_events::decode(list, Some(&value)).unwrap();
            assert_eq!(event.kind.known(), Some(&kind));
            // And the schemas are no mere decoration.
            for (name, always, _) in HEADERS {
                let mut fewer = example["headers"].clone();
                fewer.as_object_mut().unwrap().remove(name);
                assert_eq!(headers.is_valid(&fewer), !always, "{name}");
            }
            let wrong = |field: &str, value: Value| {
                let mut wrong = example["payload"].clone();
                wrong[field] = value;
                !payload.is_valid(&wrong)
            };
            assert!(wrong("totalAmount", json!(149.97)), "an amount is text");
            assert!(wrong("status", json!("SHIPPED")));
            assert!(wrong("items", json!([])));
            assert!(wrong("orderId", json!(0)));
        }
    }
}

#[test]
fn one_topic_or_one_for_each_type_is_told_by_the_channel() {
    let one = document("shop.orders");
    let channel = &one["channels"]["orderEvents"];
    assert_eq!(channel["address"], "shop.orders");
    assert_eq!(channel["bindings"]["kafka"]["topic"], "shop.orders");
    assert_eq!(channel.get("parameters"), None);
    let many = document("shop.{type}");
    let channel = &many["channels"]["orderEvents"];
    assert_eq!(channel["address"], "shop.{type}");
    let types = OrderEventKind::ALL.map(OrderEventKind::as_str);
    assert_eq!(channel["parameters"]["type"]["enum"], json!(types));
    assert_eq!(channel["bindings"]["kafka"].get("topic"), None);
}
