//! Again, within reason: a bounded number of attempts, a random pause between them that grows
//! (full jitter), and a deadline over all of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error};
use order_app::ports::{BoxError, Deadline, Entropy};
use tokio::time::{sleep, timeout_at};

/// How often a transaction that the database gave up is tried.
const ATTEMPTS: u32 = 5;
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The way in which a store tries again.
pub(crate) struct Retry {
    entropy: Arc<dyn Entropy>,
    attempts: u32,
}

impl Retry {
    /// Every connection of a pool may turn out to be dead, each costing one attempt.
    pub(crate) fn new(entropy: Arc<dyn Entropy>, pool_size: u32) -> Self {
        Self { entropy, attempts: ATTEMPTS.saturating_add(pool_size) }
    }

    /// Starts on a piece of work that must end by the deadline.
    pub(crate) fn tries(&self, deadline: Deadline) -> Tries<'_> {
        Tries {
            retry: self,
            deadline,
            number: 0,
            refusals: 0,
            failure: "there was no time left".into(),
        }
    }

    fn pause(&self, number: u32) -> Duration {
        let longest = Duration::from_millis(1)
            .saturating_mul(2_u32.saturating_pow(number))
            .min(LONGEST_PAUSE);
        let part = u32::try_from(self.entropy.bits() & 0xFFFF).unwrap_or(0);
        longest.saturating_mul(part).checked_div(0x1_0000).unwrap_or(longest)
    }
}

/// The attempts at one piece of work.
pub(crate) struct Tries<'r> {
    retry: &'r Retry,
    deadline: Deadline,
    number: u32,
    refusals: u32,
    failure: BoxError,
}

impl Tries<'_> {
    /// Makes one attempt. `None` is the advice to make another one, after a pause that has passed
    /// already; an error says that there is no use, and why the last attempt failed. An attempt
    /// that the deadline hits is dropped where it stands.
    pub(crate) async fn run<T>(
        &mut self,
        attempt: impl Future<Output = Result<Option<T>, BoxError>> + Send,
    ) -> Result<Option<T>, BoxError> {
        match timeout_at(self.deadline, attempt).await {
            Ok(Ok(Some(result))) => return Ok(Some(result)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => self.failure = error,
            Err(_) => {
                let before = std::mem::replace(&mut self.failure, "".into());
                return Err(format!("no answer by the deadline; before that: {before}").into());
            }
        }
        let pause = self.retry.pause(self.number);
        self.number = self.number.saturating_add(1);
        self.refusals = self.refusals.saturating_add(u32::from(is_refusal(&*self.failure)));
        let in_time = Deadline::now().checked_add(pause).is_some_and(|end| end < self.deadline);
        let enough = self.refusals >= ATTEMPTS || self.number >= self.retry.attempts;
        if enough || !in_time {
            return Err(std::mem::replace(&mut self.failure, "".into()));
        }
        sleep(pause).await;
        Ok(None)
    }
}

/// Whether the database itself said no, as it does to a transaction that it gives up; a connection
/// that is lost says nothing. `mysql_async` tells the two apart only by its words.
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
