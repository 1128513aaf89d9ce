//! Participants in this process, for a demonstration: inventory and payment that answer at once, by the test values of
//! `docs/saga-participants.md`. What they know is gone with the process.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http_actix::{Component, Status};
use order_app::ports::{Command, CommandSender};
use order_app::sagas::Sagas;
use order_events::saga::{REPLY_TOPIC, Reply};
use order_participants::ledger::Memory;
use order_participants::rules::{Role, Rules};
use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use crate::application::background::Told;
use crate::system::clock;

/// The most replies that are taken at once.
const AT_ONCE: usize = 64;

/// See the head of the file. Cheap to clone.
#[derive(Clone)]
pub(in crate::application) struct Embedded(Arc<Inner>);

struct Inner {
    ledgers: Mutex<Vec<(Rules, Memory)>>,
    since: DateTime<Utc>,
    replies: UnboundedSender<Reply>,
    /// Taken from by the one task that runs at a time.
    sent: tokio::sync::Mutex<UnboundedReceiver<Reply>>,
}

impl Embedded {
    pub(super) fn new() -> Self {
        tracing::warn!(
            "order.saga.transport=embedded: inventory and payment are a demonstration in this process; no stock is \
             reserved and no money is taken, and what they know ends with it"
        );
        let ledger = |role| (Rules::of(role), Memory::default());
        let ledgers = Mutex::new([Role::Inventory, Role::Payment].map(ledger).into());
        let (replies, sent) = mpsc::unbounded_channel();
        Self(Arc::new(Inner { ledgers, since: clock().now(), replies, sent: sent.into() }))
    }

    /// For the health page.
    pub(super) fn component() -> Component {
        let details = json!({"transport": "embedded, a demonstration"});
        Component { name: "sagas", status: Status::Up, details }
    }

    /// Takes the replies until the stop. One that cannot be taken is lost: its command is sent again.
    pub(super) async fn run(&self, sagas: &Sagas, told: Told) {
        let mut sent = self.0.sent.lock().await;
        let mut stop = std::pin::pin!(told.stopped());
        let mut under_way = JoinSet::new();
        loop {
            let reply = tokio::select! {
                () = &mut stop => break,
                Some(_) = under_way.join_next() => continue,
                reply = sent.recv(), if under_way.len() < AT_ONCE => reply,
            };
            let Some(reply) = reply else { break };
            let sagas = sagas.clone();
            under_way.spawn(async move {
                if let Err(error) = sagas.reply(&reply).await {
                    tracing::warn!(
                        order.id = reply.order_id.get(),
                        ?error,
                        "a reply was not taken"
                    );
                }
            });
        }
        while under_way.join_next().await.is_some() {}
    }
}

#[async_trait]
impl CommandSender for Embedded {
    async fn send(&self, commands: Vec<Command>) {
        let mut ledgers = self.0.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        for command in commands {
            let of = |(rules, _): &&mut (Rules, Memory)| rules.role.takes(command.task.kind());
            let message = command.to_message(REPLY_TOPIC);
            let reply = ledgers
                .iter_mut()
                .find(of)
                .and_then(|(rules, memory)| memory.take(rules, &message));
            if let Some(reply) = reply {
                // After the stop `run` has ended, and the reply is dropped.
                let _ = self.0.replies.send(reply);
            }
        }
    }

    fn works_since(&self) -> Option<DateTime<Utc>> {
        Some(self.0.since)
    }
}
