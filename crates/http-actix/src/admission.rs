//! How many requests are worked on at once, and which ones wait for their turn. Refusing at once would
//! invite clients to ask again at once, and each refusal takes time from the work that others wait for. So
//! a request waits in line for a part of its time, and only then is refused; where the line is long, without
//! waiting. One that waits costs nothing but its position in the line.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use order_app::live::Live;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// How many requests wait for each one that may be worked on.
const LINE_PER_PLACE: usize = 16;
/// How often the log tells how many requests were refused.
const TELLING: Duration = Duration::from_mins(1);

/// The places of one port.
pub(crate) struct Admission {
    most: Live<usize>,
    in_flight: Arc<AtomicUsize>,
    gauge: Gauge,
    /// Those that wait, in the order in which they came.
    line: Mutex<BTreeMap<u64, oneshot::Sender<Place>>>,
    /// How many are in the line: looked at by every request, without its lock.
    waiting: AtomicUsize,
    next_ticket: AtomicU64,
    /// How many were refused since the log has told of them.
    refused: AtomicU64,
    is_telling: AtomicBool,
}

/// One of the requests that are worked on. When it is dropped, the next one in line has its turn.
pub(crate) struct Place {
    of: Arc<Admission>,
    /// How long the request was in line.
    pub(crate) waited: Duration,
}

/// A position in the line, left when dropped.
struct Ticket<'a>(&'a Admission, u64);

impl Admission {
    /// `in_flight` counts the requests that are worked on, for others to see, and so does the gauge.
    pub(crate) fn new(most: Live<usize>, in_flight: Arc<AtomicUsize>, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self {
            most,
            in_flight,
            gauge,
            line: Mutex::default(),
            waiting: AtomicUsize::new(0),
            next_ticket: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            is_telling: AtomicBool::new(false),
        })
    }

    /// A place: at once, or when it is this request's turn. `None` when that does not come in time, or when the
    /// line is too long to wait.
    pub(crate) async fn enter(self: &Arc<Self>, longest: Duration) -> Option<Place> {
        if self.waiting.load(Ordering::SeqCst) == 0
            && let Some(place) = self.take()
        {
            return Some(place);
        }
        if self.is_line_full() {
            return None;
        }
        let since = Instant::now();
        let (sender, turn) = oneshot::channel();
        let _ticket = self.line_up(sender);
        // A place may have become free before the request was in line.
        self.serve();
        let mut place = timeout(longest, turn).await.ok()?.ok()?;
        place.waited = since.elapsed();
        Some(place)
    }

    /// Whether a request would be refused without waiting.
    pub(crate) fn is_line_full(&self) -> bool {
        let most = self.most.get().saturating_mul(LINE_PER_PLACE);
        self.waiting.load(Ordering::SeqCst) >= most
    }

    /// Counts a refusal. The log tells of the first one, and then once a minute how many there were.
    pub(crate) fn count_refusal(self: &Arc<Self>) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        if !self.is_telling.swap(true, Ordering::SeqCst) {
            let max_in_flight = *self.most.get();
            tracing::warn!(max_in_flight, "requests are refused: too many are being worked on");
            tokio::spawn(Arc::clone(self).tell());
        }
    }

    async fn tell(self: Arc<Self>) {
        let mut in_all = 0_u64;
        loop {
            sleep(TELLING).await;
            let refused = self.refused.swap(0, Ordering::SeqCst);
            if refused == 0 {
                tracing::warn!(refused = in_all, "requests are no longer refused");
                return self.is_telling.store(false, Ordering::SeqCst);
            }
            in_all = in_all.saturating_add(refused);
            tracing::warn!(refused, "requests were refused in the last minute");
        }
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let most = *self.most.get();
        let more = |now: usize| (now < most).then(|| now.saturating_add(1));
        let before = self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        self.show(before.saturating_add(1));
        Some(Place { of: Arc::clone(self), waited: Duration::ZERO })
    }

    fn line_up(&self, turn: oneshot::Sender<Place>) -> Ticket<'_> {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let mut line = self.line();
        line.insert(ticket, turn);
        self.waiting.store(line.len(), Ordering::SeqCst);
        Ticket(self, ticket)
    }

    /// Gives free places to those in line.
    fn serve(self: &Arc<Self>) {
        let mut free: Option<Place> = None;
        while self.waiting.load(Ordering::SeqCst) > 0 {
            let Some(place) = free.take().or_else(|| self.take()) else { return };
            let Some(turn) = self.first() else { return };
            // The first one may have gone while it was called.
            free = turn.send(place).err();
        }
    }

    fn first(&self) -> Option<oneshot::Sender<Place>> {
        let mut line = self.line();
        let (_, turn) = line.pop_first()?;
        self.waiting.store(line.len(), Ordering::SeqCst);
        Some(turn)
    }

    fn line(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Place>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, in_flight: usize) {
        self.gauge.set(f64::from(u32::try_from(in_flight).unwrap_or(u32::MAX)));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let less = |now: usize| Some(now.saturating_sub(1));
        let all = &self.of;
        let before = all.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        all.show(before.unwrap_or(0).saturating_sub(1));
        all.serve();
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.remove(&self.1);
        self.0.waiting.store(line.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use super::*;

    const LONGEST: Duration = Duration::from_millis(600);

    fn admission(most: usize) -> Arc<Admission> {
        Admission::new(most.into(), Arc::default(), Gauge::noop())
    }

    /// Whether a request is in line, or not decided yet.
    async fn waits(mut request: Pin<&mut impl Future>) -> bool {
        poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_served_in_its_order_as_places_become_free() {
        let admission = admission(1);
        let first = admission.enter(LONGEST).await.unwrap();
        let (told, mut served) = tokio::sync::mpsc::unbounded_channel();
        let all: Vec<_> = (0..3)
            .map(|number| {
                let (admission, told) = (Arc::clone(&admission), told.clone());
                tokio::spawn(async move {
                    let place = admission.enter(LONGEST).await.unwrap();
                    told.send(number).unwrap();
                    drop(place);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(admission.waiting.load(Ordering::SeqCst), 3);
        drop(first);
        for task in all {
            task.await.unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| served.try_recv().ok()).collect();
        assert_eq!(order, [0, 1, 2]);
        assert_eq!(admission.in_flight.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_too_long_or_goes_away_leaves_the_line() {
        let admission = admission(1);
        let held = admission.enter(LONGEST).await.unwrap();
        assert!(admission.enter(LONGEST).await.is_none());
        let gone = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter(LONGEST).await.is_some() }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        assert_eq!(admission.waiting.load(Ordering::SeqCst), 0);
        drop(held);
        assert!(admission.enter(LONGEST).await.is_some());
        assert_eq!(admission.in_flight.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_line_is_not_joined() {
        let admission = admission(1);
        let _held = admission.enter(LONGEST).await.unwrap();
        let mut waiting: Vec<_> =
            (0..LINE_PER_PLACE).map(|_| Box::pin(admission.enter(LONGEST))).collect();
        for one in &mut waiting {
            assert!(waits(one.as_mut()).await);
        }
        assert!(admission.is_line_full());
        // It is refused at once: the first look decides.
        assert!(!waits(pin!(admission.enter(LONGEST))).await);
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_are_added_go_to_the_line() {
        let most = Live::new(1);
        let admission = Admission::new(most.clone(), Arc::default(), Gauge::noop());
        let _held = admission.enter(LONGEST).await.unwrap();
        let mut first = pin!(admission.enter(LONGEST));
        assert!(waits(first.as_mut()).await);
        most.set(2);
        // The next request finds the free place, and it goes to the one that waits.
        assert!(waits(pin!(admission.enter(LONGEST))).await);
        assert!(first.await.is_some_and(|place| place.waited == Duration::ZERO));
    }
}
