//! Retries: a bounded number of attempts, a random pause between them that grows (full jitter), and a
//! deadline over all of it.

use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error};
use order_app::backoff::Backoff;
use order_app::ports::{BoxError, Deadline, Entropy};
use tokio::time::{sleep, timeout_at};

/// How often a transaction that the database refuses is tried.
const ATTEMPTS: u32 = 5;
/// The pauses between attempts.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(100) };

/// How a store retries.
pub(crate) struct Retry {
    entropy: Arc<dyn Entropy>,
    attempts: u32,
}

impl Retry {
    /// Allows for one attempt on each connection of the pool, because all of them may be dead.
    pub(crate) fn new(entropy: Arc<dyn Entropy>, pool_size: u32) -> Self {
        Self { entropy, attempts: ATTEMPTS.saturating_add(pool_size) }
    }

    /// Begins a piece of work that must end by the deadline.
    pub(crate) fn tries(&self, deadline: Deadline) -> Tries<'_> {
        self.tries_until(deadline, deadline)
    }

    /// Begins a piece of work that must end by the deadline, and of which no attempt begins after the
    /// `last` moment.
    pub(crate) fn tries_until(&self, last: Deadline, deadline: Deadline) -> Tries<'_> {
        Tries {
            retry: self,
            last,
            deadline,
            number: 0,
            refusals: 0,
            failure: "there was no time left".into(),
        }
    }
}

/// The attempts at one piece of work.
pub(crate) struct Tries<'r> {
    retry: &'r Retry,
    last: Deadline,
    deadline: Deadline,
    number: u32,
    refusals: u32,
    failure: BoxError,
}

impl Tries<'_> {
    /// Makes one attempt. `None` means that another attempt may follow at once: the pause before it has
    /// passed. An error means that there are no more attempts, and is the failure of the last one. An
    /// attempt that does not end by the deadline is dropped.
    pub(crate) async fn attempt<T>(
        &mut self,
        attempt: impl Future<Output = Result<Option<T>, BoxError>> + Send,
    ) -> Result<Option<T>, BoxError> {
        // What begins too late may get as far as its COMMIT, and then its outcome would not be known.
        if Deadline::now() >= self.deadline {
            return Err(std::mem::replace(&mut self.failure, "".into()));
        }
        match timeout_at(self.deadline, attempt).await {
            Ok(Ok(Some(result))) => return Ok(Some(result)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) if is_permanent(&*error) => return Err(error),
            Ok(Err(error)) => self.failure = error,
            Err(_) => {
                let before = std::mem::replace(&mut self.failure, "".into());
                return Err(format!("no answer by the deadline; before that: {before}").into());
            }
        }
        let pause = PAUSES.pause(self.number, &*self.retry.entropy);
        self.number = self.number.saturating_add(1);
        let refused = is_refusal(&*self.failure) && !is_held(&*self.failure);
        self.refusals = self.refusals.saturating_add(u32::from(refused));
        let in_time = Deadline::now().checked_add(pause).is_some_and(|end| end < self.last);
        let enough = self.refusals >= ATTEMPTS || self.number >= self.retry.attempts;
        if enough || !in_time {
            return Err(std::mem::replace(&mut self.failure, "".into()));
        }
        sleep(pause).await;
        Ok(None)
    }
}

/// Whether the database would refuse the same statement for ever: the table forbids the values. The kinds of errors for which
/// diesel has no kind are in the `errors.rs` of each backend.
pub(crate) fn is_permanent(failure: &(dyn std::error::Error + 'static)) -> bool {
    use DatabaseErrorKind::{
        CheckViolation, ExclusionViolation, ForeignKeyViolation, NotNullViolation,
        RestrictViolation,
    };
    let Some(Error::DatabaseError(kind, _)) = failure.downcast_ref() else { return false };
    matches!(
        kind,
        CheckViolation
            | ExclusionViolation
            | ForeignKeyViolation
            | NotNullViolation
            | RestrictViolation
    )
}

/// How the error of a statement begins that gave up waiting for a lock, and how PostgreSQL, MySQL and MariaDB say it.
const HELD: [&str; 3] = [
    "another session holds a lock",
    "canceling statement due to lock timeout",
    "Lock wait timeout",
];

/// The error of a statement that gave up waiting for a lock of another session.
pub(crate) fn held(told: &str) -> Error {
    let [begin, ..] = HELD;
    Error::DatabaseError(
        DatabaseErrorKind::SerializationFailure,
        Box::new(format!("{begin}: {told}")),
    )
}

/// Whether a statement gave up waiting for a lock of another session. It has changed nothing, and may succeed when it is
/// tried again.
pub(crate) fn is_held(failure: &(dyn std::error::Error + 'static)) -> bool {
    let Some(Error::DatabaseError(_, said)) = failure.downcast_ref() else { return false };
    HELD.iter().any(|begin| said.message().starts_with(begin))
}

/// How servers and SQLite say that they write nothing now, whatever it is.
const WRITES_NOTHING: [&str; 4] =
    ["read-only option", "disk is full", "readonly database", "No space left on device"];

/// Whether the database would refuse every other change as well.
pub(crate) fn writes_nothing(failure: &Error) -> bool {
    match failure {
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => true,
        Error::DatabaseError(_, said) => {
            WRITES_NOTHING.iter().any(|text| said.message().contains(text))
        }
        _ => false,
    }
}

/// Whether the database refused the statement, as it does with a transaction that it gives up. A lost
/// connection is no refusal; `mysql_async` tells the two apart only by the text of the error.
fn is_refusal(failure: &(dyn std::error::Error + 'static)) -> bool {
    match failure.downcast_ref() {
        Some(Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _,
        )) => false,
        Some(Error::DatabaseError(_, said)) => !said.message().starts_with("Input/output error"),
        _ => false,
    }
}
