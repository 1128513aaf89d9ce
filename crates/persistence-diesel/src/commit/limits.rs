//! Limits concurrent batches: one large batch beats several small ones, because each batch has costs of its
//! own. While the database waits for its disk or for a lock, another batch runs beside it.

use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How much runs at a time. A batch takes a permit for each of its members, but at most `per_batch`. Only a
/// few large batches run at a time, because more of them would each be smaller. A lone request needs one
/// permit, so it runs at once.
#[derive(Clone, Copy)]
pub(crate) struct BatchLimits {
    /// All permits.
    permits: u32,
    /// The most permits of one batch.
    per_batch: u32,
    /// A batch that has not ended returns its permits after this time at the earliest, and after
    /// twice this time at the latest.
    patience: Duration,
    /// The most batches that run, with or without permits.
    batches: usize,
}

impl BatchLimits {
    /// For reading, and for writing to a server that can write several batches at a time: one large batch, or
    /// four members that run alone. With a second large batch the server would work while the first one waits
    /// for the disk, but each would be half as large, and there would be twice as many: that took a fifth of
    /// the throughput. Batches that wait for long use at most this number of connections.
    pub(crate) fn up_to(connections: u32) -> Self {
        let batches = usize::try_from(connections).unwrap_or(usize::MAX).max(1);
        Self { permits: 4, per_batch: 4, patience: PATIENCE, batches }
    }

    /// For reading lists: two large batches beside each other, because they are small and short, and
    /// most of the database's work on them is reading.
    pub(crate) fn of_lists(connections: u32) -> Self {
        Self { permits: 8, ..Self::up_to(connections) }
    }

    /// For a database with one writing transaction at a time: one batch, and the next one ready.
    pub(crate) const ONE_WRITER: Self =
        Self { permits: 2, per_batch: 1, patience: A_DAY, batches: usize::MAX };

    /// A transaction for each change, and at most this number at a time.
    pub(crate) const fn apart(connections: u32) -> Self {
        Self { permits: connections, per_batch: 1, patience: A_DAY, batches: usize::MAX }
    }
}

/// Several times the duration of a full batch that waits for nothing.
const PATIENCE: Duration = Duration::from_millis(5);
/// Longer than any deadline.
const A_DAY: Duration = Duration::from_hours(24);

/// The batches that run now.
pub(crate) struct RunningBatches {
    limits: BatchLimits,
    tasks: JoinSet<()>,
    /// The batches that hold permits: which, how many, since when.
    holders: Vec<(Id, u32, Instant)>,
    /// The average number of members of the batches before.
    usual: usize,
    /// One timer for all batches: setting one for each would cost more than everything else here.
    ticks: Interval,
}

impl RunningBatches {
    pub(crate) fn new(limits: BatchLimits) -> Self {
        let first = Instant::now().checked_add(limits.patience).unwrap_or_else(Instant::now);
        let mut ticks = interval_at(first, limits.patience);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { limits, tasks: JoinSet::new(), holders: Vec::new(), usual: 0, ticks }
    }

    /// Waits until there are permits for a batch of what waits now, and returns their number. It asks for at
    /// least as many as the batches before it: under load, the callers who got their replies first come back
    /// first, one by one, and should share a batch.
    pub(crate) async fn permits_for(&mut self, waiting: usize) -> u32 {
        let usual = u32::try_from(self.usual).unwrap_or(u32::MAX);
        // After small batches it asks for the permits of the waiting changes alone: waiting for more permits
        // costs more than a larger batch saves.
        let least = if usual < self.limits.per_batch { 1 } else { usual };
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let wanted = waiting.max(least).clamp(1, self.limits.per_batch);
        while let Some(done) = self.tasks.try_join_next_with_id() {
            self.ended(done);
        }
        while self.is_full() || self.free() < wanted {
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next_with_id() => self.ended(done),
                // The tick may return the time at which it was due, rather than the time now.
                _ = self.ticks.tick() => {
                    let (now, patience) = (Instant::now(), self.limits.patience);
                    self.holders.retain(|(_, _, since)| now.duration_since(*since) < patience);
                }
            }
        }
        wanted
    }

    /// Starts a batch with this number of members.
    pub(crate) fn start(
        &mut self,
        permits: u32,
        members: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.usual = self.usual.saturating_mul(3).saturating_add(members).div_euclid(4);
        let id = self.tasks.spawn(work).id();
        self.holders.push((id, permits, Instant::now()));
    }

    /// A panic ends its batch, whose callers get no reply. Later batches go on.
    fn ended(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a panic ended a batch");
                }
                error.id()
            }
        };
        self.holders.retain(|(holder, _, _)| *holder != id);
    }

    fn is_full(&self) -> bool {
        self.tasks.len() >= self.limits.batches
    }

    fn free(&self) -> u32 {
        if self.holders.is_empty() {
            return u32::MAX;
        }
        let taken = self.holders.iter().map(|(_, permits, _)| *permits);
        self.limits.permits.saturating_sub(taken.fold(0, u32::saturating_add))
    }
}

/// Running batches run to their end: dropped in the middle, they would cost their connections.
impl Drop for RunningBatches {
    fn drop(&mut self) {
        self.tasks.detach_all();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    async fn lasting(milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds)).await;
    }

    /// The permits for what waits, and after how many milliseconds they are there.
    async fn waits(running: &mut RunningBatches, waiting: usize) -> (u32, u128) {
        let begin = Instant::now();
        let permits = running.permits_for(waiting).await;
        (permits, begin.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn small_batches_run_at_once_and_large_ones_wait_for_each_other() {
        let mut running = RunningBatches::new(BatchLimits::up_to(5));
        for _ in 0..4 {
            assert_eq!(waits(&mut running, 1).await, (1, 0));
            running.start(1, 1, lasting(3));
        }
        assert_eq!(waits(&mut running, 1).await, (1, 3), "the fifth waits");
        assert_eq!(waits(&mut running, 30).await, (4, 0));
        running.start(4, 30, lasting(2));
        assert_eq!(waits(&mut running, 1).await, (4, 2), "the first change waits for the others");
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_waits_for_the_database_lets_the_next_one_run_beside_it() {
        let mut running = RunningBatches::new(BatchLimits::up_to(5));
        running.start(4, 30, lasting(600));
        let (permits, waited) = waits(&mut running, 30).await;
        assert!(permits == 4 && (5..=10).contains(&waited), "{waited} ms");
        running.start(4, 30, lasting(600));
        assert!((5..=10).contains(&waits(&mut running, 30).await.1));
    }

    #[tokio::test(start_paused = true)]
    async fn batches_that_wait_use_no_more_connections_than_their_share() {
        let mut running = RunningBatches::new(BatchLimits::up_to(2));
        for _ in 0..2 {
            assert!(waits(&mut running, 30).await.1 <= 10);
            running.start(4, 30, lasting(600));
        }
        let (_, waited) = waits(&mut running, 30).await;
        assert!((590..=600).contains(&waited), "{waited} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_batch_runs_to_its_end_when_the_writer_stops() {
        let (end, ended) = tokio::sync::oneshot::channel();
        let mut running = RunningBatches::new(BatchLimits::up_to(5));
        running.start(1, 1, async {
            lasting(3).await;
            end.send(()).unwrap();
        });
        drop(running);
        ended.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_writer_runs_one_batch_and_has_the_next_one_ready() {
        let mut running = RunningBatches::new(BatchLimits::ONE_WRITER);
        running.start(1, 30, lasting(600));
        assert_eq!(waits(&mut running, 30).await, (1, 0), "the next one is ready");
        running.start(1, 30, lasting(1_200));
        assert_eq!(waits(&mut running, 30).await, (1, 600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_returns_its_permits() {
        let mut running = RunningBatches::new(BatchLimits::up_to(5));
        running.start(4, 30, async { panic!("on purpose") });
        assert_eq!(waits(&mut running, 30).await, (4, 0));
    }
}
