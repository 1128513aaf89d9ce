//! The writer: takes the changes that wait in the queue and writes them in one transaction. A change
//! that cannot be written fails alone; the others are written without it. How one batch is written is
//! in the `batch.rs` of each backend.

use std::sync::Arc;

use metrics::Histogram;
use order_app::ports::{BoxError, Conflict, Deadline, StoreError};

use super::limits::{BatchLimits, RunningBatches};
use super::queue::{QueueReader, QueuedChange};
use crate::backend::{Backend, BatchOutcome, Obstacle};
use crate::executor::{Executor, unfinished};
use crate::ids::OrderIds;
use crate::pool::connection;
use crate::rows::ChangeRows;
use crate::types::Guid;

/// Writes the changes of a queue.
pub(crate) struct Writer<B: Backend> {
    executor: Arc<Executor<B>>,
    ids: Arc<OrderIds>,
    /// How many changes each committed transaction held. Looked up once, because finding it takes
    /// longer than recording in it.
    sizes: Histogram,
}

impl<B: Backend> Writer<B> {
    pub(crate) fn new(executor: Arc<Executor<B>>, ids: Arc<OrderIds>) -> Self {
        Self { executor, ids, sizes: metrics::histogram!("order_commit_batch_size") }
    }

    /// Writes until the queue is closed. A panic costs the batch in which it happens, whose callers
    /// learn that its outcome is unknown. The next batches are written.
    pub(crate) async fn run(self, mut queue: QueueReader, limits: BatchLimits) {
        let mut running = RunningBatches::new(limits);
        let writer = Arc::new(self);
        // Waits for permits first and takes the batch then, so that it holds all that wait by then.
        while let Some(waiting) = queue.waiting().await {
            let permits = running.permits_for(waiting).await;
            let batch = queue.next_batch();
            let writer = Arc::clone(&writer);
            running.start(permits, batch.len(), async move { writer.write(batch).await });
        }
    }

    /// Writes a batch and replies to each caller. While something stands in the way of a batch, its
    /// halves are tried.
    async fn write(&self, batch: Vec<QueuedChange>) {
        let mut in_doubt = false;
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match part.len() {
                0 => {}
                1 => {
                    for change in part {
                        let result = self.write_alone(&change, in_doubt).await;
                        change.reply(result);
                    }
                }
                several => match self.write_together(&part, &mut in_doubt).await {
                    Ok(BatchOutcome::Written { stale }) => {
                        let is_stale = |one: &QueuedChange| stale.contains(&one.rows.order.id);
                        let (left, landed): (Vec<_>, Vec<_>) = part.into_iter().partition(is_stale);
                        self.report_landed(landed);
                        parts.extend(left.into_iter().map(|one| vec![one]));
                    }
                    Ok(BatchOutcome::Excluded) => {
                        let before =
                            if in_doubt { self.written_before(&part).await } else { vec![] };
                        let is_landed =
                            |one: &QueuedChange| before.contains(&one.rows.event.event_id);
                        let (landed, mut rest): (Vec<_>, Vec<_>) =
                            part.into_iter().partition(is_landed);
                        if landed.is_empty() {
                            parts.push(rest.split_off(several.div_ceil(2)));
                        }
                        self.report_landed(landed);
                        parts.push(rest);
                    }
                    Err(failure) => parts.extend(give_up(part, &failure, in_doubt)),
                },
            }
        }
    }

    async fn write_together(
        &self,
        part: &[QueuedChange],
        in_doubt: &mut bool,
    ) -> Result<BatchOutcome, BoxError> {
        let mut tries = self.executor.retry.tries(first_deadline(part));
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
        match B::write_batch(&mut guarded, changes, in_doubt).await {
            Ok(outcome) => Ok(Some(outcome)),
            // The connection works, so the fault is in the changes: smaller parts will show where.
            Err(_) if guarded.is_finished() => Ok(Some(BatchOutcome::Excluded)),
            Err(error) => Err(error.into()),
        }
    }

    /// The events of those changes that an earlier attempt has written after all: their own rows stood
    /// in the way of the later attempt. Empty when the lookup fails.
    async fn written_before(&self, part: &[QueuedChange]) -> Vec<Guid> {
        let events: Vec<_> = part.iter().map(|change| change.rows.event.event_id).collect();
        let (executor, deadline) = (&self.executor, first_deadline(part));
        let stored = executor.query(&executor.writers, deadline, B::STORED_EVENTS, &events).await;
        stored.unwrap_or_default()
    }

    async fn write_alone(
        &self,
        change: &QueuedChange,
        mut in_doubt: bool,
    ) -> Result<(), StoreError> {
        let mut tries = self.executor.retry.tries(change.deadline);
        loop {
            match tries.attempt(self.attempt_alone(&change.rows, &mut in_doubt)).await {
                Ok(None) => {}
                Ok(Some(Ok(()))) => {
                    self.measure(1);
                    return Ok(());
                }
                Ok(Some(Err(conflict))) => {
                    if conflict == Conflict::OrderId {
                        self.ids.forget().await;
                    }
                    return Err(conflict.into());
                }
                Err(error) => return Err(unfinished(error, in_doubt)),
            }
        }
    }

    /// One attempt to write one change; `None` when the obstacle is gone.
    async fn attempt_alone(
        &self,
        change: &Arc<ChangeRows>,
        in_doubt: &mut bool,
    ) -> Result<Option<Result<(), Conflict>>, BoxError> {
        let mut guarded = connection(&self.executor.writers).await?;
        let changes = std::slice::from_ref(change);
        if let BatchOutcome::Written { stale } =
            B::write_batch(&mut guarded, changes, in_doubt).await?
            && stale.is_empty()
        {
            return Ok(Some(Ok(())));
        }
        let obstacle = B::OBSTACLE(guarded.begin(), change).await?;
        guarded.finish();
        Ok(match obstacle {
            Obstacle::WrittenBefore => Some(Ok(())),
            Obstacle::Conflict(conflict) => Some(Err(conflict)),
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
