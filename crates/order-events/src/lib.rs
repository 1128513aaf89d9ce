//! The public events of the order service: their versioned form, their contract as JSON Schema and
//! AsyncAPI, and a kit for subscribers; and the commands and replies of its [`saga`].
//! Publishing is not here, and neither is any technology: no runtime, no client of a broker, no database.
//!
//! A subscriber [decodes](decode) a message from Kafka into an [`Event`], and hands it to an [`Inbox`].
//! The inbox drops what is not newer than what was applied, fills gaps from the order's history, and
//! gives out a [`Done`], without which no offset can be committed:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use order_events::{After, Applied, Event, History, Inbox, Store, Undone};
//! use order_domain::{OrderId, Version};
//!
//! /// Counts changes, in memory; a real store keeps the version in the transaction of the effect.
//! #[derive(Default)]
//! struct Counter(std::collections::HashMap<OrderId, (Version, u32)>);
//!
//! impl Store for Counter {
//!     type Error = Infallible;
//!
//!     async fn version(&mut self, order: OrderId) -> Result<Option<Version>, Infallible> {
//!         Ok(self.0.get(&order).map(|(version, _)| *version))
//!     }
//!
//!     async fn apply(&mut self, event: &Event, after: After) -> Result<Applied, Infallible> {
//!         let kept = self.0.get(&event.order.id).copied();
//!         if kept.map(|(version, _)| version) != after.version {
//!             return Ok(Applied::Overtaken);
//!         }
//!         let changes = kept.map_or(0, |(_, changes)| changes).saturating_add(1);
//!         self.0.insert(event.order.id, (event.order.version, changes));
//!         Ok(Applied::Durably)
//!     }
//! }
//!
//! async fn one_message(
//!     inbox: &mut Inbox<Counter, impl History>,
//!     headers: &[(&str, &[u8])],
//!     value: &[u8],
//!     offset: i64,
//! ) -> Option<i64> {
//!     let event = order_events::decode(headers.iter().copied(), Some(value)).ok()?;
//!     // After an error the same message is handed over again; its offset stays where it is.
//!     let done = inbox.receive(&event, offset).await.ok()?;
//!     Some(done.position()) // now commit it
//! }
//! ```

pub mod asyncapi;
mod cloud_event;
mod data;
mod decoding;
mod encoding;
mod event;
mod inbox;
pub mod saga;
pub mod schema;

pub use cloud_event::{CloudEvent, Context, timestamp};
pub use data::{EventData, EventLine};
pub use decoding::{DecodeError, decode, decode_batch, decode_structured};
pub use encoding::{Envelope, Message, encode, encode_structured};
pub use event::{Event, Line, OrderState, Word};
pub use inbox::{After, Applied, Done, History, Inbox, Outcome, Store, Undone};
pub use schema::values::{DATA_SCHEMA, SOURCE};

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
