//! The port: hands a whole call over to librdkafka at once and waits until every message has been
//! reported.
//!
//! `FutureProducer` of rdkafka is not used: with a full queue it keeps trying each message for
//! itself, and so changes their order behind the caller's back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use tokio::time::timeout;

use crate::batch::{Batch, Outcome};
use crate::message::{Message, Purpose};
use crate::monitor::{KafkaHealth, Monitor};
use crate::producer::{Producer, Producers};
use crate::refusal::DeliveryError;
use crate::settings::{KafkaSettings, Prepared, SettingsError};
use crate::topic::{TopicTemplate, is_topic};
use crate::topics::TopicCheck;

/// librdkafka looks at its deadlines once a second, and gives a request on its way a little more.
const LATE_REPORTS: Duration = Duration::from_secs(3);
/// Then it is told to report everything, which it does at once.
const PURGED_REPORTS: Duration = Duration::from_secs(2);

/// Publishes events to Kafka.
///
/// Within a call nothing is tried again by this adapter: librdkafka tries again by itself, without
/// making duplicates, until its deadline (`delivery.timeout.ms`), and reports each message once.
/// So after an error nothing of the call is left in this process. What a broker had received by
/// then and not answered for, it may still write, as a duplicate of what the caller publishes next.
///
/// Dropping the future of a call does not withdraw its events. Dropping the publisher takes a few
/// tenths of a second and fails what is under way.
#[derive(Debug)]
pub struct KafkaPublisher {
    producers: Producers,
    monitor: Arc<Monitor>,
    topic: TopicTemplate,
    check: TopicCheck,
    delivery_timeout: Duration,
}

/// Where the messages of a call go, and why.
#[derive(Debug, Clone, Copy)]
enum Route<'a> {
    Publication(&'a TopicTemplate),
    Replay(&'a TopicTemplate),
    ReplayTo(&'a str),
}

impl KafkaPublisher {
    /// Makes a publisher. No broker is asked: that they are down is no error.
    ///
    /// # Errors
    /// When the settings are wrong; all that can be said is said at once.
    pub fn new(settings: &KafkaSettings) -> Result<Self, SettingsError> {
        let Prepared { client, producer, topic, delivery_timeout, .. } = settings.prepare()?;
        let monitor = Arc::new(Monitor::default());
        let check = TopicCheck::new(client, &topic, settings.create_topics, Arc::clone(&monitor));
        let producers = Producers::start(producer, Arc::clone(&monitor))
            .map_err(|error| SettingsError::of_client(&error))?;
        Ok(Self { producers, monitor, topic, check, delivery_timeout })
    }

    /// How Kafka does; asks nobody.
    #[must_use]
    pub fn health(&self) -> KafkaHealth {
        self.monitor.health()
    }

    /// Looks whether the topics are there, and creates them when the settings say so; again and
    /// again, until they are. For a task of its own: the service does not wait for it.
    pub async fn check_topics(&self) {
        self.check.run().await;
    }

    async fn deliver(
        &self,
        events: &[EventRecord],
        route: Route<'_>,
    ) -> Vec<Result<(), PublishError>> {
        let all: Vec<_> = events.iter().collect();
        let mut outcomes = match self.producers.current().await {
            Ok(producer) => self.attempt(producer, &all, route).await,
            Err(error) => failed(&all, &error),
        };
        self.try_apart(&all, &mut outcomes, route).await;
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| route.judge(error))).collect()
    }

    /// Sends once more, each by itself, what may have been refused only because of its neighbours
    /// in a batch: otherwise one event would park other orders.
    async fn try_apart(&self, events: &[&EventRecord], outcomes: &mut [Outcome], route: Route<'_>) {
        let doubtful =
            |outcome: &Outcome| outcome.as_ref().is_err_and(DeliveryError::may_be_a_neighbours);
        let (places, apart): (Vec<_>, Vec<_>) = outcomes
            .iter_mut()
            .zip(events)
            .filter(|(outcome, _)| doubtful(outcome))
            .map(|(outcome, event)| (outcome, *event))
            .unzip();
        if apart.is_empty() {
            return;
        }
        tracing::warn!(events = apart.len(), "Kafka refused a batch; its events are sent apart");
        let second = match self.producers.one_by_one().await {
            Ok(producer) => {
                let outcomes = self.attempt(Arc::clone(&producer), &apart, route).await;
                producer.retire();
                outcomes
            }
            Err(error) => failed(&apart, &error),
        };
        places.into_iter().zip(second).for_each(|(place, outcome)| *place = outcome);
    }

    async fn attempt(
        &self,
        producer: Arc<Producer>,
        events: &[&EventRecord],
        route: Route<'_>,
    ) -> Vec<Outcome> {
        if events.is_empty() {
            return Vec::new();
        }
        let (batch, tickets, mut completed) = Batch::new(events.len());
        for (event, ticket) in events.iter().zip(tickets) {
            match Message::of(event, route.purpose()) {
                Ok(message) => {
                    let topic = route.topic(event);
                    let ticket = ticket.with(message.step(topic, event));
                    producer.send(topic, event, message, ticket);
                }
                Err(error) => ticket.settle(Err(DeliveryError::Unreadable(error))),
            }
        }
        // This call must not turn out to be its last holder: ending it takes a while.
        let sender = Arc::downgrade(&producer);
        drop(producer);
        let patience = self.delivery_timeout.saturating_add(LATE_REPORTS);
        if timeout(patience, &mut completed).await.is_err() {
            if let Some(producer) = sender.upgrade() {
                producer.give_up();
            }
            if timeout(PURGED_REPORTS, completed).await.is_err() {
                tracing::error!("the Kafka client does not report; its messages count as failed");
            }
        }
        batch.take()
    }
}

#[async_trait]
impl EventPublisher for KafkaPublisher {
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>> {
        self.deliver(events, Route::Publication(&self.topic)).await
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
        match topic {
            None => self.deliver(events, Route::Replay(&self.topic)).await,
            Some(topic) if is_topic(topic) => self.deliver(events, Route::ReplayTo(topic)).await,
            Some(topic) => {
                let refuse = |_| Err(DeliveryError::NoTopic(topic.to_owned()).into());
                events.iter().map(refuse).collect()
            }
        }
    }
}

impl<'a> Route<'a> {
    fn topic(self, event: &EventRecord) -> &'a str {
        match self {
            Self::Publication(template) | Self::Replay(template) => template.of(event.kind),
            Self::ReplayTo(topic) => topic,
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::Publication(_) => Purpose::Publication,
            Self::Replay(_) | Self::ReplayTo(_) => Purpose::Replay,
        }
    }

    /// What a failure means on this route. Nobody else uses a topic that somebody chose: that it
    /// is not there lasts.
    fn judge(self, error: DeliveryError) -> PublishError {
        match self {
            Self::ReplayTo(_) if error.is_of_missing_topic() => {
                PublishError::Permanent(error.into())
            }
            _ => error.into(),
        }
    }
}

fn failed(events: &[&EventRecord], error: &DeliveryError) -> Vec<Outcome> {
    let reason = error.to_string();
    events.iter().map(|_| Err(DeliveryError::NoClient(reason.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode as Code;

    use super::*;

    #[test]
    fn a_missing_topic_lasts_only_where_somebody_chose_it() {
        let own = TopicTemplate::parse("order.events").unwrap();
        for code in [Code::UnknownTopic, Code::UnknownTopicOrPartition] {
            let judged = |route: Route<'_>| route.judge(DeliveryError::Reported(code));
            assert!(matches!(judged(Route::Publication(&own)), PublishError::Transient(_)));
            assert!(matches!(judged(Route::Replay(&own)), PublishError::Transient(_)));
            assert!(matches!(judged(Route::ReplayTo("chosen")), PublishError::Permanent(_)));
        }
        let timed_out = DeliveryError::Reported(Code::MessageTimedOut);
        let judged = Route::ReplayTo("chosen").judge(timed_out);
        assert!(matches!(judged, PublishError::Transient(_)), "it may work later");
    }
}
