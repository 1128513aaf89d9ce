//! From the same inputs, every build makes the same bytes as earlier builds. The messages are kept in
//! `order-events/tests/corpus`, where a test decodes them.

use std::fs;
use std::path::{Path, PathBuf};

use order_app::events::EventRecord;
use order_testkit::published::{additions_are_wanted, published_events};
use rdkafka::message::Headers as _;
use serde_json::{Value, json};

use super::{Message, Purpose};

fn file(name: &str) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../order-events/tests/corpus");
    corpus.join(format!("{name}.json"))
}

fn rendered(event: &EventRecord) -> Value {
    let message = Message::of(event, Purpose::Publication).unwrap();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    let headers = message.headers.iter().map(|header| json!([header.key, text(header.value)]));
    json!({
        "key": message.key,
        "headers": headers.collect::<Vec<_>>(),
        "value": event.data,
        "structured": serde_json::to_string(&event.cloud_event().unwrap()).unwrap(),
    })
}

#[test]
fn every_build_publishes_the_bytes_that_were_published_before() {
    let update = additions_are_wanted();
    let mut names = Vec::new();
    for (name, event) in published_events() {
        let now = rendered(&event);
        if let Ok(then) = fs::read_to_string(file(&name)) {
            let then: Value = serde_json::from_str(&then).unwrap();
            assert_eq!(now, then, "{name}: an event that was published never changes");
        } else {
            assert!(update, "{name} is not in the corpus; UPDATE_DOCS=1 adds what is new");
            fs::write(file(&name), format!("{now:#}\n")).unwrap();
        }
        assert!(!names.contains(&name), "{name} twice");
        names.push(name);
    }
    assert!(names.len() >= 20);
}
