//! Orders, and the customers that they belong to.

#![expect(clippy::unused_async, reason = "a resolver is async, whether it waits or not")]

mod list;

use async_graphql::{Context, ID, Object, Result};
use order_app::sagas::{FindSagaError, Sagas};
use order_domain::{CustomerId, OrderId, OrderSnapshot};

use super::asking::Asking;
use super::enums::{CancelReason, OrderStatus};
use super::errors::error;
use super::event::{History, history};
use super::line::OrderLine;
use super::paging::PAGE;
use super::saga::OrderSaga;
use super::scalars::{Amount, Currency, Cursor, DateTime};
use crate::problem::Problem;

pub(super) use list::{OrderConnection, Selection, orders_of};

/// An order.
pub(super) struct Order(pub(super) order_domain::Order);

/// Who places orders.
pub(super) struct Customer(pub(super) CustomerId);

impl Order {
    const fn snapshot(&self) -> &OrderSnapshot {
        self.0.snapshot()
    }

    pub(super) const fn id(&self) -> OrderId {
        self.0.id()
    }
}

/// An order.
#[Object]
impl Order {
    /// Given by the service; never reused.
    #[graphql(name = "id")]
    async fn graphql_id(&self) -> ID {
        ID(self.id().to_string())
    }

    /// 1 at creation, one more with every change.
    async fn version(&self) -> i64 {
        self.0.version().get()
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.snapshot().status.into()
    }

    /// Where it may go from there.
    async fn allowed_transitions(&self) -> Vec<OrderStatus> {
        self.snapshot().status.allowed_transitions().map(Into::into).collect()
    }

    /// Who placed it.
    async fn customer(&self) -> Customer {
        Customer(self.snapshot().customer_id)
    }

    /// The currency of all its amounts.
    async fn currency(&self) -> Currency {
        Currency(self.0.currency().code().to_owned())
    }

    /// The exact sum of the lines.
    async fn total_amount(&self) -> Amount {
        let lines = &self.snapshot().lines;
        Amount(lines.total().display(lines.currency()).to_string())
    }

    /// What was bought: 1 to 200 lines, each product once.
    async fn items(&self, context: &Context<'_>) -> Result<Vec<OrderLine>> {
        let lines = &self.snapshot().lines;
        Asking::of(context)?.write_list(context, lines.iter().count())?;
        let currency = lines.currency();
        let line = |line: &order_domain::OrderLine| OrderLine {
            product_id: ID(line.product_id.to_string()),
            name: line.name.as_ref().map(|name| name.as_str().to_owned()),
            quantity: line.quantity.get(),
            unit_price: Amount(line.unit_price.get().display(currency).to_string()),
            line_total: Amount(line.total().display(currency).to_string()),
        };
        Ok(lines.iter().map(line).collect())
    }

    /// The client's own name for it.
    async fn client_reference(&self) -> Option<&str> {
        self.snapshot().client_reference.as_ref().map(order_domain::ClientReference::as_str)
    }

    /// Why it was cancelled; only on a cancelled order.
    async fn cancel_reason(&self) -> Option<Result<CancelReason>> {
        self.snapshot().cancel_reason.map(CancelReason::of)
    }

    /// When it was placed.
    async fn created_at(&self) -> DateTime {
        DateTime(self.snapshot().created_at)
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.snapshot().updated_at)
    }

    /// What happened to it, in sequence: the events that subscribers get. A page has at most 100, and ends after about 1 MiB.
    async fn history(
        &self,
        context: &Context<'_>,
        #[graphql(default_with = "Some(PAGE)", desc = "How many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the last event that is known: its sequence.")]
        after: Option<Cursor>,
    ) -> Option<Result<History>> {
        let history = async { history(Asking::of(context)?, self.id(), first, after).await };
        Some(history.await)
    }

    /// How stock and payment are arranged; absent when no saga leads the order.
    async fn saga(&self, context: &Context<'_>) -> Option<Result<OrderSaga>> {
        let asking = match Asking::of(context) {
            Ok(asking) => asking,
            Err(error) => return Some(Err(error)),
        };
        let sagas = Sagas::new(asking.orders());
        match sagas.find(&asking.caller, self.id()).await {
            Ok(view) => Some(Ok(OrderSaga::of(&view, &sagas.times()))),
            Err(FindSagaError::NotFound | FindSagaError::OrderNotFound) => None,
            Err(failure) => Some(Err(error(&Problem::from(failure), asking))),
        }
    }
}

/// Who places orders. The service knows no more of them than their ids.
#[Object]
impl Customer {
    /// The customer's id.
    async fn id(&self) -> ID {
        ID(self.0.to_string())
    }

    /// The orders of this customer, newest first; none for a customer of whom the caller may not know.
    async fn orders(
        &self,
        context: &Context<'_>,
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
        let orders = async { orders_of(Asking::of(context)?, self.0, selection).await };
        Some(orders.await)
    }
}
