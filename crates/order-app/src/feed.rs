//! The feed: committed events, told live to whoever subscribes, from any position of the journal on
//! and without a gap.
//!
//! One reader per process follows the end of the journal, while anybody listens, and keeps the last
//! events in a ring. A subscriber is a position: what comes next is taken from the ring when the
//! ring has it, and read from the journal, a page at a time, when not. There is no hand-over between
//! the two, so that nothing can be lost or doubled at it, and a subscriber who is slow costs no more
//! memory than a page. What subscribers are told by is not here.

mod live;
mod ring;
mod settings;
mod stats;
mod subscription;
mod tail;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};

use crate::ports::{Deadline, Entropy, EventJournal, JournalEntry, StoreError, Unreadable};
use crate::wake_up::WakeUp;
use ring::Ring;
use stats::FeedStats;

pub use live::{Filter, LiveEvent};
pub use settings::FeedSettings;
pub use stats::FeedReport;
pub use subscription::{FeedBatch, Subscription};

/// So many positions of unreadable events are remembered, so that each is told once in the log.
const REMEMBERED: usize = 1_000;

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    journal: Arc<dyn EventJournal>,
    entropy: Arc<dyn Entropy>,
    settings: FeedSettings,
    runtime: Handle,
    ring: Mutex<Ring>,
    /// How far the ring reaches; wakes the subscribers.
    end: watch::Sender<i64>,
    /// Wakes the reader when somebody subscribes.
    wanted: Notify,
    streams: AtomicUsize,
    /// Subscribers that catch up read the journal in turns: requests need the database, too.
    reads: Semaphore,
    stats: FeedStats,
    unreadable: Mutex<BTreeSet<i64>>,
}

/// From where on events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// What gets its place from now on; it may be a little earlier, never later.
    Now,
    /// What comes after a position; 0 is the beginning.
    After(i64),
}

/// Why somebody cannot subscribe.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// As many as may subscribe do already.
    #[error("there are too many subscribers")]
    TooMany,
    /// No event has this position yet: it is of another journal, or made up.
    #[error("the journal ends at position {last}")]
    Ahead {
        /// The last position given.
        last: i64,
    },
    /// Events after the position have been purged.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The journal did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events that were to be told have been purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is purged up to position {through}")]
pub struct Gone {
    /// Up to where they are gone; whoever goes on after it misses nothing else.
    pub through: i64,
}

/// A place among the subscribers; given back when the last who works for one drops it.
struct Place(Arc<Inner>);

impl Feed {
    /// Wires a feed. Must be called on the runtime on which the journal is to be read.
    #[must_use]
    pub fn new(
        journal: Arc<dyn EventJournal>,
        entropy: Arc<dyn Entropy>,
        settings: FeedSettings,
    ) -> Self {
        Self(Arc::new(Inner {
            journal,
            entropy,
            runtime: Handle::current(),
            ring: Mutex::new(Ring::new(settings.ring_events, settings.ring_bytes)),
            end: watch::Sender::new(0),
            wanted: Notify::new(),
            streams: AtomicUsize::new(0),
            reads: Semaphore::new(settings.reads.max(1)),
            stats: FeedStats::default(),
            unreadable: Mutex::default(),
            settings,
        }))
    }

    /// Follows the end of the journal for ever, while there are subscribers. `placed` is rung when
    /// there may be something new; what nobody rings for is found by polling.
    pub async fn run(self, placed: WakeUp) {
        tail::follow(&self.0, &placed).await;
    }

    /// A subscription to the events that pass a filter.
    ///
    /// # Errors
    /// [`SubscribeError`], each case by its name.
    pub async fn subscribe(
        &self,
        start: Start,
        filter: Filter,
    ) -> Result<Subscription, SubscribeError> {
        let place = self.0.place()?;
        let position = self.0.position(start).await?;
        Ok(Subscription::new(place, position, filter))
    }

    /// The numbers now.
    #[must_use]
    pub fn report(&self) -> FeedReport {
        self.0.stats.report(self.0.streams.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Feed").field(&self.report()).finish()
    }
}

impl Inner {
    fn place(self: &Arc<Self>) -> Result<Arc<Place>, SubscribeError> {
        let most = self.settings.most_streams;
        let more = |now: usize| (now < most).then(|| now.saturating_add(1));
        if self.streams.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err() {
            self.stats.refused();
            return Err(SubscribeError::TooMany);
        }
        self.wanted.notify_one();
        Ok(Arc::new(Place(Arc::clone(self))))
    }

    /// The position that a subscriber starts after. When the ring has it, nobody is asked, so that
    /// many who come back at once cost nothing.
    async fn position(&self, start: Start) -> Result<i64, SubscribeError> {
        let deadline = self.deadline();
        let Start::After(position) = start else {
            let end = self.ring().end();
            return match end {
                Some(end) => Ok(end),
                None => Ok(self.journal.last_position(deadline).await?),
            };
        };
        if !self.ring().covers(position) {
            let last = self.journal.last_position(deadline).await?;
            if position > last {
                return Err(SubscribeError::Ahead { last });
            }
            self.check_purge(position, deadline).await??;
        }
        Ok(position)
    }

    /// Whether everything after a position that was read before this was asked had not been purged.
    async fn check_purge(
        &self,
        position: i64,
        deadline: Deadline,
    ) -> Result<Result<(), Gone>, StoreError> {
        let through = self.journal.purged_through(deadline).await?;
        Ok(if position < through { Err(Gone { through }) } else { Ok(()) })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self) -> Deadline {
        let now = Deadline::now();
        now.checked_add(self.settings.budget).unwrap_or(now)
    }

    /// What can be told of an entry of the journal. One that cannot be read is left out: the others
    /// go on, and its sequence shows subscribers that it is missing.
    fn tell(&self, entry: Result<JournalEntry, Unreadable>) -> Option<Arc<LiveEvent>> {
        match entry.and_then(LiveEvent::of) {
            Ok(event) => Some(Arc::new(event)),
            Err(unreadable) => {
                let mut known = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                if known.insert(unreadable.position) {
                    self.stats.unreadable();
                    tracing::error!(cause = %unreadable, "an event is left out of the feed");
                }
                if known.len() > REMEMBERED {
                    known.pop_first();
                }
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}
