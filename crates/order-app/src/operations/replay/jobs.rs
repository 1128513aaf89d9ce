//! The replays of a process that serves: one at a time, dry runs included, each in a task of its own,
//! so that it outlives the request that started it. Its progress is logged from time to time, so that
//! it can be resumed even after the process is killed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_domain::OrderId;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::{OperationsPorts, Replay, ReplayPlan, ReplayProgress, ReplayState, StartError};

/// How many replays are remembered.
const REMEMBERED: usize = 20;
/// The time between two log lines about the progress of a replay.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How long a cancelled replay is waited for.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub struct Replays(Arc<Inner>);

struct Inner {
    ports: OperationsPorts,
    runtime: Handle,
    jobs: Mutex<Jobs>,
    /// Held while a replay is being started.
    starting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Jobs {
    /// The newest first.
    all: VecDeque<Job>,
    stopping: bool,
}

#[derive(Clone)]
struct Job {
    id: Uuid,
    plan: Arc<ReplayPlan>,
    progress: Arc<watch::Sender<ReplayProgress>>,
    stop: Arc<watch::Sender<bool>>,
}

/// A replay, and its progress at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayJob {
    /// Its name.
    pub id: Uuid,
    /// What was asked for.
    pub plan: Arc<ReplayPlan>,
    /// Its progress.
    pub progress: ReplayProgress,
}

impl Job {
    fn is_running(&self) -> bool {
        self.progress.borrow().state == ReplayState::Running
    }

    fn look(&self) -> ReplayJob {
        let progress = self.progress.borrow().clone();
        ReplayJob { id: self.id, plan: Arc::clone(&self.plan), progress }
    }

    /// Stops it, and waits until it has ended.
    async fn stop(&self) {
        self.stop.send_replace(true);
        let mut progress = self.progress.subscribe();
        let ended = progress.wait_for(|progress| progress.state != ReplayState::Running);
        if timeout(STOPS_WITHIN, ended).await.is_err() {
            tracing::warn!(replay = %self.id, "a replay did not stop in time");
        }
    }
}

impl Replays {
    pub(crate) fn new(ports: OperationsPorts) -> Self {
        let (runtime, jobs) = (Handle::current(), Mutex::default());
        Self(Arc::new(Inner { ports, runtime, jobs, starting: tokio::sync::Mutex::default() }))
    }

    /// Starts a replay. When the future is dropped, the replay may have been started.
    ///
    /// # Errors
    /// [`StartError`], each case by its name.
    pub async fn start(&self, plan: ReplayPlan) -> Result<ReplayJob, StartError> {
        let _starting = self.0.starting.lock().await;
        self.check_free()?;
        let replay = Replay::with(self.0.ports.clone(), plan.clone()).await?;
        let job = Job {
            id: replay.id(),
            plan: Arc::new(plan),
            progress: replay.progress(),
            stop: Arc::new(watch::Sender::new(false)),
        };
        if let Err(stopping) = self.remember(&job) {
            replay.abandon().await;
            return Err(stopping);
        }
        tracing::info!(replay = %job.id, plan = ?job.plan, "a replay starts");
        self.0.runtime.spawn(supervise(replay, job.clone(), self.0.ports.clone()));
        Ok(job.look())
    }

    fn check_free(&self) -> Result<(), StartError> {
        let jobs = self.jobs();
        if jobs.stopping {
            return Err(StartError::Stopping);
        }
        let running = jobs.all.iter().find(|job| job.is_running());
        running.map_or(Ok(()), |running| Err(StartError::Running(running.id)))
    }

    /// From here on [`Replays::stop`] waits for it.
    fn remember(&self, job: &Job) -> Result<(), StartError> {
        let mut jobs = self.jobs();
        if jobs.stopping {
            return Err(StartError::Stopping);
        }
        jobs.all.push_front(job.clone());
        jobs.all.truncate(REMEMBERED);
        Ok(())
    }

    /// The latest replays, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<ReplayJob> {
        self.jobs().all.iter().map(Job::look).collect()
    }

    /// One replay, by its id as text.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<ReplayJob> {
        self.job(id).map(|job| job.look())
    }

    /// Stops a replay, if it is still running; `None` when no remembered one has this id.
    pub async fn cancel(&self, id: &str) -> Option<ReplayJob> {
        let job = self.job(id)?;
        job.stop().await;
        Some(job.look())
    }

    /// Stops what is running. No replay can be started any more.
    pub async fn stop(&self) {
        let running: Vec<_> = {
            let mut jobs = self.jobs();
            jobs.stopping = true;
            jobs.all.iter().filter(|job| job.is_running()).cloned().collect()
        };
        for job in running {
            job.stop().await;
        }
    }

    fn job(&self, id: &str) -> Option<Job> {
        self.jobs().all.iter().find(|job| job.id.to_string() == id).cloned()
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a replay to its end, and logs its progress and how it ended.
async fn supervise(replay: Replay, job: Job, ports: OperationsPorts) {
    let mut stop = job.stop.subscribe();
    let mut running = tokio::spawn(replay.run(async move {
        // A dropped sender stops it, too.
        let _ = stop.wait_for(|stop| *stop).await;
    }));
    let mut tick = interval(LOG_EVERY);
    let _ = tick.tick().await;
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            _ = tick.tick() => {
                let progress = job.look().progress;
                let after_order = progress.after_order.map(OrderId::get);
                let ReplayProgress { position, end, events, trouble, .. } = progress;
                tracing::info!(
                    replay = %job.id, position, after_order, end, events, trouble, "a replay goes on"
                );
            }
        }
    };
    if ended.is_err() {
        let now = ports.clock.now();
        job.progress.send_modify(|progress| {
            progress.state = ReplayState::Failed("internal error".to_owned());
            progress.ended_at = Some(now);
        });
    }
    let ReplayProgress { state, position, after_order, events, unreadable, .. } =
        job.look().progress;
    let after_order = after_order.map(OrderId::get);
    match state {
        ReplayState::Failed(cause) => tracing::error!(
            replay = %job.id, position, after_order, events, cause,
            "a replay has failed; it can go on after this position or order"
        ),
        ReplayState::Cancelled => tracing::warn!(
            replay = %job.id, position, after_order, events,
            "a replay was stopped; it can go on after this position or order"
        ),
        _ => tracing::info!(replay = %job.id, position, events, unreadable, "a replay is complete"),
    }
}
