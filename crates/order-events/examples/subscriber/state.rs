//! The subscriber's own database: the state of each order and its version, in one row and so in one
//! transaction.

use anyhow::Context as _;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use order_domain::{OrderId, Version};
use order_events::{After, Applied, DecodeError, Event, Store, Word};
use rdkafka::message::{BorrowedMessage, Message as _};

const TABLES: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL, total TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS set_aside (
        topic TEXT, place INTEGER, position INTEGER, reason TEXT NOT NULL, value BLOB,
        PRIMARY KEY (topic, place, position));";

/// The present state of each order.
pub(crate) struct Orders(SqliteConnection);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

impl Orders {
    pub(crate) fn open(file: &str) -> anyhow::Result<Self> {
        let mut connection =
            SqliteConnection::establish(file).with_context(|| format!("cannot open {file}"))?;
        connection.batch_execute(TABLES).with_context(|| format!("cannot use {file}"))?;
        Ok(Self(connection))
    }

    /// Keeps a message that cannot be read, once.
    pub(crate) fn set_aside(
        &mut self,
        message: &BorrowedMessage<'_>,
        reason: &DecodeError,
    ) -> QueryResult<()> {
        diesel::sql_query("INSERT OR IGNORE INTO set_aside VALUES (?, ?, ?, ?, ?)")
            .bind::<Text, _>(message.topic())
            .bind::<Integer, _>(message.partition())
            .bind::<BigInt, _>(message.offset())
            .bind::<Text, _>(reason.to_string())
            .bind::<Nullable<Binary>, _>(message.payload())
            .execute(&mut self.0)
            .map(|_| ())
    }
}

fn stored(connection: &mut SqliteConnection, order: OrderId) -> QueryResult<Option<Version>> {
    let row: Option<Row> = diesel::sql_query("SELECT version FROM orders WHERE id = ?")
        .bind::<BigInt, _>(order.get())
        .get_result(connection)
        .optional()?;
    Ok(row.and_then(|row| Version::new(row.version).ok()))
}

/// A write to a local file takes milliseconds at most. For a database over the network, use an
/// asynchronous client.
impl Store for Orders {
    type Error = diesel::result::Error;

    async fn version(&mut self, order: OrderId) -> QueryResult<Option<Version>> {
        stored(&mut self.0, order)
    }

    async fn apply(&mut self, event: &Event, after: After) -> QueryResult<Applied> {
        let order = &event.order;
        let total = total(event);
        let applied = self.0.immediate_transaction(|connection| {
            if stored(connection, order.id)? != after.version {
                return QueryResult::Ok(Applied::Overtaken);
            }
            diesel::sql_query(
                "INSERT INTO orders VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                 version = excluded.version, status = excluded.status, total = excluded.total",
            )
            .bind::<BigInt, _>(order.id.get())
            .bind::<BigInt, _>(order.version.get())
            .bind::<Text, _>(order.status.as_str())
            .bind::<Text, _>(&total)
            .execute(connection)?;
            Ok(Applied::Durably)
        })?;
        if applied == Applied::Durably {
            told(event, after, &total);
        }
        Ok(applied)
    }
}

/// Exact, and spelled with the currency's decimals.
fn total(event: &Event) -> String {
    let order = &event.order;
    match &order.currency {
        Word::Known(currency) => format!("{} {currency}", order.total.display(*currency)),
        Word::Other(code) => format!("{} {code}", order.total),
    }
}

fn told(event: &Event, after: After, total: &str) {
    let order = &event.order;
    let before = order.previous_status.map(|status| format!(" (was {status})"));
    let (id, version, status) = (order.id, order.version, order.status);
    println!("order {id}: version {version}, {status}{}, {total}", before.unwrap_or_default());
    if after.missing > 0 {
        println!("order {id}: {} versions before it are not kept any more", after.missing);
    }
}
