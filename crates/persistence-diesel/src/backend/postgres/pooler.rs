//! Recognises a connection pooler that shares the server's sessions among its clients, as pgbouncer does with
//! `pool_mode = transaction`. Statements are prepared under names and settings are made for the session, so on a shared one
//! a statement could run under the name of another, and other programs would get the settings.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::{DatabaseErrorKind, Error};
use order_app::ports::BoxError;
use tokio::time::{Instant, timeout};

use super::session::Session;

/// How many further connections are compared. Behind one address there may be several poolers: with fewer than this, two of the
/// connections meet at one of them.
const OTHERS: usize = 5;

/// How long a further connection is waited for at least: behind a pooler that shares nothing, there may be no session left
/// for it.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many answers of the first connection a further one is waited for at least.
const ANSWERS: u32 = 4;

/// How long errors raise no further doubt: a trigger of another service may say in its own words what looks like one.
const PAUSE: Duration = Duration::from_secs(10);

/// The sessions of the server are shared.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of the database is that of a connection pooler that shares sessions among its clients, as pgbouncer does \
     with pool_mode = transaction or statement; statements and settings of this service need sessions of their own: set \
     pool_mode = session for its database or its user, or name the address of PostgreSQL itself"
)]
struct SharedSessions;

/// Whether connections have sessions of their own, for all connections of one pool.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// How often an error has raised a doubt.
    count: AtomicU32,
    /// When the last one did.
    last: Mutex<Option<Instant>>,
    /// One more than the count at which connections through a pooler were last found to have sessions of their own. Locked while
    /// that is found out, so that connections are compared once.
    settled: tokio::sync::Mutex<u32>,
}

impl Doubts {
    /// How often an error has raised a doubt.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes an error into account: a statement may have met another one under its name, or none.
    pub(super) fn weigh(&self, error: &Error) {
        let Error::DatabaseError(DatabaseErrorKind::Unknown, told) = error else { return };
        if !names_a_statement(told.message()) {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= PAUSE) {
            *last = Some(Instant::now());
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes sure that a new connection has a session of its own. Without a pooler, the process that answers is the one that
    /// was named at the opening, unless a pooler hands on what the server says: so after a doubt that proves nothing.
    ///
    /// # Errors
    /// [`SharedSessions`]; or that it could not be found out.
    pub(super) async fn settle<F>(
        &self,
        session: &mut Session,
        open: impl Fn() -> F,
    ) -> Result<(), BoxError>
    where
        F: Future<Output = Result<Session, BoxError>>,
    {
        let count = self.count();
        let begun = Instant::now();
        let own = session.process().await?;
        let patience = begun.elapsed().saturating_mul(ANSWERS).max(PATIENCE);
        if count == 0 && session.named_process().await? == own {
            return Ok(());
        }
        let mut settled = self.settled.lock().await;
        if *settled == count.saturating_add(1) {
            return Ok(());
        }
        if is_shared(session, own, patience, open).await? {
            return Err(SharedSessions.into());
        }
        *settled = count.saturating_add(1);
        Ok(())
    }
}

/// Whether one session answers several connections, or several answer one.
async fn is_shared<F>(
    session: &mut Session,
    own: String,
    patience: Duration,
    open: impl Fn() -> F,
) -> Result<bool, BoxError>
where
    F: Future<Output = Result<Session, BoxError>>,
{
    let (mut others, mut processes) = (Vec::new(), vec![own.clone()]);
    for _ in 0..OTHERS {
        let mut other = open().await?;
        // One pooler lends the session that was returned last, another one the next in turn: so a further connection is
        // given one that was seen before, or the first one gets another.
        let process = timeout(patience, other.process()).await.ok().transpose()?;
        if process.as_ref().is_some_and(|process| processes.contains(process))
            || session.process().await? != own
            || session.process().await? != own
        {
            return Ok(true);
        }
        if let Some(process) = process {
            processes.push(process);
            // It keeps its session while others are compared with it.
            others.push(other);
        }
    }
    Ok(false)
}

/// Watches a connection for errors.
pub(super) struct Doubting(pub(super) Arc<Doubts>);

impl Instrumentation for Doubting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event {
            self.0.weigh(error);
        }
    }
}

/// Whether an error is about a prepared statement. The text is in the language of the server; the names that tokio-postgres
/// gives to statements, such as `s12`, are the same in all.
fn names_a_statement(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| {
        let number = word.strip_prefix('s').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn errors_about_a_statement_raise_a_doubt_once_in_a_while() {
        let doubts = Doubts::default();
        let doubts_after = |text: &str| {
            let told = Box::new(text.to_owned());
            doubts.weigh(&Error::DatabaseError(DatabaseErrorKind::Unknown, told));
            doubts.count()
        };
        for text in ["relation \"orders\" does not exist", "s", "status s_1", "s1x is unknown"] {
            assert_eq!(doubts_after(text), 0, "{text}");
        }
        for (number, text) in (1..).zip([
            "prepared statement \"s7\" does not exist",
            "bind message supplies 1 parameters, but prepared statement \"s12\" requires 2",
            "vorbereitete Anweisung »s3« existiert bereits",
        ]) {
            assert_eq!(doubts_after(text), number, "{text}");
            assert_eq!(doubts_after(text), number, "again at once");
            tokio::time::advance(PAUSE).await;
        }
    }
}
