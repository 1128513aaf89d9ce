//! The corpus: messages as they were published, one a file. Every build reads them all, checks them
//! against today's schemas, encodes the same bytes from the same events, and refuses a corpus of
//! which a file was changed or removed. That the stored form leads to the same bytes is tested in
//! `events-kafka`.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends a test")]

mod frozen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::frozen::headers;
use order_domain::{Amount, CancelReason, Currency, OrderEventKind};
use order_events::{
    Context, Event, Word, decode, decode_structured, encode, encode_structured, schema,
};
use order_testkit::published::published_changes;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"))
}

fn messages() -> BTreeMap<String, Value> {
    frozen::messages(&folder())
}

fn read(message: &Value) -> Event {
    let headers = headers(message);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    decode(headers, Some(message["value"].as_str().unwrap().as_bytes())).unwrap()
}

#[test]
fn every_message_that_was_ever_published_can_be_read_in_either_mode() {
    for (name, message) in messages() {
        let event = read(&message);
        let structured = message["structured"].as_str().unwrap();
        assert_eq!(decode_structured(structured.as_bytes()).unwrap(), event, "{name}");
        assert_eq!(message["key"], event.order.id.to_string(), "{name}");
        // To the last digit: what is on the wire is what is read.
        let data: Value = serde_json::from_str(message["value"].as_str().unwrap()).unwrap();
        let order = &event.order;
        if let Word::Known(currency) = &order.currency {
            let spelled = order.total.display(*currency).to_string();
            assert_eq!(data["totalAmount"], spelled, "{name}");
        }
        let lines = order.lines.iter().map(|l| l.unit_price.checked_times(l.quantity).unwrap());
        assert_eq!(lines.sum::<Option<Amount>>(), Some(order.total), "{name}");
    }
}

#[test]
fn encoding_an_event_gives_the_bytes_that_were_published() {
    let corpus = messages();
    for (name, event, id, origin) in published_changes() {
        let then = &corpus[&format!("{name}.json")];
        let context = Context::caused_by(&origin.correlation_id, origin.traceparent.as_deref());
        let now = encode(&event, id, &context).unwrap();
        assert_eq!(then["key"], now.key(), "{name}");
        assert_eq!(then["value"].as_str().unwrap().as_bytes(), now.value(), "{name}");
        let text = |(name, value)| (name, std::str::from_utf8(value).unwrap());
        assert_eq!(headers(then), now.headers().map(text).collect::<Vec<_>>(), "{name}");
        let structured = encode_structured(&event, id, &context).unwrap();
        assert_eq!(then["structured"], structured.as_str(), "{name}");
    }
}

#[test]
fn every_message_that_was_ever_published_keeps_to_todays_schemas() {
    let validator =
        |schema: &Value| jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    let (data, envelope) = (validator(&schema::event_data()), validator(&schema::cloud_event()));
    for (name, message) in messages() {
        for (validator, part) in [(&data, "value"), (&envelope, "structured")] {
            let instance = serde_json::from_str(message[part].as_str().unwrap()).unwrap();
            let problems: Vec<_> =
                validator.iter_errors(&instance).map(|e| e.to_string()).collect();
            assert_eq!(problems, [""; 0], "{part} of {name}");
        }
    }
}

#[test]
fn every_message_that_was_ever_published_has_the_headers_that_the_document_says() {
    let document = order_events::asyncapi::document("order.events");
    for (name, message) in messages() {
        let kind = read(&message).kind;
        let messages = document["components"]["messages"].as_object().unwrap();
        let Some(kind) = kind.known() else { continue };
        let described = messages.values().find(|message| message["name"] == kind.as_str()).unwrap();
        let pointer = described["headers"]["$ref"].as_str().unwrap().trim_start_matches('#');
        let validator = jsonschema::validator_for(document.pointer(pointer).unwrap()).unwrap();
        let headers: serde_json::Map<_, _> = headers(&message)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        let headers = Value::Object(headers);
        let problems: Vec<_> = validator.iter_errors(&headers).map(|e| e.to_string()).collect();
        assert_eq!(problems, [""; 0], "{name}");
        let key = &described["bindings"]["kafka"]["key"];
        assert!(jsonschema::is_valid(key, &message["key"]), "{name}");
    }
}

#[test]
fn the_corpus_has_every_type_every_field_and_every_scale() {
    let messages = messages();
    let events: Vec<Event> = messages.values().map(read).collect();
    for kind in OrderEventKind::ALL {
        assert!(events.iter().any(|event| event.kind == Word::Known(kind)), "{kind}");
    }
    for reason in CancelReason::ALL {
        let has = |event: &Event| event.order.cancel_reason == Some(Word::Known(reason));
        assert!(events.iter().any(has), "{reason}");
    }
    let scales: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event.order.currency.known().map(|currency| currency.decimals()))
        .collect();
    assert_eq!(scales, Currency::all().map(Currency::decimals).collect());
    for present in [true, false] {
        assert!(events.iter().any(|e| e.traceparent.is_some() == present));
        assert!(events.iter().any(|e| e.order.note.is_some() == present));
        assert!(events.iter().any(|e| e.order.client_reference.is_some() == present));
        assert!(events.iter().any(|e| e.order.lines[0].name.is_some() == present));
        assert!(events.iter().any(|e| e.order.previous_status.is_some() == present));
    }
    assert!(events.iter().any(|event| event.order.lines.len() == 200));
    assert!(events.iter().any(|event| event.kind.known().is_none()), "of a later minor version");
}

#[test]
fn no_message_of_the_corpus_changes_or_goes() {
    frozen::check(&folder());
}
