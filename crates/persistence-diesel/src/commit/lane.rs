//! The lane of changes that met a lock of another session. They are tried here again and again, each by itself, until the
//! lock is gone or their time is over. So neither their batches nor the connections of others wait with them.
//!
//! Later changes with the same key (the order, the customer of a new order, the idempotency key) come here at once,
//! until one of them has met no lock, or a few seconds after the last one that did.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_app::ports::BoxError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::queue::QueuedChange;
use crate::executor::unfinished;
use crate::rows::{ChangeRows, Write};

/// How long a key is remembered after a change with it has met a lock.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How long new locks are expected after a new one was met.
const EXPECTED: Duration = Duration::from_secs(1);
/// The most keys that are remembered.
const MOST_KEYS: usize = 8_192;
/// The pause of a change between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// How often the lane looks whether a change is due, or late.
const TICK: Duration = Duration::from_millis(5);

/// The keys of a change on which sessions meet, as hashes.
type Keys = [u64; 2];

/// The end of the lane at which changes are put in.
pub(crate) struct Lane {
    queue: mpsc::UnboundedSender<HeldChange>,
    known: Mutex<Known>,
    /// Whether any key is known: most of the time there is none.
    any: AtomicBool,
}

/// The keys with which changes have met locks.
#[derive(Default)]
struct Known {
    /// Until when each is remembered.
    keys: HashMap<u64, Instant>,
    /// Until when new ones are expected.
    expected: Option<Instant>,
}

/// The end of the lane at which changes are tried again.
pub(crate) struct LaneReader {
    queue: mpsc::UnboundedReceiver<HeldChange>,
    waiting: Vec<HeldChange>,
    /// The most changes that are tried at a time: each uses a connection.
    most: usize,
}

/// A change in the lane.
pub(crate) struct HeldChange {
    pub(crate) change: QueuedChange,
    /// Whether the outcome of an earlier COMMIT is open.
    pub(crate) in_doubt: bool,
    failure: BoxError,
    due: Instant,
}

impl Lane {
    /// A lane that uses a quarter of these connections.
    pub(crate) fn new(connections: u32) -> (Self, LaneReader) {
        let (sender, queue) = mpsc::unbounded_channel();
        let most = usize::try_from(connections.div_euclid(4)).unwrap_or(1).max(1);
        let lane = Self { queue: sender, known: Mutex::default(), any: AtomicBool::new(false) };
        (lane, LaneReader { queue, waiting: Vec::new(), most })
    }

    /// Takes a change that met a lock, and remembers its keys.
    pub(crate) fn hold(&self, change: QueuedChange, failure: BoxError, in_doubt: bool) {
        let now = Instant::now();
        self.remember(keys(&change.rows), now);
        self.put(HeldChange { change, in_doubt, failure, due: later(now, PAUSE) });
    }

    /// Takes those of the changes whose keys are known, and returns the others.
    pub(crate) fn divert(&self, batch: Vec<QueuedChange>) -> Vec<QueuedChange> {
        if !self.any.load(Ordering::Relaxed) {
            return batch;
        }
        let now = Instant::now();
        let mut known = self.known();
        known.keys.retain(|_, until| *until > now);
        self.any.store(!known.keys.is_empty(), Ordering::Relaxed);
        let is_known = |change: &QueuedChange| {
            keys(&change.rows).iter().any(|key| known.keys.contains_key(key))
        };
        let (held, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_known);
        for change in held {
            let failure = "its order, customer or idempotency key is locked by another session";
            self.put(HeldChange { change, in_doubt: false, failure: failure.into(), due: now });
        }
        others
    }

    /// Whether changes have met new locks just now, so that the next ones probably do.
    pub(crate) fn expects_locks(&self) -> bool {
        self.any.load(Ordering::Relaxed)
            && self.known().expected.is_some_and(|until| until > Instant::now())
    }

    /// Forgets the keys of a change that has met no lock.
    pub(crate) fn forget(&self, rows: &ChangeRows) {
        if self.any.load(Ordering::Relaxed) {
            let mut known = self.known();
            for key in keys(rows) {
                known.keys.remove(&key);
            }
        }
    }

    fn remember(&self, keys: Keys, now: Instant) {
        let mut known = self.known();
        if known.keys.len() < MOST_KEYS {
            let news = keys.map(|key| known.keys.insert(key, later(now, REMEMBERED)).is_none());
            if news.contains(&true) {
                known.expected = Some(later(now, EXPECTED));
            }
            self.any.store(true, Ordering::Relaxed);
        }
    }

    /// When the lane is gone, the caller learns it from the reply that is dropped.
    fn put(&self, mut held: HeldChange) {
        if !held.in_doubt {
            held.change.release();
        }
        let _ = self.queue.send(held);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneReader {
    /// Tries changes until the lane is gone. Of several changes with the same key one is tried at a time, so that all
    /// that wait for one lock use one connection. `attempt` replies, or puts the change into the lane again.
    pub(crate) async fn run<R>(mut self, attempt: impl Fn(HeldChange) -> R)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        let mut active = HashMap::new();
        loop {
            self.tell_late();
            while tasks.len() < self.most
                && let Some(held) = self.next_due(&active)
            {
                let keys = keys(&held.change.rows);
                active.insert(tasks.spawn(attempt(held)).id(), keys);
            }
            tokio::select! {
                Some(ended) = tasks.join_next_with_id() => {
                    let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                    active.remove(&id);
                }
                arrived = self.queue.recv() => match arrived {
                    Some(held) => self.waiting.push(held),
                    None => return tasks.detach_all(),
                },
                () = sleep(TICK), if !self.waiting.is_empty() => {}
            }
            while let Ok(held) = self.queue.try_recv() {
                self.waiting.push(held);
            }
        }
    }

    /// Replies to the callers whose time is over.
    fn tell_late(&mut self) {
        for held in self.waiting.extract_if(.., |held| held.change.is_late()) {
            held.change.reply(Err(unfinished(held.failure, held.in_doubt)));
        }
    }

    /// Takes the first change that is due and whose keys no change has that is being tried.
    fn next_due<T>(&mut self, active: &HashMap<T, Keys>) -> Option<HeldChange> {
        let now = Instant::now();
        let busy: HashSet<u64> = active.values().flatten().copied().collect();
        let is_free = |held: &HeldChange| {
            held.due <= now && !keys(&held.change.rows).iter().any(|key| busy.contains(key))
        };
        let first = self.waiting.iter().position(is_free)?;
        Some(self.waiting.remove(first))
    }
}

/// The keys of a change: its order, or, because a new order has an id that no one else has, its customer; and its
/// idempotency key, or the first one again.
fn keys(rows: &ChangeRows) -> Keys {
    let hash = |kind: u8, key: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);
        key(&mut hasher);
        hasher.finish()
    };
    let first = match &rows.write {
        Write::Insert(new) => hash(1, &|hasher| new.order.customer_id.hash(hasher)),
        Write::Update(..) | Write::Step(_) => hash(0, &|hasher| rows.id.hash(hasher)),
    };
    let scope = rows.answer().map(|answer| &answer.scope);
    [first, scope.map_or(first, |scope| hash(2, &|hasher| scope.hash(hasher)))]
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use order_app::ports::{Deadline, OrderChange, StoreError};
    use order_domain::OrderStatus;
    use order_testkit::examples::{a_change, a_change_placing, a_new_order, moved, noon};

    use super::super::queue::{CommitQueue, QueueReader};
    use super::*;

    fn a_confirmation(id: i64) -> OrderChange {
        let placed = a_change_placing(a_new_order(id, 7)).order;
        a_change(moved(&placed, OrderStatus::Confirmed, noon()))
    }

    /// Takes what waits in the queue, one change of an order at a time.
    fn take_all(reader: &mut QueueReader) -> Vec<QueuedChange> {
        let mut all = Vec::new();
        loop {
            let batch = reader.next_batch();
            if batch.is_empty() {
                return all;
            }
            all.extend(batch);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_changes_that_need_one_lock_one_is_tried_at_a_time_until_their_deadline() {
        let (queue, mut reader) = CommitQueue::new(true);
        let deadline = Deadline::now() + Duration::from_secs(1);
        let commit = |id| {
            let rows = ChangeRows::of(a_confirmation(id).into(), 1).unwrap();
            Box::pin(queue.commit(rows, deadline))
        };
        let mut stuck = join_all((0..50).map(|_| commit(1)));
        let mut other = commit(2);
        assert!((&mut stuck).now_or_never().is_none() && (&mut other).now_or_never().is_none());
        let (lane, lane_reader) = Lane::new(10);
        let lane = Arc::new(lane);
        for change in take_all(&mut reader) {
            lane.hold(change, "a lock".into(), false);
        }
        let (trying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let again = Arc::clone(&lane);
        tokio::spawn(lane_reader.run(move |held| {
            let (lane, trying, most) = (Arc::clone(&again), Arc::clone(&trying), Arc::clone(&most));
            async move {
                if held.change.rows.id == 2 {
                    return held.change.reply(Ok(()));
                }
                most.fetch_max(trying.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                assert_eq!(most.load(Ordering::Relaxed), 1, "one at a time");
                sleep(Duration::from_millis(50)).await;
                trying.fetch_sub(1, Ordering::Relaxed);
                lane.hold(held.change, "a lock".into(), false);
            }
        }));
        other.await.expect("it does not wait behind the fifty");
        let begin = Deadline::now();
        let stuck = stuck.await;
        assert!(
            stuck.iter().all(|told| matches!(told, Err(StoreError::Unavailable(_)))),
            "{stuck:?}"
        );
        assert!(Deadline::now() <= deadline && Deadline::now() > begin, "known by the deadline");
    }

    #[tokio::test(start_paused = true)]
    async fn later_changes_with_the_same_key_come_at_once_until_it_is_forgotten() {
        let (queue, mut reader) = CommitQueue::new(true);
        let deadline = Deadline::now() + Duration::from_secs(20);
        let (lane, mut lane_reader) = Lane::new(10);
        let mut callers = Vec::new();
        let mut batch = |changes: Vec<OrderChange>| {
            for change in changes {
                let rows = ChangeRows::of(change.into(), 1).unwrap();
                let mut caller = Box::pin(queue.commit(rows, deadline));
                assert!((&mut caller).now_or_never().is_none());
                callers.push(caller);
            }
            reader.next_batch()
        };
        let both = || vec![a_confirmation(1), a_confirmation(2)];
        let ids = |batch: &[QueuedChange]| -> Vec<i64> {
            batch.iter().map(|change| change.rows.id).collect()
        };
        assert_eq!(ids(&lane.divert(batch(both()))), [1, 2], "nothing is known");
        let held = batch(vec![a_confirmation(1)]).pop().unwrap();
        let rows = Arc::clone(&held.rows);
        lane.hold(held, "a lock".into(), false);
        assert!(lane.expects_locks());
        assert_eq!(ids(&lane.divert(batch(both()))), [2]);
        // A new order of the same customer is another key.
        assert_eq!(ids(&lane.divert(batch(vec![a_change_placing(a_new_order(3, 7))]))), [3]);
        lane.forget(&rows);
        assert_eq!(ids(&lane.divert(batch(both()))), [1, 2], "it met no lock");
        lane.remember(keys(&rows), Instant::now());
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(ids(&lane.divert(batch(both()))), [1, 2], "that was long ago");
        assert!(
            lane_reader.queue.recv().await.is_some() && lane_reader.queue.recv().await.is_some()
        );
    }
}
