//! The connections of one worker: it takes them up, looks for those that are overdue, and makes room where all
//! are taken.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::Reason;
use super::port::{Port, Room};
use super::state::State;
use super::turns::Turns;

/// How often the worker looks at its connections.
const TICK: Duration = Duration::from_millis(100);
/// How long a connection must have waited for its client, or in its handshake, before it may be closed for another one. One above the share
/// need not have waited so long.
const LEAST_WAIT: Duration = Duration::from_secs(1);
const LEAST_WAIT_ABOVE_SHARE: Duration = Duration::from_millis(200);

/// A connection that its worker knows, until this is dropped.
pub(super) struct TakenUp {
    worker: Rc<Worker>,
    key: u64,
    pub(super) state: Rc<State>,
}

impl TakenUp {
    /// The turns of its worker's handshakes.
    pub(super) fn turns(&self) -> &Rc<Turns> {
        &self.worker.turns
    }
}

impl Drop for TakenUp {
    fn drop(&mut self) {
        self.worker.forget(self.key);
    }
}

/// See the head of the file.
pub(crate) struct Worker {
    port: Arc<Port>,
    now: Rc<Cell<Instant>>,
    open: RefCell<HashMap<u64, Rc<State>>>,
    next: Cell<u64>,
    /// Those that may be closed for others, the one that has waited longest last; and when that was found.
    waiting: RefCell<(Option<Instant>, Vec<Rc<State>>)>,
    turns: Rc<Turns>,
}

impl Worker {
    /// A worker without connections. `stopping` resolves when the server is stopped.
    pub(crate) fn start(
        port: Arc<Port>,
        most_handshakes: usize,
        stopping: impl Future<Output = ()> + 'static,
    ) -> Rc<Self> {
        let worker = Rc::new(Self {
            port,
            now: Rc::new(Cell::new(Instant::now())),
            open: RefCell::default(),
            next: Cell::new(0),
            waiting: RefCell::default(),
            turns: Turns::new(most_handshakes),
        });
        actix_web::rt::spawn(Rc::clone(&worker).watch(stopping));
        worker
    }

    /// Takes up a connection, if there is room for it or room can be made.
    pub(super) fn take_up(self: &Rc<Self>, peer: Option<IpAddr>) -> Option<TakenUp> {
        let room = self.port.enter(peer);
        if room != Room::Left {
            self.port.tell_of_none(room);
        }
        let is_above_share = match room {
            Room::Left => false,
            Room::None => !self.make_room(),
            Room::NoneForPeer => true,
        };
        if is_above_share && !self.port.enter_above_share() && !self.make_room_above_share() {
            self.port.leave(peer, true);
            self.port.count(Reason::Refused);
            return None;
        }
        let state = State::new(Rc::clone(&self.now), peer, is_above_share);
        let key = self.next.replace(self.next.get().wrapping_add(1));
        self.open.borrow_mut().insert(key, Rc::clone(&state));
        Some(TakenUp { worker: Rc::clone(self), key, state })
    }

    fn forget(&self, key: u64) {
        let Some(state) = self.open.borrow_mut().remove(&key) else { return };
        self.port.leave(state.peer, state.is_above_share);
        if let Some(reason) = state.closing() {
            self.port.count(reason);
        }
    }

    /// Closes the connection that has waited longest for its client, if one has waited long enough.
    fn make_room(&self) -> bool {
        let (found, waiting) = &mut *self.waiting.borrow_mut();
        if *found != Some(self.now.get()) {
            *found = Some(self.now.get());
            *waiting = self.waiting_for(LEAST_WAIT, |state| !state.is_above_share);
        }
        while let Some(state) = waiting.pop() {
            if state.waited().is_some_and(|waited| waited >= LEAST_WAIT) {
                state.close(Reason::Full);
                return true;
            }
        }
        false
    }

    /// The same among those above the share, which are few.
    fn make_room_above_share(&self) -> bool {
        let longest = self.waiting_for(LEAST_WAIT_ABOVE_SHARE, |state| state.is_above_share).pop();
        longest.inspect(|state| state.close(Reason::Full)).is_some()
    }

    fn waiting_for(&self, least: Duration, is_one: impl Fn(&State) -> bool) -> Vec<Rc<State>> {
        let open = self.open.borrow();
        let waited = |state: &Rc<State>| state.waited().filter(|waited| *waited >= least);
        let one = |state: &&Rc<State>| is_one(state) && waited(state).is_some();
        let mut waiting: Vec<_> = open.values().filter(one).cloned().collect();
        waiting.sort_by_key(waited);
        waiting
    }

    async fn watch(self: Rc<Self>, stopping: impl Future<Output = ()>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = pin!(stopping);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => self.look(is_stopping),
                () = &mut stopping, if !is_stopping => {
                    is_stopping = true;
                    self.open.borrow().values().for_each(|state| state.stop());
                }
            }
        }
    }

    fn look(&self, is_stopping: bool) {
        self.now.set(Instant::now());
        self.waiting.take();
        for state in self.open.borrow().values() {
            if let Some(reason) = state.overdue(&self.port.bounds, is_stopping) {
                state.close(reason);
            }
        }
        if self.turns.has_waiting() {
            let open = self.open.borrow();
            let held = open.values().filter(|state| state.holds_its_turn_for(LEAST_WAIT));
            held.for_each(|state| state.close(Reason::Full));
        }
    }
}
