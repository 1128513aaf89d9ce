//! On a real broker: partitions, topics, and what other consumers read.

use std::collections::BTreeMap;

use events_kafka::TopicsState;
use order_app::ports::EventPublisher as _;
use order_domain::OrderEventKind;

use super::rig::{
    a_topic, an_event, assert_confirmed, broker, deploy, events, publisher_to_new, read, read_ids,
};

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
async fn kafkas_own_consumer_reads_an_event() {
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
async fn an_existing_topic_keeps_its_partitions() {
    let topic = a_topic();
    publisher_to_new(&broker(), &topic, 2).await;
    let publisher = publisher_to_new(&broker(), &topic, 5).await;
    assert_eq!(publisher.health().topics, TopicsState::Present);
    assert_confirmed(&publisher.publish(&events(50)).await, 50);
    assert!(read(&broker(), &topic).iter().all(|seen| seen.partition < 2));
}
