//! The file of a participant: its ledger in SQLite. What a batch of commands decides is one
//! transaction, on the disk before it ends.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, Text};
use order_domain::OrderId;
use order_events::saga::{Command, Reason, Reply};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::file::{File, connect};
use crate::ledger::{Answer, Book, Entry, Standing, Work, settle};
use crate::rules::Rules;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS about (participant TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answers (
        command TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, order_id BIGINT NOT NULL,
        rejected TEXT, reference TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS works (
        command TEXT NOT NULL PRIMARY KEY, order_id BIGINT NOT NULL, standing TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT, order_id BIGINT NOT NULL, work TEXT NOT NULL,
        command TEXT NOT NULL UNIQUE, effect TEXT NOT NULL, what TEXT NOT NULL);";

/// A ledger in a file.
pub struct Store(File);

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct AnswerRow {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    rejected: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reference: Option<String>,
}

#[derive(QueryableByName)]
struct WorkRow {
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = Text)]
    standing: String,
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    order_id: i64,
    #[diesel(sql_type = Text)]
    work: String,
    #[diesel(sql_type = Text)]
    command: String,
    #[diesel(sql_type = Text)]
    effect: String,
    #[diesel(sql_type = Text)]
    what: String,
}

impl Store {
    /// Opens the file, or makes a new one for this participant.
    ///
    /// # Errors
    /// When it cannot be opened, or is the file of another participant.
    pub fn open(file: &str, participant: &str) -> anyhow::Result<Self> {
        let mut store = Self(File::open(file, TABLES)?);
        let owner = store.0.transaction(|connection| {
            if let Some(owner) = owner(connection)? {
                return Ok(owner);
            }
            diesel::sql_query("INSERT INTO about VALUES (?)")
                .bind::<Text, _>(participant)
                .execute(connection)?;
            Ok(participant.to_owned())
        })?;
        ensure!(owner == participant, "{file} is the file of {owner}, and not of {participant}");
        Ok(store)
    }

    /// Decides commands in one transaction: the reply to each, if it gets one.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing of it has happened, or all of it; the same commands
    /// again get the same replies.
    pub fn settle_all(
        &mut self,
        rules: &Rules,
        commands: &[Command],
    ) -> QueryResult<Vec<Option<Reply>>> {
        self.0.transaction(|connection| {
            let book = &mut Rows(connection);
            commands.iter().map(|command| settle(book, rules, command)).collect()
        })
    }
}

fn owner(connection: &mut SqliteConnection) -> QueryResult<Option<String>> {
    let row = diesel::sql_query("SELECT participant AS text FROM about");
    Ok(row.get_result::<TextRow>(connection).optional()?.map(|row| row.text))
}

/// The rows, in the transaction that is open.
struct Rows<'a>(&'a mut SqliteConnection);

impl Book for Rows<'_> {
    type Error = Error;

    fn answer(&mut self, command: Uuid) -> QueryResult<Option<Answer>> {
        let row = diesel::sql_query(
            "SELECT kind, order_id, rejected, reference FROM answers WHERE command = ?",
        )
        .bind::<Text, _>(command.to_string())
        .get_result::<AnswerRow>(self.0)
        .optional()?;
        let read = |row: AnswerRow| {
            Ok(Answer {
                command,
                kind: row.kind.parse().map_err(unreadable)?,
                order: OrderId::new(row.order_id).map_err(unreadable)?,
                rejected: row
                    .rejected
                    .map(|r| r.parse::<Reason>())
                    .transpose()
                    .map_err(unreadable)?,
                reference: row.reference,
            })
        };
        row.map(read).transpose()
    }

    fn work(&mut self, command: Uuid) -> QueryResult<Option<Work>> {
        let row = diesel::sql_query("SELECT order_id, standing FROM works WHERE command = ?")
            .bind::<Text, _>(command.to_string())
            .get_result::<WorkRow>(self.0)
            .optional()?;
        let read = |row: WorkRow| {
            let known = Standing::ALL.into_iter().find(|known| known.as_str() == row.standing);
            let standing = known.ok_or_else(|| unreadable(UnknownStanding))?;
            Ok(Work { command, order: OrderId::new(row.order_id).map_err(unreadable)?, standing })
        };
        row.map(read).transpose()
    }

    fn put_answer(&mut self, answer: &Answer) -> QueryResult<()> {
        diesel::sql_query("INSERT INTO answers VALUES (?, ?, ?, ?, ?)")
            .bind::<Text, _>(answer.command.to_string())
            .bind::<Text, _>(answer.kind.as_str())
            .bind::<BigInt, _>(answer.order.get())
            .bind::<Nullable<Text>, _>(answer.rejected.map(Reason::as_str))
            .bind::<Nullable<Text>, _>(answer.reference.as_deref())
            .execute(self.0)
            .map(drop)
    }

    fn put_work(&mut self, work: Work) -> QueryResult<()> {
        diesel::sql_query(
            "INSERT INTO works VALUES (?, ?, ?) \
             ON CONFLICT (command) DO UPDATE SET standing = excluded.standing",
        )
        .bind::<Text, _>(work.command.to_string())
        .bind::<BigInt, _>(work.order.get())
        .bind::<Text, _>(work.standing.as_str())
        .execute(self.0)
        .map(drop)
    }

    fn add(&mut self, entry: Entry) -> QueryResult<()> {
        diesel::sql_query(
            "INSERT INTO entries (order_id, work, command, effect, what) VALUES (?, ?, ?, ?, ?)",
        )
        .bind::<BigInt, _>(entry.order.get())
        .bind::<Text, _>(entry.work.to_string())
        .bind::<Text, _>(entry.by.to_string())
        .bind::<Text, _>(entry.effect.as_str())
        .bind::<Text, _>(&entry.what)
        .execute(self.0)
        .map(drop)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not a standing")]
struct UnknownStanding;

fn unreadable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::DeserializationError(Box::new(cause))
}

/// The audit of the ledger in a file: every effect, and for each order how often something was held,
/// returned and made final.
///
/// # Errors
/// When there is no such file, or it is none of inventory or payment.
pub fn audit(file: &str) -> anyhow::Result<Value> {
    ensure!(std::path::Path::new(file).exists(), "there is no file {file}");
    let connection = &mut connect(file)?;
    let Ok(Some(participant)) = owner(connection) else {
        bail!("{file} is no file of a participant")
    };
    let rows = "SELECT order_id, work, command, effect, what FROM entries ORDER BY number";
    let rows: Vec<EntryRow> = diesel::sql_query(rows)
        .load(connection)
        .with_context(|| format!("{file} has no ledger; it is of {participant}"))?;
    let mut orders: BTreeMap<i64, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for row in &rows {
        let known = Standing::ALL.into_iter().find(|known| known.as_str() == row.effect);
        let effect = known.with_context(|| format!("{} is not a known effect", row.effect))?;
        let count = orders.entry(row.order_id).or_default().entry(effect.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    let entry = |row: &EntryRow| {
        let EntryRow { order_id, work, command, effect, what } = row;
        json!({"orderId": order_id, "work": work, "by": command, "effect": effect, "what": what})
    };
    let order = |(order, counts): (i64, BTreeMap<&str, u64>)| {
        let count = |effect: Standing| counts.get(effect.as_str()).copied().unwrap_or_default();
        json!({
            "orderId": order,
            "held": count(Standing::Held),
            "returned": count(Standing::Returned),
            "final": count(Standing::Final),
        })
    };
    Ok(json!({
        "participant": participant,
        "orders": orders.into_iter().map(order).collect::<Vec<_>>(),
        "entries": rows.iter().map(entry).collect::<Vec<_>>(),
    }))
}
