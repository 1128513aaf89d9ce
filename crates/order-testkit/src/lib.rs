//! For tests only: contract suites over the ports of `order-app`, one fake of each port that injects
//! faults, and examples to build tests from. The features `databases`, `brokers`, `proxy` and `tokens` add
//! servers. Tools for the tests of a single adapter stay with that adapter.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "in a test, a broken expectation ends it; that is what these functions are for"
)]

#[cfg(feature = "databases")]
pub mod audit;
pub mod contract;
#[cfg(feature = "databases")]
pub mod databases;
pub mod examples;
pub mod published;
#[cfg(feature = "databases")]
pub mod tables;
#[cfg(feature = "tokens")]
pub mod tokens;

#[cfg(feature = "brokers")]
mod broker;
#[cfg(feature = "brokers")]
mod broker_gate;
mod certificates;
mod clock;
mod commands;
mod entropy;
mod faults;
mod gate;
mod history;
mod in_memory;
#[cfg(feature = "brokers")]
mod produce;
#[cfg(feature = "proxy")]
mod proxy;
mod publisher;

#[cfg(feature = "brokers")]
pub use broker::{OwnBroker, steady_port};
#[cfg(feature = "brokers")]
pub use broker_gate::BrokerGate;
pub use certificates::SelfSigned;
pub use clock::FixedClock;
pub use commands::SentCommands;
pub use entropy::{RandomEntropy, SeededEntropy, SequentialEntropy};
pub use faults::{Call, Fault, Faults, Method};
pub use gate::Gate;
pub use in_memory::InMemoryStore;
#[cfg(feature = "brokers")]
pub use produce::produce;
#[cfg(feature = "proxy")]
pub use proxy::{Commit, Conduct, Proxy};
pub use publisher::{Fate, InMemoryBroker, Script, ScriptedPublisher, Taken};

/// A boxed future of any kind.
pub type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;
