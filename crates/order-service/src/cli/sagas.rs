//! `order-service sagas …`: sagas that need a person, from the command line, directly on the database of the settings. The
//! arguments are in `sagas/arguments.rs`, the output in `sagas/show.rs`.
//!
//! A command line has no way to participants. It commits what an operator decides; the running instances send the commands that
//! follow when these are due.

mod arguments;
mod show;

use std::process::ExitCode;

use http_actix::operations::{FlaggedSagas, SagaBody};
use order_app::caller::Caller;
use order_app::ports::Clock as _;
use order_app::saga::Action;
use order_app::sagas::{FindSagaError, Intervene, InterveneError, SagaOperator, Sagas};
use order_domain::OrderId;

use super::direct::{self, REFUSED};
use super::output::{complain, print};
use super::tables::show;
use crate::application::use_cases;
use crate::settings::Settings;
use crate::system::SystemClock;
use arguments::By;

pub(super) use arguments::SagasCommand;

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the database failed, or the saga cannot be read
  2  settings or arguments are wrong
  3  there is no such saga, it has another revision, or it does not allow the action now";

/// Does what was asked; answers with the exit code.
///
/// # Errors
/// What went wrong, for one line.
pub(super) fn run(asked: SagasCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    direct::run(settings, async |stores| execute(asked, use_cases::sagas(settings, &stores)).await)
}

async fn execute(asked: SagasCommand, sagas: Sagas) -> anyhow::Result<ExitCode> {
    // Who may run this program with these settings can reach the database itself.
    let operator = sagas.operator(&Caller::anonymous())?;
    match asked {
        SagasCommand::List { after, json } => {
            let page = operator.flagged(after).await?;
            Ok(print(&show(&FlaggedSagas::from(&page), json)))
        }
        SagasCommand::Show { order, json } => match operator.show(order).await {
            Ok(view) => Ok(print(&show(&SagaBody::of(&view, &sagas.times()), json))),
            Err(error @ (FindSagaError::OrderNotFound | FindSagaError::NotFound)) => {
                Ok(complain(&error.to_string(), REFUSED))
            }
            Err(error) => Err(error.into()),
        },
        SagasCommand::Retry { order, step, by } => {
            act(&sagas, &operator, order, Action::Retry(step), by).await
        }
        SagasCommand::Skip { order, step, by } => {
            act(&sagas, &operator, order, Action::Skip(step), by).await
        }
        SagasCommand::Confirm { order, by } => {
            act(&sagas, &operator, order, Action::Confirm, by).await
        }
    }
}

async fn act(
    sagas: &Sagas,
    operator: &SagaOperator,
    id: OrderId,
    action: Action,
    by: By,
) -> anyhow::Result<ExitCode> {
    let actor = by.actor()?;
    let command = Intervene { id, action, actor, reason: by.reason, revision: by.revision };
    match operator.intervene(command).await {
        Ok(view) => Ok(print(&show::done(&view, &sagas.times(), SystemClock.now()))),
        Err(
            refused @ (InterveneError::OrderNotFound
            | InterveneError::NotFound
            | InterveneError::RevisionMismatch { .. }
            | InterveneError::NotNow(_)),
        ) => Ok(complain(&refused.to_string(), REFUSED)),
        Err(error) => Err(error.into()),
    }
}
