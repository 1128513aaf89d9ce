//! The topics of a run, which no other run uses, and the settings of a service that works on them.

use crate::cluster::Topic;
use crate::support::brokers;

/// Few, because the broker by itself has little memory, and each group of trials its own topics.
const PARTITIONS: i32 = 2;

/// The topics of one run.
pub(crate) struct Topics {
    pub(crate) inventory: Topic,
    pub(crate) payment: Topic,
    pub(crate) replies: Topic,
    pub(crate) events: Topic,
}

impl Topics {
    /// On the three brokers; two of them confirm each write.
    pub(crate) fn on_the_cluster() -> Self {
        Self::made(Topic::new)
    }

    /// On the broker by itself.
    pub(crate) fn on_one_broker() -> Self {
        Self::on(&brokers())
    }

    /// On one broker.
    pub(crate) fn on(broker: &str) -> Self {
        Self::made(|| Topic::on(broker.to_owned(), PARTITIONS, 1, &[]))
    }

    fn made(make: impl Fn() -> Topic) -> Self {
        Self { inventory: make(), payment: make(), replies: make(), events: make() }
    }

    /// The consumer group of the services.
    pub(crate) fn group(&self) -> String {
        format!("{}-services", self.replies.name)
    }

    /// The settings of a service on a database that reaches these topics through these brokers.
    pub(crate) fn settings(&self, database: &str, brokers: &str) -> Vec<String> {
        vec![
            format!("--spring.datasource.url={database}"),
            format!("--spring.kafka.bootstrap-servers={brokers}"),
            format!("--spring.kafka.consumer.group-id={}", self.group()),
            format!("--order.events.topic={}", self.events.name),
            "--order.saga.enabled=true".to_owned(),
            format!("--order.saga.inventory-topic={}", self.inventory.name),
            format!("--order.saga.payment-topic={}", self.payment.name),
            format!("--order.saga.reply-topic={}", self.replies.name),
            // Under load, the access log would be most of the output.
            "--logging.level.access=off".to_owned(),
        ]
    }
}
