//! Questions that wait at the same moment are answered by one statement, because sending and starting a
//! statement is most of what a short read costs the database. A lone question does not wait for others.

use std::sync::Arc;

use order_app::ports::{Deadline, StoreError};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::backend::{Backend, Query};
use crate::commit::limits::{BatchLimits, RunningBatches};
use crate::commit::replies::{ReplyTo, reply_all, reply_channel};
use crate::executor::Executor;
use crate::rows::{SagaOfOrder, StoredRow, Wanted};

/// The most orders that are looked up by one statement. Larger batches gain nothing.
const MOST_ORDERS: usize = 128;

/// The most sagas that are looked up by one statement. Each comes with its order and a document of its own.
const MOST_SAGAS: usize = 64;

/// Looks orders up by their ids.
pub(crate) type OrderLookups = Lookups<Wanted, Option<Arc<StoredRow>>>;

/// Looks sagas up by the ids of their orders.
pub(crate) type SagaLookups = Lookups<i64, Option<Arc<SagaOfOrder>>>;

/// Where questions wait.
pub(crate) struct Lookups<Q, A>(mpsc::UnboundedSender<Lookup<Q, A>>);

struct Lookup<Q, A> {
    question: Q,
    deadline: Deadline,
    reply_to: ReplyTo<Result<A, StoreError>>,
}

/// How questions are answered together.
pub(crate) struct Reader<B: Backend, Q, A> {
    pub(crate) executor: Arc<Executor<B>>,
    /// Returns the answers in the order of the questions.
    pub(crate) query: Query<B, [Q], Vec<A>>,
    /// How many rows a question asks for.
    pub(crate) rows: fn(&Q) -> usize,
    /// The most rows that one statement asks for. A question that asks for more goes alone.
    pub(crate) most_rows: usize,
}

impl OrderLookups {
    /// Uses at most this number of connections. Must be called on the runtime on which they live.
    pub(crate) fn of_orders<B: Backend>(executor: Arc<Executor<B>>, connections: u32) -> Self {
        let (query, rows, most_rows) = (B::ORDERS, |_: &Wanted| 1, MOST_ORDERS);
        let reader = Reader { executor, query, rows, most_rows };
        Self::over(reader, BatchLimits::up_to(connections))
    }
}

impl SagaLookups {
    /// Uses at most this number of connections. Must be called on the runtime on which they live.
    pub(crate) fn of_sagas<B: Backend>(executor: Arc<Executor<B>>, connections: u32) -> Self {
        let (query, rows, most_rows) = (B::SAGAS, |_: &i64| 1, MOST_SAGAS);
        let reader = Reader { executor, query, rows, most_rows };
        Self::over(reader, BatchLimits::up_to(connections))
    }
}

impl<Q: Send + Sync + 'static, A: Send + 'static> Lookups<Q, A> {
    pub(super) fn over<B: Backend>(reader: Reader<B, Q, A>, limits: BatchLimits) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(receiver, Arc::new(reader), limits));
        Self(sender)
    }

    /// The answer, as it is now.
    pub(crate) async fn find(&self, question: Q, deadline: Deadline) -> Result<A, StoreError> {
        let (reply_to, reply) = reply_channel();
        if self.0.send(Lookup { question, deadline, reply_to }).is_err() {
            return Err(StoreError::Unavailable("the reader is gone".into()));
        }
        match timeout_at(deadline, reply).await {
            Ok(Ok(found)) => found,
            Ok(Err(gone)) => Err(StoreError::Unavailable(gone.into())),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}

async fn serve<B: Backend, Q: Send + Sync + 'static, A: Send + 'static>(
    mut waiting: mpsc::UnboundedReceiver<Lookup<Q, A>>,
    reader: Arc<Reader<B, Q, A>>,
    limits: BatchLimits,
) {
    let mut running = RunningBatches::new(limits);
    let mut held = None;
    // Waits for permits first and gathers then, so that a batch has all questions that wait by then.
    loop {
        let Some(first) = (match held.take() {
            Some(held) => Some(held),
            None => waiting.recv().await,
        }) else {
            return;
        };
        let permits = running.permits_for(waiting.len().saturating_add(1)).await;
        let together = reader.gather(first, &mut waiting, &mut held);
        if together.is_empty() {
            continue;
        }
        let reader = Arc::clone(&reader);
        running.start(permits, together.len(), async move { reader.look_up(together).await });
    }
}

impl<B: Backend, Q: Send + Sync, A: Send + 'static> Reader<B, Q, A> {
    /// The first question and those after it that fit into one statement; `held` is one that does not.
    /// Questions whose callers are gone are dropped.
    fn gather(
        &self,
        first: Lookup<Q, A>,
        waiting: &mut mpsc::UnboundedReceiver<Lookup<Q, A>>,
        held: &mut Option<Lookup<Q, A>>,
    ) -> Vec<Lookup<Q, A>> {
        let (mut together, mut rows) = (Vec::new(), 0_usize);
        let mut next = Some(first);
        while let Some(lookup) = next {
            if !lookup.reply_to.is_gone() {
                rows = rows.saturating_add((self.rows)(&lookup.question));
                if rows > self.most_rows && !together.is_empty() {
                    *held = Some(lookup);
                    break;
                }
                together.push(lookup);
            }
            next = waiting.try_recv().ok();
        }
        together
    }

    async fn look_up(&self, together: Vec<Lookup<Q, A>>) {
        let last = together.iter().map(|lookup| lookup.deadline).max();
        let last = last.unwrap_or_else(Deadline::now);
        let (questions, callers): (Vec<Q>, Vec<_>) =
            together.into_iter().map(|lookup| (lookup.question, lookup.reply_to)).unzip();
        let executor = &self.executor;
        match executor.query(&executor.readers, last, self.query, questions.as_slice()).await {
            Ok(answers) => reply_all(callers.into_iter().zip(answers.into_iter().map(Ok))),
            Err(failure) => {
                for caller in callers {
                    caller.send(Err(repeated(&failure)));
                }
            }
        }
    }
}

/// The same failure for one more caller.
fn repeated(failure: &StoreError) -> StoreError {
    let source = format!("{failure:?}").into();
    match failure {
        StoreError::Corrupt(_) => StoreError::Corrupt(source),
        _ => StoreError::Unavailable(source),
    }
}
