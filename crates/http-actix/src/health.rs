//! How the parts of the process do, and its peers. How that is spelled is in `endpoints/actuator.rs`.

use std::time::{Duration, Instant};

use order_app::errors::chain;
use order_app::orders::Orders;
use serde_json::Value;
use tokio::sync::Mutex;

/// How long the database's sign of life is good for. However often we are asked, the database is
/// asked once in this time.
const FRESH: Duration = Duration::from_millis(500);

/// The last sign of life, and when it came. Who asks while another is asking waits for that answer.
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

/// A part of the whole, or a peer, and how it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name in answers.
    pub name: &'static str,
    /// How it does.
    pub status: Status,
    /// What operators may want to know; an object, or nothing.
    pub details: Value,
}

/// How a component does. The order is Spring's: of several, the first one here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It does not do what it is for.
    Down,
    /// It was taken out of use on purpose.
    OutOfService,
    /// It does.
    Up,
    /// Nobody knows yet.
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
