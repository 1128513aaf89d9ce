//! The writer: takes the changes that wait in the queue and writes them in one transaction. A change
//! that cannot be written fails alone; the others are written without it. One that meets a lock of another session goes on
//! in a lane of its own. How one batch is written is
//! in the `batch.rs` of each backend.

use std::collections::VecDeque;
use std::sync::Arc;

use metrics::{Counter, Histogram};
use order_app::ports::{BoxError, Conflict, Deadline, StoreError};

use super::lane::{HeldChange, Lane, LaneReader};
use super::limits::{BatchLimits, RunningBatches};
use super::queue::{QueueReader, QueuedChange};
use crate::backend::{Backend, BatchOutcome, Obstacle};
use crate::executor::{Executor, unfinished};
use crate::ids::OrderIds;
use crate::pool::connection;
use crate::retry::{is_held, writes_nothing};
use crate::rows::ChangeRows;
use crate::types::Guid;

/// Writes the changes of a queue.
pub(crate) struct Writer<B: Backend> {
    executor: Arc<Executor<B>>,
    ids: Arc<OrderIds>,
    /// Where changes wait for the locks of other sessions.
    lane: Lane,
    /// How many changes each committed transaction held. Looked up once, because finding it takes
    /// longer than recording in it.
    sizes: Histogram,
    /// How often a change has met a lock of another session.
    held: Counter,
}

/// Into how many parts the writer divides a batch that has met a lock. A part that meets the lock again costs a wait; a part
/// that does not costs one more transaction.
const SPLIT: usize = 8;
/// The writer does not divide a part of this many changes or fewer: all of them go into the lane.
const FEW: usize = 8;

/// What became of the attempts to write one change.
enum Alone {
    /// They have ended.
    Settled(Result<(), StoreError>),
    /// Another session holds a lock that it needs.
    Held(BoxError),
}

impl<B: Backend> Writer<B> {
    /// A writer, and the end of its lane.
    pub(crate) fn new(
        executor: Arc<Executor<B>>,
        ids: Arc<OrderIds>,
        pool_size: u32,
    ) -> (Self, LaneReader) {
        let sizes = metrics::histogram!("order_commit_batch_size");
        let held = metrics::counter!("order_commit_held_total");
        // The metric is there from the start.
        held.increment(0);
        let (lane, reader) = Lane::new(pool_size);
        (Self { executor, ids, lane, sizes, held }, reader)
    }

    /// Writes until the queue is closed. A panic costs the batch in which it happens, whose callers
    /// learn that its outcome is unknown. The next batches are written.
    pub(crate) async fn run(self, mut queue: QueueReader, lane: LaneReader, limits: BatchLimits) {
        let mut running = RunningBatches::new(limits);
        let writer = Arc::new(self);
        let again = Arc::downgrade(&writer);
        tokio::spawn(lane.run(move |held: HeldChange| {
            let writer = again.upgrade();
            async move {
                if let Some(writer) = writer {
                    writer.try_again(held).await;
                }
            }
        }));
        // Waits for permits first and takes the batch then, so that it holds all that wait by then.
        while let Some(waiting) = queue.waiting().await {
            let permits = running.permits_for(waiting).await;
            let batch = writer.lane.divert(queue.next_batch());
            if batch.is_empty() {
                continue;
            }
            let writer = Arc::clone(&writer);
            running.start(permits, batch.len(), async move { writer.write(batch).await });
        }
    }

    /// Writes a batch and replies to each caller. While something stands in the way of a batch, parts of it are tried.
    async fn write(&self, batch: Vec<QueuedChange>) {
        let mut parts = Parts::of(batch);
        while let Some(part) = parts.next() {
            let part = if part.len() > 1 && self.lane.expects_locks() {
                self.without_locked(part, &mut parts).await
            } else {
                part
            };
            match part.len() {
                0 => {}
                1 => {
                    for change in part {
                        self.write_one(change, parts.in_doubt).await;
                    }
                }
                _ => match self.write_together(&part, &mut parts.in_doubt).await {
                    Ok(BatchOutcome::Written { stale }) => {
                        let is_stale = |one: &QueuedChange| stale.contains(&one.rows.id);
                        let (left, landed): (Vec<_>, Vec<_>) = part.into_iter().partition(is_stale);
                        self.report_landed(landed);
                        parts.divide(left, 1);
                    }
                    Ok(BatchOutcome::Excluded) => self.divide_excluded(part, &mut parts).await,
                    Ok(BatchOutcome::Held) => self.divide_held(part, &mut parts).await,
                    Err(failure) => {
                        parts.put(give_up(part, &failure, parts.in_doubt).unwrap_or_default());
                    }
                },
            }
        }
    }

    /// Halves a part in which something excludes a change, unless that is an earlier attempt that has landed.
    async fn divide_excluded(&self, part: Vec<QueuedChange>, parts: &mut Parts) {
        let several = part.len();
        let before = if parts.in_doubt { self.written_before(&part).await } else { vec![] };
        let is_landed =
            |one: &QueuedChange| one.rows.event_id().is_some_and(|event| before.contains(&event));
        let (landed, rest): (Vec<_>, Vec<_>) = part.into_iter().partition(is_landed);
        let size = if landed.is_empty() { several.div_ceil(2) } else { several };
        self.report_landed(landed);
        parts.divide(rest, size);
    }

    /// Puts the changes of locked orders into the lane. When there are none, the lock is most likely that of a key, or else
    /// of the table: then the part is divided. Few changes go into the lane, where they do not wait for each other.
    async fn divide_held(&self, part: Vec<QueuedChange>, parts: &mut Parts) {
        let several = part.len();
        let rest = self.without_locked(part, parts).await;
        if rest.len() < several {
            return parts.put(rest);
        }
        let (keyed, plain): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|change| change.rows.has_keys());
        let suspects = if keyed.is_empty() {
            plain
        } else {
            parts.put(plain);
            keyed
        };
        if suspects.len() > FEW {
            let size = suspects.len().div_ceil(SPLIT);
            return parts.divide(suspects, size);
        }
        for change in suspects {
            self.hold(change, "another session holds a lock".into(), parts.in_doubt);
        }
    }

    async fn write_together(
        &self,
        part: &[QueuedChange],
        in_doubt: &mut bool,
    ) -> Result<BatchOutcome, BoxError> {
        let mut tries = self.executor.retry.tries_until(last_moment(part), first_deadline(part));
        let changes: Vec<_> = part.iter().map(|change| Arc::clone(&change.rows)).collect();
        loop {
            if let Some(outcome) = tries.attempt(self.attempt_together(&changes, in_doubt)).await? {
                return Ok(outcome);
            }
        }
    }

    /// One attempt to write several changes. `in_doubt` is set while the outcome of an earlier COMMIT
    /// is open: the rows have their own keys, so writing them again either finds them stored or shows
    /// that they were not.
    async fn attempt_together(
        &self,
        changes: &[Arc<ChangeRows>],
        in_doubt: &mut bool,
    ) -> Result<Option<BatchOutcome>, BoxError> {
        let mut guarded = connection(&self.executor.writers).await?;
        match B::write_batch(&mut guarded, changes, in_doubt, &self.executor.writers).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) if writes_nothing(&error) => Err(error.into()),
            // The connection works, so the fault is in the changes: smaller parts will show where.
            Err(_) if guarded.is_finished() => Ok(Some(BatchOutcome::Excluded)),
            Err(error) => Err(error.into()),
        }
    }

    /// The events of those changes that an earlier attempt has written after all: their own rows stood
    /// in the way of the later attempt. Empty when the lookup fails.
    async fn written_before(&self, part: &[QueuedChange]) -> Vec<Guid> {
        let events: Vec<_> = part.iter().filter_map(|change| change.rows.event_id()).collect();
        let (executor, deadline) = (&self.executor, first_deadline(part));
        let stored = executor.query(&executor.writers, deadline, B::STORED_EVENTS, &events).await;
        stored.unwrap_or_default()
    }

    /// Puts those changes into the lane whose orders another session has locked, and returns the others; all of them
    /// when they were looked for before, or the lookup fails.
    async fn without_locked(
        &self,
        part: Vec<QueuedChange>,
        parts: &mut Parts,
    ) -> Vec<QueuedChange> {
        let updates = part.iter().filter(|change| change.rows.seen().is_some());
        let ids: Vec<i64> = updates.map(|change| change.rows.id).collect();
        if ids.is_empty() || std::mem::replace(&mut parts.looked, true) {
            return part;
        }
        let (executor, last) = (&self.executor, last_moment(&part));
        let asked = executor.query(&executor.writers, last, B::UNLOCKED, ids.as_slice()).await;
        let Ok(unlocked) = asked else { return part };
        let is_locked = |change: &QueuedChange| {
            change.rows.seen().is_some() && !unlocked.contains(&change.rows.id)
        };
        let (locked, others): (Vec<_>, Vec<_>) = part.into_iter().partition(is_locked);
        for change in locked {
            self.hold(change, "another session holds a lock of the order".into(), parts.in_doubt);
        }
        others
    }

    fn hold(&self, change: QueuedChange, failure: BoxError, in_doubt: bool) {
        self.held.increment(1);
        self.lane.hold(change, failure, in_doubt);
    }

    /// Tries a change of the lane again, unless its order is still locked: then no connection waits for it.
    async fn try_again(&self, held: HeldChange) {
        let mut parts = Parts { in_doubt: held.in_doubt, ..Parts::of(vec![]) };
        for change in self.without_locked(vec![held.change], &mut parts).await {
            self.write_one(change, parts.in_doubt).await;
        }
    }

    /// Writes one change and replies, or puts it into the lane.
    async fn write_one(&self, change: QueuedChange, mut in_doubt: bool) {
        let Some(change) = change.take() else { return };
        match self.write_alone(&change, &mut in_doubt).await {
            Alone::Settled(result) => {
                self.lane.forget(&change.rows);
                change.reply(result);
            }
            Alone::Held(failure) => self.hold(change, failure, in_doubt),
        }
    }

    async fn write_alone(&self, change: &QueuedChange, in_doubt: &mut bool) -> Alone {
        let mut tries = self.executor.retry.tries_until(change.last, change.deadline);
        loop {
            let result = match tries.attempt(self.attempt_alone(&change.rows, in_doubt)).await {
                Ok(None) => continue,
                Ok(Some(Alone::Settled(Ok(())))) => {
                    self.measure(1);
                    Ok(())
                }
                Ok(Some(Alone::Settled(Err(failure)))) => {
                    if let StoreError::Conflict(Conflict::OrderId) = failure {
                        self.ids.forget().await;
                    }
                    Err(failure)
                }
                Ok(Some(held @ Alone::Held(_))) => return held,
                Err(error) => Err(unfinished(error, *in_doubt)),
            };
            return Alone::Settled(result);
        }
    }

    /// One attempt to write one change; `None` when the obstacle is gone.
    async fn attempt_alone(
        &self,
        change: &Arc<ChangeRows>,
        in_doubt: &mut bool,
    ) -> Result<Option<Alone>, BoxError> {
        let mut guarded = connection(&self.executor.writers).await?;
        let changes = std::slice::from_ref(change);
        match B::write_batch(&mut guarded, changes, in_doubt, &self.executor.writers).await {
            Ok(BatchOutcome::Written { stale }) if stale.is_empty() => {
                return Ok(Some(Alone::Settled(Ok(()))));
            }
            Ok(_) => {}
            Err(error) if is_held(&error) && guarded.is_finished() => {
                return Ok(Some(Alone::Held(error.into())));
            }
            Err(error) => return Err(error.into()),
        }
        let obstacle = B::OBSTACLE(guarded.begin(), change).await?;
        guarded.finish();
        Ok(match obstacle {
            Obstacle::WrittenBefore => Some(Alone::Settled(Ok(()))),
            Obstacle::Conflict(conflict) => Some(Alone::Settled(Err(conflict.into()))),
            Obstacle::Gone => None,
        })
    }

    fn report_landed(&self, landed: Vec<QueuedChange>) {
        self.measure(landed.len());
        QueuedChange::reply_landed(landed);
    }

    /// Records the size of a batch. Empty batches are not recorded.
    fn measure(&self, landed: usize) {
        if let Some(size) = u32::try_from(landed).ok().filter(|size| *size > 0) {
            self.sizes.record(size);
        }
    }
}

fn first_deadline(part: &[QueuedChange]) -> Deadline {
    part.iter().map(|change| change.deadline).min().unwrap_or_else(Deadline::now)
}

/// The parts of a batch that are to be written yet.
struct Parts {
    waiting: VecDeque<Vec<QueuedChange>>,
    /// Whether the outcome of a COMMIT is open.
    in_doubt: bool,
    /// Whether locked orders were looked for: once is enough.
    looked: bool,
}

impl Parts {
    fn of(batch: Vec<QueuedChange>) -> Self {
        Self { waiting: VecDeque::from([batch]), in_doubt: false, looked: false }
    }

    /// Takes the next part, without the changes that their callers have withdrawn.
    fn next(&mut self) -> Option<Vec<QueuedChange>> {
        let part = self.waiting.pop_front()?;
        Some(part.into_iter().filter_map(QueuedChange::take).collect())
    }

    /// Puts a part behind the others. While no COMMIT is in doubt, its callers may withdraw their changes.
    fn put(&mut self, mut part: Vec<QueuedChange>) {
        if !self.in_doubt {
            part.iter_mut().for_each(QueuedChange::release);
        }
        self.waiting.push_back(part);
    }

    /// Puts changes behind the others, this number in each part.
    fn divide(&mut self, mut changes: Vec<QueuedChange>, size: usize) {
        while !changes.is_empty() {
            let rest = changes.split_off(size.clamp(1, changes.len()));
            self.put(changes);
            changes = rest;
        }
    }
}

/// The moment after which no attempt begins that includes all of them.
fn last_moment(part: &[QueuedChange]) -> Deadline {
    part.iter().map(|change| change.last).min().unwrap_or_else(Deadline::now)
}

/// Replies to the callers whose time is over and returns the other changes, which may be tried again.
/// When no caller's time is over, all of them get the reply.
fn give_up(
    part: Vec<QueuedChange>,
    failure: &BoxError,
    in_doubt: bool,
) -> Option<Vec<QueuedChange>> {
    let (late, rest): (Vec<_>, Vec<_>) = part.into_iter().partition(QueuedChange::is_late);
    let (told, rest) = if late.is_empty() { (rest, None) } else { (late, Some(rest)) };
    for change in told {
        change.reply(Err(unfinished(failure.to_string().into(), in_doubt)));
    }
    rest
}
