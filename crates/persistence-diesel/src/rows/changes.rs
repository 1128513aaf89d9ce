//! The rows of one change, ready to be written, and written again.

use order_app::ports::{BoxError, Change, OrderChange, SagaChange, SagaWrite, Seen};

use super::{
    AnswerRow, EventRow, OrderRow, SagaRow, answer_row, event_row, order_row, stored_version,
};
use crate::types::Guid;

/// All rows of one change.
#[derive(Debug, Clone)]
pub(crate) struct ChangeRows {
    /// The order.
    pub id: i64,
    pub write: Write,
    /// The revision of the order's saga after the change.
    pub saga_revision: i64,
    /// The saga, where the change writes it.
    pub saga: Option<SagaRow>,
}

/// What becomes of the row of the order.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// It is inserted.
    Insert(VersionRows),
    /// It becomes another version.
    Update(SeenRow, VersionRows),
    /// It gets another revision of its saga, and stays as it is.
    Step(SeenRow),
}

/// What the stored row must be for a change to apply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenRow {
    pub version: i64,
    pub saga_revision: i64,
}

/// The rows of a new version.
#[derive(Debug, Clone)]
pub(crate) struct VersionRows {
    pub order: OrderRow,
    pub event: EventRow,
    pub answer: Option<AnswerRow>,
}

impl ChangeRows {
    /// The rows of a change; the column `version` counts from a number.
    pub(crate) fn of(change: Change, versions_from: i64) -> Result<Self, BoxError> {
        let (id, saga_revision) = (change.id().get(), change.saga_revision());
        let seen = change.seen().map(|seen| seen_row(seen, versions_from));
        let (write, saga) = match change {
            Change::Order(OrderChange { order, event, answer, saga, .. }) => {
                let version = VersionRows {
                    order: order_row(&order, versions_from)?,
                    event: event_row(event),
                    answer: answer.map(answer_row),
                };
                let write = match seen {
                    None => Write::Insert(version),
                    Some(seen) => Write::Update(seen, version),
                };
                (write, saga)
            }
            Change::Saga(SagaChange { seen, saga, .. }) => {
                (Write::Step(seen_row(seen, versions_from)), Some(saga))
            }
        };
        let saga = saga.map(|saga| saga_row(id, saga_revision, saga));
        Ok(Self { id, write, saga_revision, saga })
    }

    /// What the stored row must be; `None` for an insert.
    pub(crate) fn seen(&self) -> Option<SeenRow> {
        match self.write {
            Write::Insert(_) => None,
            Write::Update(seen, _) | Write::Step(seen) => Some(seen),
        }
    }

    /// The rows of the new version, if it makes one.
    pub(crate) fn version(&self) -> Option<&VersionRows> {
        match &self.write {
            Write::Insert(version) | Write::Update(_, version) => Some(version),
            Write::Step(_) => None,
        }
    }

    /// The id of its event, if it has one.
    pub(crate) fn event_id(&self) -> Option<Guid> {
        self.version().map(|version| version.event.event_id)
    }

    /// Its answer, if it records one.
    pub(crate) fn answer(&self) -> Option<&AnswerRow> {
        self.version()?.answer.as_ref()
    }

    /// Whether it writes a key that another session may have written: a client reference or an idempotency key.
    pub(crate) fn has_keys(&self) -> bool {
        let names = |version: &VersionRows| version.order.client_reference.is_some();
        self.answer().is_some() || matches!(&self.write, Write::Insert(version) if names(version))
    }

    /// The bytes of its documents; the rest is small.
    pub(crate) fn bytes(&self) -> usize {
        let of_version = |version: &VersionRows| {
            let items = version.order.items.as_ref().map_or(0, |items| items.0.len());
            items.saturating_add(version.event.data.len())
        };
        let version = self.version().map_or(0, of_version);
        let answer = self.answer().map_or(0, |answer| answer.body.len());
        let saga = self.saga.as_ref().map_or(0, |saga| saga.document.len());
        version.saturating_add(answer).saturating_add(saga)
    }
}

fn seen_row(seen: Seen, versions_from: i64) -> SeenRow {
    let version = stored_version(seen.version.get(), versions_from);
    SeenRow { version, saga_revision: seen.saga_revision }
}

fn saga_row(order_id: i64, revision: i64, saga: SagaWrite) -> SagaRow {
    SagaRow {
        order_id,
        revision,
        state: saga.state.as_str().to_owned(),
        due_at: saga.due_at.map(|due| due.naive_utc()),
        attention: saga.attention,
        document: saga.document,
        created_at: saga.created_at.naive_utc(),
        updated_at: saga.updated_at.naive_utc(),
    }
}
