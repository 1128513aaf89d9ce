//! For tests only: contract suites over the ports of `order-app`, working fakes, mocks and
//! examples. What is needed to test one adapter alone is not here: it stays with that adapter.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "in a test, a broken expectation ends it; that is what these functions are for"
)]

pub mod audit;
pub mod contract;
pub mod databases;
pub mod examples;
pub mod published;
pub mod tables;

mod broker;
mod clock;
mod entropy;
mod hooked_journal;
mod hooks;
mod in_memory;
mod mocks;
mod proxy;
mod publisher;

pub use broker::OwnBroker;
pub use clock::FixedClock;
pub use entropy::{RandomEntropy, SeededEntropy, SequentialEntropy};
pub use hooked_journal::{HookedJournal, JournalHook, Moment};
pub use hooks::{Gate, Hook, HookedStore};
pub use in_memory::InMemoryStore;
pub use mocks::{MockPublisher, MockStore};
pub use proxy::{Commit, Conduct, Proxy};
pub use publisher::{Fate, Script, ScriptedPublisher, Topic};

/// A future of whatever kind.
pub type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;
