//! How many requests a second one client may send to this instance, on average and at once. Each client has a bucket
//! of its own (`governor`). There is room for a bounded number of clients; those beyond it share one bucket, so that
//! invented addresses and names fill no memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use metrics::Counter;
use order_app::caller::CallerName;

use crate::admission::network;

/// The most clients with a bucket of their own.
const MOST_CLIENTS: usize = 100_000;
/// How often the buckets are dropped that are full again, in nanoseconds.
const SWEEP_NANOS: u64 = 60_000_000_000;

/// How many requests one client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// This many a second on average,
    pub per_second: NonZeroU32,
    /// and this many at once.
    pub burst: NonZeroU32,
}

/// Who counts as one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// A caller with a name, wherever it is.
    Caller(CallerName),
    /// The others of a network.
    Network(IpAddr),
    /// Those whose address is not known.
    Unknown,
}

/// The request must wait for this long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooFast(pub(crate) Duration);

type Limiter<C> = RateLimiter<Who, Buckets, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of all clients of a port.
pub(crate) struct Rates<C: Clock = DefaultClock> {
    limiter: Limiter<C>,
    started: C::Instant,
    /// When full buckets were last dropped, in nanoseconds since the start.
    swept: AtomicU64,
    of_callers: Counter,
    of_addresses: Counter,
}

impl Who {
    /// A caller by its name, or else the network of an address.
    pub(crate) fn of(caller: Option<&CallerName>, address: Option<IpAddr>) -> Self {
        match (caller, address) {
            (Some(name), _) => Self::Caller(name.clone()),
            (None, Some(address)) => Self::Network(network(address)),
            (None, None) => Self::Unknown,
        }
    }
}

impl Rates {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self::by(DefaultClock::default(), limit)
    }
}

impl<C: Clock> Rates<C> {
    fn by(clock: C, RateLimit { per_second, burst }: RateLimit) -> Self {
        let started = clock.now();
        let refused = |by| metrics::counter!("http_server_requests_limited_total", "by" => by);
        Self {
            limiter: RateLimiter::new(
                Quota::per_second(per_second).allow_burst(burst),
                Buckets::default(),
                clock,
            ),
            started,
            swept: AtomicU64::new(0),
            of_callers: refused("caller"),
            of_addresses: refused("address"),
        }
    }

    /// Takes one request out of a client's bucket.
    pub(crate) fn take(&self, who: &Who) -> Result<(), TooFast> {
        self.sweep();
        self.limiter.check_key(who).map_err(|refused| {
            let counter =
                if matches!(who, Who::Caller(_)) { &self.of_callers } else { &self.of_addresses };
            counter.increment(1);
            TooFast(refused.wait_time_from(self.limiter.clock().now()))
        })
    }

    /// Drops the buckets that are full again, from time to time.
    fn sweep(&self) {
        let now = self.limiter.clock().now().duration_since(self.started).as_u64();
        let swept = self.swept.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(swept) >= SWEEP_NANOS;
        if is_due
            && self.swept.compare_exchange(swept, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.limiter.retain_recent();
        }
    }
}

/// The state of the buckets.
#[derive(Default)]
struct Buckets {
    own: Mutex<HashMap<Who, InMemoryState>>,
    /// That of the clients beyond the bound.
    shared: InMemoryState,
}

impl Buckets {
    fn own(&self) -> MutexGuard<'_, HashMap<Who, InMemoryState>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Buckets {
    type Key = Who;

    fn measure_and_replace<T, F, E>(&self, who: &Who, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut own = self.own();
        if let Some(bucket) = own.get(who) {
            return bucket.measure_and_replace(&NotKeyed::NonKey, f);
        }
        if own.len() >= MOST_CLIENTS {
            drop(own);
            return self.shared.measure_and_replace(&NotKeyed::NonKey, f);
        }
        own.entry(who.clone()).or_default().measure_and_replace(&NotKeyed::NonKey, f)
    }
}

impl ShrinkableKeyedStateStore<Who> for Buckets {
    fn retain_recent(&self, drop_below: Nanos) {
        self.own().retain(|_, bucket| {
            // An error leaves the bucket as it is, and tells when it is full.
            let full: Result<(), _> = bucket.measure_and_replace(&NotKeyed::NonKey, Err);
            full.is_err_and(|full| full > Some(drop_below))
        });
    }

    fn len(&self) -> usize {
        self.own().len()
    }

    fn is_empty(&self) -> bool {
        self.own().is_empty()
    }
}

#[cfg(test)]
mod tests;
