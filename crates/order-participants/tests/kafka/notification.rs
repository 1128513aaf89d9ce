//! Notification tells of each order once, through kills and repetitions.

use order_domain::{OrderEvent, OrderStatus};
use order_events::{Context, encode};
use order_participants::shell::to_headers;
use order_testkit::examples::{a_new_order, moved, noon_plus, placed};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

use crate::process::{AT_ONCE, Participant, eventually};
use crate::{PATIENCE, brokers, wait_for};

/// Sends an event, or the same once more, or as a replay.
fn send(topic: &str, event: &OrderEvent, replay: bool) {
    let order = event.order.snapshot();
    let id = uuid::Uuid::from_u64_pair(
        u64::try_from(order.id.get()).unwrap(),
        u64::try_from(order.version.get()).unwrap(),
    );
    let message = encode(event, id, &Context::caused_by("request", None)).unwrap();
    let mut headers: OwnedHeaders = to_headers(&message);
    if replay {
        headers = headers.insert(Header { key: "ce_replay", value: Some("true") });
    }
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", brokers()).create().unwrap();
    let record = FutureRecord::to(topic).key(message.key()).payload(message.value());
    wait_for(producer.send(record.headers(headers), PATIENCE)).unwrap();
}

/// The life of an order, up to one of its ends.
fn life(order: i64, end: OrderStatus) -> Vec<OrderEvent> {
    use OrderStatus::{Cancelled, Confirmed, InProgress};

    let mut events = vec![placed(a_new_order(order, 42), noon_plus(0))];
    let steps = if end == Cancelled { vec![Cancelled] } else { vec![Confirmed, InProgress, end] };
    for (number, step) in (1..).zip(steps) {
        events.push(moved(&events.last().unwrap().order, step, noon_plus(number)));
    }
    events
}

fn told(participant: &Participant) -> Vec<(i64, String)> {
    let notices = participant.audit()["notices"].as_array().unwrap().clone();
    let told = |notice: Value| {
        let what = notice["what"].as_str().unwrap().to_owned();
        (notice["orderId"].as_i64().unwrap(), what)
    };
    notices.into_iter().map(told).collect()
}

#[test]
fn each_customer_is_told_once_through_kills_and_repetitions() {
    let mut notification = Participant::start(
        "notification",
        &[&["--service", "http://127.0.0.1:1"][..], &AT_ONCE].concat(),
    );
    let topic = notification.topic.clone();
    for event in life(1, OrderStatus::Delivered) {
        send(&topic, &event, false);
        send(&topic, &event, false);
    }
    notification.waits_for("what=\"delivered\"");
    notification.kill();
    for event in life(2, OrderStatus::Cancelled) {
        send(&topic, &event, false);
    }
    // A replayed event gives no notice.
    for event in life(3, OrderStatus::Delivered) {
        send(&topic, &event, true);
    }
    notification.run();
    notification.waits_for("order=2 customer=42 what=\"cancelled\"");
    send(&topic, &life(2, OrderStatus::Cancelled)[1], false);
    for event in life(4, OrderStatus::Cancelled) {
        send(&topic, &event, false);
    }
    assert!(eventually(|| told(&notification).len() == 4), "{}", notification.log());
    let expected = [(1, "confirmed"), (1, "delivered"), (2, "cancelled"), (4, "cancelled")];
    assert_eq!(told(&notification), expected.map(|(order, what)| (order, what.to_owned())));
    assert!(notification.audit()["notices"][2]["reason"].is_string());
    notification.stop();
}
