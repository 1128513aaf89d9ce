//! The connections of a port, counted over all its workers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge};

use super::{Bounds, Reason};

/// How many connections may be open beside the others when those are all taken. They are for probes; other requests
/// on them are refused.
pub(super) const MOST_ABOVE_SHARE: usize = 64;
/// How often a full port is told of.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// See the head of the file.
pub(crate) struct Port {
    pub(super) bounds: Bounds,
    name: &'static str,
    open: AtomicUsize,
    above_share: AtomicUsize,
    peers: Mutex<HashMap<IpAddr, usize>>,
    gauge: Gauge,
    told: Mutex<Option<Instant>>,
}

/// What there is for one more connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Left,
    /// All connections are taken.
    None,
    /// All connections of its peer are taken.
    NoneForPeer,
}

impl Port {
    /// A port without connections; metrics have its name.
    pub(crate) fn new(name: &'static str, bounds: Bounds) -> Self {
        // A series that is missing until it grows has no rate when it does.
        for reason in Reason::ALL {
            closed(name, reason).increment(0);
        }
        Self {
            bounds,
            name,
            open: AtomicUsize::new(0),
            above_share: AtomicUsize::new(0),
            peers: Mutex::default(),
            gauge: metrics::gauge!("http_server_connections", "port" => name),
            told: Mutex::default(),
        }
    }

    /// How many connections the server gives to one of this number of workers. It is more than the worker's part of the
    /// bound, because the server counts a refused connection until it is closed.
    pub(crate) fn most_per_worker(&self, workers: usize) -> usize {
        let all = self.bounds.most.saturating_add(MOST_ABOVE_SHARE);
        all.div_ceil(workers.max(1)).saturating_add(MOST_ABOVE_SHARE)
    }

    /// Counts a connection in, and says what there is for it.
    pub(super) fn enter(&self, peer: Option<IpAddr>) -> Room {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        self.show(before.saturating_add(1));
        if let (Some(most), Some(peer)) = (self.bounds.most_per_peer, peer) {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let count = peers.entry(peer).or_default();
            *count = count.saturating_add(1);
            if *count > most {
                return Room::NoneForPeer;
            }
        }
        if before < self.bounds.most { Room::Left } else { Room::None }
    }

    /// Counts a connection in above the share; whether there was room.
    pub(super) fn enter_above_share(&self) -> bool {
        self.above_share.fetch_add(1, Ordering::Relaxed) < MOST_ABOVE_SHARE
    }

    /// Counts a connection out.
    pub(super) fn leave(&self, peer: Option<IpAddr>, was_above_share: bool) {
        let before = self.open.fetch_sub(1, Ordering::Relaxed);
        self.show(before.saturating_sub(1));
        if was_above_share {
            self.above_share.fetch_sub(1, Ordering::Relaxed);
        }
        if let (Some(_), Some(peer)) = (self.bounds.most_per_peer, peer) {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = peers.get_mut(&peer) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    peers.remove(&peer);
                }
            }
        }
    }

    /// Counts a connection that the service closes.
    pub(super) fn count(&self, reason: Reason) {
        closed(self.name, reason).increment(1);
    }

    /// Logs that there is no room, at most once in [`TOLD_EVERY`].
    pub(super) fn tell_of_none(&self, room: Room) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_EVERY) {
            return;
        }
        *told = Some(now);
        let (port, most, open) = (self.name, self.bounds.most, self.open.load(Ordering::Relaxed));
        if room == Room::NoneForPeer {
            tracing::warn!(port, open, most_per_peer = ?self.bounds.most_per_peer, "a peer has all the connections that one peer may have");
        } else {
            tracing::warn!(port, open, most, "all connections are taken; the idlest are closed");
        }
    }

    fn show(&self, open: usize) {
        self.gauge.set(f64::from(u32::try_from(open).unwrap_or(u32::MAX)));
    }
}

fn closed(port: &'static str, reason: Reason) -> Counter {
    let labels = [("port", port), ("reason", reason.name())];
    metrics::counter!("http_server_connections_closed_total", &labels)
}
