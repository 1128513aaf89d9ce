//! The line in which changes wait for the writer. Each change is either taken by the writer or
//! withdrawn by its caller, never both: that is what lets a caller who has run out of time say
//! whether anything can still happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use order_app::ports::{Deadline, StoreError};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::commit::replies::{Caller, caller, tell_all};
use crate::rows::ChangeRows;

/// The most changes that are written together. Larger batches gain nothing.
const MOST_CHANGES: usize = 128;
/// The most bytes of documents that are written together: far below what any server takes in one
/// statement.
const MOST_BYTES: usize = 1 << 20;

/// Changes that could not be written in time are given up when their deadline is nearer than this.
pub(crate) const HASTE: Duration = Duration::from_millis(100);

/// Where callers line up.
pub(crate) struct Line(mpsc::UnboundedSender<Waiting>);

/// Where the writer takes them from.
pub(crate) struct Head {
    line: mpsc::UnboundedReceiver<Waiting>,
    /// Changes that could not go with the batch before: the front of the line.
    held: Vec<Waiting>,
    /// The most changes that are written together.
    most: usize,
}

/// A change that waits for the writer.
pub(crate) struct Waiting {
    pub(crate) rows: Arc<ChangeRows>,
    pub(crate) deadline: Deadline,
    decided: Arc<AtomicBool>,
    caller: Caller<Result<(), StoreError>>,
}

impl Line {
    /// `together`: whether changes may share a batch.
    pub(crate) fn new(together: bool) -> (Self, Head) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let most = if together { MOST_CHANGES } else { 1 };
        (Self(sender), Head { line: receiver, held: Vec::new(), most })
    }

    /// Has a change written, and waits for what came of it until the deadline.
    pub(crate) async fn join(
        &self,
        rows: ChangeRows,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        let decided = Arc::new(AtomicBool::new(false));
        let (caller, answered) = caller();
        let rows = Arc::new(rows);
        let waiting = Waiting { rows, deadline, decided: Arc::clone(&decided), caller };
        if self.0.send(waiting).is_err() {
            return Err(StoreError::Unavailable("the writer is gone".into()));
        }
        // The writer keeps the deadline, and needs a moment to say so.
        let patience = deadline.checked_add(HASTE).unwrap_or(deadline);
        match timeout_at(patience, answered).await {
            Ok(Ok(result)) => result,
            // The writer may be in the middle of it, or have stopped there.
            _ if decided.swap(true, Ordering::AcqRel) => {
                Err(StoreError::OutcomeUnknown("no answer by the deadline".into()))
            }
            _ => Err(StoreError::Unavailable("the writer was busy until the deadline".into())),
        }
    }
}

impl Waiting {
    /// Tells the caller, who may be gone.
    pub(crate) fn tell(self, result: Result<(), StoreError>) {
        self.caller.tell(result);
    }

    /// Tells all of them the same good news.
    pub(crate) fn tell_landed(landed: Vec<Self>) {
        tell_all(landed.into_iter().map(|one| (one.caller, Ok(()))));
    }

    /// Whether there is no time left to write it.
    pub(crate) fn is_late(&self) -> bool {
        Deadline::now().checked_add(HASTE).is_none_or(|soon| soon >= self.deadline)
    }

    /// Takes it for writing, unless its caller has withdrawn it or is gone, or it is too late.
    fn take(self) -> Option<Self> {
        if self.caller.is_gone() {
            None
        } else if self.deadline <= Deadline::now() {
            // Not decided: its caller may give up at this very moment, and then says the same.
            self.tell(Err(StoreError::Unavailable("its turn came after its deadline".into())));
            None
        } else if self.decided.swap(true, Ordering::AcqRel) {
            None
        } else {
            Some(self)
        }
    }
}

impl Head {
    /// Waits for a change; says how many there are. `None` when the store is gone.
    pub(crate) async fn somebody(&mut self) -> Option<usize> {
        if self.held.is_empty() {
            self.held.push(self.line.recv().await?);
        }
        Some(self.held.len().saturating_add(self.line.len()))
    }

    /// Takes whatever is waiting at this moment: no time is lost by waiting for more. At most one
    /// change of an order goes at a time, because each needs the version that the one before it
    /// makes.
    pub(crate) fn next_batch(&mut self) -> Vec<Waiting> {
        let mut held = std::mem::take(&mut self.held).into_iter();
        let mut batch: Vec<Waiting> = Vec::new();
        let mut bytes = 0_usize;
        while batch.len() < self.most
            && let Some(waiting) = held.next().or_else(|| self.line.try_recv().ok())
        {
            let larger = bytes.saturating_add(waiting.rows.bytes());
            let same_order = |other: &Waiting| other.rows.order.id == waiting.rows.order.id;
            if larger > MOST_BYTES && !batch.is_empty() {
                self.held.push(waiting);
                break;
            } else if batch.iter().any(same_order) {
                self.held.push(waiting);
            } else if let Some(taken) = waiting.take() {
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
    use order_domain::OrderStatus;
    use order_testkit::examples::{a_change, a_change_placing, a_new_order, moved, noon};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_order_that_everybody_changes_costs_the_others_nothing() {
        let (line, mut head) = Line::new(true);
        let deadline = Deadline::now() + Duration::from_secs(1);
        let hot = a_change_placing(a_new_order(1, 7)).order;
        let of_hot = (0..300).map(|_| a_change(moved(&hot, OrderStatus::Confirmed, noon())));
        let of_others = (2..=101).map(|id| a_change_placing(a_new_order(id, 7)));
        let joined = of_hot.chain(of_others).map(|change| {
            let rows = ChangeRows::of(&change).unwrap();
            let mut joined = Box::pin(line.join(rows, deadline));
            assert!((&mut joined).now_or_never().is_none(), "it waits");
            joined
        });
        let joined: Vec<_> = joined.collect();
        let ids = |batch: &[Waiting]| -> Vec<i64> {
            batch.iter().map(|waiting| waiting.rows.order.id).collect()
        };
        assert!(ids(&head.next_batch()).into_iter().eq(1..=101));
        // Who was held comes first.
        let late = ChangeRows::of(&a_change_placing(a_new_order(200, 7))).unwrap();
        let mut late = Box::pin(line.join(late, deadline));
        assert!((&mut late).now_or_never().is_none(), "it waits");
        assert_eq!(head.somebody().await, Some(300));
        assert_eq!(ids(&head.next_batch()), [1, 200]);
        drop(joined);
        assert!(head.next_batch().is_empty(), "nobody writes for those who are gone");
    }
}
