//! Looking orders up: whatever orders are asked for at a moment are read together, so that many
//! readers cost the database little more than one. A lone reader waits for nobody. Compiled once
//! as a part of each backend, like `statements.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use bb8::Pool;
use order_app::ports::{Deadline, StoreError};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout_at;

use super::store::read_until;
use super::{Backend, statements};
use crate::pool::Manager;
use crate::retry::Retry;
use crate::rows::OrderRow;

/// The most orders that are read together.
const MOST_ORDERS: usize = 128;
/// How many such reads run at a time. One more than one, so that the database has work while an
/// answer is on its way.
const READS_AT_A_TIME: usize = 2;

type Found = Result<Option<OrderRow>, StoreError>;

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
    /// Must be called on the runtime on which connections live.
    pub(crate) fn over(readers: Pool<Manager<Backend>>, retry: Arc<Retry>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(serve(receiver, Reader { readers, retry }));
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

async fn serve(mut waiting: mpsc::UnboundedReceiver<Lookup>, reader: Reader) {
    let turns = Arc::new(Semaphore::new(READS_AT_A_TIME));
    // First a turn, then whoever waits by then: the more there is to do, the more goes together.
    while let Ok(turn) = Arc::clone(&turns).acquire_owned().await {
        let Some(first) = waiting.recv().await else { return };
        let mut together = vec![first];
        while together.len() < MOST_ORDERS
            && let Ok(next) = waiting.try_recv()
        {
            together.push(next);
        }
        together.retain(|lookup| !lookup.answer.is_closed());
        let reader = reader.clone();
        tokio::spawn(async move {
            reader.look_up(together).await;
            drop(turn);
        });
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
            rows.into_iter().map(|row| (row.id, row)).collect::<HashMap<i64, OrderRow>>()
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
