//! Looking things up: whatever many ask for at a moment is read together, because most of what a
//! short read costs the database is the asking. A lone reader waits for nobody. Compiled once as a
//! part of each backend, like `statements.rs`.

use std::sync::Arc;

use bb8::Pool;
use order_app::ports::{CustomerOrders, Deadline, StoreError};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::statements::{self, Query};
use super::store::read_until;
use super::{Backend, LISTS};
use crate::commit::limits::{Turns, UnderWay};
use crate::commit::replies::{Caller, caller, tell_all};
use crate::pool::Manager;
use crate::retry::Retry;
use crate::rows::OrderRow;

/// Where those line up who ask for one order.
pub(crate) type OrderLookups = Lookups<i64, Option<Arc<OrderRow>>>;
/// Where those line up who ask for a customer's newest orders.
pub(crate) type ListLookups = Lookups<CustomerOrders, Vec<OrderRow>>;

/// Where readers line up with a question each.
pub(crate) struct Lookups<Q, A>(mpsc::UnboundedSender<Lookup<Q, A>>);

struct Lookup<Q, A> {
    question: Q,
    deadline: Deadline,
    caller: Caller<Result<A, StoreError>>,
}

/// What asks them.
struct Reader<Q, A> {
    readers: Pool<Manager<Backend>>,
    retry: Arc<Retry>,
    /// Answers questions together, in their order.
    query: Query<[Q], Vec<A>>,
    /// How many rows a question asks for.
    rows: fn(&Q) -> usize,
    /// The most rows that are asked for together; a question that alone asks for more goes alone.
    most_rows: usize,
}

/// The most orders that are looked up together by their ids. Larger batches gain nothing.
const MOST_ORDERS: usize = 128;
/// The most rows of lists that are read together: eight pages of the usual size. One process of the
/// server reads them one after the other, so what more of them save soon weighs less than what the
/// first one waits for the last.
const MOST_LISTED: usize = 168;

impl OrderLookups {
    /// Uses so many connections at most. Must be called on the runtime on which they live.
    pub(crate) fn of_orders(
        readers: Pool<Manager<Backend>>,
        retry: Arc<Retry>,
        connections: u32,
    ) -> Self {
        let (query, rows, most_rows) = (statements::find_orders, |_: &i64| 1, MOST_ORDERS);
        Self::over(Reader { readers, retry, query, rows, most_rows }, Turns::up_to(connections))
    }
}

impl ListLookups {
    /// The same, on a database that reads several lists by one statement. They must be asked for by
    /// plain queries.
    pub(crate) fn of_lists(
        readers: Pool<Manager<Backend>>,
        retry: Arc<Retry>,
        connections: u32,
    ) -> Option<Self> {
        let rows = |query: &CustomerOrders| {
            usize::try_from(statements::one_more(query)).unwrap_or(usize::MAX)
        };
        let reader = Reader { readers, retry, query: LISTS?, rows, most_rows: MOST_LISTED };
        Some(Self::over(reader, Turns::of_lists(connections)))
    }
}

impl<Q: Send + Sync + 'static, A: Send + 'static> Lookups<Q, A> {
    fn over(reader: Reader<Q, A>, turns: Turns) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(receiver, Arc::new(reader), turns));
        Self(sender)
    }

    /// The answer, as it is now.
    pub(crate) async fn find(&self, question: Q, deadline: Deadline) -> Result<A, StoreError> {
        let (caller, answered) = caller();
        if self.0.send(Lookup { question, deadline, caller }).is_err() {
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
        let together = reader.gather(first, &mut waiting, &mut held);
        if together.is_empty() {
            continue;
        }
        let reader = Arc::clone(&reader);
        under_way.start(turns, together.len(), async move { reader.look_up(together).await });
    }
}

impl<Q, A> Reader<Q, A> {
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
            if !lookup.caller.is_gone() {
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

impl<Q: Send + Sync, A: Send + 'static> Reader<Q, A> {
    async fn look_up(&self, together: Vec<Lookup<Q, A>>) {
        let (mut questions, mut callers) = (Vec::new(), Vec::new());
        for Lookup { question, deadline, caller } in together {
            questions.push(question);
            callers.push((deadline, caller));
        }
        let last = callers.iter().map(|(deadline, _)| *deadline).max();
        let found = self.ask(&questions, last.unwrap_or_else(Deadline::now)).await;
        // Whoever asked may be gone.
        match found {
            Ok(answers) => {
                let callers = callers.into_iter().map(|(_, caller)| caller);
                tell_all(callers.zip(answers.into_iter().map(Ok)));
            }
            Err(failure) => {
                for (_, caller) in callers {
                    caller.tell(Err(repeated(&failure)));
                }
            }
        }
    }

    async fn ask(&self, questions: &[Q], deadline: Deadline) -> Result<Vec<A>, StoreError> {
        read_until(deadline, &self.readers, &self.retry, self.query, questions).await
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
