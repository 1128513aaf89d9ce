//! The keys in use, and when they are fetched again: every five minutes, sooner after a failure, and for a token that names
//! a key which is not among them. One task fetches, so there is one fetch at a time whatever clients send.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::fetch::{FetchError, Fetcher};
use crate::keys::KeySet;

/// How often keys are fetched.
const EVERY: Duration = Duration::from_mins(5);
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often unknown ids may cause a fetch, all of them together.
const UNKNOWN_EVERY: Duration = Duration::from_secs(30);
/// How long a token with an unknown id waits for that fetch.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long keys are used that cannot be fetched any more.
const OUTAGE: Duration = Duration::from_hours(24);

/// The keys in use.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// `None`: the keys are those of a file.
    fetcher: Option<Fetcher>,
    held: RwLock<Held>,
    wishes: Mutex<Wishes>,
    wished: Notify,
    /// The last wish that a fetch which has ended was begun for.
    granted: watch::Sender<u64>,
}

/// Keys, and what is known of the fetches.
#[derive(Debug, Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    /// When they were fetched; `None` for those of a file.
    at: Option<Instant>,
    fetched: u64,
    failed: u64,
    last_failure: Option<String>,
}

/// The wishes for a fetch that unknown ids have caused.
#[derive(Debug, Default)]
struct Wishes {
    count: u64,
    last: Option<Instant>,
}

/// What is known of keys and fetches.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) keys: usize,
    pub(crate) age: Option<Duration>,
    pub(crate) fetched: u64,
    pub(crate) failed: u64,
    pub(crate) last_failure: Option<String>,
}

impl KeyRing {
    /// Keys that are fetched.
    pub(crate) fn fetched(fetcher: Fetcher) -> Self {
        Self::new(Some(fetcher), Held::default())
    }

    /// Keys that stay.
    pub(crate) fn fixed(keys: KeySet) -> Self {
        Self::new(None, Held { keys: Some(Arc::new(keys)), ..Held::default() })
    }

    fn new(fetcher: Option<Fetcher>, held: Held) -> Self {
        let held = RwLock::new(held);
        let granted = watch::Sender::new(0);
        Self { fetcher, held, wishes: Mutex::default(), wished: Notify::new(), granted }
    }

    /// The keys in use; `None` while there are none.
    pub(crate) fn keys(&self) -> Option<Arc<KeySet>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.keys.clone().filter(|_| held.at.is_none_or(|at| at.elapsed() <= OUTAGE))
    }

    /// The keys after a fetch, for a token that names an unknown one. A fetch is begun only if the last one for such a
    /// token is long ago; else this is the set that is held.
    pub(crate) async fn keys_again(&self) -> Option<Arc<KeySet>> {
        let mine = self.wish();
        let mut granted = self.granted.subscribe();
        // Too late, or the task is gone: then the keys are those that are held.
        let _ = timeout(PATIENCE, granted.wait_for(|granted| *granted >= mine)).await;
        self.keys()
    }

    fn wish(&self) -> u64 {
        let mut wishes = self.wishes();
        if wishes.last.is_none_or(|last| last.elapsed() >= UNKNOWN_EVERY) {
            wishes.count = wishes.count.wrapping_add(1);
            wishes.last = Some(Instant::now());
            self.wished.notify_one();
        }
        wishes.count
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches keys for ever. It may be dropped at any time and begun again.
    pub(crate) async fn run(&self) {
        let Some(fetcher) = &self.fetcher else { return };
        let (mut pause, mut after_failure) = (Duration::ZERO, FIRST_PAUSE);
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = self.wished.notified() => {}
            }
            let wish = self.wishes().count;
            if self.take(fetcher.keys().await) {
                (pause, after_failure) = (EVERY, FIRST_PAUSE);
            } else {
                pause = after_failure;
                after_failure = after_failure.saturating_mul(2).min(LONGEST_PAUSE);
            }
            self.granted.send_replace(wish);
        }
    }

    /// Notes what a fetch gave. A failure leaves the keys as they are.
    fn take(&self, outcome: Result<KeySet, FetchError>) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(keys) => {
                if held.keys.as_deref() != Some(&keys) {
                    tracing::info!(keys = keys.len(), "the issuer's keys are new");
                    held.keys = Some(Arc::new(keys));
                } else if held.last_failure.is_some() {
                    tracing::info!("the issuer's keys can be fetched again");
                }
                held.at = Some(Instant::now());
                held.fetched = held.fetched.saturating_add(1);
                held.last_failure = None;
                true
            }
            Err(error) => {
                let cause = error.to_string();
                if held.last_failure.as_ref() != Some(&cause) {
                    tracing::warn!(cause, "the issuer's keys cannot be fetched; it is tried again");
                }
                held.failed = held.failed.saturating_add(1);
                held.last_failure = Some(cause);
                false
            }
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let keys = self.keys().map_or(0, |keys| keys.len());
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Standing {
            keys,
            age: held.at.map(|at| at.elapsed()),
            fetched: held.fetched,
            failed: held.failed,
            last_failure: held.last_failure.clone(),
        }
    }
}
