//! What one connection is doing, since when, and whether that is too long. Its worker looks at it, the HTTP library's
//! reads and writes and the requests keep it up to date.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Bounds, HANDSHAKE, Reason};

/// How much more than eight times its content the framing of a body may be: what the library reads ahead, and more.
const MOST_FRAMING: u64 = 512 * 1024;
/// How many bytes may come without a request: a head, or what a client sends on after it was refused.
const MOST_UNASKED: u64 = 4 * 1024 * 1024;
/// The framing of a byte in the smallest chunks is five bytes.
const FRAMING_OF_A_BYTE: u64 = 8;
/// How slowly an answer may be taken, in bytes a second.
const LEAST_RATE: u128 = 1_024;
/// How long a connection above the share may take for its head.
const HEAD_ABOVE_SHARE: Duration = Duration::from_secs(2);
/// How long a stop waits for a client that takes or sends nothing.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(3);

/// See the head of the file.
pub(crate) struct State {
    /// The time, as the worker saw it last.
    now: Rc<Cell<Instant>>,
    pub(super) peer: Option<IpAddr>,
    /// Whether it was opened when all connections were taken.
    pub(super) is_above_share: bool,
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Since when its handshake has its turn, while it is under way.
    turn: Cell<Option<Instant>>,
    /// How many bytes have come since the last request.
    unasked: Cell<u64>,
    /// Whether the bytes that were read end within a head.
    ends_within_head: Cell<bool>,
    body: Cell<Option<Body>>,
    unsent: Cell<Option<Unsent>>,
    is_stream: Cell<bool>,
    /// Whether the client waits for a word before it sends its body, and nothing was written since.
    asks_first: Cell<bool>,
    /// Whether it speaks another protocol and waits for its client.
    rests: Cell<bool>,
    /// Whether the other protocol has ended.
    is_over: Cell<bool>,
    is_held_back: Cell<bool>,
    closing: Cell<Option<Reason>>,
    task: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// TLS is being agreed on.
    Handshake,
    /// No byte of a request has come.
    Opened,
    /// A request has begun to come.
    Head,
    /// A request is being worked on, or its answer is being written.
    Answering,
    /// The last answer is written.
    Idle,
}

/// A body that is under way.
#[derive(Debug, Clone, Copy)]
struct Body {
    /// When its last bytes came.
    last: Instant,
    /// How many bytes have come, framing included.
    came: u64,
    /// How many bytes were content.
    content: u64,
}

/// Bytes that the client does not take.
#[derive(Debug, Clone, Copy)]
struct Unsent {
    since: Instant,
    /// How many bytes it has taken since.
    taken: u64,
}

impl State {
    pub(super) fn new(
        now: Rc<Cell<Instant>>,
        peer: Option<IpAddr>,
        is_above_share: bool,
    ) -> Rc<Self> {
        let since = Cell::new(now.get());
        Rc::new(Self {
            now,
            peer,
            is_above_share,
            phase: Cell::new(Phase::Opened),
            since,
            turn: Cell::new(None),
            unasked: Cell::new(0),
            ends_within_head: Cell::new(false),
            body: Cell::new(None),
            unsent: Cell::new(None),
            is_stream: Cell::new(false),
            asks_first: Cell::new(false),
            rests: Cell::new(false),
            is_over: Cell::new(false),
            is_held_back: Cell::new(false),
            closing: Cell::new(None),
            task: RefCell::new(None),
        })
    }

    /// Notes that TLS comes first.
    pub(super) fn shakes_hands(&self) {
        self.enter(Phase::Handshake);
    }

    /// Notes that the handshake is the client's to go on with.
    pub(super) fn has_its_turn(&self) {
        self.turn.set(Some(self.now.get()));
    }

    /// Notes the end of the handshake.
    pub(super) fn has_shaken_hands(&self) {
        self.turn.set(None);
        self.unsent.set(None);
        self.enter(Phase::Opened);
    }

    /// Whether its handshake has had its turn for this long.
    pub(super) fn holds_its_turn_for(&self, least: Duration) -> bool {
        self.turn.get().is_some_and(|since| self.elapsed(since) >= least)
    }

    /// Whether more bytes may be read: not while an answer is under way, but for the body of its request.
    pub(super) fn may_read(&self) -> bool {
        let has_room = self.phase.get() != Phase::Answering || self.body.get().is_some();
        has_room && self.unsent.get().is_none()
    }

    /// Notes bytes that came, and whether they end within a head.
    pub(super) fn came(&self, bytes: usize, ends_within_head: bool) {
        self.ends_within_head.set(ends_within_head);
        let bytes = bytes.try_into().unwrap_or(u64::MAX);
        if self.phase.get() == Phase::Answering {
            let Some(mut body) = self.body.get() else { return };
            body.last = self.now.get();
            body.came = body.came.saturating_add(bytes);
            self.body.set(Some(body));
            let due = body.content.saturating_mul(FRAMING_OF_A_BYTE);
            if body.came > due.saturating_add(MOST_FRAMING) {
                self.closing.set(Some(Reason::Body));
            }
            return;
        }
        match self.phase.replace(Phase::Head) {
            Phase::Idle => self.since.set(self.now.get()),
            Phase::Handshake | Phase::Opened | Phase::Head | Phase::Answering => {}
        }
        self.unasked.set(self.unasked.get().saturating_add(bytes));
        if self.unasked.get() > MOST_UNASKED {
            self.closing.set(Some(Reason::Body));
        }
    }

    /// Notes a request.
    pub(super) fn asked(&self, has_body: bool) {
        self.enter(Phase::Answering);
        self.unasked.set(0);
        let last = self.now.get();
        self.body.set(has_body.then_some(Body { last, came: 0, content: 0 }));
    }

    /// Notes that the client waits for a word before it sends the body.
    pub(super) fn ask_first(&self) {
        self.asks_first.set(true);
    }

    pub(super) fn asks_first(&self) -> bool {
        self.asks_first.get()
    }

    /// Notes content of the body.
    pub(super) fn read_content(&self, bytes: usize) {
        if let Some(mut body) = self.body.get() {
            body.content = body.content.saturating_add(bytes.try_into().unwrap_or(u64::MAX));
            self.body.set(Some(body));
        }
    }

    /// Notes the end of the body.
    pub(super) fn read_to_end(&self) {
        self.body.set(None);
        self.ends_within_head.set(false);
    }

    /// Notes that the answer is a stream, which may take as long as it likes.
    pub(super) fn streams(&self) {
        self.is_stream.set(true);
    }

    /// Notes whether a connection that speaks another protocol waits for its client.
    pub(super) fn rest(&self, rests: bool) {
        if self.rests.replace(rests) != rests {
            self.since.set(self.now.get());
        }
    }

    /// Notes that the other protocol has ended on both sides.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        self.wake();
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Notes that the answer is written, as far as the client takes it.
    pub(super) fn answered(&self) {
        self.body.set(None);
        self.is_stream.set(false);
        self.rests.set(false);
        self.enter(if self.ends_within_head.get() { Phase::Head } else { Phase::Idle });
        self.go_on();
    }

    /// Notes that the client does not take what is written.
    pub(super) fn blocked(&self) {
        if self.unsent.get().is_none() {
            self.unsent.set(Some(Unsent { since: self.now.get(), taken: 0 }));
        }
    }

    /// Notes that something was written.
    pub(super) fn wrote(&self) {
        self.asks_first.set(false);
    }

    /// Notes what the client has taken; whether nothing is left of it.
    pub(super) fn took(&self, bytes: usize, is_all: bool) {
        let Some(mut unsent) = self.unsent.get() else { return };
        if is_all {
            self.unsent.set(None);
            self.go_on();
        } else {
            unsent.taken = unsent.taken.saturating_add(bytes.try_into().unwrap_or(u64::MAX));
            self.unsent.set(Some(unsent));
        }
    }

    /// Notes that bytes wait to be read until they may be.
    pub(super) fn hold_back(&self) {
        self.is_held_back.set(true);
    }

    pub(super) fn is_held_back(&self) -> bool {
        self.is_held_back.get()
    }

    fn go_on(&self) {
        if self.is_held_back.replace(false) {
            self.wake();
        }
    }

    /// Keeps the task of the connection, to wake it.
    pub(super) fn keep(&self, task: &Waker) {
        let mut kept = self.task.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(task)) {
            *kept = Some(task.clone());
        }
    }

    fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    /// Has the connection closed.
    pub(super) fn close(&self, reason: Reason) {
        self.closing.set(Some(reason));
        self.wake();
    }

    /// Why the connection is to be closed, if it is.
    pub(super) fn closing(&self) -> Option<Reason> {
        self.closing.get()
    }

    /// Whether bytes wait for the client.
    pub(super) fn has_unsent(&self) -> bool {
        self.unsent.get().is_some()
    }

    /// How long it has waited for its client; `None` while it works for it.
    pub(super) fn waited(&self) -> Option<Duration> {
        let works = self.phase.get() == Phase::Answering && !self.rests.get();
        let waits = !works && self.closing.get().is_none();
        waits.then(|| self.elapsed(self.since.get()))
    }

    /// Starts the times that a stop grants.
    pub(super) fn stop(&self) {
        let now = self.now.get();
        self.unsent.set(self.unsent.get().map(|_| Unsent { since: now, taken: 0 }));
        self.body.set(self.body.get().map(|body| Body { last: now, ..body }));
    }

    /// Why it is to be closed now, if it is.
    pub(super) fn overdue(&self, bounds: &Bounds, is_stopping: bool) -> Option<Reason> {
        if self.closing.get().is_some() {
            return None;
        }
        let is_handshake = self.phase.get() == Phase::Handshake;
        if let Some(unsent) = self.unsent.get().filter(|_| !is_handshake) {
            return self.does_not_take(unsent, bounds, is_stopping).then_some(Reason::Answer);
        }
        let waited = self.elapsed(self.since.get());
        let (reason, most) = match self.phase.get() {
            Phase::Answering => {
                let stalls = |body: Body| self.elapsed(body.last) >= PATIENCE_AT_STOP;
                let is_late = is_stopping && self.body.get().is_some_and(stalls);
                return is_late.then_some(Reason::Body);
            }
            Phase::Handshake => (Reason::Handshake, HANDSHAKE),
            Phase::Opened | Phase::Head if self.is_above_share => {
                (Reason::Head, bounds.head.min(HEAD_ABOVE_SHARE))
            }
            Phase::Opened | Phase::Head => (Reason::Head, bounds.head),
            Phase::Idle => (Reason::Idle, bounds.idle),
        };
        (waited >= most).then_some(reason)
    }

    /// Looks at an answer once in each time that its client has. A stream has its own rules until a stop.
    fn does_not_take(&self, unsent: Unsent, bounds: &Bounds, is_stopping: bool) -> bool {
        let most = if is_stopping { bounds.answer.min(PATIENCE_AT_STOP) } else { bounds.answer };
        let waited = self.elapsed(unsent.since);
        if waited < most || (self.is_stream.get() && !is_stopping) {
            return false;
        }
        let due = waited.as_millis().saturating_mul(LEAST_RATE).checked_div(1_000).unwrap_or(0);
        if u128::from(unsent.taken) < due {
            return true;
        }
        self.unsent.set(Some(Unsent { since: self.now.get(), taken: 0 }));
        false
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.now.get());
    }

    fn elapsed(&self, since: Instant) -> Duration {
        self.now.get().saturating_duration_since(since)
    }
}

#[cfg(test)]
mod tests;
