//! The contract of the publisher, on a real broker behind a proxy that makes it unreachable.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use events_kafka::{CreateTopics, KafkaPublisher, KafkaSettings};
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer};
use order_testkit::contract::{BrokerUnderTest, Delivered, publisher_cases};
use tokio::task::JoinSet;

use super::cutter::Cutter;
use super::rig::{Seen, a_topic, broker, publisher_to_new, read, settings};

/// A publisher with topics of its own.
struct Stage {
    publisher: Arc<KafkaPublisher>,
    topic: String,
    another: String,
    proxy: Arc<Cutter>,
}

impl Stage {
    async fn new() -> Self {
        let (topic, another) = (a_topic(), a_topic());
        for topic in [&topic, &another] {
            publisher_to_new(&broker(), topic, 3).await;
        }
        let proxy = Cutter::before(broker().parse().unwrap(), 0).await;
        let soon = [("delivery.timeout.ms", "4000"), ("topic.metadata.propagation.max.ms", "1000")];
        let settings = settings(&proxy.own.to_string(), &topic, &soon);
        // Otherwise the broker creates a missing topic.
        let create_topics = Some(CreateTopics::default());
        let publisher = KafkaPublisher::new(&KafkaSettings { create_topics, ..settings }).unwrap();
        Self { publisher: Arc::new(publisher), topic, another, proxy }
    }
}

#[async_trait]
impl BrokerUnderTest for Stage {
    fn publisher(&self) -> Arc<dyn EventPublisher> {
        self.publisher.clone()
    }

    fn replayer(&self) -> Arc<dyn EventReplayer> {
        self.publisher.clone()
    }

    fn another_topic(&self) -> String {
        self.another.clone()
    }

    async fn messages(&self, topic: Option<&str>) -> Vec<Delivered> {
        let topic = topic.unwrap_or(&self.topic).to_owned();
        let seen = tokio::task::spawn_blocking(move || read(&broker(), &topic)).await.unwrap();
        seen.into_iter().map(delivered).collect()
    }

    /// Too large.
    fn refused(&self, event: EventRecord) -> EventRecord {
        EventRecord { data: "x".repeat(2_000_000), ..event }
    }

    async fn set_reachable(&self, reachable: bool) {
        self.proxy.set_down(!reachable);
    }
}

/// A message in the terms of `CloudEvents`, by its Kafka protocol binding.
fn delivered(Seen { key, value: data, headers, .. }: Seen) -> Delivered {
    let name = |header: &str| match header.strip_prefix("ce_") {
        Some(name) => name.to_owned(),
        None if header == "content-type" => "datacontenttype".to_owned(),
        None => header.to_owned(),
    };
    let attributes = headers.into_iter().map(|(header, value)| (name(&header), value));
    Delivered { key, attributes: attributes.collect::<BTreeMap<_, _>>(), data }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publisher_keeps_its_contract() {
    let mut broken = Vec::new();
    // A few at a time: each case has clients of its own, whose deadlines are short.
    for some in publisher_cases().chunks(4) {
        let mut cases = JoinSet::new();
        for case in some.iter().copied() {
            cases.spawn(async move {
                let stage = Arc::new(Stage::new().await);
                let run = tokio::spawn((case.run)(stage)).await;
                run.is_err().then_some(case.name)
            });
        }
        broken.extend(cases.join_all().await.into_iter().flatten());
    }
    assert_eq!(broken, [""; 0]);
}
