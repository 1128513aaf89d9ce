//! One subscriber: a position, and what comes after it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout_at};

use super::event::{FeedEvent, Shown};
use super::recent::Lookup;
use super::{Gone, Inner, StreamPermit};
use crate::ports::{Deadline, EntryKey, Page, StoreError};

/// The most events that are taken from the recent ones at once.
const MAX_EVENTS: usize = 64;
/// About the most bytes of one batch, which is what a subscriber that takes nothing holds. A single
/// event may be larger.
const MAX_BYTES: usize = 256 << 10;

/// See the head of the file. Ends when it is dropped.
pub struct Subscription {
    permit: Arc<StreamPermit>,
    moved: watch::Receiver<i64>,
    position: i64,
    shown: Shown,
    /// When the caller's say ends.
    until: Option<Deadline>,
}

/// Why a subscription has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// Events that come next have been purged.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The caller's say has ended: it has to prove anew who it is.
    #[error("the caller's say has ended")]
    Expired,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedBatch {
    /// The events that pass the filter, in the order of their positions.
    pub events: Vec<Arc<FeedEvent>>,
    /// With them, everything up to this position is delivered.
    pub through: i64,
}

impl Subscription {
    pub(super) fn new(
        permit: Arc<StreamPermit>,
        position: i64,
        shown: Shown,
        until: Option<Deadline>,
    ) -> Self {
        let moved = permit.0.end.subscribe();
        Self { permit, moved, position, shown, until }
    }

    /// Everything up to this position is delivered.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Waits for what comes next; it may be no event that passes the filter. While the journal does
    /// not answer, it waits. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`End`], each case by its name.
    pub async fn next(&mut self) -> Result<FeedBatch, End> {
        match self.until {
            Some(until) if until <= Deadline::now() => Err(End::Expired),
            Some(until) => Ok(timeout_at(until, self.look()).await.map_err(|_| End::Expired)??),
            None => Ok(self.look().await?),
        }
    }

    async fn look(&mut self) -> Result<FeedBatch, Gone> {
        loop {
            // Events that come after this lookup wake the subscriber.
            self.moved.borrow_and_update();
            let lookup = self.permit.0.recent().after(self.position, MAX_EVENTS);
            match lookup {
                Lookup::Found(events, through) => return Ok(self.batch(events, through)),
                Lookup::TooOld => {
                    if let Some(page) = self.read().await {
                        let FeedBatch { events, through } = page?;
                        return Ok(self.batch(events, through));
                    }
                    // The read panicked, which is logged: pauses before the next one.
                    sleep(self.permit.0.settings.backoff.longest).await;
                }
                // Cannot fail: the permit keeps the sender.
                Lookup::Nothing => drop(self.moved.changed().await),
            }
        }
    }

    fn batch(&mut self, mut events: Vec<Arc<FeedEvent>>, mut through: i64) -> FeedBatch {
        events.retain(|event| self.shown.has(event));
        let mut bytes = 0_usize;
        let mut fits = |event: &Arc<FeedEvent>| {
            bytes = bytes.saturating_add(event.json.len());
            bytes <= MAX_BYTES
        };
        let fitting = events.iter().take_while(|event| fits(event)).count().max(1);
        if fitting < events.len() {
            // The rest is looked up, or read, again.
            events.truncate(fitting);
            through = events.last().map_or(through, |event| event.position);
        }
        events.shrink_to_fit();
        self.position = through;
        let streamed = u64::try_from(events.len()).unwrap_or(u64::MAX);
        let mut stats = self.permit.0.stats();
        stats.streamed = stats.streamed.saturating_add(streamed);
        drop(stats);
        FeedBatch { events, through }
    }

    /// Reads a page in a task of its own: a subscriber that stops asking must not keep the others
    /// from reading. The task shares the permit, so that there are never more tasks than permits.
    async fn read(&self) -> Option<Result<FeedBatch, Gone>> {
        let (sender, answer) = oneshot::channel();
        let (permit, position) = (Arc::clone(&self.permit), self.position);
        self.permit.0.runtime.spawn(async move { catch_up(&permit.0, position, sender).await });
        answer.await.ok()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Reads a page, until that succeeds or the subscriber is gone.
async fn catch_up(
    inner: &Inner,
    position: i64,
    mut answer: oneshot::Sender<Result<FeedBatch, Gone>>,
) {
    let reading = async {
        let mut failures = 0;
        loop {
            match page(inner, position).await {
                Ok(page) => return page,
                Err(error) => {
                    tracing::debug!(%error, "a subscriber waits for the journal");
                    sleep(inner.settings.backoff.pause(failures, &*inner.entropy)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = answer.closed() => {}
        page = reading => drop(answer.send(page)),
    }
}

/// The page after a position.
async fn page(inner: &Inner, position: i64) -> Result<Result<FeedBatch, Gone>, StoreError> {
    let permit = inner.reads.acquire().await;
    let deadline = inner.deadline();
    // What the follower has read before this call is in the answer to it.
    let end = inner.recent().end().unwrap_or(position);
    let limit = inner.settings.page;
    let Page { items: entries, more } =
        inner.journal.entries_after(position, None, limit, deadline).await?;
    let mut through = if more { position } else { end.max(position) };
    let (mut entries_seen, mut bytes, mut events) = (0_i64, 0_usize, Vec::new());
    for entry in entries {
        if bytes >= inner.settings.page_bytes {
            through = events.last().map_or(position, |event: &Arc<FeedEvent>| event.position);
            break;
        }
        through = through.max(EntryKey::of(&entry).position);
        entries_seen = entries_seen.saturating_add(1);
        if let Some(event) = inner.event(entry) {
            bytes = bytes.saturating_add(event.json.len());
            events.push(event);
        }
    }
    let holes = through.saturating_sub(position) != entries_seen;
    if holes && let Err(gone) = inner.check_purge(position, deadline).await? {
        return Ok(Err(gone));
    }
    drop(permit);
    Ok(Ok(FeedBatch { events, through }))
}
