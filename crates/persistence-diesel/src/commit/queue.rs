//! The queue in which changes wait for the writer. Each change is either taken by the writer or withdrawn by
//! its caller, never both. So a caller that has run out of time knows whether it can still be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use order_app::ports::{Deadline, StoreError};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::replies::{ReplyTo, reply_all, reply_channel};
use crate::rows::ChangeRows;

/// The most changes in a batch. Larger batches gain nothing.
const MOST_CHANGES: usize = 128;
/// The most bytes of documents in a batch: far below what any server takes in one statement.
const MOST_BYTES: usize = 1 << 20;

/// What an attempt takes at most, with a moment for a lock, unless the database is slow. The writer tries a change no
/// more when its deadline is nearer than this, or than a quarter of its time.
const ATTEMPT: Duration = Duration::from_millis(200);

/// The caller waits for its reply this long after the deadline.
const HASTE: Duration = Duration::from_millis(100);

/// Where changes wait. This end takes them from callers.
pub(crate) struct CommitQueue(mpsc::UnboundedSender<QueuedChange>);

/// The end from which the writer takes changes.
pub(crate) struct QueueReader {
    queue: mpsc::UnboundedReceiver<QueuedChange>,
    /// Changes that could not go with the batch before: the front of the queue.
    held: Vec<QueuedChange>,
    /// The most changes in a batch.
    most: usize,
}

/// A change that waits for the writer.
pub(crate) struct QueuedChange {
    pub(crate) rows: Arc<ChangeRows>,
    pub(crate) deadline: Deadline,
    /// No attempt to write it begins after this moment, so that its outcome is known by the deadline.
    pub(crate) last: Deadline,
    /// Whether it is taken or withdrawn.
    decided: Arc<AtomicBool>,
    /// Whether it is taken.
    taken: bool,
    reply_to: ReplyTo<Result<(), StoreError>>,
}

impl CommitQueue {
    /// A queue for batches of several changes, or of one when they may not be written `together`.
    pub(crate) fn new(together: bool) -> (Self, QueueReader) {
        let (sender, queue) = mpsc::unbounded_channel();
        let most = if together { MOST_CHANGES } else { 1 };
        (Self(sender), QueueReader { queue, held: Vec::new(), most })
    }

    /// Has a change written, and waits for the result until the deadline.
    pub(crate) async fn commit(
        &self,
        rows: ChangeRows,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let (reply_to, reply) = reply_channel();
        let rows = Arc::new(rows);
        // A short time is not used up by haste.
        let haste = deadline.saturating_duration_since(Deadline::now()).div_f32(4.0).min(ATTEMPT);
        let last = deadline.checked_sub(haste).unwrap_or(deadline);
        let decided = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&decided);
        let change = QueuedChange { rows, deadline, last, decided: ours, taken: false, reply_to };
        if self.0.send(change).is_err() {
            return Err(StoreError::Unavailable("the writer is gone".into()));
        }
        // The writer keeps the deadline, and needs a moment to reply.
        let patience = deadline.checked_add(HASTE).unwrap_or(deadline);
        match timeout_at(patience, reply).await {
            Ok(Ok(result)) => result,
            // The writer has taken it, and may be writing it or have stopped while it did.
            _ if decided.swap(true, Ordering::AcqRel) => {
                Err(StoreError::OutcomeUnknown("no answer by the deadline".into()))
            }
            _ => Err(StoreError::Unavailable("the writer was busy until the deadline".into())),
        }
    }
}

impl QueuedChange {
    /// Replies to the caller, who may be gone.
    pub(crate) fn reply(self, result: Result<(), StoreError>) {
        self.reply_to.send(result);
    }

    /// Tells the callers of these changes that they are written.
    pub(crate) fn reply_landed(landed: Vec<Self>) {
        reply_all(landed.into_iter().map(|change| (change.reply_to, Ok(()))));
    }

    /// Whether there is no time left to write it.
    pub(crate) fn is_late(&self) -> bool {
        Deadline::now() >= self.last
    }

    /// Takes it for writing, unless its caller has withdrawn it or is gone, or it is too late.
    pub(crate) fn take(mut self) -> Option<Self> {
        if self.taken {
            Some(self)
        } else if self.reply_to.is_gone() {
            None
        } else if self.is_late() {
            // Not decided: its caller may give up at this very moment, and then gets the same result.
            self.reply(Err(StoreError::Unavailable("its turn came too late".into())));
            None
        } else if self.decided.swap(true, Ordering::AcqRel) {
            None
        } else {
            self.taken = true;
            Some(self)
        }
    }

    /// Lets its caller withdraw it again, because nothing of it is being written.
    pub(crate) fn release(&mut self) {
        self.taken = false;
        self.decided.store(false, Ordering::Release);
    }
}

impl QueueReader {
    /// Waits for a change and returns how many there are. `None` when the store is gone.
    pub(crate) async fn waiting(&mut self) -> Option<usize> {
        if self.held.is_empty() {
            self.held.push(self.queue.recv().await?);
        }
        Some(self.held.len().saturating_add(self.queue.len()))
    }

    /// Takes what waits at this moment, and does not wait for more. At most one change of an order is
    /// in a batch, because each needs the version that the one before it makes.
    pub(crate) fn next_batch(&mut self) -> Vec<QueuedChange> {
        let mut held = std::mem::take(&mut self.held).into_iter();
        let mut batch: Vec<QueuedChange> = Vec::new();
        let mut bytes = 0_usize;
        while batch.len() < self.most
            && let Some(change) = held.next().or_else(|| self.queue.try_recv().ok())
        {
            let larger = bytes.saturating_add(change.rows.bytes());
            let same_order = |other: &QueuedChange| other.rows.id == change.rows.id;
            if larger > MOST_BYTES && !batch.is_empty() {
                self.held.push(change);
                break;
            } else if batch.iter().any(same_order) {
                self.held.push(change);
            } else if let Some(taken) = change.take() {
                bytes = larger;
                batch.push(taken);
            }
        }
        self.held.extend(held);
        batch
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use order_app::ports::OrderChange;
    use order_domain::OrderStatus;
    use order_testkit::examples::{a_change, a_change_placing, a_new_order, moved, noon};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_changes_of_one_order_do_not_hold_up_other_orders() {
        let (queue, mut reader) = CommitQueue::new(true);
        let deadline = Deadline::now() + Duration::from_secs(1);
        let enqueue = |change: OrderChange| {
            let rows = ChangeRows::of(change.into(), 1).unwrap();
            let mut queued = Box::pin(queue.commit(rows, deadline));
            assert!((&mut queued).now_or_never().is_none(), "it waits");
            queued
        };
        let hot = a_change_placing(a_new_order(1, 7)).order;
        let of_hot = (0..300).map(|_| a_change(moved(&hot, OrderStatus::Confirmed, noon())));
        let of_others = (2..=101).map(|id| a_change_placing(a_new_order(id, 7)));
        let queued: Vec<_> = of_hot.chain(of_others).map(enqueue).collect();
        let ids = |batch: &[QueuedChange]| -> Vec<i64> {
            batch.iter().map(|change| change.rows.id).collect()
        };
        assert!(ids(&reader.next_batch()).into_iter().eq(1..=101));
        let _late = enqueue(a_change_placing(a_new_order(200, 7)));
        assert_eq!(reader.waiting().await, Some(300));
        assert_eq!(ids(&reader.next_batch()), [1, 200], "held changes come first");
        drop(queued);
        assert!(reader.next_batch().is_empty(), "changes whose callers are gone are not written");
    }
}
