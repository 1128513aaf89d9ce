//! Connections, and what each of them may hold. The HTTP library bounds neither how many there are nor how long a
//! client may take, but for its first head; and it reads and decodes requests ahead while answers wait to be taken. So
//! it gets its bytes through a [`Connection`], which keeps these bounds for every client and every request:
//!
//! - how long a head, the next request and an answer may take ([`Bounds`]); a body has its own deadline in `request`;
//! - nothing is read while an answer is under way, and few requests at a time (`connection.rs`);
//! - over TLS, how long the handshake may take, and how many of them are under way (`handshake.rs`);
//! - how many connections are open, in all and for one address (`port.rs`); where they are all taken, the one that has
//!   waited longest for its client makes room (`worker.rs`).
//!
//! Each worker knows its own connections, and looks at all of them ten times a second. A request costs no timer and no
//! lock.

mod connection;
mod exchange;
mod handshake;
mod heads;
mod port;
mod state;
mod stream;
mod turns;
mod worker;

use std::time::Duration;

pub(crate) use connection::{Connection, Opened};
pub(crate) use exchange::{Ends, Upgraded, is_above_share, serve};
pub(crate) use port::Port;
pub(crate) use worker::Worker;

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// How many handshakes are under way at once on a port.
const MOST_HANDSHAKES: usize = 256;

/// How many of them are those of one of this number of workers.
pub(crate) fn most_handshakes(workers: usize) -> usize {
    MOST_HANDSHAKES.checked_div(workers).unwrap_or_default().max(1)
}

/// The bounds of the connections of a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How many may be open.
    pub(crate) most: usize,
    /// How many may be open from one address; `None`: as many as in all.
    pub(crate) most_per_peer: Option<usize>,
    /// How long a client may take for the head of a request, and for the first byte on a connection.
    pub(crate) head: Duration,
    /// How long a connection is kept without a request.
    pub(crate) idle: Duration,
    /// How long a client may take almost nothing of an answer that waits for it.
    pub(crate) answer: Duration,
}

/// Why the service has closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// TLS was not agreed on, or not in time.
    Handshake,
    /// The head of a request did not arrive in time.
    Head,
    /// No request came for long.
    Idle,
    /// A body had far more framing than content, or stalled at a stop.
    Body,
    /// The client did not take its answer.
    Answer,
    /// It waited for its client, and others needed it.
    Full,
    /// There was no room for it, and none could be made.
    Refused,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::Handshake,
        Self::Head,
        Self::Idle,
        Self::Body,
        Self::Answer,
        Self::Full,
        Self::Refused,
    ];

    /// Its name in metrics.
    fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Body => "body",
            Self::Answer => "answer",
            Self::Full => "full",
            Self::Refused => "refused",
        }
    }
}
