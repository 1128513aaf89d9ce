//! The replays of a process that serves: one at a time, counting ones included, in a task of its own,
//! so that whoever asked for it may go away. How it stands is in the log from time to time, so that it can be resumed even
//! if the process is killed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_domain::OrderId;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::OperationsPorts;
use super::replay::{Replay, ReplayPlan, ReplayProgress, ReplayState};
use crate::ports::StoreError;

/// So many are remembered.
const REMEMBERED: usize = 20;
/// How often the log says how a replay stands.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// A replay that is told to stop does so at once, unless the machine is very busy.
const STOPS_WITHIN: Duration = Duration::from_secs(2);

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub struct Replays(Arc<Inner>);

struct Inner {
    ports: OperationsPorts,
    runtime: Handle,
    jobs: Mutex<Jobs>,
    /// Who begins one.
    beginning: tokio::sync::Mutex<()>,
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
    tell: Arc<watch::Sender<bool>>,
}

/// A replay, as it stood when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayJob {
    /// Its name.
    pub id: Uuid,
    /// What was asked for.
    pub plan: Arc<ReplayPlan>,
    /// How it stands.
    pub progress: ReplayProgress,
}

/// Why a replay was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one of this process is running.
    #[error("replay {0} is running")]
    Running(Uuid),
    /// One of another instance is running, or of a command line; or one was killed a moment ago.
    #[error("another replay is running, or was killed within the last 10 s")]
    Elsewhere,
    /// There are no brokers.
    #[error("there are no brokers to replay to")]
    NoBrokers,
    /// The process is about to end.
    #[error("this instance is stopping")]
    Stopping,
    /// The journal did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Job {
    fn is_running(&self) -> bool {
        self.progress.borrow().state == ReplayState::Running
    }

    fn look(&self) -> ReplayJob {
        let progress = self.progress.borrow().clone();
        ReplayJob { id: self.id, plan: Arc::clone(&self.plan), progress }
    }

    /// Tells it to stop, and waits until it has.
    async fn stop(&self) {
        self.tell.send_replace(true);
        let mut progress = self.progress.subscribe();
        let ended = progress.wait_for(|progress| progress.state != ReplayState::Running);
        if timeout(STOPS_WITHIN, ended).await.is_err() {
            tracing::warn!(replay = %self.id, "a replay did not stop in time");
        }
    }
}

impl Replays {
    pub(super) fn new(ports: OperationsPorts) -> Self {
        let (runtime, jobs) = (Handle::current(), Mutex::default());
        Self(Arc::new(Inner { ports, runtime, jobs, beginning: tokio::sync::Mutex::default() }))
    }

    /// Starts a replay. Whoever drops this before it answers may have started it.
    ///
    /// # Errors
    /// [`StartError`], each case by its name.
    pub async fn start(&self, plan: ReplayPlan) -> Result<ReplayJob, StartError> {
        let _beginning = self.0.beginning.lock().await;
        self.is_free()?;
        let replay = Replay::begin(self.0.ports.clone(), plan.clone()).await?;
        let job = Job {
            id: replay.id(),
            plan: Arc::new(plan),
            progress: replay.progress(),
            tell: Arc::new(watch::Sender::new(false)),
        };
        if let Err(stopping) = self.remember(&job) {
            replay.abandon().await;
            return Err(stopping);
        }
        tracing::info!(replay = %job.id, plan = ?job.plan, "a replay starts");
        self.0.runtime.spawn(supervise(replay, job.clone(), self.0.ports.clone()));
        Ok(job.look())
    }

    fn is_free(&self) -> Result<(), StartError> {
        let jobs = self.jobs();
        if jobs.stopping {
            return Err(StartError::Stopping);
        }
        let running = jobs.all.iter().find(|job| job.is_running());
        running.map_or(Ok(()), |running| Err(StartError::Running(running.id)))
    }

    /// From here on a stop waits for it.
    fn remember(&self, job: &Job) -> Result<(), StartError> {
        let mut jobs = self.jobs();
        if jobs.stopping {
            return Err(StartError::Stopping);
        }
        jobs.all.push_front(job.clone());
        jobs.all.truncate(REMEMBERED);
        Ok(())
    }

    /// The replays, the newest first; the last ones only.
    #[must_use]
    pub fn list(&self) -> Vec<ReplayJob> {
        self.jobs().all.iter().map(Job::look).collect()
    }

    /// One replay, by its id as text.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<ReplayJob> {
        self.job(id).map(|job| job.look())
    }

    /// Stops a replay, if it is still running; `None` when there is none of this name.
    pub async fn cancel(&self, id: &str) -> Option<ReplayJob> {
        let job = self.job(id)?;
        job.stop().await;
        Some(job.look())
    }

    /// Stops what is running, and starts nothing any more.
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

/// Runs a replay to its end, whatever that is.
async fn supervise(replay: Replay, job: Job, ports: OperationsPorts) {
    let mut told = job.tell.subscribe();
    let mut running = tokio::spawn(replay.run(async move {
        // Nobody left to tell us is as good as being told.
        let _ = told.wait_for(|told| *told).await;
    }));
    let mut tell = interval(TELL_EVERY);
    let _ = tell.tick().await;
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            _ = tell.tick() => {
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
        ReplayState::Failed(cause) => {
            tracing::error!(replay = %job.id, position, after_order, events, cause, "a replay has failed; it can go on after this position or order");
        }
        ReplayState::Cancelled => {
            tracing::warn!(replay = %job.id, position, after_order, events, "a replay was stopped; it can go on after this position or order");
        }
        _ => tracing::info!(replay = %job.id, position, events, unreadable, "a replay is complete"),
    }
}
