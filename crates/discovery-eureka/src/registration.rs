//! The handle of this process's registration: what its owner asks for, and its state. `registrar.rs`
//! does the work.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::failure::Failures;
use crate::instance::Status;
use crate::server_url::ServerUrl;

/// What the owner asks for. It only moves down this list, so a late "ready" cannot undo a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    Hidden,
    Up,
    OutOfService,
    Gone,
}

/// The registration, from [`Registration::ready`] to [`Registration::stop`]. When it and all its
/// clones are dropped before that, as in a crash, Eureka forgets the instance when its lease runs
/// out.
#[derive(Debug, Clone)]
pub struct Registration {
    wish: Arc<watch::Sender<Wish>>,
    state: watch::Receiver<State>,
}

/// The state of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whether this instance is registered.
    pub standing: Standing,
    /// Since when; a change of details alone does not move it.
    pub since: Instant,
}

/// Whether this instance is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not ready: the registry has been told nothing.
    Hidden,
    /// Registered, and alive as far as the registry knows.
    Registered {
        /// The server that confirmed it last.
        server: ServerUrl,
        /// The status that an operator has put in the place of `UP`.
        overridden: Option<Status>,
    },
    /// No server takes the registration or its renewal; others see this instance until its lease
    /// runs out.
    NotRegistered {
        /// Why each server was of no use.
        because: Failures,
    },
    /// Out of service on purpose: others should not send requests any more.
    OutOfService {
        /// Why no server could be told.
        unheard: Option<Failures>,
    },
    /// Deregistered; the end.
    Gone {
        /// Why no server could be told; the lease then runs out.
        unheard: Option<Failures>,
    },
}

impl Registration {
    pub(crate) fn new(wish: watch::Sender<Wish>, state: watch::Receiver<State>) -> Self {
        Self { wish: Arc::new(wish), state }
    }

    /// Registers as soon as a server lets it, and keeps registered from then on.
    pub fn ready(&self) {
        self.ask(Wish::Up);
    }

    /// Tells the registry that this instance takes no more requests, which others learn when they
    /// read it next. Returns when a server is told, or when the time limit is over; see
    /// [`Registration::state`]. A second call has no effect. After a call before
    /// [`Registration::ready`], that one has no effect.
    pub async fn out_of_service(&self) {
        self.ask(Wish::OutOfService);
        self.until(|standing| {
            matches!(standing, Standing::OutOfService { .. } | Standing::Gone { .. })
        })
        .await;
    }

    /// Removes this instance from the registry, for good. Returns as
    /// [`Registration::out_of_service`] does.
    pub async fn stop(&self) {
        self.ask(Wish::Gone);
        self.until(|standing| matches!(standing, Standing::Gone { .. })).await;
    }

    /// The present state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits until the state is as wanted, which may be never.
    pub async fn until(&self, reached: impl Fn(&Standing) -> bool) -> State {
        let mut state = self.state.clone();
        // It fails when the task has ended, by itself or with its runtime.
        let _ = state.wait_for(|state| reached(&state.standing)).await;
        state.borrow().clone()
    }

    fn ask(&self, to: Wish) {
        self.wish.send_if_modified(|wish| {
            let moves_on = to > *wish;
            if moves_on {
                *wish = to;
            }
            moves_on
        });
    }
}

impl State {
    pub(crate) fn hidden() -> Self {
        Self { standing: Standing::Hidden, since: Instant::now() }
    }
}

/// One line, for health pages.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("not registered yet: this instance is not ready"),
            Self::Registered { server, overridden: None } => write!(f, "registered at {server}"),
            Self::Registered { server, overridden: Some(status) } => {
                write!(f, "registered at {server}, with status {status} by an operator's word")
            }
            Self::NotRegistered { because } => write!(f, "not registered: {because}"),
            Self::OutOfService { unheard: None } => f.write_str("out of service"),
            Self::OutOfService { unheard: Some(why) } => {
                write!(f, "out of service, but no server was told: {why}")
            }
            Self::Gone { unheard: None } => f.write_str("deregistered"),
            Self::Gone { unheard: Some(why) } => {
                write!(f, "gone, but no server was told: {why}")
            }
        }
    }
}
