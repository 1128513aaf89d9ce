//! Looks after sagas that are due: sends again what is not answered, and lets orders expire. One instance at a time does so,
//! under a lease; that only saves work, because each step is compared with what is stored. The sweep waits while commands
//! cannot be sent, because nothing that it decides could leave; then an instance that can send takes the lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use order_domain::OrderId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Sagas;
use crate::orders::{FollowError, Followed};
use crate::ports::{
    Clock, CommandSender, Deadline, DueSaga, Duty, EventJournal, Lease, SagaStore, StoreError,
    later,
};
use crate::saga::{Input, Moment, decide};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// The most sagas of one page.
const PAGE: u32 = 256;
/// The most sagas that are decided at a time.
const AT_A_TIME: usize = 64;
/// How long the lease lasts. It is renewed for each page, and given back at the end.
const LEASE: Duration = Duration::from_secs(10);
/// How long one call to the database may take.
const BUDGET: Duration = Duration::from_secs(3);
/// How long one is left alone whose order cannot be written now.
const TRIED_AGAIN: Duration = Duration::from_secs(5);
/// How long a saga is left alone that cannot be read, or whose order cannot. It stays due, which the metrics show.
const LEFT_ALONE: Duration = Duration::from_mins(5);

/// The driven ports that the sweep works on.
#[derive(Clone)]
pub struct SweepPorts {
    /// Knows what is due.
    pub sagas: Arc<dyn SagaStore>,
    /// Has the lease.
    pub journal: Arc<dyn EventJournal>,
    /// Knows whether commands can be sent.
    pub commands: Arc<dyn CommandSender>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// See the head of the file.
pub struct Sweep {
    sagas: Sagas,
    ports: SweepPorts,
    instance: Uuid,
    lease: Option<Lease>,
    /// The sagas that are left alone, and until when.
    left_alone: HashMap<OrderId, Instant>,
}

impl Sweep {
    /// Wires the sweep of an instance.
    #[must_use]
    pub fn new(sagas: Sagas, ports: SweepPorts, instance: Uuid) -> Self {
        Self { sagas, ports, instance, lease: None, left_alone: HashMap::new() }
    }

    /// Works until `stop` is done; then gives the lease back. Failures never end it.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let work = async {
            loop {
                if let Err(error) = self.look().await {
                    tracing::warn!(?error, "sagas that are due were not looked after");
                }
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            biased;
            () = stop => {}
            () = work => {}
        }
        if let Some(lease) = self.lease.take() {
            // When this fails, another instance has the lease after it has run out.
            let _ = self.ports.journal.release(&lease, later(Deadline::now(), PAUSE)).await;
        }
    }

    /// Looks after everything that is due now. Answers how many sagas that were.
    ///
    /// # Errors
    /// Those of the database. What was not reached is due at the next look.
    pub async fn look(&mut self) -> Result<usize, StoreError> {
        let now = Instant::now();
        self.left_alone.retain(|_, until| *until > now);
        let (mut after, mut looked) = (None, 0_usize);
        while self.ports.commands.works_since().is_some() && self.renewed().await? {
            let deadline = later(Deadline::now(), BUDGET);
            let at = self.ports.clock.now();
            let page = self.ports.sagas.due(at, after, PAGE, deadline).await?;
            after = page.last().copied();
            looked = looked.saturating_add(page.len());
            let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            self.decide(page).await?;
            if is_last {
                break;
            }
        }
        Ok(looked)
    }

    /// Whether this instance has the lease.
    async fn renewed(&mut self) -> Result<bool, StoreError> {
        let deadline = later(Deadline::now(), BUDGET);
        let lease = self.ports.journal.lease(Duty::Sagas, self.instance, LEASE, deadline).await;
        self.lease = lease?;
        Ok(self.lease.is_some())
    }

    async fn decide(&mut self, page: Vec<DueSaga>) -> Result<(), StoreError> {
        let is_left_alone = |due: &DueSaga| self.left_alone.contains_key(&due.order);
        let mut waiting =
            page.into_iter().filter(|due| !is_left_alone(due)).rev().collect::<Vec<_>>();
        let (mut under_way, mut decided, mut failed) =
            (UnderWay(JoinSet::new()), 0_usize, Vec::new());
        loop {
            // Where the first ones fail for want of the database, so would the rest.
            let goes_on = decided > 0 || failed.len() < AT_A_TIME;
            while goes_on
                && under_way.0.len() < AT_A_TIME
                && let Some(due) = waiting.pop()
            {
                let (sagas, commands) = (self.sagas.clone(), self.ports.commands.clone());
                let id = due.order;
                under_way.0.spawn(async move { (id, sagas.due(id, &*commands).await) });
            }
            let now = Instant::now();
            match under_way.0.join_next().await {
                None => break,
                Some(Ok((_, Ok(())))) => decided = decided.saturating_add(1),
                Some(Ok((id, Err(NotDone::LeaveAlone)))) => {
                    decided = decided.saturating_add(1);
                    self.left_alone.insert(id, later(now, LEFT_ALONE));
                }
                Some(Ok((id, Err(NotDone::Unavailable(error))))) => {
                    // One order may be locked while all others can be written.
                    self.left_alone.insert(id, later(now, TRIED_AGAIN));
                    failed.push((id, error));
                }
                Some(Err(stopped)) => tracing::error!(error = %stopped, "a saga stopped the sweep"),
            }
        }
        if decided > 0 {
            return Ok(());
        }
        // It was not these sagas, so the next look begins with them.
        for (id, _) in &failed {
            self.left_alone.remove(id);
        }
        failed.pop().map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// Sagas that are being decided. They run to their end when the sweep stops: each sends what follows from its commit.
struct UnderWay(JoinSet<(OrderId, Result<(), NotDone>)>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}

/// Why a saga was not looked after.
enum NotDone {
    /// It would fail again.
    LeaveAlone,
    /// The database is out.
    Unavailable(StoreError),
}

impl Sagas {
    /// Looks after one saga that is due.
    async fn due(&self, id: OrderId, commands: &dyn CommandSender) -> Result<(), NotDone> {
        let transport_since = commands.works_since();
        let decide = |found: &Followed, at: &Moment<'_>| {
            let input = Input::Due { transport_since };
            Ok::<_, FollowError>(decide(&found.saga, &found.order, &input, at))
        };
        match self.0.follow(id, None, decide).await {
            // Others move it, or it is gone: nothing is left to do here.
            Ok(_) | Err(FollowError::NotFound | FollowError::ConcurrentUpdate) => Ok(()),
            Err(FollowError::Unreadable) => Err(NotDone::LeaveAlone),
            Err(FollowError::Store(error @ StoreError::Unavailable(_))) => {
                Err(NotDone::Unavailable(error))
            }
            Err(FollowError::Store(error)) => {
                tracing::error!(order.id = id.get(), ?error, "a saga was not looked after");
                Err(NotDone::LeaveAlone)
            }
        }
    }
}
