//! One subscriber: a position, and the way on from there.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use super::live::{Filter, LiveEvent};
use super::ring::Look;
use super::{Gone, Inner, Place};
use crate::ports::StoreError;

/// At most so many events are taken from the ring at once.
const MOST: usize = 64;
/// About so many bytes of events are told at once: a subscriber who does not take them holds no
/// more. A single event may be larger.
const MOST_BYTES: usize = 256 << 10;

/// See the head of the file. Ends when it is dropped.
pub struct Subscription {
    place: Arc<Place>,
    moved: watch::Receiver<i64>,
    position: i64,
    filter: Filter,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedBatch {
    /// The events that pass the filter, in the order of their places.
    pub events: Vec<Arc<LiveEvent>>,
    /// With them, everything up to this position is told.
    pub through: i64,
}

impl Subscription {
    pub(super) fn new(place: Arc<Place>, position: i64, filter: Filter) -> Self {
        let moved = place.0.end.subscribe();
        Self { place, moved, position, filter }
    }

    /// Everything up to this position is told.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Waits for what comes next; it may be nothing that passes the filter. While the journal does
    /// not answer, it waits. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Gone`] when events that were to come next have been purged.
    pub async fn next(&mut self) -> Result<FeedBatch, Gone> {
        loop {
            // What comes after this look wakes us.
            self.moved.borrow_and_update();
            let look = self.place.0.ring().after(self.position, MOST);
            match look {
                Look::Here(events, through) => return Ok(self.told(events, through)),
                Look::Behind => {
                    if let Some(page) = self.read().await {
                        let FeedBatch { events, through } = page?;
                        return Ok(self.told(events, through));
                    }
                    // A defect behind the port, which is in the log; not without a pause again.
                    sleep(self.place.0.settings.backoff.longest).await;
                }
                // The sender is dropped after us.
                Look::Nothing => drop(self.moved.changed().await),
            }
        }
    }

    fn told(&mut self, mut events: Vec<Arc<LiveEvent>>, mut through: i64) -> FeedBatch {
        events.retain(|event| self.filter.takes(event));
        let mut bytes = 0_usize;
        let mut fits = |event: &Arc<LiveEvent>| {
            bytes = bytes.saturating_add(event.json.len());
            bytes <= MOST_BYTES
        };
        let fitting = events.iter().take_while(|event| fits(event)).count().max(1);
        if fitting < events.len() {
            // The rest comes next: it is taken, or read, again.
            events.truncate(fitting);
            through = events.last().map_or(through, |event| event.position);
        }
        // Not the room for those that are gone.
        events.shrink_to_fit();
        self.position = through;
        self.place.0.stats.streamed(events.len());
        FeedBatch { events, through }
    }

    /// Reads a page in a task of its own: a subscriber that does not ask any further must keep
    /// nobody from reading. The task has a share in the place, so that there are not more of them
    /// than subscribers.
    async fn read(&self) -> Option<Result<FeedBatch, Gone>> {
        let (answer, heard) = oneshot::channel();
        let (place, position) = (Arc::clone(&self.place), self.position);
        self.place.0.runtime.spawn(async move { catch_up(&place.0, position, answer).await });
        heard.await.ok()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Reads a page, until it works or nobody waits for it any more.
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
    let turn = inner.reads.acquire().await;
    let deadline = inner.deadline();
    // What the ring had before the question has its place, and is in the answer.
    let end = inner.ring().end().unwrap_or(position);
    let limit = inner.settings.page;
    let entries = inner.journal.entries_after(position, None, limit, deadline).await?;
    let whole = u32::try_from(entries.len()).is_ok_and(|read| read < limit);
    let mut through = if whole { end.max(position) } else { position };
    let (mut places, mut bytes, mut events) = (0_i64, 0_usize, Vec::new());
    for entry in entries {
        if bytes >= inner.settings.page_bytes {
            through = last(&events, position);
            break;
        }
        let at = entry.as_ref().map_or_else(|unreadable| unreadable.position, |one| one.position);
        (through, places) = (through.max(at), places.saturating_add(1));
        if let Some(event) = inner.tell(entry) {
            bytes = bytes.saturating_add(event.json.len());
            events.push(event);
        }
    }
    let holes = through.saturating_sub(position) != places;
    if holes && let Err(gone) = inner.check_purge(position, deadline).await? {
        return Ok(Err(gone));
    }
    drop(turn);
    Ok(Ok(FeedBatch { events, through }))
}

/// The position of the last of some events.
fn last(events: &[Arc<LiveEvent>], otherwise: i64) -> i64 {
    events.last().map_or(otherwise, |event| event.position)
}
