//! The faults of the in-memory store, as a test plans them: a call fails, waits, hangs or panics,
//! either before it has an effect or after.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order_app::ports::{Deadline, Lease, StoreError};

use crate::{BoxFuture, Gate};

/// A method of one of the ports that the in-memory store implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant has the name of its method")]
pub enum Method {
    // `OrderStore`
    NextOrderId,
    Commit,
    Stored,
    CustomerOrders,
    Events,
    Answer,
    PurgeAnswers,
    Ping,
    // `SagaStore`
    Saga,
    Due,
    Attention,
    Census,
    PurgeSagas,
    // `EventJournal`
    Heartbeat,
    Lease,
    Release,
    AssignPositions,
    EntriesAfter,
    LastPosition,
    Purge,
    PurgedThrough,
    Advance,
    Parked,
    Redrive,
    Backlog,
    // `JournalInspection`
    Duties,
    ParkedAfter,
    SkippedAfter,
    Select,
    CustomerOrderIds,
    OrderEvents,
}

/// A call of the in-memory store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What was called.
    pub method: Method,
    /// By when it must answer.
    pub deadline: Deadline,
    /// The shard whose entries it reads, if it reads those of one shard.
    pub shard: Option<u16>,
    /// The lease that it was called under; `None` after the call when that lease was lost.
    pub lease: Option<Lease>,
}

impl Call {
    pub(crate) const fn new(method: Method, deadline: Deadline) -> Self {
        Self { method, deadline, shard: None, lease: None }
    }
}

/// The planned faults of one instance of the in-memory store, and the calls that it has had.
///
/// Faults that apply to the same call take effect in the order in which they were planned.
///
/// ```
/// use order_app::ports::{OrderStore as _, StoreError};
/// use order_testkit::{InMemoryStore, Method, examples::soon};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let store = InMemoryStore::default();
/// store.faults().before(Method::Ping).once().fails(|| StoreError::Unavailable("down".into()));
/// assert!(runtime.block_on(store.ping(soon())).is_err());
/// assert!(runtime.block_on(store.ping(soon())).is_ok());
/// assert_eq!(store.faults().count(Method::Ping), 2);
/// ```
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    calls: Vec<Call>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

type Condition = Box<dyn FnMut(&Call) -> bool + Send>;
type Effect = Arc<dyn Fn(Call) -> BoxFuture<Result<(), StoreError>> + Send + Sync>;

struct Rule {
    scope: Scope,
    effect: Effect,
}

/// The calls that a fault applies to.
struct Scope {
    moment: Moment,
    method: Option<Method>,
    condition: Condition,
    once: bool,
}

/// A fault whose effect is still to be chosen: by [`Fault::fails`], [`Fault::hangs`],
/// [`Fault::waits`] or [`Fault::runs`].
#[must_use = "a fault without an effect is not planned"]
pub struct Fault {
    faults: Faults,
    scope: Scope,
}

impl Faults {
    /// A fault before each call of a method. If it is an error, the call has no effect.
    pub fn before(&self, method: Method) -> Fault {
        self.fault(Moment::Before, Some(method))
    }

    /// A fault after each successful call of a method. If it is an error, the answer is lost, but
    /// not the effect.
    pub fn after(&self, method: Method) -> Fault {
        self.fault(Moment::After, Some(method))
    }

    /// A fault before each call, whatever its method.
    pub fn before_each(&self) -> Fault {
        self.fault(Moment::Before, None)
    }

    /// A fault after each successful call, whatever its method.
    pub fn after_each(&self) -> Fault {
        self.fault(Moment::After, None)
    }

    /// Removes all planned faults.
    pub fn clear(&self) {
        self.plan().rules.clear();
    }

    /// All calls so far, including those that failed.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.plan().calls.clone()
    }

    /// The number of calls of a method so far, including those that failed.
    #[must_use]
    pub fn count(&self, method: Method) -> usize {
        self.plan().calls.iter().filter(|call| call.method == method).count()
    }

    fn fault(&self, moment: Moment, method: Option<Method>) -> Fault {
        let scope = Scope { moment, method, condition: Box::new(|_| true), once: false };
        Fault { faults: self.clone(), scope }
    }

    /// Lets everything happen that is planned for this moment of a call.
    pub(crate) async fn at(&self, moment: Moment, call: Call) -> Result<(), StoreError> {
        for effect in self.due(moment, call) {
            effect(call).await?;
        }
        Ok(())
    }

    fn due(&self, moment: Moment, call: Call) -> Vec<Effect> {
        let mut plan = self.plan();
        if moment == Moment::Before {
            plan.calls.push(call);
        }
        let mut due = Vec::new();
        plan.rules.retain_mut(|Rule { scope, effect }| {
            let applies = scope.moment == moment
                && scope.method.is_none_or(|method| method == call.method)
                && (scope.condition)(&call);
            if applies {
                due.push(Arc::clone(effect));
            }
            !(applies && scope.once)
        });
        due
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan();
        let (calls, rules) = (plan.calls.len(), plan.rules.len());
        f.debug_struct("Faults").field("calls", &calls).field("rules", &rules).finish()
    }
}

impl Fault {
    /// Applies to the next matching call alone.
    pub fn once(mut self) -> Self {
        self.scope.once = true;
        self
    }

    /// Applies to calls that fulfil a condition. The condition must not ask for [`Faults::calls`].
    pub fn when(mut self, condition: impl FnMut(&Call) -> bool + Send + 'static) -> Self {
        self.scope.condition = Box::new(condition);
        self
    }

    /// The call fails with this error.
    pub fn fails(self, error: impl Fn() -> StoreError + Send + Sync + 'static) {
        self.runs(move |_| std::future::ready(Err(error())));
    }

    /// The call never answers.
    pub fn hangs(self) {
        self.runs(|_| std::future::pending());
    }

    /// The call waits at a gate.
    pub fn waits(self, gate: &Arc<Gate>) {
        let gate = Arc::clone(gate);
        self.runs(move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.pass().await;
                Ok(())
            }
        });
    }

    /// The call runs this first, and fails if it fails.
    pub fn runs<F>(self, effect: impl Fn(Call) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let effect: Effect = Arc::new(move |call| Box::pin(effect(call)));
        self.faults.plan().rules.push(Rule { scope: self.scope, effect });
    }
}
