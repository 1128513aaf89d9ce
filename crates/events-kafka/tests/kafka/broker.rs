//! On a real broker: what a consumer of any make sees.

use std::collections::BTreeMap;

use events_kafka::TopicsState;
use order_app::ports::{EventPublisher as _, EventReplayer as _};
use order_domain::OrderEventKind;

use super::rig::{
    Seen, a_topic, an_event, assert_confirmed, broker, deploy, events, ids, publisher_to_new, read,
    read_ids,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_with_its_key_its_headers_and_its_bytes() {
    let topic = a_topic();
    let publisher = publisher_to_new(&broker(), &topic, 6).await;
    assert_eq!(publisher.health().topics, TopicsState::Present);
    let mut event = an_event(4711, 3);
    event.data = r#"{ "as":"stored", "é":1.0 }"#.to_owned();
    assert_confirmed(&publisher.publish(std::slice::from_ref(&event)).await, 1);
    let [seen] = read(&broker(), &topic).try_into().unwrap();
    let Seen { key, value, headers, .. } = seen;
    assert_eq!(key, "4711");
    assert_eq!(value, event.data);
    let context: BTreeMap<String, String> = serde_json::from_str(&event.context).unwrap();
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", &event.id.to_string()),
        ("ce_type", "order.created"),
        ("ce_source", "/order-service"),
        ("ce_subject", "4711"),
        ("ce_time", "2026-11-22T12:00:00.123456Z"),
        ("ce_dataschema", "urn:order-service:events:order:v1"),
        ("ce_sequence", "3"),
        ("ce_partitionkey", "4711"),
        ("ce_correlationid", &context["correlationid"]),
        ("ce_causationid", &context["causationid"]),
        ("traceparent", &context["traceparent"]),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_in_the_partitions_where_javas_producer_puts_them() {
    // What `org.apache.kafka.common.utils.Utils.murmur2` makes of these keys.
    const JAVA: [(i64, u32); 4] =
        [(1234, 0x9fc9_7b14), (234, 0xe7c0_09ca), (34, 0x8739_30da), (4, 0x5a4b_5ca1)];
    for partitions in [7, 12] {
        let topic = a_topic();
        let publisher = publisher_to_new(&broker(), &topic, partitions).await;
        assert_confirmed(&publisher.publish(&JAVA.map(|(order, _)| an_event(order, 1))).await, 4);
        let seen: BTreeMap<_, _> =
            read(&broker(), &topic).into_iter().map(|seen| (seen.key, seen.partition)).collect();
        for (order, hash) in JAVA {
            let expected = (hash & 0x7fff_ffff) % u32::from(partitions);
            assert_eq!(u32::try_from(seen[&order.to_string()]).unwrap(), expected, "{order}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafkas_own_consumer_reads_it() {
    let topic = a_topic();
    let publisher = publisher_to_new(&broker(), &topic, 1).await;
    let event = an_event(7, 1);
    assert_confirmed(&publisher.publish(std::slice::from_ref(&event)).await, 1);
    let consumed = deploy(
        "kafka",
        &[
            &["console-consumer", "--bootstrap-server", &broker(), "--topic", &topic][..],
            &["--from-beginning", "--max-messages", "1", "--timeout-ms", "30000"],
            &["--property", "print.key=true", "--property", "print.headers=true"],
        ]
        .concat(),
    );
    assert!(consumed.starts_with("ce_specversion:1.0,"), "{consumed}");
    assert!(consumed.contains(&format!("ce_id:{},", event.id)), "{consumed}");
    assert!(consumed.ends_with(&format!("\t7\t{}\n", event.data)), "{consumed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_may_have_its_topic() {
    let prefix = a_topic();
    let publisher = publisher_to_new(&broker(), &format!("{prefix}.{{type}}"), 1).await;
    let of = |kind: OrderEventKind| {
        let mut event = an_event(1, 1);
        event.kind = kind;
        event
    };
    let all = OrderEventKind::ALL.map(of);
    assert_confirmed(&publisher.publish(&all).await, all.len());
    for event in &all {
        let found = read_ids(&broker(), &format!("{prefix}.{}", event.kind));
        assert_eq!(found, [event.id.to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_there_keeps_its_partitions() {
    let topic = a_topic();
    publisher_to_new(&broker(), &topic, 2).await;
    let publisher = publisher_to_new(&broker(), &topic, 5).await;
    assert_eq!(publisher.health().topics, TopicsState::Present);
    assert_confirmed(&publisher.publish(&events(50)).await, 50);
    assert!(read(&broker(), &topic).iter().all(|seen| seen.partition < 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_to_another_topic_and_marked() {
    let (topic, other) = (a_topic(), a_topic());
    let publisher = publisher_to_new(&broker(), &topic, 1).await;
    publisher_to_new(&broker(), &other, 1).await;
    let all = events(3);
    assert_confirmed(&publisher.replay(Some(&other), &all).await, 3);
    assert!(read(&broker(), &topic).is_empty());
    assert_eq!(read_ids(&broker(), &other), ids(&all));
    for seen in read(&broker(), &other) {
        assert_eq!(seen.header("ce_replay"), "true");
    }
    let results = publisher.replay(Some("no topic"), &all).await;
    assert_eq!(super::rig::permanent(&results), 3);
}
