//! Queries: what can be asked without changing anything.

use async_graphql::{Context, ID, Object, Result};
use order_app::orders::FindError;
use order_domain::InvalidId;

use super::asking::Asking;
use super::enums::OrderStatus;
use super::errors::error;
use super::order::{Order, OrderConnection, Selection, orders_of};
use super::paging::PAGE;
use super::scalars::{Cursor, DateTime};
use crate::problem::Problem;

/// What can be asked; the roots of the schema have it.
pub(super) struct Reads;

/// What can be asked.
// A field that may be absent answers an `Option` of a `Result`: its error is told, and the fields beside it stay. The library
// would let an error in a `Result` of an `Option` undo what the field stands in.
#[Object]
impl Reads {
    /// An order; absent when there is none with this id, or none that the caller may know of.
    async fn order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
    ) -> Option<Result<Order>> {
        match Asking::of(context) {
            Ok(asking) => find(asking, &id).await.transpose(),
            Err(error) => Some(Err(error)),
        }
    }

    /// A customer's orders, newest first; none for a customer of whom the caller may not know. A page ends after `first`
    /// orders or about 1 MiB, whichever comes first.
    #[expect(clippy::too_many_arguments, reason = "they are the filters of the interface")]
    async fn orders_of_customer(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The customer's id.")] customer_id: ID,
        #[graphql(default_with = "Some(PAGE)", desc = "How many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the last order that is known.")] after: Option<Cursor>,
        #[graphql(desc = "Only orders that stand in one of these.")] statuses: Option<
            Vec<OrderStatus>,
        >,
        #[graphql(desc = "Only orders placed at this time or later.")] created_from: Option<
            DateTime,
        >,
        #[graphql(desc = "Only orders placed before this time.")] created_to: Option<DateTime>,
    ) -> Option<Result<OrderConnection>> {
        let selection = Selection { first, after, statuses, created_from, created_to };
        let orders = async {
            let asking = Asking::of(context)?;
            orders_of(asking, read_id("customerId", &customer_id, asking)?, selection).await
        };
        Some(orders.await)
    }
}

/// The order with an id, if the caller may know of it.
pub(super) async fn find(asking: &Asking, id: &ID) -> Result<Option<Order>> {
    let id = read_id("id", id, asking)?;
    match asking.orders().find(&asking.caller, id).await {
        Ok(order) => {
            asking.hold_orders(std::slice::from_ref(&order))?;
            Ok(Some(Order(order)))
        }
        Err(FindError::NotFound) => Ok(None),
        Err(failure) => Err(error(&Problem::from(failure), asking)),
    }
}

/// Reads an id by the rules of the REST interface.
pub(super) fn read_id<T: std::str::FromStr<Err = InvalidId>>(
    name: &'static str,
    id: &ID,
    asking: &Asking,
) -> Result<T> {
    id.parse()
        .map_err(|wrong: InvalidId| error(&Problem::parameter(name, wrong.to_string()), asking))
}
