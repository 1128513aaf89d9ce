//! Pages of a customer's orders.

#![expect(clippy::unused_async, reason = "a resolver is async, whether it waits or not")]

use async_graphql::{Context, Object, Result, SimpleObject};
use order_app::ports::{CustomerOrders, PagePosition};
use order_domain::CustomerId;

use super::super::asking::Asking;
use super::super::enums::OrderStatus;
use super::super::errors::error;
use super::super::paging::{PageInfo, size};
use super::super::scalars::{Cursor, DateTime};
use super::Order;
use crate::problem::Problem;
use crate::request;

/// One page of orders.
pub(in crate::graphql) struct OrderConnection {
    edges: Vec<(Order, Cursor)>,
    /// Where the next page begins, if there is one.
    next: Option<Cursor>,
    left_out: u32,
}

/// An order on a page.
#[derive(SimpleObject)]
pub(in crate::graphql) struct OrderEdge {
    /// The place of the order in the list.
    cursor: Cursor,
    /// The order.
    node: Order,
}

/// Which of a customer's orders, as the arguments say.
pub(in crate::graphql) struct Selection {
    pub(in crate::graphql) first: Option<i32>,
    pub(in crate::graphql) after: Option<Cursor>,
    pub(in crate::graphql) statuses: Option<Vec<OrderStatus>>,
    pub(in crate::graphql) created_from: Option<DateTime>,
    pub(in crate::graphql) created_to: Option<DateTime>,
}

/// One page of orders.
#[Object]
impl OrderConnection {
    /// The orders with their cursors.
    async fn edges(&self, context: &Context<'_>) -> Result<Vec<OrderEdge>> {
        Asking::of(context)?.write_list(context, self.edges.len())?;
        let edge = |(order, cursor): &(Order, Cursor)| OrderEdge {
            cursor: cursor.clone(),
            node: Order(order.0.clone()),
        };
        Ok(self.edges.iter().map(edge).collect())
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(self.edges.iter().map(|(_, cursor)| cursor), self.next.clone())
    }

    /// How many orders of this page are missing, because their stored form has no clear meaning.
    async fn left_out(&self) -> u32 {
        self.left_out
    }
}

/// Reads a page of a customer's orders.
pub(in crate::graphql) async fn orders_of(
    asking: &Asking,
    customer_id: CustomerId,
    Selection { first, after, statuses, created_from, created_to }: Selection,
) -> Result<OrderConnection> {
    let mut wanted: Vec<_> = statuses.unwrap_or_default().into_iter().map(Into::into).collect();
    wanted.sort_unstable_by_key(|status: &order_domain::OrderStatus| status.as_str());
    wanted.dedup();
    let mut query = CustomerOrders {
        customer_id,
        statuses: wanted,
        created_from: created_from.map(|time| time.0),
        created_to: created_to.map(|time| time.0),
        after: None,
        limit: size(first, asking)?,
    };
    let position = after.map(|Cursor(text)| request::read_cursor(&text, &query)).transpose();
    query.after = position.map_err(|problem| error(&problem, asking))?;
    let turn = asking.turn().await;
    let page = asking.orders().list(&asking.caller, &query).await;
    drop(turn);
    let page = page.map_err(|failure| error(&Problem::from(failure), asking))?;
    asking.hold_orders(&page.orders)?;
    let edge = |order: order_domain::Order| {
        let at = PagePosition { created_at: order.snapshot().created_at, id: order.id() };
        let cursor = Cursor(request::next_cursor(&query, at));
        (Order(order), cursor)
    };
    let next = page.next.map(|at| Cursor(request::next_cursor(&query, at)));
    let edges = page.orders.into_iter().map(edge).collect();
    Ok(OrderConnection { edges, next, left_out: page.left_out })
}
