//! Inventory and payment on a real broker, in the process of the test, with topics of their own.

#![expect(clippy::expect_used, unreachable_pub, reason = "a broken expectation ends a test")]

use std::thread::JoinHandle;

use order_app::ports::Entropy as _;
use order_participants::rules::{Role, Rules};
use order_participants::shell::{self, Place};
use order_participants::store::Store;
use order_testkit::RandomEntropy;
use tokio::sync::watch;

use crate::support::brokers;

/// Both participants; they end when this is dropped.
pub struct Participants {
    topic: String,
    _folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Participants {
    /// Starts them.
    #[must_use]
    pub fn start() -> Self {
        let topic = format!("saga-{:032x}", RandomEntropy.bits());
        let folder = tempfile::tempdir().expect("a folder");
        let (stop, told) = watch::channel(false);
        let running = [Role::Inventory, Role::Payment].map(|role| {
            let topic = format!("{topic}.{role}");
            let properties = vec![("allow.auto.create.topics".to_owned(), "true".to_owned())];
            let place =
                Place { brokers: brokers(), topic: topic.clone(), group: topic, properties };
            let file = folder.path().join(format!("{role}.db"));
            let store = Store::open(file.to_str().expect("a path"), role.as_str());
            let (store, mut told) = (store.expect("a file"), told.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let stopped = async move { drop(told.wait_for(|told| *told).await) };
                let run = shell::run(&place, Rules::of(role), store, stopped);
                runtime.expect("a runtime").block_on(run).expect("a participant");
            })
        });
        Self { topic, _folder: folder, stop, running: running.into() }
    }

    /// The options of a service whose sagas they take part in.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let topic = &self.topic;
        vec![
            "--order.saga.enabled=true".to_owned(),
            format!("--spring.kafka.bootstrap-servers={}", brokers()),
            format!("--spring.kafka.consumer.group-id={topic}"),
            format!("--order.saga.inventory-topic={topic}.inventory"),
            format!("--order.saga.payment-topic={topic}.payment"),
            format!("--order.saga.reply-topic={topic}.replies"),
            format!("--order.events.topic={topic}.events"),
            "--order.events.create-topics=true".to_owned(),
        ]
    }
}

impl Drop for Participants {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for running in self.running.drain(..) {
            let _ = running.join();
        }
    }
}
