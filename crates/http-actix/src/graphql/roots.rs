//! The roots of the schema for queries: with the fields of a gateway, or without. Apollo Federation takes orders and customers as
//! entities, which a gateway joins with what other services know of them. Its fields tell the whole schema, so they are there
//! only when the settings say so.

use async_graphql::{Context, ID, MergedObject, Object, Result};

use super::asking::Asking;
use super::order::{Customer, Order};
use super::query::{Reads, find, read_id};

/// What can be asked.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub(super) struct PlainQuery(Reads);

/// What can be asked.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub(super) struct FederatedQuery(Reads, Entities);

/// The entities by their keys.
struct Entities;

impl PlainQuery {
    pub(super) const fn new() -> Self {
        Self(Reads)
    }
}

impl FederatedQuery {
    pub(super) const fn new() -> Self {
        Self(Reads, Entities)
    }
}

#[Object]
impl Entities {
    /// An order; null when there is none with this id, or none that the caller may know of.
    #[graphql(entity)]
    async fn order_by_id(&self, context: &Context<'_>, id: ID) -> Option<Result<Order>> {
        match Asking::of(context) {
            Ok(asking) => find(asking, &id).await.transpose(),
            Err(error) => Some(Err(error)),
        }
    }

    /// A customer. The service knows no more of them than their ids, so each one is there.
    #[graphql(entity)]
    async fn customer_by_id(&self, context: &Context<'_>, id: ID) -> Option<Result<Customer>> {
        let read = |asking| read_id("id", &id, asking).map(Customer);
        Some(Asking::of(context).and_then(|asking| read(asking)))
    }
}
