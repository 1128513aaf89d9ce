//! Publishing past events once more. One walk through the journal, page by page; within a page each
//! order's events go one after the other, different orders together. Only what is published already
//! is replayed, as things stood at the start: an event that the relay has yet to publish would
//! otherwise appear behind later ones of its order.
//!
//! A replay can be resumed: everything that is selected up to its position is confirmed, so another
//! one that starts after that position misses nothing, and may repeat a little. The position is in
//! its progress from the start to the end, however it ends.

mod estimate;
mod pace;
mod published;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{OperationsPorts, deadline};
use crate::backoff::Backoff;
use crate::events::EventRecord;
use crate::ports::{EventReplayer, Placed, PublishError, Selected, Selection, StoreError};
use pace::Pace;
use published::Published;

pub use estimate::ReplayPace;

/// At most so many events are held at a time; they may be large.
const PAGE: u32 = 200;
/// Between two attempts.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) };

/// What is to be replayed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Which events.
    pub selection: Selection,
    /// Where to; each event to its own topic when `None`.
    pub topic: Option<String>,
    /// Only events with places after this one; a resumed replay starts where the first one ended.
    pub after: i64,
    /// Only events up to this place.
    pub up_to: Option<i64>,
    /// At most so many events in a second, at least 1.
    pub rate: u32,
    /// Only counts.
    pub dry_run: bool,
}

impl ReplayPlan {
    /// Events in a second when nobody says otherwise.
    pub const USUAL_RATE: u32 = 1_000;
    /// The most events in a second that may be asked for.
    pub const HIGHEST_RATE: u32 = 100_000;
}

/// How a replay stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayProgress {
    /// Whether it goes on.
    pub state: ReplayState,
    /// Where it goes on from: all selected events up to here are confirmed, or counted.
    pub position: i64,
    /// Where it ends, once that is known.
    pub end: Option<i64>,
    /// Events that were confirmed, repetitions included, or counted.
    pub events: u64,
    /// Selected events that were left out because they are not published yet.
    pub unpublished: u64,
    /// What keeps it from going on at the moment; it tries again.
    pub trouble: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Whether a replay goes on, and else how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayState {
    /// It goes on.
    Running,
    /// All that was selected has been confirmed, or counted.
    Completed,
    /// Somebody stopped it.
    Cancelled,
    /// It cannot go on, for this reason.
    Failed(String),
}

/// One replay.
pub struct Replay {
    ports: OperationsPorts,
    plan: ReplayPlan,
    progress: Arc<watch::Sender<ReplayProgress>>,
}

impl Replay {
    /// Prepares a replay; its progress can be watched from now on.
    #[must_use]
    pub fn new(ports: OperationsPorts, plan: ReplayPlan) -> Self {
        let progress = ReplayProgress {
            state: ReplayState::Running,
            position: plan.after,
            end: None,
            events: 0,
            unpublished: 0,
            trouble: None,
            started_at: ports.clock.now(),
            ended_at: None,
        };
        Self { ports, plan, progress: Arc::new(watch::Sender::new(progress)) }
    }

    /// Shows how it stands, for as long as anybody likes to look.
    #[must_use]
    pub fn progress(&self) -> Arc<watch::Sender<ReplayProgress>> {
        Arc::clone(&self.progress)
    }

    /// Runs until all is done, it cannot go on, or it is told to stop.
    pub async fn run(self, told: impl Future<Output = ()>) -> ReplayProgress {
        let state = tokio::select! {
            biased;
            () = told => ReplayState::Cancelled,
            walked = self.walk() => match walked {
                Ok(()) => ReplayState::Completed,
                Err(reason) => ReplayState::Failed(reason),
            },
        };
        let now = self.ports.clock.now();
        self.progress.send_modify(|progress| {
            progress.state = state;
            progress.trouble = None;
            progress.ended_at = Some(now);
        });
        self.progress.borrow().clone()
    }

    async fn walk(&self) -> Result<(), String> {
        let replayer = match (&self.ports.replayer, self.plan.dry_run) {
            (_, true) => None,
            (Some(replayer), false) => Some(Arc::clone(replayer)),
            (None, false) => return Err("there are no brokers to replay to".to_owned()),
        };
        let published = Published::now(&*self.ports.inspection).await.map_err(|e| chain(&e))?;
        let end = self.plan.up_to.unwrap_or(i64::MAX).min(published.last());
        self.progress.send_modify(|progress| progress.end = Some(end));
        let mut pace = Pace::new(self.plan.rate);
        let mut at = self.plan.after;
        while at < end {
            let Selected { mut events, through } = self.page(at).await?;
            if through <= at {
                return Err(format!("the journal does not go on after position {at}"));
            }
            let through = through.min(end);
            events.retain(|placed| placed.position <= end);
            let selected = events.len();
            events.retain(|placed| published.has(placed));
            let left_out = selected.saturating_sub(events.len());
            let counted = events.len();
            match &replayer {
                Some(replayer) => self.send(&**replayer, events, &mut pace).await?,
                None => self.progress.send_modify(|progress| add(&mut progress.events, counted)),
            }
            self.progress.send_modify(|progress| {
                progress.position = through;
                add(&mut progress.unpublished, left_out);
            });
            at = through;
        }
        // Nothing is left to do up to the end, wherever it began.
        self.progress.send_modify(|progress| progress.position = progress.position.max(end));
        Ok(())
    }

    /// The next page. A database that does not answer is asked again.
    async fn page(&self, after: i64) -> Result<Selected, String> {
        let mut failures = 0;
        loop {
            let inspection = &self.ports.inspection;
            match inspection.select(&self.plan.selection, after, PAGE, deadline()).await {
                Ok(page) => {
                    self.goes_on(failures);
                    return Ok(page);
                }
                Err(error @ StoreError::Corrupt(_)) => return Err(chain(&error)),
                Err(error) => self.pause(&mut failures, chain(&error)).await,
            }
        }
    }

    /// Publishes the events of a page. An event that is refused for good ends the replay, but not
    /// before all that have earlier places are confirmed: it can be resumed right before it, or
    /// right after it.
    async fn send(
        &self,
        replayer: &dyn EventReplayer,
        mut pending: Vec<Placed>,
        pace: &mut Pace,
    ) -> Result<(), String> {
        let mut refused: Option<(i64, String)> = None;
        let mut failures = 0;
        while !pending.is_empty() {
            let (positions, wave) = wave(&pending, pace.room());
            pace.wait(wave.len()).await;
            let results = replayer.replay(self.plan.topic.as_deref(), &wave).await;
            let (mut confirmed, mut trouble) = (HashSet::new(), None);
            for ((position, event), result) in positions.into_iter().zip(&wave).zip(results) {
                match result {
                    Ok(()) => drop(confirmed.insert(position)),
                    Err(PublishError::Transient(cause)) => trouble = Some(chain(&*cause)),
                    Err(error @ PublishError::Permanent(_)) => {
                        if refused.as_ref().is_none_or(|(first, _)| position < *first) {
                            refused = Some((position, refusal(position, event, &error)));
                        }
                    }
                }
            }
            let before = refused.as_ref().map_or(i64::MAX, |(position, _)| *position);
            pending.retain(|p| p.position < before && !confirmed.contains(&p.position));
            self.confirmed(&pending, confirmed.len(), before);
            match trouble {
                Some(trouble) if confirmed.is_empty() => self.pause(&mut failures, trouble).await,
                _ => {
                    self.goes_on(failures);
                    failures = 0;
                }
            }
        }
        refused.map_or(Ok(()), |(_, reason)| Err(reason))
    }

    fn confirmed(&self, pending: &[Placed], events: usize, refused: i64) {
        let first = pending.first().map(|placed| placed.position);
        let open = first.or((refused < i64::MAX).then_some(refused));
        self.progress.send_modify(|progress| {
            add(&mut progress.events, events);
            if let Some(open) = open {
                progress.position = progress.position.max(open.saturating_sub(1));
            }
        });
    }

    async fn pause(&self, failures: &mut u32, trouble: String) {
        tracing::debug!(trouble, "a replay waits");
        self.progress.send_modify(|progress| progress.trouble = Some(trouble));
        sleep(PAUSES.pause(*failures, &*self.ports.entropy)).await;
        *failures = failures.saturating_add(1);
    }

    fn goes_on(&self, failures: u32) {
        if failures > 0 {
            self.progress.send_modify(|progress| progress.trouble = None);
        }
    }
}

/// The first pending event of each order, at most so many, with their positions.
fn wave(pending: &[Placed], most: usize) -> (Vec<i64>, Vec<EventRecord>) {
    let mut orders = HashSet::new();
    let first = |placed: &&Placed| orders.insert(placed.event.order_id);
    let wave = pending.iter().filter(first).take(most);
    wave.map(|placed| (placed.position, placed.event.clone())).unzip()
}

fn refusal(position: i64, event: &EventRecord, error: &PublishError) -> String {
    let (order, sequence) = (event.order_id, event.sequence);
    let cause = chain(error);
    format!("event {sequence} of order {order}, at position {position}, is refused: {cause}")
}

fn add(count: &mut u64, more: usize) {
    *count = count.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
