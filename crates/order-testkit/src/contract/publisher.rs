//! The laws of `EventPublisher` and `EventReplayer`, as cases that every broker's adapter runs. Each
//! case has topics of its own; those of one broker may run at the same time.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "in a test, a broken expectation ends it, and so does an overflow"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use order_app::events::{EventRecord, timestamp};
use order_app::ports::{EventPublisher, EventReplayer};

use crate::BoxFuture;

mod confirmed;
mod failures;
mod replays;
mod steps;

/// A law of the publisher.
#[derive(Debug, Clone, Copy)]
pub struct PublisherCase {
    /// The law, such as `failures::nothing_of_a_failed_call_comes_late`.
    pub name: &'static str,
    /// Checks it.
    pub run: fn(Arc<dyn BrokerUnderTest>) -> BoxFuture<()>,
}

/// An adapter, its broker, and the test's own access to that broker. Each case needs one of its own,
/// with empty topics.
#[async_trait]
pub trait BrokerUnderTest: Send + Sync {
    /// The adapter as a publisher. It gives up an event within 10 seconds.
    fn publisher(&self) -> Arc<dyn EventPublisher>;

    /// The same adapter as a replayer.
    fn replayer(&self) -> Arc<dyn EventReplayer>;

    /// A topic beside the service's own, which exists.
    fn another_topic(&self) -> String;

    /// Everything in the service's own topic, or in another one. The messages with one key are in
    /// the order in which a subscriber receives them.
    async fn messages(&self, topic: Option<&str>) -> Vec<Delivered>;

    /// Changes an event into one that the broker refuses for good.
    fn refused(&self, event: EventRecord) -> EventRecord;

    /// Makes the broker unreachable for the adapter, or reachable again.
    async fn set_reachable(&self, reachable: bool);
}

/// A message as a subscriber receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What keeps the events of one order together.
    pub key: String,
    /// The attributes of `CloudEvents` by their names there, and `traceparent`.
    pub attributes: BTreeMap<String, String>,
    /// The data.
    pub data: String,
}

impl Delivered {
    /// The message that an event must become; `replayed` when it is published once more.
    ///
    /// # Panics
    /// When the event's context is not as [`EventRecord::freeze`] wrote it.
    #[must_use]
    pub fn of(event: &EventRecord, replayed: bool) -> Self {
        let cloud_event = event.cloud_event().expect("the event was frozen");
        let key = event.order_id.to_string();
        let mut attributes = vec![
            ("specversion", "1.0".to_owned()),
            ("id", event.id.to_string()),
            ("type", event.kind.as_str().to_owned()),
            ("source", "/order-service".to_owned()),
            ("subject", key.clone()),
            ("time", timestamp(event.occurred_at)),
            ("datacontenttype", "application/json".to_owned()),
            ("dataschema", cloud_event.dataschema.into_owned()),
            ("sequence", event.sequence.to_string()),
            ("partitionkey", key.clone()),
            ("correlationid", cloud_event.correlationid.into_owned()),
            ("causationid", cloud_event.causationid.into_owned()),
        ];
        attributes.extend(cloud_event.traceparent.map(|trace| ("traceparent", trace.into_owned())));
        attributes.extend(replayed.then(|| ("replay", "true".to_owned())));
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { key, attributes: attributes.collect(), data: event.data.clone() }
    }
}

/// Every case of the publisher's contract.
#[must_use]
pub fn publisher_cases() -> Vec<PublisherCase> {
    cases! { PublisherCase:
        confirmed {
            an_event_arrives_with_its_key_its_attributes_and_its_bytes,
            an_empty_call_has_no_answers,
            every_confirmed_event_of_a_large_call_is_there,
            calls_may_overlap,
            events_of_an_order_stay_in_sequence,
            an_event_may_be_published_again,
        }
        failures {
            a_refused_event_fails_for_good_and_alone,
            an_order_goes_on_after_a_refused_event,
            an_outage_is_a_transient_failure_of_every_event,
            what_failed_in_an_outage_is_published_after_it,
            nothing_of_a_failed_call_comes_late,
            a_dropped_call_disturbs_no_other,
        }
        replays {
            a_replayed_event_differs_by_its_mark_alone,
            a_replay_goes_to_the_chosen_topic_alone,
            a_missing_topic_is_a_permanent_failure,
            an_outage_is_a_transient_failure_of_a_replay,
        }
    }
}
