//! GraphQL: the use cases of orders, one more way in. A document passes `envelope` (what is asked for), `guard` (what it may
//! ask for, before anything else walks it), the library, and the resolvers, which call the use cases as the REST endpoints do
//! (`query`, `mutation`, `subscription`), and leaves by `serve`. Types of the schema are in the other files.
//!
//! Rules, words and codes are those of REST: inputs are read by the readers of its bodies, failures are its problems.

mod answers;
mod api;
mod asking;
mod beyond;
pub(crate) mod documents;
mod enums;
mod envelope;
mod errors;
mod event;
pub(crate) mod graphiql;
pub(crate) mod guard;
mod inputs;
mod line;
mod measures;
mod mutation;
mod order;
mod paging;
mod query;
mod roots;
mod saga;
mod scalars;
mod serve;
pub(crate) mod settings;
pub(crate) mod socket;
mod stream;
mod subscription;

pub(crate) use api::Api;
pub use api::graphql_schema;
pub(crate) use serve::{get, post, schema};
