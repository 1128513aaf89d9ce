//! The driving adapter: the order service over REST, its health in Spring Boot's shapes, and the
//! OpenAPI document of all that. It asks the use cases of `order-app` and spells their answers; no
//! rule about orders lives here. Reading settings, starting and stopping are the composition
//! root's, which calls [`serve`].
//!
//! A request passes `edge` (limits, trace, panic, log), `routes`, one file of `endpoints`, a reader in
//! `body`, the use case, and leaves as a body or as a [problem](https://www.rfc-editor.org/rfc/rfc9457).
//!
//! What operators may do is served on a port of its own (`management.rs`), behind the same edge.
//!
//! What actix answers before a request reaches us, nobody can dress: malformed HTTP (400), a head
//! that is too slow (408) or above 128 KiB (431) get a bare status and a closed connection.

mod app;
mod body;
mod document;
mod edge;
mod endpoints;
mod health;
mod lifecycle;
mod management;
#[doc(hidden)]
pub mod measured;
mod problem;
mod request;
mod routes;
mod schema;
mod server;

pub use actix_web::dev::{Server, ServerHandle};
pub use app::{About, Http, HttpSettings};
pub use document::{management_openapi_json, openapi_json};
pub use health::{Component, Status};
pub use lifecycle::{Lifecycle, Phase};
pub use management::{Management, Refresh, RefreshRefused, Refreshed};
pub use server::{listen, serve, serve_management};
