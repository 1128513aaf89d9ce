//! The phases of the process between start and stop, as far as clients can tell. The composition root
//! moves it on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// A phase of the process. It only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not ready yet; requests are served as far as that works.
    Starting,
    /// Ready.
    Ready,
    /// Still serving, but readiness says 503, so that load balancers choose other instances.
    OutOfService,
    /// New requests for orders are refused with `draining`; those under way are finished.
    Draining,
}

const PHASES: [Phase; 4] = [Phase::Starting, Phase::Ready, Phase::OutOfService, Phase::Draining];

/// The phase, shared between the composition root and the server. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    moved: Notify,
}

impl Lifecycle {
    /// A process that is starting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the process stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let at = usize::from(self.0.phase.load(Ordering::Acquire));
        PHASES.get(at).copied().unwrap_or(Phase::Draining)
    }

    /// Moves on to a phase; going back is ignored, so that a late "ready" cannot undo a stop.
    pub fn advance(&self, to: Phase) {
        let at = PHASES.iter().position(|phase| *phase == to);
        let at = at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX);
        self.0.phase.fetch_max(at, Ordering::AcqRel);
        self.0.moved.notify_waiters();
    }

    /// Whether readiness may say yes, if the database does too.
    pub(crate) fn accepts_traffic(&self) -> bool {
        self.phase() == Phase::Ready
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase() == Phase::Draining
    }

    /// Waits until the process is draining.
    pub(crate) async fn drained(self) {
        loop {
            let mut moved = std::pin::pin!(self.0.moved.notified());
            // Listens from here on, so that no move between this look and the wait is missed.
            moved.as_mut().enable();
            if self.is_draining() {
                return;
            }
            moved.await;
        }
    }
}
