//! `order-service events …`: the operations on events from the command line, directly on the database
//! and the brokers of the settings. The arguments are in `events/arguments.rs`, the output in
//! `events/show.rs`.

mod arguments;
mod replay;
mod show;

use std::process::ExitCode;

use http_actix::operations::{EventsOverview, ParkedOrderDetails, ParkedOrders, SkippedEvents};
use order_app::caller::Caller;
use order_app::operations::{Operations, Operator, RedriveError, SkipError};
use order_app::ports::Stores;
use order_domain::OrderId;

use super::direct::{self, REFUSED};
use super::output::{complain, print};
use super::tables;
use crate::application::use_cases;
use crate::settings::Settings;
use arguments::{Page, ParkedCommand};

pub(crate) use arguments::EventsCommand;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the database or the brokers failed, or refused an event
  2  settings or arguments are wrong
  3  the order is not parked, the event cannot be skipped, or another replay is running
  4  the replay is done, but some events cannot be read
  130, 143  interrupted by Ctrl-C or SIGTERM";

/// Does what was asked; answers with the exit code.
///
/// # Errors
/// What went wrong, for one line.
pub(crate) fn run(asked: EventsCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    direct::run(settings, async |stores| execute(asked, settings, &stores).await)
}

async fn execute(
    asked: EventsCommand,
    settings: &Settings,
    stores: &Stores,
) -> anyhow::Result<ExitCode> {
    // Who may run this program with these settings can reach the database itself.
    let operator =
        Operations::new(use_cases::operations(settings, stores)).of(&Caller::anonymous())?;
    match asked {
        EventsCommand::Backlog { json } => {
            let overview = operator.overview().await?;
            Ok(print(&tables::show(&EventsOverview::from(&overview), json)))
        }
        EventsCommand::Parked(asked) => parked(asked, &operator).await,
        EventsCommand::Replay(asked) => replay::run(asked, &operator).await,
    }
}

async fn parked(asked: ParkedCommand, operator: &Operator) -> anyhow::Result<ExitCode> {
    match asked {
        ParkedCommand::List { shard, after, page: Page { limit, json } } => {
            let after = after.map_or(0, OrderId::get);
            let page = operator.parked(after, shard, limit).await?;
            Ok(print(&tables::show(&ParkedOrders::from(&page), json)))
        }
        ParkedCommand::Show { order, json } => match operator.inspect(order).await {
            Ok(found) => Ok(print(&tables::show(&ParkedOrderDetails::from(&found), json))),
            Err(error) => refused_or_failed(error),
        },
        ParkedCommand::Redrive { orders, all } => redrive(&orders, all, operator).await,
        ParkedCommand::Skip { order, sequence, reason } => {
            match operator.skip(order, sequence, &reason).await {
                Ok(skipped) => {
                    let (order, sequence) = (skipped.order, skipped.sequence);
                    Ok(print(&format!("event {sequence} of order {order} is skipped\n")))
                }
                Err(SkipError::Store(error)) => Err(error.into()),
                Err(refused) => Ok(complain(&refused.to_string(), REFUSED)),
            }
        }
        ParkedCommand::Skipped { order, after, page: Page { limit, json } } => {
            let after = after.map_or((0, 0), |(order, event)| (order.get(), event.get()));
            let page = operator.skipped(after, order, limit).await?;
            Ok(print(&tables::show(&SkippedEvents::from(&page), json)))
        }
    }
}

async fn redrive(orders: &[OrderId], all: bool, operator: &Operator) -> anyhow::Result<ExitCode> {
    if all {
        let mut asked = 0_u64;
        loop {
            let done = operator.redrive_all().await?;
            asked = asked.saturating_add(done.orders);
            if !done.more {
                return Ok(print(&format!("{asked} orders will be published again\n")));
            }
            complain(&format!("{asked} orders so far"), 0);
        }
    }
    let mut code = ExitCode::SUCCESS;
    for order in orders {
        match operator.redrive(*order).await {
            Ok(()) => drop(print(&format!("order {order} will be published again\n"))),
            Err(error) => code = refused_or_failed(error)?,
        }
    }
    Ok(code)
}

fn refused_or_failed(error: RedriveError) -> anyhow::Result<ExitCode> {
    match error {
        RedriveError::Store(error) => Err(error.into()),
        refused @ RedriveError::NotParked(_) => Ok(complain(&refused.to_string(), REFUSED)),
    }
}
