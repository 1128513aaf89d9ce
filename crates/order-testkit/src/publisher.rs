//! A broker in memory, and a publisher to it that fails as a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use order_domain::OrderId;
use tokio::sync::watch;

/// A broker in memory: keeps every event that it has taken. Several publishers may write to one.
#[derive(Debug, Clone, Default)]
pub struct InMemoryBroker(Arc<Mutex<Topics>>);

#[derive(Debug, Default)]
struct Topics {
    /// Beside the topic of the service, which always exists.
    created: BTreeSet<String>,
    messages: Vec<Taken>,
}

/// An event as the broker has taken it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The topic, if it is not that of the service.
    pub topic: Option<String>,
    /// Whether it is marked as a replay.
    pub replayed: bool,
    /// The event.
    pub event: EventRecord,
}

impl InMemoryBroker {
    /// Creates a topic beside that of the service, to replay events to.
    pub fn create_topic(&self, name: &str) {
        self.topics().created.insert(name.to_owned());
    }

    /// The messages of a topic, or of that of the service, in the order of their arrival.
    #[must_use]
    pub fn messages(&self, topic: Option<&str>) -> Vec<Taken> {
        let topics = self.topics();
        let of_topic = topics.messages.iter().filter(|taken| taken.topic.as_deref() == topic);
        of_topic.cloned().collect()
    }

    /// All events in the order of their arrival, repetitions included.
    #[must_use]
    pub fn events(&self) -> Vec<EventRecord> {
        self.topics().messages.iter().map(|taken| taken.event.clone()).collect()
    }

    /// The sequences of an order's events, repetitions included.
    #[must_use]
    pub fn sequences(&self, order: OrderId) -> Vec<i64> {
        let topics = self.topics();
        let own = topics.messages.iter().filter(|taken| taken.event.order_id == order);
        own.map(|taken| taken.event.sequence.get()).collect()
    }

    /// The number of events, repetitions included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.topics().messages.len()
    }

    /// Whether no event has arrived.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.topics().messages.is_empty()
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fate of an event at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Taken, and confirmed.
    Confirmed,
    /// Lost; a transient error.
    Lost,
    /// Taken, but the confirmation is lost; a transient error.
    Unconfirmed,
    /// Refused; a permanent error.
    Refused,
}

/// Decides the fate of an event, given the number of events before it at this publisher.
pub type Script = Box<dyn FnMut(u64, &EventRecord) -> Fate + Send>;

/// A publisher that follows a script. It checks that its callers keep the law of the port: orders
/// with two events under way at a time are in [`ScriptedPublisher::offenders`].
pub struct ScriptedPublisher {
    broker: InMemoryBroker,
    state: Mutex<State>,
    paused: watch::Sender<bool>,
}

struct State {
    script: Script,
    fates: BTreeMap<OrderId, Fate>,
    events: u64,
    calls: u64,
    under_way: BTreeSet<OrderId>,
    offenders: BTreeSet<OrderId>,
}

impl ScriptedPublisher {
    /// A publisher that confirms every event.
    #[must_use]
    pub fn new(broker: InMemoryBroker) -> Self {
        let state = State {
            script: Box::new(|_, _| Fate::Confirmed),
            fates: BTreeMap::new(),
            events: 0,
            calls: 0,
            under_way: BTreeSet::new(),
            offenders: BTreeSet::new(),
        };
        Self { broker, state: Mutex::new(state), paused: watch::Sender::new(false) }
    }

    /// Follows another script from now on.
    pub fn script(&self, script: impl FnMut(u64, &EventRecord) -> Fate + Send + 'static) {
        self.state().script = Box::new(script);
    }

    /// Gives every event this fate from now on.
    pub fn always(&self, fate: Fate) {
        self.script(move |_, _| fate);
    }

    /// Gives every event of an order this fate from now on, against the script.
    pub fn always_for(&self, order: OrderId, fate: Fate) {
        self.state().fates.insert(order, fate);
    }

    /// Holds calls back before they reach the broker, until [`ScriptedPublisher::resume`].
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Lets calls through.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// The number of calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The number of events that are under way now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.state().under_way.len()
    }

    /// Orders that had two events under way at a time.
    #[must_use]
    pub fn offenders(&self) -> Vec<OrderId> {
        self.state().offenders.iter().copied().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(
        &self,
        topic: Option<&str>,
        replayed: bool,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>> {
        self.begin(events);
        let mut paused = self.paused.subscribe();
        // The sender lives as long as this call does.
        let _ = paused.wait_for(|paused| !paused).await;
        let taken = |event: &EventRecord| Taken {
            topic: topic.map(str::to_owned),
            replayed,
            event: event.clone(),
        };
        events.iter().map(|event| self.end(taken(event))).collect()
    }

    fn begin(&self, events: &[EventRecord]) {
        let mut state = self.state();
        state.calls = state.calls.saturating_add(1);
        for event in events {
            if !state.under_way.insert(event.order_id) {
                state.offenders.insert(event.order_id);
            }
        }
    }

    fn end(&self, taken: Taken) -> Result<(), PublishError> {
        let mut state = self.state();
        let order = taken.event.order_id;
        state.under_way.remove(&order);
        let number = state.events;
        state.events = number.saturating_add(1);
        let fixed = state.fates.get(&order).copied();
        let fate = fixed.unwrap_or_else(|| (state.script)(number, &taken.event));
        let mut topics = self.broker.topics();
        if taken.topic.as_ref().is_some_and(|name| !topics.created.contains(name)) {
            return Err(PublishError::Permanent("there is no such topic".into()));
        }
        if matches!(fate, Fate::Confirmed | Fate::Unconfirmed) {
            topics.messages.push(taken);
        }
        match fate {
            Fate::Confirmed => Ok(()),
            Fate::Lost => Err(PublishError::Transient("lost".into())),
            Fate::Unconfirmed => Err(PublishError::Transient("not confirmed".into())),
            Fate::Refused => Err(PublishError::Permanent("too large".into())),
        }
    }
}

#[async_trait]
impl EventPublisher for ScriptedPublisher {
    async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>> {
        self.deliver(None, false, events).await
    }
}

#[async_trait]
impl EventReplayer for ScriptedPublisher {
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>> {
        self.deliver(topic, true, events).await
    }
}
