//! The contract of the publisher: the fake keeps it, and each flaw is noticed by the case that is there
//! for it.

#![expect(clippy::unwrap_used, reason = "in a test, a broken expectation ends it")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use order_testkit::contract::{self, BrokerUnderTest, Delivered};
use order_testkit::{Fate, InMemoryBroker, ScriptedPublisher};
use uuid::Uuid;

const ANOTHER: &str = "another";

/// A flaw that a publisher may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    TidiesData,
    ConfirmsLostEvents,
    TakesOutagesForRefusals,
    TakesRefusalsForOutages,
    RefusesWholeCalls,
    MixesUpAnswers,
    SendsFailedEventsLater,
    ForgetsTheMark,
    IgnoresTheChosenTopic,
}

/// The broker, and the publisher to it.
struct FakeBroker(Arc<Adapter>);

struct Adapter {
    flaw: Flaw,
    broker: InMemoryBroker,
    publisher: ScriptedPublisher,
    refused: Arc<Mutex<BTreeSet<Uuid>>>,
    unreachable: Arc<AtomicBool>,
    failed: Mutex<Vec<EventRecord>>,
}

impl FakeBroker {
    fn with(flaw: Flaw) -> Self {
        let broker = InMemoryBroker::default();
        broker.create_topic(ANOTHER);
        let publisher = ScriptedPublisher::new(broker.clone());
        let (refused, unreachable) =
            (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
        let (wrong, is_down) = (refused.clone(), unreachable.clone());
        publisher.script(move |_, event| {
            if is_down.load(Ordering::SeqCst) {
                Fate::Lost
            } else if wrong.lock().unwrap().contains(&event.id) {
                Fate::Refused
            } else {
                Fate::Confirmed
            }
        });
        let failed = Mutex::default();
        Self(Arc::new(Adapter { flaw, broker, publisher, refused, unreachable, failed }))
    }
}

type Answers = Vec<Result<(), PublishError>>;

impl Adapter {
    async fn deliver(
        &self,
        topic: Option<&str>,
        replayed: bool,
        events: &[EventRecord],
    ) -> Answers {
        let topic = topic.filter(|_| self.flaw != Flaw::IgnoresTheChosenTopic);
        let mut events = events.to_vec();
        if self.flaw == Flaw::TidiesData {
            for event in &mut events {
                event.data = event.data.replace(' ', "");
            }
        }
        let answers = if replayed && self.flaw != Flaw::ForgetsTheMark {
            self.publisher.replay(topic, &events).await
        } else {
            self.publisher.publish(&events).await
        };
        if self.flaw == Flaw::SendsFailedEventsLater {
            self.send_later(&events, &answers).await;
        }
        self.flawed(answers)
    }

    async fn send_later(&self, events: &[EventRecord], answers: &Answers) {
        let failed = events.iter().zip(answers).filter(|(_, answer)| answer.is_err());
        let failed: Vec<_> = failed.map(|(event, _)| event.clone()).collect();
        let late = if failed.is_empty() {
            std::mem::take(&mut *self.failed.lock().unwrap())
        } else {
            self.failed.lock().unwrap().extend(failed);
            Vec::new()
        };
        self.publisher.publish(&late).await;
    }

    fn flawed(&self, mut answers: Answers) -> Answers {
        use PublishError::{Permanent, Transient};
        let refused = answers.iter().any(|answer| matches!(answer, Err(Permanent(_))));
        if self.flaw == Flaw::MixesUpAnswers {
            answers.reverse();
        }
        let answer = |answer| match (self.flaw, answer) {
            (Flaw::ConfirmsLostEvents, Err(Transient(_))) => Ok(()),
            (Flaw::TakesOutagesForRefusals, Err(Transient(error))) => Err(Permanent(error)),
            (Flaw::TakesRefusalsForOutages, Err(Permanent(error))) => Err(Transient(error)),
            (Flaw::RefusesWholeCalls, Ok(())) if refused => Err(Permanent("refused".into())),
            (_, answer) => answer,
        };
        answers.into_iter().map(answer).collect()
    }
}

#[async_trait]
impl EventPublisher for Adapter {
    async fn publish(&self, events: &[EventRecord]) -> Answers {
        self.deliver(None, false, events).await
    }
}

#[async_trait]
impl EventReplayer for Adapter {
    async fn replay(&self, topic: Option<&str>, events: &[EventRecord]) -> Answers {
        self.deliver(topic, true, events).await
    }
}

#[async_trait]
impl BrokerUnderTest for FakeBroker {
    fn publisher(&self) -> Arc<dyn EventPublisher> {
        self.0.clone()
    }

    fn replayer(&self) -> Arc<dyn EventReplayer> {
        self.0.clone()
    }

    fn another_topic(&self) -> String {
        ANOTHER.to_owned()
    }

    async fn messages(&self, topic: Option<&str>) -> Vec<Delivered> {
        let taken = self.0.broker.messages(topic).into_iter();
        taken.map(|taken| Delivered::of(&taken.event, taken.replayed)).collect()
    }

    fn refused(&self, event: EventRecord) -> EventRecord {
        self.0.refused.lock().unwrap().insert(event.id);
        event
    }

    async fn set_reachable(&self, reachable: bool) {
        self.0.unreachable.store(!reachable, Ordering::SeqCst);
    }
}

/// The cases that panic with a publisher that has this flaw.
async fn failed_cases(flaw: Flaw) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in contract::publisher_cases() {
        if tokio::spawn((case.run)(Arc::new(FakeBroker::with(flaw)))).await.is_err() {
            failed.push(case.name);
        }
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn a_publisher_without_a_flaw_passes() {
    assert_eq!(failed_cases(Flaw::None).await, [""; 0]);
}

macro_rules! noticed {
    ($($name:ident: $flaw:ident by $($case:literal),+;)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            let failed = failed_cases(Flaw::$flaw).await;
            for case in [$($case),+] {
                assert!(failed.contains(&case), "not by {case}, only by {failed:?}");
            }
        })+
    };
}

noticed! {
    rewritten_data_is_noticed: TidiesData
        by "confirmed::an_event_arrives_with_its_key_its_attributes_and_its_bytes";
    false_confirmations_are_noticed: ConfirmsLostEvents
        by "failures::an_outage_is_a_transient_failure_of_every_event",
        "replays::an_outage_is_a_transient_failure_of_a_replay";
    outages_that_park_orders_are_noticed: TakesOutagesForRefusals
        by "failures::what_failed_in_an_outage_is_published_after_it";
    refusals_that_are_tried_for_ever_are_noticed: TakesRefusalsForOutages
        by "failures::an_order_goes_on_after_a_refused_event",
        "replays::a_missing_topic_is_a_permanent_failure";
    harm_to_neighbours_is_noticed: RefusesWholeCalls
        by "failures::a_refused_event_fails_for_good_and_alone";
    answers_for_other_events_are_noticed: MixesUpAnswers
        by "failures::a_refused_event_fails_for_good_and_alone";
    events_that_come_late_are_noticed: SendsFailedEventsLater
        by "failures::nothing_of_a_failed_call_comes_late";
    replays_without_a_mark_are_noticed: ForgetsTheMark
        by "replays::a_replayed_event_differs_by_its_mark_alone";
    replays_to_a_wrong_topic_are_noticed: IgnoresTheChosenTopic
        by "replays::a_replay_goes_to_the_chosen_topic_alone",
        "replays::a_missing_topic_is_a_permanent_failure";
}
