//! How much is asked of the database at a time. What is asked together is cheaper than what is asked
//! side by side, for as long as the database is at work; so little goes side by side, and whatever
//! waits meanwhile goes together. When the database itself waits, for its disk or for a lock, that
//! would be the wrong thing: then others go on beside.

use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How much is asked at a time. A batch takes a turn for each of its members, but no more than
/// `of_a_batch`. So large batches are few at a time, because more of them would each be smaller;
/// and while there is little to do, each goes at once.
#[derive(Clone, Copy)]
pub(crate) struct Turns {
    pub(crate) all: u32,
    pub(crate) of_a_batch: u32,
    /// For how long at least a batch keeps its turns when it is not done; for twice as long at most.
    pub(crate) patience: Duration,
    /// So many batches are under way at most, with or without turns.
    pub(crate) batches: usize,
}

impl Turns {
    /// For writing to a server that can write several batches at a time, and for reading: one large
    /// batch, or four members by themselves. A second large one beside it has the server at work
    /// while the first one waits for the disk, but each is half as large then, and what a batch
    /// costs beside its members is paid twice as often: that took a fifth of the throughput. Those
    /// that wait for long have so many connections of the pool at most.
    pub(crate) fn up_to(connections: u32) -> Self {
        let batches = usize::try_from(connections).unwrap_or(usize::MAX).max(1);
        Self { all: 4, of_a_batch: 4, patience: PATIENCE, batches }
    }

    /// For reading lists: two large batches beside each other, because they are small and short, and
    /// most of what the database has to do for them is reading.
    pub(crate) fn of_lists(connections: u32) -> Self {
        Self { all: 8, ..Self::up_to(connections) }
    }

    /// Where one transaction writes at a time: one batch, and the next one ready.
    pub(crate) const ONE_WRITER: Self =
        Self { all: 2, of_a_batch: 1, patience: A_DAY, batches: usize::MAX };

    /// A transaction for each change, as many at a time as there are connections.
    pub(crate) const fn apart(connections: u32) -> Self {
        Self { all: connections, of_a_batch: 1, patience: A_DAY, batches: usize::MAX }
    }
}

/// Several times what a full batch takes when nothing has to be waited for.
const PATIENCE: Duration = Duration::from_millis(5);
/// Longer than any deadline.
const A_DAY: Duration = Duration::from_hours(24);

/// The batches that are under way.
pub(crate) struct UnderWay {
    turns: Turns,
    batches: JoinSet<()>,
    /// Those that still have their turns: which, how many, since when.
    holders: Vec<(Id, u32, Instant)>,
    /// Members of the batches before, on average.
    usual: usize,
    /// One timer for all: to set one for each batch would cost more than all else here.
    ticks: Interval,
}

impl UnderWay {
    pub(crate) fn new(turns: Turns) -> Self {
        let first = Instant::now().checked_add(turns.patience).unwrap_or_else(Instant::now);
        let mut ticks = interval_at(first, turns.patience);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (batches, holders) = (JoinSet::new(), Vec::new());
        Self { turns, batches, holders, usual: 0, ticks }
    }

    /// Waits until there are turns for a batch, for which so many wait now; says how many turns.
    /// As many as for the batches before it: under load, those who are answered first come back
    /// first, one by one, and should meet each other.
    pub(crate) async fn turns_for(&mut self, waiting: usize) -> u32 {
        let usual = u32::try_from(self.usual).unwrap_or(u32::MAX);
        // Small ones need no company: to wait for the turns of several would cost them more.
        let least = if usual < self.turns.of_a_batch { 1 } else { usual };
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let wanted = waiting.max(least).clamp(1, self.turns.of_a_batch);
        while let Some(done) = self.batches.try_join_next_with_id() {
            self.ended(done);
        }
        while self.is_full() || self.free() < wanted {
            tokio::select! {
                biased;
                Some(done) = self.batches.join_next_with_id() => self.ended(done),
                // It may say when it should have ticked, rather than what time it is.
                _ = self.ticks.tick() => {
                    let (now, patience) = (Instant::now(), self.turns.patience);
                    self.holders.retain(|(_, _, since)| now.duration_since(*since) < patience);
                }
            }
        }
        wanted
    }

    /// Starts a batch of so many members.
    pub(crate) fn start(
        &mut self,
        turns: u32,
        members: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.usual = self.usual.saturating_mul(3).saturating_add(members).div_euclid(4);
        let id = self.batches.spawn(work).id();
        self.holders.push((id, turns, Instant::now()));
    }

    /// A panic costs its batch, whose callers get no answer, and not those who come later.
    fn ended(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a panic cost those who asked together");
                }
                error.id()
            }
        };
        self.holders.retain(|(holder, _, _)| *holder != id);
    }

    fn is_full(&self) -> bool {
        self.batches.len() >= self.turns.batches
    }

    fn free(&self) -> u32 {
        if self.holders.is_empty() {
            return u32::MAX;
        }
        let taken = self.holders.iter().map(|(_, turns, _)| *turns);
        self.turns.all.saturating_sub(taken.fold(0, u32::saturating_add))
    }
}

/// What is under way runs to its end: dropped in the middle, it would cost its connection.
impl Drop for UnderWay {
    fn drop(&mut self) {
        self.batches.detach_all();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    async fn lasting(milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds)).await;
    }

    /// After how many milliseconds there are turns for so many who wait.
    async fn waits(under_way: &mut UnderWay, waiting: usize) -> (u32, u128) {
        let begin = Instant::now();
        let turns = under_way.turns_for(waiting).await;
        (turns, begin.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn few_go_at_once_and_many_wait_for_each_other() {
        let mut under_way = UnderWay::new(Turns::up_to(5));
        for _ in 0..4 {
            assert_eq!(waits(&mut under_way, 1).await, (1, 0));
            under_way.start(1, 1, lasting(3));
        }
        assert_eq!(waits(&mut under_way, 1).await, (1, 3), "the fifth waits");
        assert_eq!(waits(&mut under_way, 30).await, (4, 0));
        under_way.start(4, 30, lasting(2));
        assert_eq!(waits(&mut under_way, 1).await, (4, 2), "who comes first waits for the others");
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_database_waits_others_go_on_beside() {
        let mut under_way = UnderWay::new(Turns::up_to(5));
        under_way.start(4, 30, lasting(600));
        let (turns, waited) = waits(&mut under_way, 30).await;
        assert!(turns == 4 && (5..=10).contains(&waited), "{waited} ms");
        under_way.start(4, 30, lasting(600));
        assert!((5..=10).contains(&waits(&mut under_way, 30).await.1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_connections_are_left_to_others() {
        let mut under_way = UnderWay::new(Turns::up_to(2));
        for _ in 0..2 {
            assert!(waits(&mut under_way, 30).await.1 <= 10);
            under_way.start(4, 30, lasting(600));
        }
        let (_, waited) = waits(&mut under_way, 30).await;
        assert!((590..=600).contains(&waited), "{waited} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_runs_to_its_end_when_nobody_asks_any_more() {
        let (end, ended) = tokio::sync::oneshot::channel();
        let mut under_way = UnderWay::new(Turns::up_to(5));
        under_way.start(1, 1, async {
            lasting(3).await;
            end.send(()).unwrap();
        });
        drop(under_way);
        ended.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn where_one_transaction_writes_at_a_time_nothing_goes_beside() {
        let mut under_way = UnderWay::new(Turns::ONE_WRITER);
        under_way.start(1, 30, lasting(600));
        assert_eq!(waits(&mut under_way, 30).await, (1, 0), "the next one is ready");
        under_way.start(1, 30, lasting(1_200));
        assert_eq!(waits(&mut under_way, 30).await, (1, 600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_gives_its_turns_back() {
        let mut under_way = UnderWay::new(Turns::up_to(5));
        under_way.start(4, 30, async { panic!("on purpose") });
        assert_eq!(waits(&mut under_way, 30).await, (4, 0));
    }
}
