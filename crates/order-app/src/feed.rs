//! The feed: committed events, delivered live to subscribers, from any position of the journal on and
//! without a gap.
//!
//! One follower per process reads the end of the journal while there are subscribers, and keeps the
//! most recent events. A subscription is a position: what comes next is taken from the recent events
//! when they cover it, and else read from the journal, one page at a time. There is no hand-over
//! between the two that could lose or repeat an event, and a slow subscriber costs no more memory
//! than a page. The transport to clients is not here.

mod event;
mod follower;
mod recent;
mod settings;
mod subscription;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};

use crate::caller::{Authority, Caller, Forbidden};
use crate::ports::{Clock, Deadline, Entropy, EventJournal, ReadEntry, StoreError, later};
use crate::wake_up::WakeUp;
use event::Shown;
use recent::RecentEvents;

pub use event::{FeedEvent, Filter};
pub use settings::FeedSettings;
pub use subscription::{End, FeedBatch, Subscription};

/// How many positions of unreadable events are remembered, so that each is logged once.
const REMEMBERED: usize = 1_000;

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    journal: Arc<dyn EventJournal>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: FeedSettings,
    runtime: Handle,
    recent: Mutex<RecentEvents>,
    /// Up to which position the recent events reach; wakes the subscribers.
    end: watch::Sender<i64>,
    /// Wakes the follower when a subscriber comes.
    subscribed: Notify,
    /// Limits the concurrent reads of subscribers that are behind: requests need the database, too.
    reads: Semaphore,
    stats: Mutex<FeedReport>,
    unreadable: Mutex<BTreeSet<i64>>,
}

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With events that get their positions from now on. It may start a little earlier, never later.
    Now,
    /// With the event after a position; 0 is the beginning.
    After(i64),
}

/// Why a subscription was refused.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The caller may not read orders.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There are as many subscribers as are allowed.
    #[error("there are too many subscribers")]
    TooMany,
    /// No event has this position yet: it is from another journal, or made up.
    #[error("the journal ends at position {last}")]
    Ahead {
        /// The last position of the journal.
        last: i64,
    },
    /// Events after the position have been purged.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The journal did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events that come next have been purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal is purged up to position {through}")]
pub struct Gone {
    /// The last purged position. A subscription that starts after it misses nothing else.
    pub through: i64,
}

/// The numbers at one moment. Those without "now" only grow while the process lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// Subscribers, now.
    pub streams: usize,
    /// Deliveries: each event counts once for each subscriber that it was delivered to.
    pub streamed: u64,
    /// Subscriptions that were refused because there were too many.
    pub refused: u64,
    /// Events that were left out because they cannot be read.
    pub unreadable: u64,
}

/// The permit to be one of the subscribers. It is given back when the last task that works for the
/// subscriber drops it.
struct StreamPermit(Arc<Inner>);

impl Feed {
    /// Wires a feed. Must be called on the runtime on which the journal is to be read.
    #[must_use]
    pub fn new(
        journal: Arc<dyn EventJournal>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: FeedSettings,
    ) -> Self {
        Self(Arc::new(Inner {
            journal,
            clock,
            entropy,
            runtime: Handle::current(),
            recent: Mutex::new(RecentEvents::new(settings.recent_events, settings.recent_bytes)),
            end: watch::Sender::new(0),
            subscribed: Notify::new(),
            reads: Semaphore::new(settings.concurrent_reads.max(1)),
            stats: Mutex::default(),
            unreadable: Mutex::default(),
            settings,
        }))
    }

    /// Follows the end of the journal for ever, while there are subscribers. `new_positions` is set
    /// when events of this process may have got their positions; those of other instances are found
    /// by polling.
    pub async fn run(self, new_positions: WakeUp) {
        follower::follow(&self.0, &new_positions).await;
    }

    /// A subscription to the events that pass a filter, of the orders that the caller may know of. It ends with the
    /// caller's say.
    ///
    /// # Errors
    /// [`SubscribeError`], each case by its name.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        start: Start,
        filter: Filter,
    ) -> Result<Subscription, SubscribeError> {
        let reach = caller.orders(Authority::Read)?;
        let now = self.0.clock.now();
        let left =
            |until: DateTime<Utc>| until.signed_duration_since(now).to_std().unwrap_or_default();
        let until = caller.until().map(|until| later(Deadline::now(), left(until)));
        let permit = self.0.permit()?;
        let position = self.0.position(start).await?;
        Ok(Subscription::new(permit, position, Shown { filter, reach }, until))
    }

    /// The numbers now.
    #[must_use]
    pub fn report(&self) -> FeedReport {
        *self.0.stats()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Feed").field(&self.report()).finish()
    }
}

impl Inner {
    fn permit(self: &Arc<Self>) -> Result<Arc<StreamPermit>, SubscribeError> {
        let mut stats = self.stats();
        if stats.streams >= self.settings.max_streams {
            stats.refused = stats.refused.saturating_add(1);
            return Err(SubscribeError::TooMany);
        }
        stats.streams = stats.streams.saturating_add(1);
        drop(stats);
        self.subscribed.notify_one();
        Ok(Arc::new(StreamPermit(Arc::clone(self))))
    }

    /// The position that a subscription starts after. While the recent events cover it, the journal
    /// is not read, so that many clients that reconnect at once cost nothing.
    async fn position(&self, start: Start) -> Result<i64, SubscribeError> {
        let deadline = self.deadline();
        let Start::After(position) = start else {
            let end = self.recent().end();
            return match end {
                Some(end) => Ok(end),
                None => Ok(self.journal.last_position(deadline).await?),
            };
        };
        if !self.recent().covers(position) {
            let last = self.journal.last_position(deadline).await?;
            if position > last {
                return Err(SubscribeError::Ahead { last });
            }
            self.check_purge(position, deadline).await??;
        }
        Ok(position)
    }

    /// Whether what was read after a position, before this call, was complete.
    async fn check_purge(
        &self,
        position: i64,
        deadline: Deadline,
    ) -> Result<Result<(), Gone>, StoreError> {
        let through = self.journal.purged_through(deadline).await?;
        Ok(if position < through { Err(Gone { through }) } else { Ok(()) })
    }

    fn recent(&self) -> MutexGuard<'_, RecentEvents> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stats(&self) -> MutexGuard<'_, FeedReport> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self) -> Deadline {
        later(Deadline::now(), self.settings.budget)
    }

    /// The event of an entry. An unreadable one is left out: the others go on, and subscribers see
    /// by its sequence that it is missing.
    fn event(&self, entry: ReadEntry) -> Option<Arc<FeedEvent>> {
        match entry.and_then(FeedEvent::of) {
            Ok(event) => Some(Arc::new(event)),
            Err(unreadable) => {
                let mut known = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                if known.insert(unreadable.position) {
                    let mut stats = self.stats();
                    stats.unreadable = stats.unreadable.saturating_add(1);
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

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut stats = self.0.stats();
        stats.streams = stats.streams.saturating_sub(1);
    }
}
