//! The arguments of `order-service events`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use order_app::actions::Reason;
use order_app::operations::ReplayPlan;
use order_app::ports::{SHARDS, Selection};
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};

/// What `order-service events` can do.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EventsCommand {
    /// Show how much waits to be published, since when, and which instance publishes what.
    Backlog {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Orders that cannot be published for now: look at them, redrive them, skip an event.
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// Publish past events once more, marked with the header `ce_replay`, each order's in sequence.
    ///
    /// Only events that are published already are replayed. Without any condition: all of them. How
    /// far it is goes to standard error. When it is interrupted (Ctrl-C, exit code 130) or fails
    /// (exit code 1), it says how to go on: --after POSITION, or --after-order ORDER when few orders
    /// are meant. Even if it is killed, the last one that it has shown will do.
    Replay(ReplayArguments),
}

/// What can be done about parked orders.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ParkedCommand {
    /// List parked orders, by their ids.
    List {
        /// Only orders whose id has this remainder by 16.
        #[arg(long, value_parser = clap::value_parser!(u16).range(..i64::from(SHARDS)))]
        shard: Option<u16>,
        /// Only orders with a higher id than this one.
        #[arg(long, value_name = "ORDER")]
        after: Option<OrderId>,
        #[command(flatten)]
        page: Page,
    },
    /// Show why an order is parked, and the events that wait with it.
    Show {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        /// As JSON, with the whole events.
        #[arg(long)]
        json: bool,
    },
    /// Have parked orders published again, in sequence, by the running instances.
    Redrive {
        /// The orders.
        #[arg(value_name = "ORDER", required_unless_present = "all", conflicts_with = "all")]
        orders: Vec<OrderId>,
        /// All parked orders.
        #[arg(long)]
        all: bool,
    },
    /// Leave out the first waiting event of a parked order for ever, and have the rest published.
    Skip {
        /// The order.
        #[arg(value_name = "ORDER")]
        order: OrderId,
        /// Why; it is recorded.
        #[arg(long)]
        reason: Reason,
        /// The event; the first one that waits unless given. With it, asking again is safe.
        #[arg(long, value_parser = version)]
        sequence: Option<Version>,
    },
    /// List the events that were skipped, and why.
    Skipped {
        /// Only events of this order.
        #[arg(long)]
        order: Option<OrderId>,
        /// Only events after this one.
        #[arg(long, value_name = "ORDER.EVENT", value_parser = event)]
        after: Option<(OrderId, Version)>,
        #[command(flatten)]
        page: Page,
    },
}

/// How a list is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct Page {
    /// The most entries that are listed.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(super) limit: u32,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which events to replay, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArguments {
    /// Only events of this order; may be repeated.
    #[arg(long = "order", value_name = "ORDER")]
    orders: Vec<OrderId>,
    /// Only events of orders of this customer; may be repeated.
    #[arg(long = "customer", value_name = "CUSTOMER")]
    customers: Vec<CustomerId>,
    /// Only events of this type, such as order.created; may be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    kinds: Vec<OrderEventKind>,
    /// Only events that happened at this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only events that happened before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    /// Where to; each event to its own topic unless given.
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// The most events in a second.
    #[arg(
        long,
        default_value_t = ReplayPlan::USUAL_RATE,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(ReplayPlan::HIGHEST_RATE)),
    )]
    rate: u32,
    /// Only events after this position of the journal.
    #[arg(long, value_name = "POSITION", default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// Only events up to this position of the journal.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    up_to: Option<i64>,
    /// Only events of orders with a higher id than this one.
    #[arg(long, value_name = "ORDER")]
    after_order: Option<OrderId>,
    /// Count, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl ReplayArguments {
    pub(super) fn plan(self) -> ReplayPlan {
        let Self { orders, customers, kinds, from, to, .. } = self;
        ReplayPlan {
            selection: Selection { orders, customers, kinds, from, to },
            topic: self.topic,
            after: self.after,
            up_to: self.up_to,
            after_order: self.after_order,
            rate: self.rate,
            dry_run: self.dry_run,
        }
    }
}

fn version(text: &str) -> Result<Version, String> {
    let number = text.parse().map_err(|_| "must be a whole number, 1 or more".to_owned())?;
    Version::new(number).map_err(|error| error.to_string())
}

fn event(text: &str) -> Result<(OrderId, Version), String> {
    let (order, sequence) =
        text.split_once('.').ok_or("must be an order and its event, such as 4711.3")?;
    let order = order.parse().map_err(|error| format!("of the order: {error}"))?;
    Ok((order, version(sequence).map_err(|error| format!("of the event: {error}"))?))
}

fn time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let read = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    read.map_err(|_| "must be a time as in RFC 3339, such as 2026-11-22T12:00:00Z")
}

fn topic(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=249).contains(&text.len()) && text.chars().all(allowed);
    let fits = fits && text != "." && text != "..";
    fits.then(|| text.to_owned()).ok_or("must be 1 to 249 of A-Z a-z 0-9 . _ -")
}
