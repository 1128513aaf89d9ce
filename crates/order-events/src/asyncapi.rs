//! The AsyncAPI 3.0 document: the topics, what a message looks like, and what it means. It is made of
//! the same types and constants as the messages, and its texts are part of the frozen contract. It
//! names no brokers: subscribers know their addresses, and others need not.

mod examples;
mod headers;

use order_domain::OrderEventKind;
use serde_json::{Map, Value, json};

use crate::schema;

pub use headers::HEADERS;

/// The topic of a service with default settings.
pub const DEFAULT_TOPIC: &str = "order.events";
/// The placeholder for the type of the event in the name of a topic.
const TYPE: &str = "{type}";
/// The version of the document, which is that of the contract and not that of this crate.
const VERSION: &str = "0.1.0";
/// The version of `AsyncAPI`'s bindings for Kafka.
const BINDING: &str = "0.5.0";

/// The document of a service that publishes to this topic, which may hold the placeholder `{type}`.
#[must_use]
pub fn document(topic: &str) -> Value {
    let mut schemas = schema::definitions("/components/schemas");
    // For the JSON format only; in binary mode the attributes are headers.
    schemas.remove("OrderEvent");
    for kind in OrderEventKind::ALL {
        schemas.insert(format!("{}Headers", name(kind)), headers::of(kind));
    }
    let messages: Map<_, _> =
        OrderEventKind::ALL.into_iter().map(|kind| (name(kind), message(kind))).collect();
    let at_channel =
        |name: &String| json!({"$ref": format!("#/channels/orderEvents/messages/{name}")});
    let sent: Vec<_> = messages.keys().map(at_channel).collect();
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:order-service",
        "info": {
            "title": "Order Management Service: events",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {"orderEvents": channel(topic, &messages)},
        "operations": {"publishOrderEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/orderEvents"},
            "summary": "One event for every change of an order.",
            "messages": sent,
        }},
        "components": {"messages": messages, "schemas": schemas},
    })
}

/// The document as JSON text.
#[must_use]
pub fn json(topic: &str) -> String {
    serde_json::to_string_pretty(&document(topic)).unwrap_or_default()
}

const ABOUT: &str = "\
What happened to orders, as CloudEvents 1.0 in Kafka's binary mode. Each event carries the order as \
it was right after, complete. An event may come more than once, always with the same id and bytes; \
the first occurrences of one order's events come in sequence. Drop what is not newer than the last \
version applied, remember the version in the transaction of the effect, and commit the offset after \
it. Within a major version only optional fields, headers and types of events are added: ignore what \
you do not know.";

fn channel(topic: &str, messages: &Map<String, Value>) -> Value {
    let at_components =
        |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let one_for_each_type = topic.contains(TYPE);
    let mut kafka = object(json!({ "bindingVersion": BINDING }));
    if !one_for_each_type {
        kafka.insert("topic".to_owned(), json!(topic));
    }
    let mut channel = object(json!({
        "address": topic,
        "title": "Events of orders",
        "description": "The key of a message is the order's id, and partitions are chosen as Java's \
            producer does (murmur2), so all events of an order are in one partition of their topic.",
        "messages": messages.keys().map(at_components).collect::<Map<_, _>>(),
        "bindings": { "kafka": kafka },
    }));
    if one_for_each_type {
        let types = OrderEventKind::ALL.map(OrderEventKind::as_str);
        let parameter = json!({"type": {
            "description": "The type of the events of this topic. Only the events of one type of \
                one order are in sequence then.",
            "enum": types,
        }});
        channel.insert("parameters".to_owned(), parameter);
    }
    channel.into()
}

fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn message(kind: OrderEventKind) -> Value {
    json!({
        "name": kind.as_str(),
        "title": title(kind),
        "contentType": "application/json",
        "headers": {"$ref": format!("#/components/schemas/{}Headers", name(kind))},
        "payload": {"$ref": "#/components/schemas/OrderEventData"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {
            // Not a reference: the published schema of AsyncAPI takes one here for two things at once.
            "key": headers::key(),
            "bindingVersion": BINDING,
        }},
        "examples": [examples::of(kind)],
    })
}

/// The name of a message in the document: `OrderCreated`.
fn name(kind: OrderEventKind) -> String {
    kind.as_str()
        .split(['.', '_'])
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

const fn title(kind: OrderEventKind) -> &'static str {
    match kind {
        OrderEventKind::Created => "An order was placed.",
        OrderEventKind::Updated => "The lines of a pending order were replaced.",
        OrderEventKind::Confirmed => "An order was confirmed.",
        OrderEventKind::InProgress => "An order is being prepared or on its way.",
        OrderEventKind::Delivered => "An order is with the customer.",
        // `Cancelled`; a test checks that each kind has a title of its own.
        _ => "An order was cancelled.",
    }
}
