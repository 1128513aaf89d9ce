//! The order of things for a subscriber: drop what is old, fill a gap, apply, remember the version
//! with it, and only then let go of the message. The subscriber brings two ports, [`Store`] and
//! [`History`]; where messages come from, and how offsets are committed, is its own business.

use std::cmp::Ordering;

use order_domain::{OrderId, Version};

use crate::event::Event;

/// What the subscriber keeps.
pub trait Store {
    /// Why the database did not do it.
    type Error;

    /// The version of the order that was applied last; `None` when none ever was.
    fn version(
        &mut self,
        order: OrderId,
    ) -> impl Future<Output = Result<Option<Version>, Self::Error>> + Send;

    /// Applies an event. In **one** transaction: check that the order's version here still is
    /// `after.version`, else answer [`Applied::Overtaken`] and change nothing; do what the event
    /// means; remember `event.order.version`. Answer when that is durable. After an error nothing
    /// may have changed, or all of it; the event will come again.
    ///
    /// The check is what keeps two consumers apart that for a moment both believe to have the
    /// partition.
    fn apply(
        &mut self,
        event: &Event,
        after: After,
    ) -> impl Future<Output = Result<Applied, Self::Error>> + Send;
}

/// Where the events of an order can be had again: `GET /orders/{id}/events?after=n`.
pub trait History {
    /// Why it cannot be told now.
    type Error;

    /// The order's events with a version above `after`, in sequence; as many as there are, or as one
    /// page has, but never none when there is one. Events that are not kept any more, or cannot be
    /// decoded, are left out, and an order that is not known has none. Whoever cannot tell answers
    /// with an error, never with an empty list: what is missing then is given up for good.
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
    /// How many versions in between nobody can give any more, because their events are past their
    /// retention. Usually 0. The event is complete by itself, so the state is right all the same;
    /// who counts or sums up changes has to know.
    pub missing: u64,
}

/// What came of applying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is committed, and its version with it.
    Durably,
    /// The order has another version here by now; nothing was changed.
    Overtaken,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied, after so many from the history that had not arrived.
    Applied {
        /// How many events the history gave.
        filled: u64,
        /// How many versions nobody could give; see [`After::missing`].
        missing: u64,
    },
    /// It is not newer than what was applied: a repetition, or late.
    Stale,
    /// It could not be read, and the subscriber has put it where somebody will look at it.
    SetAside,
}

/// The proof that a message has been dealt with, and its position, which may now be committed. There
/// is no other way to it than through the [`Inbox`], or [`Done::set_aside`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "commit the position, or the message comes again"]
pub struct Done<P> {
    position: P,
    outcome: Outcome,
}

impl<P> Done<P> {
    /// Goes past a message that cannot be decoded. Keep a copy of it first, durably: its order's next
    /// event fills the gap, but nothing else remembers this one.
    pub const fn set_aside(position: P) -> Self {
        Self { position, outcome: Outcome::SetAside }
    }

    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Its position, to be committed now.
    #[must_use]
    pub fn position(self) -> P {
        self.position
    }
}

/// Why a message could not be dealt with yet. Its position must not be committed; hand the same
/// message over again after a pause.
#[derive(Debug, thiserror::Error)]
pub enum Undone<S, H> {
    /// The subscriber's own database.
    #[error("the event could not be applied")]
    Store(#[source] S),
    /// The history, which was needed to fill a gap.
    #[error("the events before it could not be had")]
    History(#[source] H),
    /// The store says that it was overtaken, and still has the version it had: it breaks its law.
    #[error("the store says that it was overtaken, but its version is the same")]
    Contradiction,
}

/// The one way of an event into a [`Store`].
///
/// It holds nothing itself: all memory is the store's, so it may be made anew at any time, and any
/// number of them may work beside each other.
#[derive(Debug)]
pub struct Inbox<S, H> {
    store: S,
    history: H,
}

impl<S: Store, H: History> Inbox<S, H> {
    /// Made of the two ports.
    pub const fn new(store: S, history: H) -> Self {
        Self { store, history }
    }

    /// The store, for reading.
    pub const fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Deals with one message: what is old is dropped, a gap before it is filled from the history,
    /// and it is applied.
    ///
    /// # Errors
    /// [`Undone`]. What has been applied by then stays applied; the same message again goes on
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
            // Every turn applies something, or finds that somebody else has.
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
            let before_this_turn = tally.applied;
            match self.apply(events, version, &mut tally).await? {
                Applied::Durably if last => {
                    // The last one is the message itself.
                    let filled = tally.applied.saturating_sub(1);
                    let outcome = Outcome::Applied { filled, missing: tally.missing };
                    return Ok(Done { position, outcome });
                }
                Applied::Overtaken if tally.applied == before_this_turn => {
                    overtaken_at = Some(version);
                }
                Applied::Durably | Applied::Overtaken => {}
            }
        }
    }

    /// Applies events in sequence, until somebody else turns out to be at it too.
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

/// What one message has led to so far.
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

/// What of a history belongs between what was applied and an event, in sequence, each once: a port
/// that is not as careful as its law must not harm the store.
fn before(event: &Event, version: Option<Version>, mut history: Vec<Event>) -> Vec<Event> {
    let wanted = next(version)..event.order.version;
    history.retain(|earlier| {
        earlier.order.id == event.order.id && wanted.contains(&earlier.order.version)
    });
    history.sort_by_key(|earlier| earlier.order.version);
    history.dedup_by_key(|earlier| earlier.order.version);
    history
}
