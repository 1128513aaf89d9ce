//! The budget for large answers that clients have not taken yet. They are counted in bytes, so that clients that ask and do
//! not read cannot fill the memory, and go to their connections in slices.
//!
//! When the budget is full, answers that have not moved for a while give way to new ones; their connections are closed. When
//! there are none, there is no room, except for an answer that must be sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use metrics::{Counter, Gauge};

/// How much of a large answer its connection gets at a time.
const SLICE: usize = 16 << 10;
/// How long an answer may stand still before it gives way to another one.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the head of the file.
pub(crate) struct UnreadAnswers(Arc<Budget>);

struct Budget {
    most: usize,
    held: Mutex<Held>,
    bytes: Gauge,
    given_up: Counter,
}

#[derive(Default)]
struct Held {
    bytes: usize,
    /// The oldest answer first.
    answers: BTreeMap<u64, (usize, Arc<Mutex<Rest>>)>,
    next: u64,
}

/// What is left of an answer.
struct Rest {
    bytes: Bytes,
    /// When some of it was last taken.
    moved: Instant,
}

impl UnreadAnswers {
    /// A budget of this many bytes.
    pub(crate) fn up_to(most: usize, bytes: Gauge, given_up: Counter) -> Self {
        Self(Arc::new(Budget { most, held: Mutex::default(), bytes, given_up }))
    }

    /// Holds an answer, if there is room or it must be sent.
    pub(crate) fn hold(&self, bytes: Bytes, must: bool) -> Option<UnreadAnswer> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (number, rest) = self.0.hold(bytes, must)?;
        Some(UnreadAnswer { budget: Arc::clone(&self.0), number, rest, size })
    }
}

impl Budget {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, bytes: Bytes, must: bool) -> Option<(u64, Arc<Mutex<Rest>>)> {
        let (size, now) = (bytes.len(), Instant::now());
        let held = &mut *self.held();
        if held.bytes.saturating_add(size) > self.most {
            self.make_room(held, size, now);
        }
        // One answer that is larger than the budget is sent alone.
        let fits = held.bytes == 0 || held.bytes.saturating_add(size) <= self.most;
        if !(fits || must) {
            return None;
        }
        let (number, rest) = (held.next, Arc::new(Mutex::new(Rest { bytes, moved: now })));
        held.next = number.wrapping_add(1);
        held.bytes = held.bytes.saturating_add(size);
        held.answers.insert(number, (size, Arc::clone(&rest)));
        self.tell(held);
        Some((number, rest))
    }

    /// Gives answers up that stand still, the oldest first, until there is room. Their memory is free at once; their
    /// connections are closed when they are asked to go on.
    fn make_room(&self, held: &mut Held, size: usize, now: Instant) {
        let mut standing = Vec::new();
        let mut left = held.bytes;
        for (number, (bytes, rest)) in &held.answers {
            if left.saturating_add(size) <= self.most {
                break;
            }
            let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
            if now.duration_since(rest.moved) >= PATIENCE {
                drop(mem::take(&mut rest.bytes));
                left = left.saturating_sub(*bytes);
                standing.push(*number);
            }
        }
        for number in standing {
            held.answers.remove(&number);
            self.given_up.increment(1);
        }
        held.bytes = left;
        self.tell(held);
    }

    /// An answer is taken, or its client is gone.
    fn release(&self, number: u64) {
        let held = &mut *self.held();
        if let Some((size, _)) = held.answers.remove(&number) {
            held.bytes = held.bytes.saturating_sub(size);
            self.tell(held);
        }
    }

    fn tell(&self, held: &Held) {
        self.bytes.set(f64::from(u32::try_from(held.bytes).unwrap_or(u32::MAX)));
    }
}

/// A large answer on its way.
pub(crate) struct UnreadAnswer {
    budget: Arc<Budget>,
    number: u64,
    rest: Arc<Mutex<Rest>>,
    size: u64,
}

impl MessageBody for UnreadAnswer {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let mut rest = this.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.bytes.is_empty() {
            // All is sent; or the answer has given way, and the framework closes the connection because bytes are missing.
            return Poll::Ready(None);
        }
        rest.moved = Instant::now();
        let most = rest.bytes.len().min(SLICE);
        Poll::Ready(Some(Ok(rest.bytes.split_to(most))))
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        self.budget.release(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 100;

    fn budget() -> Arc<Budget> {
        UnreadAnswers::up_to(MOST, Gauge::noop(), Counter::noop()).0
    }

    fn bytes(size: usize) -> Bytes {
        Bytes::from(vec![b'x'; size])
    }

    /// Makes an answer look as if it had not moved for long.
    fn stand_still(rest: &Mutex<Rest>) {
        let long_ago = Instant::now().checked_sub(PATIENCE).expect("the clock has run");
        rest.lock().unwrap().moved = long_ago;
    }

    #[test]
    fn a_read_is_refused_above_the_budget_and_a_write_is_not() {
        let budget = budget();
        let (first, _) = budget.hold(bytes(60), false).expect("there is room");
        assert!(budget.hold(bytes(41), false).is_none());
        let (written, _) = budget.hold(bytes(41), true).expect("it must be sent");
        assert_eq!(budget.held().bytes, 101);
        budget.release(first);
        assert!(budget.hold(bytes(59), false).is_some());
        budget.release(written);
        budget.release(written);
        assert_eq!(budget.held().bytes, 59, "an answer is released once");
    }

    #[test]
    fn an_answer_larger_than_the_budget_is_sent_alone() {
        let budget = budget();
        let (number, _) = budget.hold(bytes(101), false).expect("there is no other");
        assert!(budget.hold(bytes(1), false).is_none());
        budget.release(number);
        assert!(budget.hold(bytes(1), false).is_some());
        assert!(budget.hold(bytes(101), false).is_none());
    }

    #[test]
    fn answers_that_stand_still_give_way_the_oldest_first() {
        let budget = budget();
        let [oldest, moving, young] = [(); 3].map(|()| budget.hold(bytes(30), false).unwrap());
        stand_still(&oldest.1);
        stand_still(&young.1);
        let (newest, _) = budget.hold(bytes(40), false).expect("the oldest gives way");
        let is_there = |rest: &Mutex<Rest>| !rest.lock().unwrap().bytes.is_empty();
        assert_eq!([&oldest, &moving, &young].map(|(_, rest)| is_there(rest)), [false, true, true]);
        budget.release(oldest.0);
        assert_eq!(budget.held().bytes, 100);
        assert!(budget.hold(bytes(31), false).is_none(), "the others move");
        assert!(budget.hold(bytes(30), false).is_some());
        budget.release(newest);
    }
}
