//! How `order-service events` shows what it finds to people.

use chrono::{DateTime, Utc};
use http_actix::operations::{
    EventsOverview, ParkedOrderDetails, ParkedOrders, Replay, SkippedEvents,
};
use order_app::operations::{ReplayPlan, ReplayProgress};
use serde_json::Value;

use crate::cli::tables::{Table, more, or_dash};
use crate::report::{aligned, shown};

/// How many waiting events people are shown.
const LISTED: usize = 10;

impl Table for EventsOverview {
    fn table(&self) -> String {
        let or_more = if self.at_least { " or more" } else { "" };
        let facts = [
            ["waiting events".to_owned(), format!("{}{or_more}", self.waiting_events)],
            ["oldest".to_owned(), or_dash(self.oldest.as_ref())],
            ["lag".to_owned(), format!("{:.1} s", self.lag_seconds)],
            ["parked orders".to_owned(), self.parked_orders.to_string()],
            ["last position".to_owned(), self.head.to_string()],
            ["positions are given by".to_owned(), or_dash(self.arranger.as_ref())],
        ];
        let shards = self.shards.iter().map(|state| {
            [state.shard.to_string(), state.position.to_string(), or_dash(state.holder.as_ref())]
        });
        let shards = aligned(["shard", "published up to", "by"], shards);
        format!("{}\n{shards}", aligned(["", ""], facts).trim_start())
    }
}

impl Table for ParkedOrders {
    fn table(&self) -> String {
        if self.orders.is_empty() {
            return "no such order is parked\n".to_owned();
        }
        let rows = self.orders.iter().map(|parked| {
            [
                parked.order_id.to_string(),
                parked.sequence.to_string(),
                parked.since.clone(),
                parked.attempts.to_string(),
                if parked.redrive_requested { "asked for" } else { "-" }.to_owned(),
                shown(&parked.reason),
            ]
        });
        let head = ["order", "event", "since", "attempts", "redrive", "reason"];
        format!("{}{}", aligned(head, rows), more(self.next.as_ref()))
    }
}

impl Table for ParkedOrderDetails {
    fn table(&self) -> String {
        let parked = &self.parked;
        let redrive = if parked.redrive_requested { "; a redrive was asked for" } else { "" };
        let mut text = format!(
            "order {} is parked since {}, at event {}, {} times{redrive}\n{}\n",
            parked.order_id,
            parked.since,
            parked.sequence,
            parked.attempts,
            shown(&parked.reason),
        );
        let member = |event: &Value, name: &str| {
            event.get(name).and_then(Value::as_str).map_or_else(|| "-".to_owned(), shown)
        };
        let rows = self.events.iter().take(LISTED);
        let rows = rows.map(|event| ["sequence", "type", "time", "id"].map(|it| member(event, it)));
        if !self.events.is_empty() {
            text.push('\n');
            text.push_str(&aligned(["event", "type", "happened", "id"], rows));
        }
        if let Some(reason) = &self.unreadable {
            text.push_str("\ncannot be read: ");
            text.push_str(&shown(reason));
            text.push('\n');
        }
        if self.more_events || self.events.len() > LISTED {
            text.push_str("\nmore events wait; --json shows up to 100, whole\n");
        }
        text
    }
}

impl Table for SkippedEvents {
    fn table(&self) -> String {
        if self.events.is_empty() {
            return "no such event was skipped\n".to_owned();
        }
        let rows = self.events.iter().map(|event| {
            let (order, sequence) = (event.order_id.to_string(), event.sequence.to_string());
            [order, sequence, event.skipped_at.clone(), shown(&event.reason)]
        });
        let table = aligned(["order", "event", "skipped", "reason"], rows);
        format!("{table}{}", more(self.next.as_ref()))
    }
}

impl Table for Replay {
    fn table(&self) -> String {
        let what = if self.dry_run { "would be replayed" } else { "were replayed" };
        let left_out = match self.unpublished {
            0 => String::new(),
            events => format!("; {events} were left out, as they are not published yet"),
        };
        let rows = self.unreadable_events.iter().map(|event| {
            let (order, sequence) = (event.order_id.to_string(), event.sequence.to_string());
            [order, sequence, or_dash(event.position), shown(&event.reason)]
        });
        let rows = aligned(["order", "event", "position", "reason"], rows);
        let unreadable = match self.unreadable {
            0 => String::new(),
            events => format!("{events} were left out, as they cannot be read:\n{rows}"),
        };
        let (events, position) = (self.events, self.position);
        format!("{events} events {what}, up to position {position}{left_out}\n{unreadable}")
    }
}

/// How a replay stands, on one line.
pub(super) fn progress(plan: &ReplayPlan, progress: &ReplayProgress, now: DateTime<Utc>) -> String {
    let pace = progress.estimate(plan, now);
    let end = progress.end.map_or_else(|| "?".to_owned(), |end| end.to_string());
    let left = pace.remaining.map(|left| format!(", {} s left", left.as_secs()));
    let trouble = progress.trouble.as_ref().map(|trouble| format!("; waiting: {}", shown(trouble)));
    let way = match progress.orders {
        Some((done, of)) => {
            let last = progress.after_order.map(|last| format!(", up to order {last}"));
            format!("{done} of {of} orders{}", last.unwrap_or_default())
        }
        None => format!("position {} of {end}", progress.position),
    };
    format!(
        "{way} ({:.1} %), {} events, {:.0} in a second{}{}",
        pace.percent,
        progress.events,
        pace.events_per_second,
        left.unwrap_or_default(),
        trouble.unwrap_or_default(),
    )
}

/// How to go on with a replay that has not come to its end.
pub(super) fn rest(ended: &ReplayProgress) -> String {
    match (ended.orders, ended.after_order) {
        (None, _) => format!("to go on: --after {}", ended.position),
        (Some(_), Some(last)) => format!("to go on: --after-order {last}"),
        (Some(_), None) => "to go on: the same again".to_owned(),
    }
}
