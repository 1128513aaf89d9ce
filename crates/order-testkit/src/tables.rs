//! Reads whole tables directly, for an audit: page by page, so that the bodies of hundreds of thousands
//! of events are never in memory together.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl as _;
use order_app::ports::BoxError;

use crate::audit::{EventRow, OrderRow, PlaceRow, Tables, print_of};
use crate::databases::{Connection, count};

/// The number of positions, or of orders, whose rows are read at once.
const PAGE: i64 = 5_000;

#[derive(QueryableByName)]
struct Order {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    status: String,
}

#[derive(QueryableByName)]
struct Event {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    data: String,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
struct Saga {
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = Text)]
    state: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Runs a query on any of the databases.
macro_rules! rows {
    ($connection:expr, $query:expr) => {{
        let query = diesel::sql_query($query);
        match $connection {
            Connection::Sqlite(connection) => query.load(connection).await?,
            Connection::Postgres(connection) => query.load(&mut **connection).await?,
            Connection::Mysql(connection) => query.load(connection).await?,
        }
    }};
}

/// Reads everything that an audit of the database with this URL needs.
///
/// # Errors
/// The error of the database.
pub async fn read(url: &str) -> Result<Tables, BoxError> {
    let mut reader = Reader::to(url).await?;
    Ok(Tables {
        orders: reader.orders().await?,
        events: reader.events().await?,
        places: reader.places().await?,
        parked: reader.numbers("SELECT order_id AS number FROM parked_orders ORDER BY 1").await?,
        incoming: count(url, "outbox_incoming").await?,
        skipped: count(url, "skipped_events").await?,
    })
}

/// The row of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaRow {
    /// Its order.
    pub order: i64,
    /// Where it stands, such as `RUNNING`.
    pub state: String,
    /// Whether a person should look at it.
    pub attention: bool,
}

/// Reads all sagas, by their orders.
///
/// # Errors
/// The error of the database.
pub async fn sagas(url: &str) -> Result<Vec<SagaRow>, BoxError> {
    let mut reader = Reader::to(url).await?;
    let flagged = "SELECT order_id AS number FROM sagas WHERE attention";
    let flagged: BTreeSet<i64> = reader.numbers(flagged).await?.into_iter().collect();
    let query = "SELECT order_id, state FROM sagas ORDER BY order_id";
    let rows: Vec<Saga> = rows!(&mut reader.connection, query);
    let row = |Saga { order_id: order, state }| {
        let attention = flagged.contains(&order);
        SagaRow { order, state, attention }
    };
    Ok(rows.into_iter().map(row).collect())
}

struct Reader {
    connection: Connection,
    /// The id of an event in hexadecimal digits, in this database's SQL.
    event_id: &'static str,
}

impl Reader {
    async fn to(url: &str) -> Result<Self, BoxError> {
        let event_id = if url.starts_with("postgres") {
            "REPLACE(CAST(event_id AS TEXT), '-', '')"
        } else {
            "LOWER(HEX(event_id))"
        };
        Ok(Self { connection: Connection::to(url).await?, event_id })
    }

    async fn numbers(&mut self, query: &str) -> Result<Vec<i64>, BoxError> {
        let numbers: Vec<Number> = rows!(&mut self.connection, query);
        Ok(numbers.into_iter().map(|row| row.number).collect())
    }

    /// The pages of a table by one of its columns: conditions, one of which is true for each row.
    async fn pages(&mut self, table: &str, by: &str) -> Result<Vec<String>, BoxError> {
        let highest = format!("SELECT COALESCE(MAX({by}), 0) AS number FROM {table}");
        let highest = self.numbers(&highest).await?.into_iter().max().unwrap_or_default();
        let page = |from: i64| format!("{by} >= {from} AND {by} < {}", from.saturating_add(PAGE));
        let from = (0..=highest).step_by(usize::try_from(PAGE)?);
        Ok(from.map(page).collect())
    }

    async fn orders(&mut self) -> Result<Vec<OrderRow>, BoxError> {
        let query = "SELECT id, version, status FROM orders ORDER BY id";
        let rows: Vec<Order> = rows!(&mut self.connection, query);
        let order = |Order { id, version, status }| OrderRow { id, version, status };
        Ok(rows.into_iter().map(order).collect())
    }

    async fn events(&mut self) -> Result<Vec<EventRow>, BoxError> {
        let mut all = Vec::new();
        for page in self.pages("outbox", "order_id").await? {
            let id = self.event_id;
            let query = format!(
                "SELECT {id} AS id, order_id, sequence, event_type AS kind, data FROM outbox \
                 WHERE {page} ORDER BY order_id, sequence"
            );
            let rows: Vec<Event> = rows!(&mut self.connection, query);
            all.extend(rows.into_iter().map(|row| EventRow {
                id: row.id,
                order: row.order_id,
                sequence: row.sequence,
                kind: row.kind,
                body: print_of([row.data.as_bytes()]),
            }));
        }
        Ok(all)
    }

    async fn places(&mut self) -> Result<Vec<PlaceRow>, BoxError> {
        let mut all = Vec::new();
        for page in self.pages("journal", "position").await? {
            let id = self.event_id;
            let query = format!("SELECT position, {id} AS id FROM journal WHERE {page} ORDER BY 1");
            let rows: Vec<Place> = rows!(&mut self.connection, query);
            all.extend(rows.into_iter().map(|Place { position, id }| PlaceRow { position, id }));
        }
        Ok(all)
    }
}
