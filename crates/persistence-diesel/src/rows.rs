//! Rows of the tables, and how they become domain values and back. Statements are not here. How a row of `orders` is read is in
//! `rows/reading.rs`, and which rows a change writes in `rows/changes.rs`.

mod changes;
mod reading;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use order_app::events::EventRecord;
use order_app::idempotency::{Answer, Fingerprint, IdempotencyKey, RecordedAnswer};
use order_app::ports::{
    BoxError, JournalEntry, SagaWrite, StateName, StoreError, StoredEvent, StoredOrder, StoredSaga,
    Unreadable, UnreadableOrder,
};
use order_domain::{
    AmountText, CancelReason, Currency, Order, OrderEventKind, OrderId, OrderLine, OrderStatus,
    ProductName, Version,
};
use serde::{Serialize, Serializer};

pub(crate) use changes::{ChangeRows, SeenRow, Write};
pub(crate) use reading::{time, unreadable_rows};

use crate::schema::{idempotency_keys, orders, outbox, outbox_incoming, sagas};
use crate::types::{Document, Guid, Lenient, Money, Time, Whole, Word};

/// A row of `orders`. Columns that may be NULL in an adopted table are options.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = orders, treat_none_as_default_value = false)]
pub(crate) struct OrderRow {
    pub id: i64,
    pub customer_id: Option<i64>,
    pub items: Option<Document>,
    pub total_amount: Option<Money>,
    pub status: Option<Word<OrderStatus>>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub version: Option<Whole>,
    pub currency: Word<Currency>,
    pub client_reference: Option<String>,
    pub cancel_reason: Option<Word<CancelReason>>,
}

/// An order that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: i64,
    /// An order of another customer than this one is not there. The database leaves it out: an order that is read and thrown
    /// away takes longer than one that is not there, and that would tell that it is.
    pub(crate) customer: Option<i64>,
}

impl Wanted {
    /// The answer, where these rows hold those of other questions too.
    pub(crate) fn among(&self, rows: &HashMap<i64, Arc<StoredRow>>) -> Option<Arc<StoredRow>> {
        let row = rows.get(&self.id)?;
        let is_theirs =
            self.customer.is_none_or(|customer| row.order.customer_id == Some(customer));
        is_theirs.then(|| Arc::clone(row))
    }
}

/// A row of `orders` with the revision of its saga, which lists do not need.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub(crate) struct StoredRow {
    #[diesel(embed)]
    pub order: OrderRow,
    pub saga_revision: i64,
}

/// A row of `sagas`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sagas, treat_none_as_default_value = false)]
pub(crate) struct SagaRow {
    pub order_id: i64,
    pub revision: i64,
    pub state: String,
    pub due_at: Option<NaiveDateTime>,
    pub attention: bool,
    pub document: String,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// A saga with its order.
pub(crate) type SagaOfOrder = (StoredRow, SagaRow);

/// A row of `orders` before the migration that adds columns.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub(crate) struct SevenColumns {
    id: i64,
    customer_id: Option<i64>,
    items: Option<Document>,
    total_amount: Option<Money>,
    status: Option<Word<OrderStatus>>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
}

impl SevenColumns {
    /// The row that the migration makes of it.
    pub(crate) fn row(self) -> OrderRow {
        let Self { id, customer_id, items, total_amount, status, created_at, updated_at } = self;
        OrderRow {
            id,
            customer_id,
            items,
            total_amount,
            status,
            created_at,
            updated_at,
            version: Some(Whole(Version::FIRST.get())),
            currency: Word(Some(Currency::USD)),
            client_reference: None,
            cancel_reason: None,
        }
    }
}

/// What changes in a row of `orders` after its insert.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = orders, treat_none_as_null = true)]
pub(crate) struct OrderColumns {
    items: Option<Document>,
    total_amount: Option<Money>,
    status: Option<Word<OrderStatus>>,
    updated_at: Option<Time>,
    version: Option<Whole>,
    cancel_reason: Option<Word<CancelReason>>,
}

/// A row of `outbox`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = outbox)]
pub(crate) struct EventRow {
    pub event_id: Guid,
    pub order_id: i64,
    pub sequence: i64,
    pub event_type: String,
    pub occurred_at: NaiveDateTime,
    pub context: String,
    pub data: String,
}

/// A row of `journal`, with its row of `outbox`, if that exists.
#[derive(Debug, Queryable)]
pub(crate) struct JournalRow {
    pub position: i64,
    order_id: i64,
    pub sequence: i64,
    event_id: Option<Lenient<Guid>>,
    event_type: Option<Lenient<String>>,
    occurred_at: Option<Lenient<NaiveDateTime>>,
    context: Option<Lenient<String>>,
    data: Option<Lenient<String>>,
}

/// A row of `outbox_incoming`.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = outbox_incoming)]
pub(crate) struct IncomingRow {
    pub order_id: i64,
    pub sequence: i64,
    pub event_id: Guid,
}

/// A row of `idempotency_keys`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys)]
pub(crate) struct AnswerRow {
    pub scope: String,
    pub fingerprint: Vec<u8>,
    pub status: i32,
    pub headers: String,
    pub body: Vec<u8>,
    pub recorded_at: NaiveDateTime,
}

/// A line in the `items` column, as we write it: prices are strings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineOut<'a> {
    product_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    quantity: u16,
    #[serde(serialize_with = "spelled")]
    unit_price: AmountText,
}

/// A version as the column has it, which counts from 0 where JPA made it.
fn stored_version(version: i64, versions_from: i64) -> i64 {
    version.saturating_sub(1).saturating_add(versions_from)
}

fn order_row(order: &Order, versions_from: i64) -> Result<OrderRow, BoxError> {
    let order = order.snapshot();
    let currency = order.lines.currency();
    let line = |line| line_out(line, currency);
    let items: Vec<_> = order.lines.iter().map(line).collect();
    Ok(OrderRow {
        id: order.id.get(),
        customer_id: Some(order.customer_id.get()),
        items: Some(Document(serde_json::to_string(&items)?)),
        total_amount: Some(Money(Some(order.lines.total().get()))),
        status: Some(Word(Some(order.status))),
        created_at: Some(Time(Some(order.created_at.naive_utc()))),
        updated_at: Some(Time(Some(order.updated_at.naive_utc()))),
        version: Some(Whole(stored_version(order.version.get(), versions_from))),
        currency: Word(Some(currency)),
        client_reference: order.client_reference.as_ref().map(ToString::to_string),
        cancel_reason: order.cancel_reason.map(|reason| Word(Some(reason))),
    })
}

fn line_out(line: &OrderLine, currency: Currency) -> LineOut<'_> {
    LineOut {
        product_id: line.product_id.get(),
        name: line.name.as_ref().map(ProductName::as_str),
        quantity: line.quantity.get(),
        unit_price: line.unit_price.get().display(currency),
    }
}

fn spelled<S: Serializer>(amount: &AmountText, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(amount.as_str())
}

fn event_row(event: EventRecord) -> EventRow {
    EventRow {
        event_id: Guid(event.id),
        order_id: event.order_id.get(),
        sequence: event.sequence.get(),
        event_type: event.kind.as_str().to_owned(),
        occurred_at: event.occurred_at.naive_utc(),
        context: event.context,
        data: event.data,
    }
}

fn answer_row(answer: RecordedAnswer) -> AnswerRow {
    AnswerRow {
        scope: scope(&answer.key),
        fingerprint: answer.fingerprint.0.to_vec(),
        status: i32::from(answer.answer.tag),
        headers: answer.answer.head,
        body: answer.answer.body,
        recorded_at: answer.recorded_at.naive_utc(),
    }
}

/// The primary key of an answer: caller, operation and key. None of them has a space.
pub(crate) fn scope(key: &IdempotencyKey) -> String {
    format!("{} {} {}", key.caller.as_str(), key.scope(), key.key)
}

impl OrderRow {
    /// The columns that change.
    pub(crate) fn columns(&self) -> OrderColumns {
        OrderColumns {
            items: self.items.clone(),
            total_amount: self.total_amount,
            status: self.status,
            updated_at: self.updated_at,
            version: self.version,
            cancel_reason: self.cancel_reason,
        }
    }
}

impl StoredRow {
    /// The order that this row holds, in a table whose column `version` counts from a number.
    pub(crate) fn stored(&self, versions_from: i64) -> Result<StoredOrder, UnreadableOrder> {
        let order = self.order.order(versions_from)?;
        Ok(StoredOrder { order, saga_revision: self.saga_revision })
    }
}

impl SagaRow {
    /// The saga that this row holds, with its order.
    pub(crate) fn into_saga(self, stored: StoredOrder) -> Result<StoredSaga, BoxError> {
        if self.revision != stored.saga_revision {
            let (has, says) = (self.revision, stored.saga_revision);
            return Err(format!(
                "the saga of order {} has revision {has}, and its order says {says}",
                self.order_id
            )
            .into());
        }
        let saga = SagaWrite {
            state: StateName::new(self.state)?,
            due_at: self.due_at.map(|due| due.and_utc()),
            attention: self.attention,
            document: self.document,
            created_at: self.created_at.and_utc(),
            updated_at: self.updated_at.and_utc(),
        };
        Ok(StoredSaga { stored, saga })
    }
}

impl EventRow {
    /// The row by which this event waits for its position in the journal.
    pub(crate) fn incoming(&self) -> IncomingRow {
        let Self { order_id, sequence, event_id, .. } = *self;
        IncomingRow { order_id, sequence, event_id }
    }
}

fn event_kind(name: &str) -> Result<OrderEventKind, BoxError> {
    let kind = OrderEventKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    kind.ok_or_else(|| "an unknown type of event".into())
}

impl JournalRow {
    /// The id of an event whose data is left out because it is large.
    pub(crate) fn left_out(&self) -> Option<Guid> {
        match &self.event_id {
            Some(Lenient(Ok(id))) if self.data.is_none() => Some(*id),
            _ => None,
        }
    }

    /// Puts the data in that was left out.
    pub(crate) fn fill(&mut self, data: Lenient<String>) {
        self.data = Some(data);
    }

    /// The bytes of the data that is here.
    pub(crate) fn bytes(&self) -> usize {
        let data = self.data.as_ref().and_then(|data| data.0.as_ref().ok());
        data.map_or(0, String::len)
    }

    /// The entry, or what is wrong with its event. An error is about the position itself.
    pub(crate) fn into_entry(self) -> Result<Result<JournalEntry, Unreadable>, BoxError> {
        let (order, sequence) = (OrderId::new(self.order_id)?, Version::new(self.sequence)?);
        let position = self.position;
        Ok(match self.into_event(order, sequence) {
            Ok(event) => Ok(JournalEntry { position, event }),
            Err(error) => Err(Unreadable { position, order, sequence, reason: error.to_string() }),
        })
    }

    /// The event that the order should have at this position, or what is wrong with it.
    fn into_event(self, order: OrderId, sequence: Version) -> Result<EventRecord, BoxError> {
        let kind = whole("event_type", self.event_type)?;
        let event = EventRecord {
            id: whole("event_id", self.event_id)?.0,
            order_id: order,
            sequence,
            kind: event_kind(&kind)?,
            occurred_at: whole("occurred_at", self.occurred_at)?.and_utc(),
            context: whole("context", self.context)?,
            data: whole("data", self.data)?,
        };
        event.check()?;
        Ok(event)
    }

    /// The event of an order, without its position.
    pub(crate) fn into_stored(self, order: OrderId) -> Result<StoredEvent, StoreError> {
        let sequence = Version::new(self.sequence);
        let sequence = sequence.map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok((sequence, self.into_event(order, sequence).map_err(|error| error.to_string())))
    }
}

/// The value of a column.
fn whole<T>(column: &str, value: Option<Lenient<T>>) -> Result<T, BoxError> {
    let Lenient(value) =
        value.ok_or("there is no row of this order and version with the event's id")?;
    value.map_err(|error| format!("{column}: {error}").into())
}

impl AnswerRow {
    /// The answer that this row holds, for the key it was found by.
    pub(crate) fn into_answer(self, key: IdempotencyKey) -> Result<RecordedAnswer, BoxError> {
        let fingerprint =
            self.fingerprint.try_into().map_err(|_| "a fingerprint that is not 32 bytes long")?;
        Ok(RecordedAnswer {
            key,
            fingerprint: Fingerprint(fingerprint),
            answer: Answer {
                tag: u16::try_from(self.status)?,
                head: self.headers,
                body: self.body,
            },
            recorded_at: self.recorded_at.and_utc(),
        })
    }
}
