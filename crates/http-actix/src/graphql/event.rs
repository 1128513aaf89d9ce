//! Events of orders: those of one order's history, and those that a subscriber is sent.

#![expect(clippy::unused_async, reason = "a resolver is async, whether it waits or not")]

use async_graphql::{Context, Error, ID, Object, Result, SimpleObject};
use order_app::events::EventData;
use order_app::orders::FindError;
use order_domain::{MAX_ID, OrderEventKind, OrderId};
use serde::Deserialize;

use super::asking::Asking;
use super::enums::{CancelReason, OrderEventType, OrderStatus};
use super::errors::error;
use super::line::OrderLine;
use super::paging::{PageInfo, size};
use super::scalars::{Amount, Currency, Cursor};
use crate::problem::Problem;
use crate::request::integer;

/// What happened to an order, with the order right after.
#[derive(Deserialize)]
pub(super) struct OrderEvent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

/// One page of an order's history.
pub(super) struct History {
    edges: Vec<(OrderEvent, Cursor)>,
    next: Option<Cursor>,
    left_out: Vec<i64>,
}

/// An event of a history.
struct Edge<'a>(&'a OrderEvent, &'a Cursor);

impl OrderEvent {
    /// An event in the JSON format of `CloudEvents`.
    pub(super) fn read(json: &str) -> Result<Self, Problem> {
        serde_json::from_str(json).map_err(|error| Problem::internal(&error))
    }

    /// A word of the stored event. The service writes none that it does not know.
    fn word<T: std::str::FromStr>(text: &str) -> Result<T> {
        text.parse()
            .map_err(|_| Error::new("The stored event has a word that this release does not know."))
    }
}

/// What happened to an order, with the order right after.
#[Object]
impl OrderEvent {
    /// The event's id: subscribers drop duplicates by it.
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }

    /// What happened.
    #[graphql(name = "type")]
    async fn kind(&self) -> Result<OrderEventType> {
        OrderEventType::of(Self::word::<OrderEventKind>(&self.kind)?)
    }

    /// The order's version that it made: 1, 2, 3 and so on without a gap.
    async fn sequence(&self) -> i64 {
        self.data.sequence
    }

    /// When, as in RFC 3339.
    async fn occurred_at(&self) -> Result<super::scalars::DateTime> {
        let at = chrono::DateTime::parse_from_rfc3339(&self.data.occurred_at);
        at.map(|at| super::scalars::DateTime(at.to_utc())).map_err(Into::into)
    }

    /// Which order.
    async fn order_id(&self) -> ID {
        ID(self.data.order_id.to_string())
    }

    /// Whose.
    async fn customer_id(&self) -> ID {
        ID(self.data.customer_id.to_string())
    }

    /// Where it stood then.
    async fn status(&self) -> Result<OrderStatus> {
        Self::word::<order_domain::OrderStatus>(&self.data.status).map(Into::into)
    }

    /// Where it stood before; absent when it was placed.
    async fn previous_status(&self) -> Option<Result<OrderStatus>> {
        let status = Self::word::<order_domain::OrderStatus>(self.data.previous_status.as_deref()?);
        Some(status.map(Into::into))
    }

    /// The currency of all amounts.
    async fn currency(&self) -> Currency {
        Currency(self.data.currency.clone())
    }

    /// The exact sum of the lines.
    async fn total_amount(&self) -> Amount {
        Amount(self.data.total_amount.clone())
    }

    /// The order's lines.
    async fn items(&self, context: &Context<'_>) -> Result<Vec<OrderLine>> {
        Asking::of(context)?.write_list(context, self.data.items.len())?;
        let line = |line: &order_events::EventLine| OrderLine {
            product_id: ID(line.product_id.to_string()),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: Amount(line.unit_price.clone()),
            line_total: Amount(line.line_total.clone()),
        };
        Ok(self.data.items.iter().map(line).collect())
    }

    /// The client's own name for the order.
    async fn client_reference(&self) -> Option<&str> {
        self.data.client_reference.as_deref()
    }

    /// Why it was cancelled.
    async fn cancel_reason(&self) -> Option<Result<CancelReason>> {
        let reason = Self::word(self.data.cancel_reason.as_deref()?);
        Some(reason.and_then(CancelReason::of))
    }

    /// A remark that came with the change.
    async fn note(&self) -> Option<&str> {
        self.data.note.as_deref()
    }
}

/// One page of an order's history.
#[Object(name = "OrderEventConnection")]
impl History {
    /// The events with their cursors.
    async fn edges(&self, context: &Context<'_>) -> Result<Vec<Edge<'_>>> {
        Asking::of(context)?.write_list(context, self.edges.len())?;
        Ok(self.edges.iter().map(|(event, cursor)| Edge(event, cursor)).collect())
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        PageInfo::of(self.edges.iter().map(|(_, cursor)| cursor), self.next.clone())
    }

    /// The sequences of the events of this page that are missing, because their stored form is not that of an event.
    async fn left_out(&self) -> &[i64] {
        &self.left_out
    }
}

/// An event of a history.
#[Object(name = "OrderEventEdge")]
impl Edge<'_> {
    /// The place of the event: its sequence.
    async fn cursor(&self) -> &Cursor {
        self.1
    }

    /// The event.
    async fn node(&self) -> &OrderEvent {
        self.0
    }
}

/// An event that a subscriber is sent.
#[derive(SimpleObject)]
pub(super) struct OrderEventMessage {
    /// The place of the event among those of all orders. A subscriber that comes back sends it as `after`.
    pub(super) cursor: Cursor,
    /// The event.
    pub(super) event: OrderEvent,
}

/// Reads a page of an order's history.
pub(super) async fn history(
    asking: &Asking,
    id: OrderId,
    first: Option<i32>,
    after: Option<Cursor>,
) -> Result<History> {
    let first = size(first, asking)?;
    let after = position(after.as_ref(), asking)?.unwrap_or(0);
    let turn = asking.turn().await;
    let found = asking.orders().history(&asking.caller, id, after, first).await;
    drop(turn);
    let found = match found {
        Ok(found) => found,
        Err(FindError::NotFound) => {
            return Ok(History { edges: Vec::new(), next: None, left_out: Vec::new() });
        }
        Err(failure) => return Err(error(&Problem::from(failure), asking)),
    };
    asking.hold_texts(found.events.iter().map(|event| event.data.as_str()))?;
    let edge = |record: &order_app::events::EventRecord| {
        let data = serde_json::from_str(&record.data).map_err(|wrong| Problem::internal(&wrong))?;
        let (id, kind) = (record.id.to_string(), record.kind.as_str().to_owned());
        Ok((OrderEvent { id, kind, data }, Cursor(record.sequence.to_string())))
    };
    let edges: Result<Vec<_>, Problem> = found.events.iter().map(edge).collect();
    let edges = edges.map_err(|problem| error(&problem, asking))?;
    let next = found.next.map(|sequence| Cursor(sequence.to_string()));
    Ok(History {
        edges,
        next,
        left_out: found.left_out.iter().map(|sequence| sequence.get()).collect(),
    })
}

/// The number in the cursor of an event.
pub(super) fn position(cursor: Option<&Cursor>, asking: &Asking) -> Result<Option<i64>> {
    let read = cursor.map(|Cursor(text)| integer(text, 0, MAX_ID)).transpose();
    read.map_err(|rule| error(&Problem::parameter("after", rule), asking))
}
