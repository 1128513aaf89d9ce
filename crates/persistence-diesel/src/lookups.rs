//! Looking orders up: whatever orders are asked for at a moment are read together, so that many
//! readers cost the database little more than one. A lone reader waits for nobody. Compiled once
//! as a part of each backend, like `statements.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use bb8::Pool;
use order_app::ports::{Deadline, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::store::read_until;
use super::{Backend, statements};
use crate::pool::Manager;
use crate::retry::Retry;
use crate::rows::OrderRow;
use crate::turns::{Turns, UnderWay};

/// The most orders that are read together.
const MOST_ORDERS: usize = 128;

type Found = Result<Option<Arc<OrderRow>>, StoreError>;

/// Where readers line up.
pub(crate) struct Lookups(mpsc::UnboundedSender<Lookup>);

struct Lookup {
    id: i64,
    deadline: Deadline,
    answer: oneshot::Sender<Found>,
}

/// What reads the orders.
#[derive(Clone)]
struct Reader {
    readers: Pool<Manager<Backend>>,
    retry: Arc<Retry>,
}

impl Lookups {
    /// Uses so many connections at most. Must be called on the runtime on which they live.
    pub(crate) fn over(
        readers: Pool<Manager<Backend>>,
        retry: Arc<Retry>,
        connections: u32,
    ) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(receiver, Reader { readers, retry }, Turns::up_to(connections)));
        Self(sender)
    }

    /// The row of an order, as it is now.
    pub(crate) async fn find(&self, id: i64, deadline: Deadline) -> Found {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Lookup { id, deadline, answer }).is_err() {
            return Err(StoreError::Unavailable("the reader is gone".into()));
        }
        match timeout_at(deadline, answered).await {
            Ok(Ok(found)) => found,
            Ok(Err(gone)) => Err(StoreError::Unavailable(gone.into())),
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}

async fn serve(mut waiting: mpsc::UnboundedReceiver<Lookup>, reader: Reader, turns: Turns) {
    let mut under_way = UnderWay::new(turns);
    // First the turns, then whoever waits by then: the more there is to do, the more goes together.
    while let Some(first) = waiting.recv().await {
        let turns = under_way.turns_for(waiting.len().saturating_add(1)).await;
        let mut together = vec![first];
        while together.len() < MOST_ORDERS
            && let Ok(next) = waiting.try_recv()
        {
            together.push(next);
        }
        together.retain(|lookup| !lookup.answer.is_closed());
        if together.is_empty() {
            continue;
        }
        let reader = reader.clone();
        under_way.start(turns, together.len(), async move { reader.look_up(together).await });
    }
}

impl Reader {
    async fn look_up(&self, together: Vec<Lookup>) {
        let mut ids: Vec<i64> = together.iter().map(|lookup| lookup.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let last = together.iter().map(|lookup| lookup.deadline).max();
        let deadline = last.unwrap_or_else(Deadline::now);
        let query = statements::find_orders;
        let rows = read_until(deadline, &self.readers, &self.retry, query, &ids).await;
        let rows = rows.map(|rows| {
            rows.into_iter().map(|row| (row.id, Arc::new(row))).collect::<HashMap<_, _>>()
        });
        for lookup in together {
            let found = match &rows {
                Ok(rows) => Ok(rows.get(&lookup.id).cloned()),
                Err(failure) => Err(repeated(failure)),
            };
            // Whoever asked may be gone.
            let _ = lookup.answer.send(found);
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
