//! What can be asked of `order-service events`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use order_app::operations::{Reason, ReplayPlan};
use order_app::ports::{SHARDS, Selection};
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};

/// See the head of the file.
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
        /// As JSON.
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
        #[arg(long, value_parser = reason)]
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
        #[arg(long, value_name = "ORDER.EVENT", value_parser = place)]
        after: Option<(OrderId, Version)>,
        #[command(flatten)]
        page: Page,
    },
}

/// How a list is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct Page {
    /// At most so many.
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
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
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
    /// Only events with a place in the journal after this one.
    #[arg(long, value_name = "POSITION", default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// Only events up to this place.
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

fn reason(text: &str) -> Result<Reason, &'static str> {
    Reason::new(text).ok_or(Reason::RULE)
}

fn version(text: &str) -> Result<Version, String> {
    let number = text.parse().map_err(|_| "must be a whole number, 1 or more".to_owned())?;
    Version::new(number).map_err(|error| error.to_string())
}

fn place(text: &str) -> Result<(OrderId, Version), String> {
    let (order, sequence) =
        text.split_once('.').ok_or("must be an order and its event, such as 4711.3")?;
    let order = order.parse().map_err(|error| format!("of the order: {error}"))?;
    Ok((order, version(sequence).map_err(|error| format!("of the event: {error}"))?))
}

fn kind(text: &str) -> Result<OrderEventKind, String> {
    let kind = OrderEventKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    let all = || OrderEventKind::ALL.map(OrderEventKind::as_str).join(", ");
    kind.ok_or_else(|| format!("must be one of {}", all()))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Asked {
        #[command(subcommand)]
        command: EventsCommand,
    }

    fn parse(line: &str) -> Result<EventsCommand, clap::Error> {
        Asked::try_parse_from(line.split(' ')).map(|asked| asked.command)
    }

    #[test]
    fn a_replay_is_read_with_all_its_conditions() {
        let line = "x replay --order 1 --order 2 --customer 3 --type order.created \
                    --from 2026-11-22T12:00:00+02:00 --topic again.v1 --rate 5 --after 7 --up-to 9 \
                    --after-order 1 --dry-run";
        let Ok(EventsCommand::Replay(asked)) = parse(line) else { panic!("it is right") };
        let plan = asked.plan();
        assert_eq!((plan.selection.orders.len(), plan.selection.customers.len()), (2, 1));
        assert_eq!(plan.selection.kinds, [OrderEventKind::Created]);
        assert_eq!(plan.selection.from.unwrap().to_rfc3339(), "2026-11-22T10:00:00+00:00");
        assert_eq!((plan.topic.as_deref(), plan.rate), (Some("again.v1"), 5));
        assert_eq!((plan.after, plan.up_to, plan.dry_run), (7, Some(9), true));
        assert_eq!(plan.after_order.map(OrderId::get), Some(1));
        let Ok(EventsCommand::Replay(bare)) = parse("x replay") else { panic!("it is right") };
        assert_eq!((bare.rate, bare.after), (ReplayPlan::USUAL_RATE, 0));
    }

    #[test]
    fn a_list_goes_on_where_the_one_before_it_ended() {
        let list = parse("x parked list --after 4711");
        assert!(matches!(
            list,
            Ok(EventsCommand::Parked(ParkedCommand::List { after: Some(after), .. }))
                if after.get() == 4_711
        ));
        let skipped = parse("x parked skipped --after 4711.3");
        assert!(matches!(
            skipped,
            Ok(EventsCommand::Parked(ParkedCommand::Skipped { after: Some((order, event)), .. }))
                if (order.get(), event.get()) == (4_711, 3)
        ));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in [
            "x parked redrive",
            "x parked redrive 1 --all",
            "x parked redrive 0",
            "x parked skip 1",
            "x parked skip 1 --reason a --sequence 0",
            "x parked list --shard 16",
            "x parked list --limit 0",
            "x parked list --after 0",
            "x parked skipped --after 4711",
            "x parked skipped --after 4711.0",
            "x replay --type created",
            "x replay --from yesterday",
            "x replay --topic a/b",
            "x replay --rate 0",
            "x replay --after -1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
