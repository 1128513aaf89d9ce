//! How `order-service sagas` shows what it finds to people, and says what follows from an action.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use http_actix::operations::{FlaggedSaga, FlaggedSagas, SagaBody};
use order_app::events::timestamp;
use order_app::saga::{SagaTimes, StepName};
use order_app::sagas::SagaView;

use crate::cli::tables::{Table, more, or_dash};
use crate::report::aligned;

impl Table for FlaggedSagas {
    fn table(&self) -> String {
        if self.sagas.is_empty() {
            return "no saga needs a person\n".to_owned();
        }
        let rows = self.sagas.iter().map(|FlaggedSaga { order_id, state, attention, .. }| {
            [
                order_id.to_string(),
                state.unwrap_or("unreadable").to_owned(),
                or_dash(attention.as_ref().map(|attention| attention.reason)),
                or_dash(attention.as_ref().map(|attention| &attention.since)),
            ]
        });
        let table = aligned(["order", "state", "reason", "since"], rows);
        format!("{table}{}", more(self.next.as_ref()))
    }
}

impl Table for SagaBody<'_> {
    fn table(&self) -> String {
        let attention =
            self.attention.as_ref().map(|it| format!("{}, since {}", it.reason, it.since));
        let facts = [
            ["order".to_owned(), self.order_id.to_string()],
            ["revision".to_owned(), self.revision.to_string()],
            ["state".to_owned(), self.state.to_owned()],
            ["needs a person".to_owned(), or_dash(attention)],
            ["expires".to_owned(), or_dash(self.deadline.as_ref())],
            ["looked at next".to_owned(), or_dash(self.due_at.as_ref())],
        ];
        let commands = self.steps.iter().flat_map(|step| {
            let both = [("do", step.command.as_ref()), ("undo", step.undo.as_ref())];
            both.into_iter().filter_map(|(what, command)| Some((step.name, what, command?)))
        });
        let rows = commands.map(|(step, what, command)| {
            [
                step.to_owned(),
                what.to_owned(),
                command.state.to_owned(),
                command.attempts.to_string(),
                command.last_sent.clone(),
                or_dash(command.next_attempt.as_ref()),
                or_dash(command.reason.or(command.reference)),
                or_dash(command.last_error),
            ]
        });
        let head =
            ["step", "", "state", "sent", "last", "again", "reason or reference", "last error"];
        let mut text =
            format!("{}\n{}", aligned(["", ""], facts).trim_start(), aligned(head, rows));
        if !self.interventions.is_empty() {
            let rows = self.interventions.iter().map(|done| {
                let (action, step) = (done.action.to_owned(), or_dash(done.step));
                [done.at.clone(), done.actor.to_owned(), action, step, done.reason.to_owned()]
            });
            text.push('\n');
            text.push_str(&aligned(["when", "who", "action", "step", "why"], rows));
        }
        text
    }
}

/// What an action has led to, and when the running instances send what follows from it.
pub(super) fn done(view: &SagaView, times: &SagaTimes, now: DateTime<Utc>) -> String {
    let (saga, order, revision) = (&view.saga, &view.order, view.revision);
    let (id, state) = (order.id(), saga.state.as_str());
    let mut text = format!(
        "done: the saga of order {id} is {state} at revision {revision}, and the order is {}\n",
        order.status()
    );
    let kinds = StepName::ALL.iter().map(|step| step.commands());
    for kind in kinds.flat_map(|(command, undo)| [Some(command), undo]).flatten() {
        let Some(at) = saga.next_attempt(kind, order, times) else { continue };
        let wait = at.signed_duration_since(now).num_milliseconds().max(1);
        let (wait, at) = (wait.saturating_add(999).div_euclid(1_000), timestamp(at));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "the running instances send {kind} within {wait} s ({at}), if it is not answered before"
        );
    }
    text
}
