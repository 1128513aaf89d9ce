//! Looking things up: whatever many ask for at a moment is read together, so that many readers cost
//! the database little more than one. A lone reader waits for nobody. Compiled once as a part of
//! each backend, like `statements.rs`.

use std::sync::Arc;

use bb8::Pool;
use order_app::ports::{CustomerOrders, Deadline, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::statements::{self, Query};
use super::store::read_until;
use super::{Backend, LISTS};
use crate::pool::Manager;
use crate::retry::Retry;
use crate::rows::OrderRow;
use crate::turns::{Turns, UnderWay};

/// Where those line up who ask for one order.
pub(crate) type OrderLookups = Lookups<i64, Option<Arc<OrderRow>>>;
/// Where those line up who ask for a customer's newest orders.
pub(crate) type ListLookups = Lookups<CustomerOrders, Vec<OrderRow>>;

/// Where readers line up with a question each.
pub(crate) struct Lookups<Q, A>(mpsc::UnboundedSender<Lookup<Q, A>>);

struct Lookup<Q, A> {
    question: Q,
    deadline: Deadline,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

/// How questions are asked together.
struct Asking<Q, A> {
    /// Answers all of them, in their order.
    query: Query<[Q], Vec<A>>,
    /// How many rows an answer may have.
    rows: fn(&Q) -> usize,
    /// The most rows that are asked for together; a question that alone may have more goes alone.
    most_rows: usize,
}

/// What asks them.
struct Reader<Q, A> {
    readers: Pool<Manager<Backend>>,
    retry: Arc<Retry>,
    asking: Asking<Q, A>,
}

impl OrderLookups {
    /// Uses so many connections at most. Must be called on the runtime on which they live.
    pub(crate) fn of_orders(
        readers: Pool<Manager<Backend>>,
        retry: Arc<Retry>,
        connections: u32,
    ) -> Self {
        let asking = Asking { query: statements::find_orders, rows: |_| 1, most_rows: 128 };
        Self::over(Reader { readers, retry, asking }, connections)
    }
}

impl ListLookups {
    /// The same, on a database that reads several lists by one statement.
    pub(crate) fn of_lists(
        readers: Pool<Manager<Backend>>,
        retry: Arc<Retry>,
        connections: u32,
    ) -> Option<Self> {
        let rows = |query: &CustomerOrders| usize::try_from(query.limit).unwrap_or(usize::MAX);
        let asking = Asking { query: LISTS?, rows, most_rows: 512 };
        Some(Self::over(Reader { readers, retry, asking }, connections))
    }
}

impl<Q: Send + Sync + 'static, A: Send + 'static> Lookups<Q, A> {
    fn over(reader: Reader<Q, A>, connections: u32) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(receiver, Arc::new(reader), Turns::up_to(connections)));
        Self(sender)
    }

    /// The answer, as it is now.
    pub(crate) async fn find(&self, question: Q, deadline: Deadline) -> Result<A, StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Lookup { question, deadline, answer }).is_err() {
            return Err(StoreError::Unavailable("the reader is gone".into()));
        }
        match timeout_at(deadline, answered).await {
            Ok(Ok(found)) => found,
            Ok(Err(gone)) => Err(StoreError::Unavailable(gone.into())),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}

async fn serve<Q: Send + Sync + 'static, A: Send + 'static>(
    mut waiting: mpsc::UnboundedReceiver<Lookup<Q, A>>,
    reader: Arc<Reader<Q, A>>,
    turns: Turns,
) {
    let mut under_way = UnderWay::new(turns);
    let mut held = None;
    // First the turns, then whoever waits by then: the more there is to do, the more goes together.
    loop {
        let Some(first) = (match held.take() {
            Some(held) => Some(held),
            None => waiting.recv().await,
        }) else {
            return;
        };
        let turns = under_way.turns_for(waiting.len().saturating_add(1)).await;
        let together = reader.asking.gather(first, &mut waiting, &mut held);
        if together.is_empty() {
            continue;
        }
        let reader = Arc::clone(&reader);
        under_way.start(turns, together.len(), async move { reader.look_up(together).await });
    }
}

impl<Q, A> Asking<Q, A> {
    /// The first one and as many after it as go with it; `held` is one that does not. Nobody reads
    /// for those who are gone.
    fn gather(
        &self,
        first: Lookup<Q, A>,
        waiting: &mut mpsc::UnboundedReceiver<Lookup<Q, A>>,
        held: &mut Option<Lookup<Q, A>>,
    ) -> Vec<Lookup<Q, A>> {
        let (mut together, mut rows) = (Vec::new(), 0_usize);
        let mut next = Some(first);
        while let Some(lookup) = next {
            if !lookup.answer.is_closed() {
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
}

impl<Q: Send + Sync, A: Send> Reader<Q, A> {
    async fn look_up(&self, together: Vec<Lookup<Q, A>>) {
        let (mut questions, mut callers) = (Vec::new(), Vec::new());
        let mut last = None;
        for Lookup { question, deadline, answer } in together {
            questions.push(question);
            callers.push(answer);
            last = last.max(Some(deadline));
        }
        let deadline = last.unwrap_or_else(Deadline::now);
        let query = self.asking.query;
        let found = read_until(deadline, &self.readers, &self.retry, query, &*questions).await;
        // Whoever asked may be gone.
        match found {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    let _ = caller.send(Ok(answer));
                }
            }
            Err(failure) => {
                for caller in callers {
                    let _ = caller.send(Err(repeated(&failure)));
                }
            }
        }
    }
}

/// The same failure for one more reader.
fn repeated(failure: &StoreError) -> StoreError {
    let source = format!("{failure:?}").into();
    match failure {
        StoreError::Corrupt(_) => StoreError::Corrupt(source),
        _ => StoreError::Unavailable(source),
    }
}
