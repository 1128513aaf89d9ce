//! The driving adapter: the order service over REST and GraphQL, its health in Spring Boot's shapes, and the
//! OpenAPI document of both. It calls the use cases of `order-app` and writes their results as HTTP;
//! no rule about orders lives here. The composition root reads settings, starts and stops, and calls
//! [`serve`].
//!
//! A request passes `edge` (limits, trace, panics, log), `routes`, one file of `endpoints`, a reader in
//! `body`, and the use case. It leaves as a body or as a
//! [problem](https://www.rfc-editor.org/rfc/rfc9457), whose status is chosen in `problem/code.rs`.
//!
//! The files import one way. At the bottom are `admission`, `app`, `amount`, `connections`, `health`, `lifecycle`, `management`,
//! `rate_limit` (state), `cors` (rules), `site` (paths), `tls` and `schema` (values and parameters in the OpenAPI document); then `problem`, `body`,
//! `edge`, `request`, `endpoints` and `graphql`; on top `document`, `routes` and `server`.
//!
//! Operators have a port of their own ([`serve_management`]), behind the same edge.
//!
//! Some answers come from actix alone, because the request never reaches this crate: malformed HTTP
//! (400), a head that is too slow (408) or above 128 KiB (431) get a bare status and a closed
//! connection.

mod admission;
mod amount;
mod app;
mod body;
mod connections;
mod cors;
mod document;
mod edge;
mod endpoints;
mod graphql;
mod health;
mod lifecycle;
mod management;
#[doc(hidden)]
pub mod measured;
mod problem;
mod rate_limit;
mod request;
mod routes;
mod schema;
mod server;
mod site;
mod tls;
mod unread_answers;

pub use actix_web::dev::{Server, ServerHandle};
pub use app::{
    About, AmountForm, Compression, Forms, Http, HttpSettings, ListForm, Proxies, Security,
};
pub use body::operations;
pub use cors::{Cors, NoPattern, OriginPattern};
pub use document::{management_openapi_json, openapi_json};
pub use graphql::documents::{Documents, NotDocuments, TrustedDocuments};
pub use graphql::graphql_schema;
pub use graphql::guard::Limits as GraphqlLimits;
pub use graphql::settings::{GraphqlSettings, SocketSettings};
pub use health::{Component, Status};
pub use ipnet::IpNet;
pub use lifecycle::{Lifecycle, Phase};
pub use management::{
    Logger, Loggers, Management, Measured, Meter, Meters, Refresh, RefreshRefused, Refreshed,
    Series,
};
pub use rate_limit::RateLimit;
pub use server::{MOST_FOR_OPERATORS, listen, serve, serve_management};
pub use site::{Access, Actuator, Endpoint, Site, StrictTransport};
pub use tls::{ClientAuth, Identity, Pem, Tls, TlsError, TlsVersion};
