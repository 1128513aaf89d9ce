//! How many requests are worked on at once, and which ones wait for their turn. Refusing at once would
//! invite clients to ask again at once, and each refusal takes time from the work that others wait for. So
//! a request waits in line for a part of its time, and only then is refused; where the line is long, without
//! waiting. One that waits costs nothing but its position in the line. There, clients take turns: one that
//! sends many requests at once waits behind its own, and not others behind them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use order_app::live::Live;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// How many requests wait at most: as many as there are connections, unless those are set.
const LONGEST_LINE: usize = 8_192;
/// How often the log tells how many requests were refused.
const TELLING: Duration = Duration::from_mins(1);

/// The requests of one port.
pub(crate) struct Admission {
    most: Live<usize>,
    in_flight: Arc<AtomicUsize>,
    gauge: Gauge,
    line: Mutex<Line>,
    /// How many are in the line: looked at by every request, without its lock.
    waiting: AtomicUsize,
    next_ticket: AtomicU64,
    /// How many were refused since the log has told of them.
    refused: AtomicU64,
    is_telling: AtomicBool,
}

/// One of the requests that are worked on. When it is dropped, the next one in line has its turn.
pub(crate) struct Admitted {
    of: Arc<Admission>,
    /// How long the request was in line.
    pub(crate) waited: Duration,
}

/// Those that wait. A client's second request is a round behind its first one.
#[derive(Default)]
struct Line {
    waiting: BTreeMap<Position, oneshot::Sender<Admitted>>,
    /// The round of the request that had its turn last.
    round: u64,
    /// The last round of each client that has waited since the line was empty.
    last: HashMap<IpAddr, u64>,
}

/// The round of a request, and its number among all.
type Position = (u64, u64);

/// A position in the line, left when dropped.
struct Ticket<'a>(&'a Admission, Position);

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

    /// Admits a request: at once, or when it is its turn. `None` when that does not come in time, or when the
    /// line is too long to wait.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        longest: Duration,
    ) -> Option<Admitted> {
        if self.waiting.load(Ordering::SeqCst) == 0
            && let Some(admitted) = self.take()
        {
            return Some(admitted);
        }
        if self.has_no_room(client) {
            return None;
        }
        let since = Instant::now();
        let (sender, turn) = oneshot::channel();
        let _ticket = self.line_up(client, sender);
        // Another one may have ended before the request was in line.
        self.serve();
        let mut admitted = timeout(longest, turn).await.ok()?.ok()?;
        admitted.waited = since.elapsed();
        Some(admitted)
    }

    /// Whether a request of a client would be refused without waiting: the line is full, and it would be the last one.
    pub(crate) fn has_no_room(&self, client: Option<IpAddr>) -> bool {
        self.waiting.load(Ordering::SeqCst) >= LONGEST_LINE && {
            let line = self.line();
            let last = line.waiting.last_key_value();
            last.is_some_and(|((round, _), _)| line.next_round(client) >= *round)
        }
    }

    /// Counts a refusal. The log tells of the first one, and then once a minute how many there were.
    pub(crate) fn count_refusal(self: &Arc<Self>) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        if !self.is_telling.swap(true, Ordering::SeqCst) {
            let max_in_flight = *self.most.get();
            tracing::warn!(max_in_flight, "requests are refused as overloaded");
            tokio::spawn(Arc::clone(self).tell());
        }
    }

    async fn tell(self: Arc<Self>) {
        let mut in_all = 0_u64;
        loop {
            sleep(TELLING).await;
            let refused = self.refused.swap(0, Ordering::SeqCst);
            if refused == 0 {
                tracing::warn!(refused = in_all, "requests are no longer refused as overloaded");
                return self.is_telling.store(false, Ordering::SeqCst);
            }
            in_all = in_all.saturating_add(refused);
            tracing::warn!(refused, "requests were refused as overloaded in the last minute");
        }
    }

    fn take(self: &Arc<Self>) -> Option<Admitted> {
        let most = *self.most.get();
        let more = |now: usize| (now < most).then(|| now.saturating_add(1));
        let before = self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        self.show(before.saturating_add(1));
        Some(Admitted { of: Arc::clone(self), waited: Duration::ZERO })
    }

    fn line_up(&self, client: Option<IpAddr>, turn: oneshot::Sender<Admitted>) -> Ticket<'_> {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let mut line = self.line();
        let position = (line.next_round(client), ticket);
        if let Some(client) = client {
            line.last.insert(network(client), position.0);
        }
        line.waiting.insert(position, turn);
        if line.waiting.len() > LONGEST_LINE {
            // The last one is refused.
            line.waiting.pop_last();
        }
        self.waiting.store(line.waiting.len(), Ordering::SeqCst);
        Ticket(self, position)
    }

    /// Admits those in line while there is room.
    fn serve(self: &Arc<Self>) {
        let mut free: Option<Admitted> = None;
        while self.waiting.load(Ordering::SeqCst) > 0 {
            let Some(admitted) = free.take().or_else(|| self.take()) else { return };
            let Some(turn) = self.first() else { return };
            // The first one may have gone while it was called.
            free = turn.send(admitted).err();
        }
    }

    fn first(&self) -> Option<oneshot::Sender<Admitted>> {
        let mut line = self.line();
        let ((round, _), turn) = line.waiting.pop_first()?;
        line.round = round;
        self.left(&mut line);
        Some(turn)
    }

    fn left(&self, line: &mut Line) {
        if line.waiting.is_empty() {
            line.last.clear();
        }
        self.waiting.store(line.waiting.len(), Ordering::SeqCst);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, in_flight: usize) {
        self.gauge.set(f64::from(u32::try_from(in_flight).unwrap_or(u32::MAX)));
    }
}

impl Line {
    fn next_round(&self, client: Option<IpAddr>) -> u64 {
        let last = client.and_then(|client| self.last.get(&network(client)));
        last.map_or(self.round, |last| last.saturating_add(1).max(self.round))
    }
}

/// The part of an IPv6 address that names the network of one customer.
const NETWORK: u128 = 0xffff_ffff_ffff_ffff_0000_0000_0000_0000;

/// What counts as one client: an address, of IPv6 its network.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & NETWORK).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Drop for Admitted {
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
        line.waiting.remove(&self.1);
        self.0.left(&mut line);
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
    async fn the_line_is_served_in_its_order_as_others_end() {
        let admission = admission(1);
        let first = admission.enter(None, LONGEST).await.unwrap();
        let (told, mut served) = tokio::sync::mpsc::unbounded_channel();
        let all: Vec<_> = (0..3)
            .map(|number| {
                let (admission, told) = (Arc::clone(&admission), told.clone());
                tokio::spawn(async move {
                    let admitted = admission.enter(None, LONGEST).await.unwrap();
                    told.send(number).unwrap();
                    drop(admitted);
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
        let held = admission.enter(None, LONGEST).await.unwrap();
        assert!(admission.enter(None, LONGEST).await.is_none());
        let gone = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter(None, LONGEST).await.is_some() }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        assert_eq!(admission.waiting.load(Ordering::SeqCst), 0);
        drop(held);
        assert!(admission.enter(None, LONGEST).await.is_some());
        assert_eq!(admission.in_flight.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_line_is_not_joined() {
        let admission = admission(1);
        let _held = admission.enter(None, LONGEST).await.unwrap();
        let mut waiting: Vec<_> =
            (0..LONGEST_LINE).map(|_| Box::pin(admission.enter(None, LONGEST))).collect();
        for one in &mut waiting {
            assert!(waits(one.as_mut()).await);
        }
        assert!(admission.has_no_room(None));
        // It is refused at once: the first look decides.
        assert!(!waits(pin!(admission.enter(None, LONGEST))).await);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_take_turns() {
        let admission = admission(1);
        let [busy, other]: [IpAddr; 2] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let held = admission.enter(None, LONGEST).await.unwrap();
        let mut many: Vec<_> =
            (0..LONGEST_LINE).map(|_| Box::pin(admission.enter(Some(busy), LONGEST))).collect();
        for one in &mut many {
            assert!(waits(one.as_mut()).await);
        }
        // The line is full of one client's requests. Its next one is refused, another's has its turn second.
        assert!(admission.has_no_room(Some(busy)) && !admission.has_no_room(Some(other)));
        let mut single = pin!(admission.enter(Some(other), LONGEST));
        assert!(waits(single.as_mut()).await);
        assert!(many.pop().unwrap().await.is_none());
        drop(held);
        let mut many = many.into_iter();
        let first = many.next().unwrap().await;
        assert!(first.is_some() && waits(single.as_mut()).await);
        drop(first);
        assert!(single.await.is_some());
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        for (one, other, is_same) in [
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("2001:db8::1", "2001:db8::f:0:0:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let same = network(one.parse().unwrap()) == network(other.parse().unwrap());
            assert_eq!(same, is_same, "{one} {other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn room_that_is_added_goes_to_the_line() {
        let most = Live::new(1);
        let admission = Admission::new(most.clone(), Arc::default(), Gauge::noop());
        let _held = admission.enter(None, LONGEST).await.unwrap();
        let mut first = pin!(admission.enter(None, LONGEST));
        assert!(waits(first.as_mut()).await);
        most.set(2);
        // The next request finds the room, and it goes to the one that waits.
        assert!(waits(pin!(admission.enter(None, LONGEST))).await);
        assert!(first.await.is_some_and(|admitted| admitted.waited == Duration::ZERO));
    }
}
