//! The broker in memory for the contract of the publisher: intact, or with one flaw.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use order_testkit::contract::{BrokerUnderTest, Delivered};
use order_testkit::{Fate, InMemoryBroker, ScriptedPublisher};
use uuid::Uuid;

const ANOTHER: &str = "another";

/// A flaw that a publisher may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
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
pub(crate) struct FakeBroker(Arc<Adapter>);

struct Adapter {
    flaw: Flaw,
    broker: InMemoryBroker,
    publisher: ScriptedPublisher,
    refused: Arc<Mutex<BTreeSet<Uuid>>>,
    unreachable: Arc<AtomicBool>,
    failed: Mutex<Vec<EventRecord>>,
}

impl FakeBroker {
    pub(crate) fn with(flaw: Flaw) -> Self {
        let broker = InMemoryBroker::default();
        broker.create_topic(ANOTHER);
        let publisher = ScriptedPublisher::new(broker.clone());
        let (refused, unreachable) =
            (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicBool::new(false)));
        let (refuses, is_down) = (refused.clone(), unreachable.clone());
        publisher.script(move |_, event| {
            if is_down.load(Ordering::SeqCst) {
                Fate::Lost
            } else if refuses.lock().unwrap().contains(&event.id) {
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
            events.iter_mut().for_each(|event| event.data = event.data.replace(' ', ""));
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
