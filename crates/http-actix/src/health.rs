//! The health of the process and of its peers. How it is written is in `endpoints/health.rs`.

use std::time::{Duration, Instant};

use order_app::errors::chain;
use order_app::orders::Orders;
use serde_json::Value;
use tokio::sync::Mutex;

/// How long an answer of the database counts: however often readiness is asked, the database is asked
/// once in this time.
const FRESH: Duration = Duration::from_millis(500);

/// Whether the database answered the last time, and when that was. Requests that come while it is
/// being asked wait for the same answer.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    pub(crate) async fn database(&self, orders: &Orders) -> bool {
        let mut last = self.0.lock().await;
        if let Some((_, up)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return up;
        }
        let answer = orders.ping().await;
        if let Err(error) = &answer {
            tracing::warn!(cause = chain(error), "the database gives no sign of life");
        }
        *last = Some((Instant::now(), answer.is_ok()));
        answer.is_ok()
    }
}

/// A part of the process or a peer, and its health.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name in answers.
    pub name: &'static str,
    /// Its health.
    pub status: Status,
    /// What operators may want to know; an object, or null.
    pub details: Value,
}

/// The health of a component, the worst first: it counts for a group of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It does not work.
    Down,
    /// It was taken out of use on purpose.
    OutOfService,
    /// It works.
    Up,
    /// It is not known yet.
    Unknown,
}

impl Status {
    /// As Spring writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Down => "DOWN",
            Self::OutOfService => "OUT_OF_SERVICE",
            Self::Up => "UP",
            Self::Unknown => "UNKNOWN",
        }
    }
}
