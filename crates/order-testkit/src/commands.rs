//! A transport of commands that keeps what is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use order_app::ports::{Command, CommandSender};

use crate::examples::noon;

/// A [`CommandSender`] that remembers all commands. It works since noon, until a test says otherwise.
#[derive(Debug)]
pub struct SentCommands(Mutex<Sent>);

#[derive(Debug)]
struct Sent {
    commands: Vec<Command>,
    works_since: Option<DateTime<Utc>>,
}

impl Default for SentCommands {
    fn default() -> Self {
        Self(Mutex::new(Sent { commands: Vec::new(), works_since: Some(noon()) }))
    }
}

impl SentCommands {
    /// What was sent since the last call, in its order.
    #[must_use]
    pub fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.sent().commands)
    }

    /// Says since when commands arrive; `None`: they do not, and what is sent is lost.
    pub fn works_since(&self, since: Option<DateTime<Utc>>) {
        self.sent().works_since = since;
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CommandSender for SentCommands {
    async fn send(&self, commands: Vec<Command>) {
        let sent = &mut *self.sent();
        if sent.works_since.is_some() {
            sent.commands.extend(commands);
        }
    }

    fn works_since(&self) -> Option<DateTime<Utc>> {
        self.sent().works_since
    }
}
