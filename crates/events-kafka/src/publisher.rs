//! The ports `EventPublisher` and `EventReplayer`: hands a whole call over to librdkafka at once and
//! waits until every message has been reported.
//!
//! rdkafka's `FutureProducer` is not used: when the queue is full, it retries each message on its
//! own, which changes the order of the messages.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};

use crate::batch::Outcome;
use crate::handover::{Outgoing, hand_over};
use crate::message::{Message, Purpose};
use crate::monitor::{KafkaHealth, Monitor, Traffic};
use crate::producer::{Producer, Producers};
use crate::refusal::DeliveryError;
use crate::settings::{KafkaSettings, Prepared, SettingsError};
use crate::topic::{TopicTemplate, is_topic};
use crate::topics::TopicCheck;

/// Publishes events to Kafka.
///
/// librdkafka retries by itself, without making duplicates, until its deadline
/// (`delivery.timeout.ms`), and reports each message once. This adapter retries nothing within a
/// call, so after an error nothing of the call is left in this process. A broker may still write
/// what it had received and not confirmed, as a duplicate of what the caller publishes next.
///
/// Dropping the future of a call does not withdraw its events. Dropping the publisher takes a few
/// tenths of a second and fails the messages under way.
#[derive(Debug)]
pub struct KafkaPublisher {
    producers: Producers,
    monitor: Arc<Monitor>,
    topics: TopicTemplate,
    check: TopicCheck,
    delivery_timeout: Duration,
}

/// Where the messages of a call go, and why.
#[derive(Debug, Clone, Copy)]
struct Route<'a> {
    purpose: Purpose,
    /// The topic that an operator chose; without it each event goes to its own.
    chosen: Option<&'a str>,
}

impl KafkaPublisher {
    /// Makes a publisher. No broker is asked, so brokers that are down are no error.
    ///
    /// # Errors
    /// When the settings are wrong; all problems that can be found are reported at once.
    pub fn new(settings: &KafkaSettings) -> Result<Self, SettingsError> {
        let Prepared { client, producer, topics, delivery_timeout, .. } = settings.prepare()?;
        let servers = client.get("bootstrap.servers").unwrap_or_default();
        let monitor = Arc::new(Monitor::new(servers, Traffic::Events));
        let names = topics.names();
        let check = TopicCheck::new(client, names, settings.create_topics, Arc::clone(&monitor));
        let producers = Producers::start(producer, Arc::clone(&monitor))
            .map_err(|error| SettingsError::of_client(&error))?;
        Ok(Self { producers, monitor, topics, check, delivery_timeout })
    }

    /// The health of Kafka as last heard; asks no broker.
    #[must_use]
    pub fn health(&self) -> KafkaHealth {
        self.monitor.health()
    }

    /// Looks for the topics, and creates missing ones when the settings say so, until all of them
    /// exist. For a task of its own: the service does not wait for it.
    pub async fn check_topics(&self) {
        self.check.run().await;
    }

    async fn deliver(
        &self,
        events: &[EventRecord],
        route: Route<'_>,
    ) -> Vec<Result<(), PublishError>> {
        let all: Vec<_> = events.iter().collect();
        let mut outcomes = self.attempt(self.producers.current().await, &all, route).await;
        self.send_apart(&all, &mut outcomes, route).await;
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| route.judge(error))).collect()
    }

    /// Sends events again, each in a batch of its own, when they may have been refused only because
    /// of another event in their batch: otherwise one event would park other orders.
    async fn send_apart(
        &self,
        events: &[&EventRecord],
        outcomes: &mut [Outcome],
        route: Route<'_>,
    ) {
        let doubtful =
            |outcome: &Outcome| outcome.as_ref().is_err_and(DeliveryError::may_be_of_another);
        let (first, apart): (Vec<_>, Vec<_>) = outcomes
            .iter_mut()
            .zip(events)
            .filter(|(outcome, _)| doubtful(outcome))
            .map(|(outcome, event)| (outcome, *event))
            .unzip();
        if apart.is_empty() {
            return;
        }
        tracing::warn!(events = apart.len(), "Kafka refused a batch; its events are sent apart");
        let producer = self.producers.one_by_one().await;
        let retiring = producer.clone();
        let second = self.attempt(producer, &apart, route).await;
        if let Ok(producer) = retiring {
            producer.retire();
        }
        first.into_iter().zip(second).for_each(|(first, second)| *first = second);
    }

    /// Sends events with a producer, if there is one, and waits for their outcomes.
    async fn attempt(
        &self,
        producer: Result<Arc<Producer>, String>,
        events: &[&EventRecord],
        route: Route<'_>,
    ) -> Vec<Outcome> {
        let messages = events.iter().map(|event| {
            let message = Message::of(event, route.purpose).map_err(DeliveryError::Unreadable)?;
            let topic = route.chosen.unwrap_or_else(|| self.topics.of(event.kind));
            let span = message.span(topic, event);
            Ok(Outgoing { topic, message, value: event.data.as_bytes(), span })
        });
        hand_over(producer, messages, self.delivery_timeout).await
    }
}

#[async_trait]
impl EventPublisher for KafkaPublisher {
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>> {
        self.deliver(events, Route { purpose: Purpose::Publication, chosen: None }).await
    }
}

/// Replayed events have the header `ce_replay: true`.
#[async_trait]
impl EventReplayer for KafkaPublisher {
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>> {
        if let Some(topic) = topic.filter(|topic| !is_topic(topic)) {
            let refuse = |_| Err(DeliveryError::NoTopic(topic.to_owned()).into());
            return events.iter().map(refuse).collect();
        }
        self.deliver(events, Route { purpose: Purpose::Replay, chosen: topic }).await
    }
}

impl Route<'_> {
    /// Judges a failure. A missing topic that an operator chose stays missing, because no other
    /// part of the service uses it.
    fn judge(self, error: DeliveryError) -> PublishError {
        if self.chosen.is_some() && error.is_of_missing_topic() {
            return PublishError::Permanent(error.into());
        }
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode as Code;

    use super::*;

    #[test]
    fn a_missing_topic_lasts_only_where_an_operator_chose_it() {
        let [own, chosen] =
            [None, Some("chosen")].map(|chosen| Route { purpose: Purpose::Replay, chosen });
        for code in [Code::UnknownTopic, Code::UnknownTopicOrPartition] {
            let judged = |route: Route<'_>| route.judge(DeliveryError::Reported(code));
            assert!(matches!(judged(own), PublishError::Transient(_)));
            assert!(matches!(judged(chosen), PublishError::Permanent(_)));
        }
        let timed_out = DeliveryError::Reported(Code::MessageTimedOut);
        assert!(matches!(chosen.judge(timed_out), PublishError::Transient(_)), "it may work later");
    }
}
