//! The AsyncAPI 3.0 document: the topics, what a message looks like, and what it means; the events here,
//! the commands and replies in `asyncapi/saga.rs`. It is made of the same types and constants as the
//! messages, and its texts are part of the frozen contract. It names no brokers: subscribers know their
//! addresses, and others need not.

mod examples;
mod headers;
mod saga;
mod topics;

use order_domain::OrderEventKind;
use serde_json::{Map, Value, json};

use crate::schema;

pub use headers::HEADERS;
pub use topics::Topics;

/// The topic of a service with default settings.
pub const DEFAULT_TOPIC: &str = "order.events";
/// The placeholder for the type of the event in the name of a topic.
const TYPE: &str = "{type}";
/// The version of the document, which is that of the contract and not that of this crate.
const VERSION: &str = "0.2.0";
/// The version of `AsyncAPI`'s bindings for Kafka.
const BINDING: &str = "0.5.0";
/// Where the document has its schemas.
const SCHEMAS: &str = "/components/schemas";

/// The document of a service that publishes to this topic, which may hold the placeholder `{type}`. Its
/// saga has the topics of default settings.
#[must_use]
pub fn document(topic: &str) -> Value {
    document_of(&Topics::of_events(topic))
}

/// The document of a service with these topics.
#[must_use]
pub fn document_of(topics: &Topics) -> Value {
    let mut schemas = schema::definitions(SCHEMAS);
    // For the JSON format only; in binary mode the attributes are headers.
    schemas.remove("OrderEvent");
    for kind in OrderEventKind::ALL {
        schemas.insert(format!("{}Headers", name(kind.as_str())), headers::of(kind));
    }
    schemas.extend(saga::schemas());
    let events: Map<_, _> =
        OrderEventKind::ALL.map(|kind| (name(kind.as_str()), message(kind))).into_iter().collect();
    let mut channels = object(json!({"orderEvents": channel(&topics.events, &events)}));
    channels.extend(saga::channels(topics));
    let mut operations = object(json!({"publishOrderEvents": {
        "action": "send",
        "channel": reference("/channels/orderEvents"),
        "summary": "One event for every change of an order.",
        "messages": of_channel("orderEvents", events.keys()),
    }}));
    operations.extend(saga::operations());
    let mut messages = events;
    messages.extend(saga::messages(topics));
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:order-service",
        "info": {
            "title": "Order Management Service: events and sagas",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    })
}

/// The document of [`document`] as JSON text.
#[must_use]
pub fn json(topic: &str) -> String {
    json_of(&Topics::of_events(topic))
}

/// The document of [`document_of`] as JSON text.
#[must_use]
pub fn json_of(topics: &Topics) -> String {
    serde_json::to_string_pretty(&document_of(topics)).unwrap_or_default()
}

const ABOUT: &str = "\
What happened to orders, as CloudEvents 1.0 in Kafka's binary mode. Each event carries the order as \
it was right after, complete. An event may come more than once, always with the same id and bytes; \
the first occurrences of one order's events come in sequence. Drop what is not newer than the last \
version applied, remember the version in the transaction of the effect, and commit the offset after \
it. Within a major version only optional fields, headers and types of events are added: ignore what \
you do not know.

The channels `inventoryCommands`, `paymentCommands` and `orderReplies` are those of the saga. They \
are used when `order.saga.enabled` is on: the order service sends commands to inventory and payment, \
and they reply, in the same form. What a participant has to do is in docs/saga-participants.md; the \
texts here name its rules in quotation marks.";

fn channel(topic: &str, messages: &Map<String, Value>) -> Value {
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
        "messages": of_components(messages.keys()),
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

fn reference(pointer: &str) -> Value {
    json!({"$ref": format!("#{pointer}")})
}

/// Messages as an operation has them: by reference into its channel.
fn of_channel(channel: &str, names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Value> {
    let at = |name: &str| reference(&format!("/channels/{channel}/messages/{name}"));
    names.into_iter().map(|name| at(name.as_ref())).collect()
}

/// Messages as a channel has them.
fn of_components(names: impl IntoIterator<Item = impl AsRef<str>>) -> Map<String, Value> {
    let at = |name: &str| (name.to_owned(), reference(&format!("/components/messages/{name}")));
    names.into_iter().map(|name| at(name.as_ref())).collect()
}

/// What is special to Kafka in each message.
fn message_bindings() -> Value {
    json!({"kafka": {
        // Not a reference: the published schema of AsyncAPI takes one here for two things at once.
        "key": headers::key(),
        "bindingVersion": BINDING,
    }})
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
        "headers": reference(&format!("{SCHEMAS}/{}Headers", name(kind.as_str()))),
        "payload": reference(&format!("{SCHEMAS}/OrderEventData")),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": message_bindings(),
        "examples": [examples::of(kind)],
    })
}

/// The name of a type in the document: `OrderCreated` for `order.created`.
fn name(kind: &str) -> String {
    kind.split(['.', '_'])
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
