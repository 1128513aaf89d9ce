//! The use cases. A use case reads, lets the pure domain decide, and commits one value. Each
//! write has a file of its own; `write.rs` has what all writes share, `read.rs` the reads, and `beside.rs` and `follow.rs` how
//! orders and their sagas move together.

mod beside;
mod change;
mod change_status;
mod claims;
mod follow;
mod place;
mod read;
mod replace_lines;
mod stats;
mod write;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use order_domain::{Order, OrderId};

use crate::caller::Reach;
use crate::currencies::Currencies;
use crate::events::Origin;
use crate::idempotency::{Answer, Fingerprint, InFlight, Recorded};
use crate::live::Live;
use crate::ports::{
    BoxError, Clock, CommandSender, Deadline, Entropy, OrderStore, SagaStore, StoreError,
    StoredOrder, UnreadableOrder, later,
};
use crate::saga::SagaPolicy;
use crate::wake_up::WakeUp;

pub use change::ChangeError;
pub use change_status::ChangeStatus;
pub use claims::Claim;
pub(crate) use follow::{FollowError, Followed};
pub use place::{PlaceError, PlaceOrder};
pub use read::{FindError, History, ListError};
pub use replace_lines::{LinesRefused, ReplaceLines};
pub use stats::{CommandCount, OrderStats, ReplyCount, StepCount};

/// The order service's use cases. Cheap to clone.
///
/// A write runs to its end in a task of its own on the caller's tokio runtime, whether the caller waits
/// for it or not. When that runtime ends first, the write has its whole effect or none.
#[derive(Clone)]
pub struct Orders(Arc<Inner>, Duration);

struct Inner {
    ports: Ports,
    policy: Live<Policy>,
    sagas: SagaPolicy,
    in_flight: InFlight,
    commits: WakeUp,
    stats: Arc<OrderStats>,
}

/// The settings that change while the service runs: one value, so that a request never sees the old
/// one of one setting and the new one of another.
#[derive(Debug, Clone)]
struct Policy {
    currencies: Arc<Currencies>,
    budget: Duration,
}

/// The driven ports that the use cases work on.
#[derive(Clone)]
pub struct Ports {
    /// Stores orders.
    pub store: Arc<dyn OrderStore>,
    /// Reads their sagas.
    pub sagas: Arc<dyn SagaStore>,
    /// Sends the commands of sagas.
    pub commands: Arc<dyn CommandSender>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes event ids and randomizes pauses.
    pub entropy: Arc<dyn Entropy>,
}

/// What every write carries beside its command.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The request that caused the write.
    pub origin: Origin,
    /// Set when the write must run only once.
    pub once: Option<Once>,
    /// Turns the order into the answer. It runs before the commit, because the answer is recorded with
    /// its effect.
    pub encode: fn(&Order) -> Answer,
    /// Dropped when the write has ended, also when its caller has gone away: a permit of the driving
    /// adapter, which limits how many requests run at once.
    pub permit: Option<Arc<dyn Any + Send + Sync>>,
}

/// Asks for one execution, however often the request comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The client's key: 1 to 255 characters of visible ASCII. It is the caller's own: others may use the same one.
    pub key: String,
    /// The digest of the request that came with it.
    pub fingerprint: Fingerprint,
    /// What is recorded for a repetition.
    pub recorded: Recorded,
}

/// The answer to a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// As it was encoded now, or for the first request.
    pub answer: Answer,
    /// Whether it is a recorded answer.
    pub replayed: bool,
}

/// Why a write failed, whatever its command.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    /// A request with the same key is still running.
    #[error("a request with the same idempotency key is still running")]
    InProgress,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// Nothing was written; try again.
    #[error("the database is not available")]
    Unavailable(#[source] BoxError),
    /// The change may be written or not. Try again with the same key.
    #[error("it is not known whether the change was written")]
    OutcomeUnknown(#[source] BoxError),
    /// The stored order has no clear meaning; nothing was written.
    #[error(transparent)]
    Unreadable(UnreadableOrder),
    /// A defect, or stored data that makes no sense.
    #[error("internal error")]
    Internal(#[source] BoxError),
}

impl Orders {
    /// Wires the use cases. `budget` is how long a request may take.
    #[must_use]
    pub fn new(ports: Ports, currencies: Currencies, sagas: SagaPolicy, budget: Duration) -> Self {
        let (in_flight, commits) = (InFlight::default(), WakeUp::default());
        let policy = Policy { currencies: Arc::new(currencies), budget }.into();
        let stats = Arc::default();
        let inner = Inner { ports, policy, sagas, in_flight, commits, stats };
        Self(Arc::new(inner), Duration::ZERO)
    }

    /// Changes the accepted currencies and the time that a request may take, for later requests.
    pub fn adjust(&self, currencies: Currencies, budget: Duration) {
        self.0.policy.set(Policy { currencies: Arc::new(currencies), budget });
    }

    /// The same use cases for a request of whose time a part has passed, in waiting for its turn or in earlier steps.
    #[must_use]
    pub fn after(&self, passed: Duration) -> Self {
        Self(Arc::clone(&self.0), self.1.saturating_add(passed))
    }

    /// How long a request may wait for its turn, so that half of its time is left for its work.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.0.policy.get().budget.checked_div(2).unwrap_or_default()
    }

    /// Set after each commit; wakes the relay.
    #[must_use]
    pub fn commits(&self) -> &WakeUp {
        &self.0.commits
    }

    /// The numbers of the use cases.
    #[must_use]
    pub fn stats(&self) -> Arc<OrderStats> {
        Arc::clone(&self.0.stats)
    }

    /// The accepted currencies.
    #[must_use]
    pub fn currencies(&self) -> Arc<Currencies> {
        Arc::clone(&self.0.policy.get().currencies)
    }

    /// Succeeds when the store answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store().ping(self.deadline()).await
    }

    /// The order as last committed, if the caller may know of it.
    async fn known(
        &self,
        reach: Reach,
        id: OrderId,
        deadline: Deadline,
    ) -> Result<Option<StoredOrder>, StoreError> {
        self.store().stored(id, reach.only(), deadline).await
    }

    /// An order of any customer: for callers whose authority is over the service.
    pub(crate) async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.store().order(id, self.deadline()).await
    }

    fn store(&self) -> &dyn OrderStore {
        &*self.0.ports.store
    }

    pub(crate) fn deadline(&self) -> Deadline {
        later(Deadline::now(), self.0.policy.get().budget.saturating_sub(self.1))
    }
}
