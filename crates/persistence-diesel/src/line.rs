//! The line in which changes wait for the writer. Each change is either taken by the writer or
//! withdrawn by its caller, never both: that is what lets a caller who has run out of time say
//! whether anything can still happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use order_app::ports::{Deadline, StoreError};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::answers::{Caller, caller, tell_all};
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
        let mut candidates = std::mem::take(&mut self.held);
        while candidates.len() < self.most
            && let Ok(next) = self.line.try_recv()
        {
            candidates.push(next);
        }
        let mut batch: Vec<Waiting> = Vec::with_capacity(candidates.len());
        let mut bytes = 0_usize;
        for waiting in candidates {
            let larger = bytes.saturating_add(waiting.rows.bytes());
            let same_order = |other: &Waiting| other.rows.order.id == waiting.rows.order.id;
            if (larger > MOST_BYTES && !batch.is_empty()) || batch.iter().any(same_order) {
                self.held.push(waiting);
            } else if let Some(taken) = waiting.take() {
                bytes = larger;
                batch.push(taken);
            }
        }
        batch
    }
}
