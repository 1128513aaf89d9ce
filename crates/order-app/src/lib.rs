//! The application: the use cases of the order service, the ports that they need, and the public form
//! of its events. It knows no technology: HTTP, databases and brokers are adapters around it.
//!
//! Start reading at [`orders`] (the use cases), then [`ports`].

pub mod actions;
pub mod backoff;
pub mod caller;
pub mod currencies;
pub mod errors;
pub mod events;
pub mod feed;
pub mod housekeeping;
pub mod idempotency;
pub mod live;
pub mod operations;
pub mod orders;
pub mod ports;
pub mod relay;
pub mod saga;
pub mod sagas;
pub mod traces;
pub mod wake_up;
