//! The steps of a subscriber, in their order: drop what is old, fill a gap, apply, remember the version
//! with it, and only then commit the message's position. The subscriber brings two ports, [`Store`] and
//! [`History`]. Receiving messages and committing offsets stay with the subscriber.

use std::cmp::Ordering;

use order_domain::{OrderId, Version};

use crate::event::Event;

/// The database of the subscriber.
pub trait Store {
    /// Why the database failed.
    type Error;

    /// The version of the order that was applied last; `None` when none ever was.
    fn version(
        &mut self,
        order: OrderId,
    ) -> impl Future<Output = Result<Option<Version>, Self::Error>> + Send;

    /// Applies an event. In **one** transaction: check that the order's version here still is
    /// `after.version`, else return [`Applied::Overtaken`] and change nothing; do what the event
    /// means; remember `event.order.version`. Return when that is durable. After an error, either
    /// nothing has changed or all of it; the event comes again.
    ///
    /// The check protects against two consumers that both believe for a moment that they own the
    /// partition.
    fn apply(
        &mut self,
        event: &Event,
        after: After,
    ) -> impl Future<Output = Result<Applied, Self::Error>> + Send;
}

/// The source of an order's earlier events: `GET /orders/{id}/events?after=n`.
pub trait History {
    /// Why it cannot answer now.
    type Error;

    /// The order's events with a version above `after`, in sequence: all of them or one page, but at
    /// least one when there is one. Events that are no longer kept, or cannot be decoded, are left
    /// out; an unknown order has none. A history that cannot answer returns an error, never an empty
    /// list: the inbox takes an empty list for events that are lost for good.
    fn events(
        &mut self,
        order: OrderId,
        after: Option<Version>,
    ) -> impl Future<Output = Result<Vec<Event>, Self::Error>> + Send;
}

/// What an event is applied on top of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The version that was applied before; `None` when this is the first one of its order here.
    pub version: Option<Version>,
    /// How many versions in between are lost, because their events are past their retention. Usually
    /// 0. The event is complete by itself, so the state is right all the same; a store that counts or
    /// sums up changes needs this number.
    pub missing: u64,
}

/// The result of applying an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is committed, and its version with it.
    Durably,
    /// The order has another version here; nothing was changed.
    Overtaken,
}

/// The result of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied, after the events before it that had not arrived.
    Applied {
        /// How many events the history gave.
        filled: u64,
        /// How many versions are lost; see [`After::missing`].
        missing: u64,
    },
    /// It was dropped: it is not newer than what was applied.
    Stale,
    /// It could not be read; the subscriber keeps it for a person to look at.
    SetAside,
}

/// The proof that a message is finished, and its position, which may now be committed. Only the
/// [`Inbox`] and [`Done::set_aside`] give one out.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "commit the position, or the message comes again"]
pub struct Done<P> {
    position: P,
    outcome: Outcome,
}

impl<P> Done<P> {
    /// Goes past a message that cannot be decoded. Keep a durable copy of it first: its order's next
    /// event fills the gap, but this message does not come again.
    pub const fn set_aside(position: P) -> Self {
        Self { position, outcome: Outcome::SetAside }
    }

    /// The result.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The message's position, to be committed now.
    #[must_use]
    pub fn position(self) -> P {
        self.position
    }
}

/// Why a message is not finished yet. Do not commit its position; hand the same message over again
/// after a pause.
#[derive(Debug, thiserror::Error)]
pub enum Undone<S, H> {
    /// The subscriber's own database.
    #[error("the event could not be applied")]
    Store(#[source] S),
    /// The history, which was needed to fill a gap.
    #[error("the events before it could not be had")]
    History(#[source] H),
    /// The store returned [`Applied::Overtaken`] and still has the same version: it breaks its law.
    #[error("the store says that it was overtaken, but its version is the same")]
    Contradiction,
}

/// Applies events to a [`Store`], each version once and in sequence.
///
/// It keeps no state of its own, so it may be made again at any time, and any number of them may run
/// at the same time.
#[derive(Debug)]
pub struct Inbox<S, H> {
    store: S,
    history: H,
}

impl<S: Store, H: History> Inbox<S, H> {
    /// An inbox over the two ports.
    pub const fn new(store: S, history: H) -> Self {
        Self { store, history }
    }

    /// The store.
    pub const fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Finishes one message: drops it when it is old, fills a gap before it from the history, and
    /// applies it.
    ///
    /// # Errors
    /// [`Undone`]. What has been applied by then stays applied; the same message again continues
    /// from there.
    pub async fn receive<P>(
        &mut self,
        event: &Event,
        position: P,
    ) -> Result<Done<P>, Undone<S::Error, H::Error>> {
        let order = event.order.id;
        let (mut tally, mut overtaken_at) = (Tally::default(), None);
        loop {
            let version = self.store.version(order).await.map_err(Undone::Store)?;
            // Every pass applies an event, or finds that another consumer did.
            if overtaken_at == Some(version) {
                return Err(Undone::Contradiction);
            }
            let earlier = match event.order.version.cmp(&next(version)) {
                Ordering::Less => return Ok(Done { position, outcome: Outcome::Stale }),
                Ordering::Equal => Vec::new(),
                Ordering::Greater => {
                    let history = self.history.events(order, version).await;
                    before(event, version, history.map_err(Undone::History)?)
                }
            };
            let last = earlier.is_empty();
            let events = if last { std::slice::from_ref(event) } else { &earlier };
            let before_this_pass = tally.applied;
            match self.apply(events, version, &mut tally).await? {
                Applied::Durably if last => {
                    // The last one is the message itself.
                    let filled = tally.applied.saturating_sub(1);
                    let outcome = Outcome::Applied { filled, missing: tally.missing };
                    return Ok(Done { position, outcome });
                }
                Applied::Overtaken if tally.applied == before_this_pass => {
                    overtaken_at = Some(version);
                }
                Applied::Durably | Applied::Overtaken => {}
            }
        }
    }

    /// Applies events in sequence, until the store says that another consumer applied one.
    async fn apply(
        &mut self,
        events: &[Event],
        mut version: Option<Version>,
        tally: &mut Tally,
    ) -> Result<Applied, Undone<S::Error, H::Error>> {
        for event in events {
            let after = After { version, missing: missing(version, event) };
            if self.store.apply(event, after).await.map_err(Undone::Store)? == Applied::Overtaken {
                return Ok(Applied::Overtaken);
            }
            version = Some(event.order.version);
            tally.applied = tally.applied.saturating_add(1);
            tally.missing = tally.missing.saturating_add(after.missing);
        }
        Ok(Applied::Durably)
    }
}

/// What was applied for one message so far.
#[derive(Default)]
struct Tally {
    applied: u64,
    missing: u64,
}

fn next(version: Option<Version>) -> Version {
    version.map_or(Version::FIRST, Version::next)
}

/// The versions between what was applied and an event.
fn missing(version: Option<Version>, event: &Event) -> u64 {
    let gap = event.order.version.get().saturating_sub(next(version).get());
    u64::try_from(gap).unwrap_or(0)
}

/// The events of a history between what was applied and an event, in sequence, each once. This
/// protects the store from a history that breaks its law.
fn before(event: &Event, version: Option<Version>, mut history: Vec<Event>) -> Vec<Event> {
    let wanted = next(version)..event.order.version;
    history.retain(|earlier| {
        earlier.order.id == event.order.id && wanted.contains(&earlier.order.version)
    });
    history.sort_by_key(|earlier| earlier.order.version);
    history.dedup_by_key(|earlier| earlier.order.version);
    history
}
