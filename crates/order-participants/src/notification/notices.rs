//! What customers were told, in SQLite: a notice, and the version of the order that it comes from, in
//! one transaction.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use order_domain::{OrderEventKind, OrderId, Version};
use order_events::{After, Applied, Event, Store};
use serde_json::{Value, json};

use crate::file::{File, connect};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS versions (order_id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS notices (
        order_id BIGINT NOT NULL, version BIGINT NOT NULL, customer_id BIGINT NOT NULL,
        what TEXT NOT NULL, reason TEXT, PRIMARY KEY (order_id, version)) WITHOUT ROWID;";

/// The file of notification.
pub struct Notices(File);

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(QueryableByName)]
struct NoticeRow {
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    customer_id: i64,
    #[diesel(sql_type = Text)]
    what: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

impl Notices {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(file: &str) -> anyhow::Result<Self> {
        Ok(Self(File::open(file, TABLES)?))
    }
}

/// Every notice in a file.
///
/// # Errors
/// When it is no file of notification.
pub fn notices(file: &str) -> anyhow::Result<Value> {
    let mut connection = connect(file)?;
    let rows: Vec<NoticeRow> =
        diesel::sql_query("SELECT * FROM notices ORDER BY order_id, version")
            .load(&mut connection)?;
    let notice = |row: NoticeRow| {
        let NoticeRow { order_id, version, customer_id, what, reason } = row;
        json!({
            "orderId": order_id, "version": version, "customerId": customer_id, "what": what,
            "reason": reason,
        })
    };
    let notices: Vec<_> = rows.into_iter().map(notice).collect();
    Ok(json!({"participant": "notification", "notices": notices}))
}

fn version(connection: &mut SqliteConnection, order: OrderId) -> QueryResult<Option<Version>> {
    let row = diesel::sql_query("SELECT version FROM versions WHERE order_id = ?")
        .bind::<BigInt, _>(order.get())
        .get_result::<VersionRow>(connection)
        .optional()?;
    Ok(row.and_then(|row| Version::new(row.version).ok()))
}

/// What the customer is told about an event, if anything. A replayed event gives no notice: the customer
/// was told when it first came.
fn told(event: &Event) -> Option<&'static str> {
    match event.kind.known()? {
        _ if event.replayed => None,
        OrderEventKind::Confirmed => Some("confirmed"),
        OrderEventKind::Cancelled => Some("cancelled"),
        OrderEventKind::Delivered => Some("delivered"),
        _ => None,
    }
}

impl Store for Notices {
    type Error = diesel::result::Error;

    async fn version(&mut self, order: OrderId) -> QueryResult<Option<Version>> {
        self.0.transaction(|connection| version(connection, order))
    }

    async fn apply(&mut self, event: &Event, after: After) -> QueryResult<Applied> {
        let order = &event.order;
        let what = told(event);
        let reason = order.cancel_reason.as_ref().map(ToString::to_string);
        let applied = self.0.transaction(|connection| {
            if version(connection, order.id)? != after.version {
                return Ok(Applied::Overtaken);
            }
            diesel::sql_query(
                "INSERT INTO versions VALUES (?, ?) \
                 ON CONFLICT (order_id) DO UPDATE SET version = excluded.version",
            )
            .bind::<BigInt, _>(order.id.get())
            .bind::<BigInt, _>(order.version.get())
            .execute(connection)?;
            if let Some(what) = what {
                diesel::sql_query("INSERT INTO notices VALUES (?, ?, ?, ?, ?)")
                    .bind::<BigInt, _>(order.id.get())
                    .bind::<BigInt, _>(order.version.get())
                    .bind::<BigInt, _>(order.customer_id.get())
                    .bind::<Text, _>(what)
                    .bind::<Nullable<Text>, _>(reason.as_deref())
                    .execute(connection)?;
            }
            Ok(Applied::Durably)
        })?;
        if let Some(what) = what.filter(|_| applied == Applied::Durably) {
            let reason = reason.as_deref().unwrap_or_default();
            tracing::info!(order = %order.id, customer = %order.customer_id, what, reason, "told");
        }
        Ok(applied)
    }
}
