//! How tasks go on after a failure: an attempt is repeated until it works, and a task that panics
//! starts again. And how they begin and end: when the service is ready, and when it stops.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// The first pause after a failed attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, so that the service is ready soon after its database. Also the pause after a
/// panic: the leases of a relay are still its own when it starts again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Repeats an attempt until it works. A cause is logged when it is new, not with every attempt.
pub(super) async fn until_done<T, F>(what: &str, attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let mut pause = FIRST_PAUSE;
    let mut last_cause = None;
    loop {
        let cause = match attempt().await {
            Ok(done) => return done,
            Err(cause) => cause,
        };
        if last_cause.as_ref() != Some(&cause) {
            tracing::warn!(cause, "{what} failed; it is tried until it works");
            last_cause = Some(cause);
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Runs a task to its end. A panic is logged, and the task starts again.
pub(super) async fn restarting<F>(what: &str, task: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        // A spawned task survives a panic; dropping the set aborts it.
        let mut run = JoinSet::new();
        run.spawn(task());
        if run.join_next().await.is_none_or(|ended| ended.is_ok()) {
            return;
        }
        tracing::error!("{what} panicked and starts again");
        sleep(LONGEST_PAUSE).await;
    }
}

/// A part of the service that runs from the moment when it is ready until it is told to stop.
pub(super) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a part is told.
#[derive(Clone)]
pub(super) struct Told(watch::Receiver<bool>);

impl Told {
    /// Resolves when the sender has said so (true), or was dropped without saying so (false).
    pub(super) async fn so(mut self) -> bool {
        self.0.wait_for(|told| *told).await.is_ok()
    }

    /// Resolves at the stop.
    pub(super) async fn stopped(self) {
        self.so().await;
    }
}

/// A word that parts are told, and those who hear it.
pub(super) fn word() -> (watch::Sender<bool>, Told) {
    let (say, told) = watch::channel(false);
    (say, Told(told))
}

impl Running {
    /// Starts a part on a runtime as soon as the service is ready. After a panic it starts again.
    pub(super) fn when<F>(
        is_ready: Told,
        runtime: &Handle,
        what: &'static str,
        part: impl Fn(Told) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, told) = word();
        let task = runtime.spawn(async move {
            tokio::select! {
                is_ready = is_ready.so() => if !is_ready { return },
                () = told.clone().stopped() => return,
            }
            restarting(what, move || part(told.clone())).await;
        });
        Self { stop, task }
    }

    /// Lets it finish what it is at.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        // A panic has been reported where it happened.
        let _ = self.task.await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_repeated_with_growing_pauses() {
        let attempts = AtomicU32::new(0);
        let start = Instant::now();
        let done = until_done("it", || async {
            let before = attempts.fetch_add(1, Ordering::Relaxed);
            if before < 5 { Err("no".to_owned()) } else { Ok(before) }
        })
        .await;
        assert_eq!(done, 5);
        assert_eq!(start.elapsed(), Duration::from_millis(250 + 500 + 1_000 + 2_000 + 2_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_starts_again() {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let keep = restarting("it", || async {
            STARTS.fetch_add(1, Ordering::Relaxed);
            panic!("planted");
        });
        assert!(tokio::time::timeout(Duration::from_secs(5), keep).await.is_err());
        assert_eq!(STARTS.load(Ordering::Relaxed), 3);
    }
}
