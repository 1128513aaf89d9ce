//! The published contracts are kept: the OpenAPI document, the AsyncAPI document, the GraphQL schema and the schemas of
//! events, commands and replies are compared with their frozen copies in `docs/contracts`. `UPDATE_DOCS=1` adds to the copies
//! what is new. A change that breaks clients or subscribers is refused in any case: an intended one is
//! a new major version beside the old one, with a copy of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod documents;
mod graphql;
mod graphql_planted;
mod planted;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use order_events::asyncapi::DEFAULT_TOPIC;
use serde_json::Value;

use crate::documents::{Kind, breaks};

/// The contracts of this build, by the names of their copies.
fn contracts() -> [(&'static str, Kind, Value); 6] {
    let openapi = serde_json::from_str(&http_actix::openapi_json()).unwrap();
    [
        ("openapi.json", Kind::OpenApi, openapi),
        ("asyncapi.json", Kind::AsyncApi, order_events::asyncapi::document(DEFAULT_TOPIC)),
        ("order-event-v1.json", Kind::Schema, order_events::schema::event_data()),
        ("order-cloudevent-v1.json", Kind::Schema, order_events::schema::cloud_event()),
        ("saga-command-v1.json", Kind::Schema, order_events::saga::command_schema()),
        ("saga-reply-v1.json", Kind::ReadSchema, order_events::saga::reply_schema()),
    ]
}

fn copy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts").join(name)
}

/// The GraphQL schemas of this build, by the names of their copies.
fn schemas() -> impl Iterator<Item = (&'static str, String)> {
    let all = [("schema.graphql", false), ("schema.federation.graphql", true)];
    all.into_iter().map(|(name, federation)| (name, http_actix::graphql_schema(federation)))
}

#[test]
fn the_published_contracts_are_kept() {
    for (name, kind, now) in contracts() {
        let broken = |frozen: &str| breaks(kind, &serde_json::from_str(frozen).unwrap(), &now);
        keep(name, &format!("{now:#}\n"), broken);
    }
}

#[test]
fn the_graphql_schemas_are_kept() {
    for (name, now) in schemas() {
        keep(name, &now, |frozen| graphql::breaks(frozen, &now));
    }
}

/// Compares a contract with its frozen copy. `broken` tells what it breaks of that.
fn keep(name: &str, text: &str, broken: impl Fn(&str) -> Vec<String>) {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let Ok(frozen) = fs::read_to_string(copy(name)) else {
        assert!(update, "docs/contracts/{name} is missing; UPDATE_DOCS=1 makes a new one");
        fs::write(copy(name), text).unwrap();
        return;
    };
    let broken = broken(&frozen);
    assert!(broken.is_empty(), "{name} breaks its promises:\n{}", broken.join("\n"));
    if update && frozen != text {
        fs::write(copy(name), text).unwrap();
    } else {
        assert!(
            frozen == text,
            "{name} has changed, and breaks nothing. To take the change over:\n  \
             UPDATE_DOCS=1 cargo test -p order-service --test contracts"
        );
    }
}
