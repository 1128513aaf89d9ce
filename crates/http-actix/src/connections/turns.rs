//! Turns for handshakes. A handshake costs far more than a request, so few of them are under way at once on a worker.
//! The others wait for their turn, the newest first: where many clients begin handshakes and do not go on, those in front have
//! been given up by then, or are about to be.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::oneshot;

/// See the head of the file.
pub(super) struct Turns {
    most: usize,
    taken: Cell<usize>,
    waiting: RefCell<Vec<oneshot::Sender<Turn>>>,
}

/// The turn of a handshake. When it is dropped, the next one has its turn.
pub(super) struct Turn(Rc<Turns>);

impl Turns {
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, taken: Cell::new(0), waiting: RefCell::default() })
    }

    /// Waits for a turn; `None` when there will be none.
    pub(super) async fn take(self: &Rc<Self>) -> Option<Turn> {
        if self.taken.get() < self.most {
            return Some(self.turn());
        }
        let (sender, turn) = oneshot::channel();
        self.waiting.borrow_mut().push(sender);
        turn.await.ok()
    }

    /// Whether handshakes wait for their turn. Those that were given up are forgotten.
    pub(super) fn has_waiting(&self) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|sender| !sender.is_closed());
        !waiting.is_empty()
    }

    fn turn(self: &Rc<Self>) -> Turn {
        self.taken.set(self.taken.get().saturating_add(1));
        Turn(Rc::clone(self))
    }

    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        self.waiting.borrow_mut().pop()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get().saturating_sub(1));
        while self.0.taken.get() < self.0.most
            && let Some(next) = self.0.next()
        {
            if next.is_closed() {
                continue;
            }
            // One that went away while it was called gives its turn on by itself.
            let _ = next.send(self.0.turn());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_newest_has_its_turn_first_and_those_that_went_away_have_none() {
        let turns = Turns::new(1);
        let first = turns.take().now_or_never().flatten().expect("there is a turn");
        let mut older = pin!(turns.take());
        let mut newer = pin!(turns.take());
        assert!(older.as_mut().now_or_never().is_none() && newer.as_mut().now_or_never().is_none());
        {
            let mut gone = Box::pin(turns.take());
            assert!(gone.as_mut().now_or_never().is_none());
        }
        assert!(turns.has_waiting());
        drop(first);
        assert!(older.as_mut().now_or_never().is_none());
        let second = newer.as_mut().now_or_never().flatten().expect("the newest has its turn");
        drop(second);
        assert!(older.as_mut().now_or_never().flatten().is_some());
        assert!(!turns.has_waiting());
        assert_eq!(turns.taken.get(), 0);
    }
}
