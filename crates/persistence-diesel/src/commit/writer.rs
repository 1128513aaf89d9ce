//! The writer: takes whatever changes wait and writes them together, in one transaction. A change
//! that cannot be written fails alone; the others are written without it. Compiled once as a part
//! of each backend, like `statements.rs`.

use std::sync::Arc;

use bb8::Pool;
use metrics::Histogram;
use order_app::ports::{BoxError, Conflict, Deadline, StoreError};

use super::statements::{self, Obstacle};
use super::store::read_until;
use super::{Backend, batch};
use crate::commit::limits::{Turns, UnderWay};
use crate::commit::queue::{Head, Waiting};
use crate::ids::OrderIds;
use crate::pool::{Manager, connection};
use crate::retry::Retry;
use crate::rows::ChangeRows;
use crate::types::Guid;

/// Writes the changes of a line.
pub(crate) struct Writer {
    pub(crate) pool: Pool<Manager<Backend>>,
    pub(crate) ids: Arc<OrderIds>,
    pub(crate) retry: Arc<Retry>,
    pub(crate) turns: Turns,
    /// How many changes each transaction held that was committed. Looked up once: to find it anew for
    /// each batch takes longer than to record in it.
    pub(crate) sizes: Histogram,
}

/// What came of writing some changes together.
enum Together {
    /// All are durable but those of orders that have another version than theirs.
    Landed { stale: Vec<i64> },
    /// Something about at least one of them stands in the way of all.
    Excluded,
}

/// What came of writing one change.
type Alone = Result<(), Conflict>;

impl Writer {
    /// Writes until the line is closed. A panic costs the batch it happens in, whose callers are
    /// told that its outcome is unknown, and not the line.
    pub(crate) async fn run(self, mut head: Head) {
        let mut under_way = UnderWay::new(self.turns);
        let writer = Arc::new(self);
        // First the turns, then whoever waits by then: the more there is to do, the more goes
        // together.
        while let Some(waiting) = head.somebody().await {
            let turns = under_way.turns_for(waiting).await;
            let batch = head.next_batch();
            let writer = Arc::clone(&writer);
            under_way.start(turns, batch.len(), async move { writer.write(batch).await });
        }
    }

    /// Writes a batch, in halves for as long as something stands in its way, and tells everybody
    /// what came of their change.
    async fn write(&self, batch: Vec<Waiting>) {
        let mut in_doubt = false;
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match part.len() {
                0 => {}
                1 => {
                    for waiting in part {
                        let result = self.write_alone(&waiting, in_doubt).await;
                        waiting.tell(result);
                    }
                }
                several => match self.write_together(&part, &mut in_doubt).await {
                    Ok(Together::Landed { stale }) => {
                        let is_stale = |one: &Waiting| stale.contains(&one.rows.order.id);
                        let (left, landed): (Vec<_>, Vec<_>) = part.into_iter().partition(is_stale);
                        self.measure(landed.len());
                        Waiting::tell_landed(landed);
                        parts.extend(left.into_iter().map(|one| vec![one]));
                    }
                    Ok(Together::Excluded) => {
                        let before =
                            if in_doubt { self.written_before(&part).await } else { vec![] };
                        let is_landed = |one: &Waiting| before.contains(&one.rows.event.event_id);
                        let (landed, mut rest): (Vec<_>, Vec<_>) =
                            part.into_iter().partition(is_landed);
                        if landed.is_empty() {
                            parts.push(rest.split_off(several.div_ceil(2)));
                        }
                        self.measure(landed.len());
                        Waiting::tell_landed(landed);
                        parts.push(rest);
                    }
                    Err(failure) => parts.extend(give_up(part, &failure, in_doubt)),
                },
            }
        }
    }

    async fn write_together(
        &self,
        part: &[Waiting],
        in_doubt: &mut bool,
    ) -> Result<Together, BoxError> {
        let deadline = part.iter().map(|waiting| waiting.deadline).min();
        let mut tries = self.retry.tries(deadline.unwrap_or_else(Deadline::now));
        let changes: Vec<_> = part.iter().map(|waiting| Arc::clone(&waiting.rows)).collect();
        loop {
            let attempt = attempt_together(&self.pool, &changes, in_doubt);
            if let Some(together) = tries.run(attempt).await? {
                return Ok(together);
            }
        }
    }

    /// The events of those changes that an earlier attempt has written after all: what stood in the
    /// way of the later one were their own rows. None when that cannot be found out.
    async fn written_before(&self, part: &[Waiting]) -> Vec<Guid> {
        let deadline = part.iter().map(|waiting| waiting.deadline).min();
        let deadline = deadline.unwrap_or_else(Deadline::now);
        let events: Vec<_> = part.iter().map(|waiting| waiting.rows.event.event_id).collect();
        read_until(deadline, &self.pool, &self.retry, statements::events_with, &events)
            .await
            .unwrap_or_default()
    }

    async fn write_alone(&self, waiting: &Waiting, mut in_doubt: bool) -> Result<(), StoreError> {
        let mut tries = self.retry.tries(waiting.deadline);
        loop {
            match tries.run(attempt_alone(&self.pool, &waiting.rows, &mut in_doubt)).await {
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

    /// A batch of which nothing could be written was none.
    fn measure(&self, landed: usize) {
        if let Some(size) = u32::try_from(landed).ok().filter(|size| *size > 0) {
            self.sizes.record(size);
        }
    }
}

/// Tells those whose time is over; the others may try on. When it is nobody's time that is over,
/// it is all of them.
fn give_up(part: Vec<Waiting>, failure: &BoxError, in_doubt: bool) -> Option<Vec<Waiting>> {
    let (late, rest): (Vec<_>, Vec<_>) = part.into_iter().partition(Waiting::is_late);
    let (told, rest) = if late.is_empty() { (rest, None) } else { (late, Some(rest)) };
    for waiting in told {
        waiting.tell(Err(unfinished(failure.to_string().into(), in_doubt)));
    }
    rest
}

fn unfinished(error: BoxError, in_doubt: bool) -> StoreError {
    if in_doubt { StoreError::OutcomeUnknown(error) } else { StoreError::Unavailable(error) }
}

/// One attempt to write several changes. `in_doubt` is set for as long as it is open what came of
/// an earlier COMMIT: the rows have their own keys, so writing them again either finds them there
/// or settles that they were not.
async fn attempt_together(
    pool: &Pool<Manager<Backend>>,
    changes: &[Arc<ChangeRows>],
    in_doubt: &mut bool,
) -> Result<Option<Together>, BoxError> {
    let mut slot = connection(pool).await?;
    match batch::land(&mut slot, changes, in_doubt).await {
        Ok(Some(stale)) => Ok(Some(Together::Landed { stale })),
        Ok(None) => Ok(Some(Together::Excluded)),
        // The connection works, so it was the changes: smaller parts will show which.
        Err(_) if slot.is_done() => Ok(Some(Together::Excluded)),
        Err(error) => Err(error.into()),
    }
}

/// One attempt to write one change; `None` when whatever stood in its way is gone.
async fn attempt_alone(
    pool: &Pool<Manager<Backend>>,
    change: &Arc<ChangeRows>,
    in_doubt: &mut bool,
) -> Result<Option<Alone>, BoxError> {
    let mut slot = connection(pool).await?;
    let landed = batch::land(&mut slot, std::slice::from_ref(change), in_doubt).await?;
    if landed.is_some_and(|stale| stale.is_empty()) {
        return Ok(Some(Ok(())));
    }
    let obstacle = statements::obstacle(slot.begin(), change).await?;
    slot.done();
    Ok(match obstacle {
        Obstacle::WrittenBefore => Some(Ok(())),
        Obstacle::Conflict(conflict) => Some(Err(conflict)),
        Obstacle::Gone => None,
    })
}
