//! The arguments of `order-service sagas`.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use order_app::actions::{Actor, Reason};
use order_app::saga::StepName;
use order_domain::OrderId;

use crate::settings;

/// What `order-service sagas` can do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SagasCommand {
    /// List the sagas that need a person, by the ids of their orders; 50 at a time.
    List {
        /// Only sagas of orders with a higher id than this one.
        #[arg(long, value_name = "ORDER")]
        after: Option<OrderId>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the saga of an order: its steps, its revision, and what operators did.
    Show {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have commands sent again by the running instances: those that are unanswered or rejected.
    ///
    /// A rejected command is issued anew, under a new id, so that its participant decides again.
    Retry {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        /// Only the commands of this step: reserve, authorize, commit or capture.
        #[arg(value_name = "STEP", value_parser = step)]
        step: Option<StepName>,
        #[command(flatten)]
        by: By,
    },
    /// Take a step as done, because a person has settled it by hand; the saga goes on.
    Skip {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        /// The step: reserve, authorize, commit or capture.
        #[arg(value_name = "STEP", value_parser = step)]
        step: StepName,
        #[command(flatten)]
        by: By,
    },
    /// Confirm the order without waiting for stock and payment; unanswered commands are skipped.
    Confirm {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        #[command(flatten)]
        by: By,
    },
}

/// Which saga an action is for, and what is kept of the action.
#[derive(Debug, Clone, Args)]
pub(crate) struct By {
    /// The revision of the saga as it was shown. The action has no effect on a later one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) revision: i64,
    /// Why; it is kept in the saga.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Reason,
    /// Who acts; it is kept in the saga. The user's name in the environment (USER, LOGNAME) unless given.
    #[arg(long, value_name = "NAME", required = user().is_none())]
    actor: Option<Actor>,
}

impl By {
    /// Who acts.
    pub(super) fn actor(&self) -> anyhow::Result<Actor> {
        self.actor.clone().or_else(user).context("the environment names no user; give --actor")
    }
}

/// The user of the operating system, if the environment tells.
fn user() -> Option<Actor> {
    let environment = settings::environment();
    ["USER", "LOGNAME"].iter().find_map(|name| Actor::new(environment.get(*name)?))
}

fn step(text: &str) -> Result<StepName, &'static str> {
    StepName::named(text).ok_or("must be reserve, authorize, commit or capture")
}
