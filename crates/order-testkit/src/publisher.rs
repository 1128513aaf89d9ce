//! A broker that remembers, and a publisher to it that fails as a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, EventReplayer, PublishError};
use order_domain::OrderId;
use tokio::sync::watch;

/// Everything that a broker has taken, in its order. Several publishers may write to one.
#[derive(Debug, Clone, Default)]
pub struct Topic(Arc<Mutex<Vec<EventRecord>>>);

impl Topic {
    /// All events, repetitions included.
    #[must_use]
    pub fn events(&self) -> Vec<EventRecord> {
        self.log().clone()
    }

    /// The sequences of an order's events, repetitions included.
    #[must_use]
    pub fn sequences(&self, order: OrderId) -> Vec<i64> {
        let log = self.log();
        let own = log.iter().filter(|event| event.order_id == order);
        own.map(|event| event.sequence.get()).collect()
    }

    /// How many events there are, repetitions included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log().is_empty()
    }

    fn log(&self) -> MutexGuard<'_, Vec<EventRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is taken, and confirmed.
    Confirmed,
    /// It is lost, which may pass.
    Lost,
    /// It is taken, but the confirmation is lost, which may pass.
    Unconfirmed,
    /// It is refused for good.
    Refused,
}

/// Decides about an event, given how many came before it at this publisher.
pub type Script = Box<dyn FnMut(u64, &EventRecord) -> Fate + Send>;

/// A publisher that does as it is told. It holds its callers to the law: an order with two events
/// under way at a time is remembered, for [`ScriptedPublisher::offenders`].
pub struct ScriptedPublisher {
    topic: Topic,
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
    replay_topics: BTreeSet<Option<String>>,
}

impl ScriptedPublisher {
    /// A publisher that works.
    #[must_use]
    pub fn new(topic: Topic) -> Self {
        let state = State {
            script: Box::new(|_, _| Fate::Confirmed),
            fates: BTreeMap::new(),
            events: 0,
            calls: 0,
            under_way: BTreeSet::new(),
            offenders: BTreeSet::new(),
            replay_topics: BTreeSet::new(),
        };
        Self { topic, state: Mutex::new(state), paused: watch::Sender::new(false) }
    }

    /// Follows another script from now on.
    pub fn script(&self, script: impl FnMut(u64, &EventRecord) -> Fate + Send + 'static) {
        self.state().script = Box::new(script);
    }

    /// Does the same to every event from now on.
    pub fn always(&self, fate: Fate) {
        self.script(move |_, _| fate);
    }

    /// Does the same to every event of an order from now on, whatever the script says.
    pub fn always_for(&self, order: OrderId, fate: Fate) {
        self.state().fates.insert(order, fate);
    }

    /// Keeps calls waiting, until it is resumed. They have not reached the broker.
    pub fn pause(&self) {
        self.paused.send_replace(true);
    }

    /// Lets calls on.
    pub fn resume(&self) {
        self.paused.send_replace(false);
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many events were under way at the moment of asking.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.state().under_way.len()
    }

    /// Orders that had two events under way at a time.
    #[must_use]
    pub fn offenders(&self) -> Vec<OrderId> {
        self.state().offenders.iter().copied().collect()
    }

    /// The topics to which events were replayed; `None` stands for the events' own.
    #[must_use]
    pub fn replay_topics(&self) -> Vec<Option<String>> {
        self.state().replay_topics.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn end(&self, event: &EventRecord) -> Result<(), PublishError> {
        let mut state = self.state();
        state.under_way.remove(&event.order_id);
        let number = state.events;
        state.events = number.saturating_add(1);
        let fixed = state.fates.get(&event.order_id).copied();
        let fate = fixed.unwrap_or_else(|| (state.script)(number, event));
        if matches!(fate, Fate::Confirmed | Fate::Unconfirmed) {
            self.topic.log().push(event.clone());
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
        self.begin(events);
        let mut paused = self.paused.subscribe();
        // The sender lives as long as this call does.
        let _ = paused.wait_for(|paused| !paused).await;
        events.iter().map(|event| self.end(event)).collect()
    }
}

/// Replays are taken like publications.
#[async_trait]
impl EventReplayer for ScriptedPublisher {
    async fn replay(
        &self,
        topic: Option<&str>,
        events: &[EventRecord],
    ) -> Vec<Result<(), PublishError>> {
        self.state().replay_topics.insert(topic.map(str::to_owned));
        self.publish(events).await
    }
}
