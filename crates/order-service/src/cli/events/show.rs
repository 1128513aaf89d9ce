//! How what `order-service events` finds looks: as tables for people, as JSON for programs, with the
//! names that the management port uses.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use order_app::events::{EventRecord, timestamp};
use order_app::operations::{
    LeftOut, Overview, ParkedDetails, ParkedPage, ReplayPlan, ReplayProgress, ReplayState,
    SkippedPage, Waiting,
};
use order_app::ports::{Backlog, Parked, shard};
use order_domain::{OrderId, Version};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::report::{aligned, shown};

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn holder(holder: Option<Uuid>) -> String {
    holder.map_or_else(|| "nobody".to_owned(), |holder| holder.to_string())
}

pub(super) fn overview(found: &Overview, as_json: bool) -> String {
    let Overview { backlog, lag, last_position, sequencer, shards, at } = found;
    let lag = lag.to_std().unwrap_or_default().as_secs_f64();
    let at_least = backlog.events >= Backlog::BOUND;
    if as_json {
        let shards = shards.iter().map(|state| {
            json!({"shard": state.shard, "holder": state.holder, "position": state.position})
        });
        return pretty(&json!({
            "waitingEvents": backlog.events,
            "atLeast": at_least,
            "oldest": backlog.oldest.map(timestamp),
            "lagSeconds": lag,
            "parkedOrders": backlog.parked,
            "head": last_position,
            "arranger": sequencer,
            "shards": shards.collect::<Vec<_>>(),
            "at": timestamp(*at),
        }));
    }
    let or_more = if at_least { " or more" } else { "" };
    let oldest = backlog.oldest.map_or_else(|| "-".to_owned(), timestamp);
    let facts = [
        ["waiting events".to_owned(), format!("{}{or_more}", backlog.events)],
        ["oldest".to_owned(), oldest],
        ["lag".to_owned(), format!("{lag:.1} s")],
        ["parked orders".to_owned(), backlog.parked.to_string()],
        ["last place".to_owned(), last_position.to_string()],
        ["places are given by".to_owned(), holder(*sequencer)],
    ];
    let shards = shards
        .iter()
        .map(|state| [state.shard.to_string(), state.position.to_string(), holder(state.holder)]);
    let shards = aligned(["shard", "published up to", "by"], shards);
    format!("{}\n{shards}", aligned(["", ""], facts).trim_start())
}

fn parked_json(parked: &Parked) -> Value {
    json!({
        "orderId": parked.order.get(),
        "shard": shard(parked.order),
        "sequence": parked.from.get(),
        "reason": parked.reason,
        "since": timestamp(parked.since),
        "attempts": parked.attempts,
        "redriveRequested": parked.redrive,
    })
}

/// How to see what comes next, if anything does.
fn more(next: Option<impl Display>) -> String {
    next.map(|last| format!("there are more: --after {last}\n")).unwrap_or_default()
}

fn place((order, sequence): (OrderId, Version)) -> String {
    format!("{order}.{sequence}")
}

pub(super) fn parked(page: &ParkedPage, as_json: bool) -> String {
    if as_json {
        let orders: Vec<_> = page.orders.iter().map(parked_json).collect();
        return pretty(&json!({"orders": orders, "next": page.next.map(OrderId::get)}));
    }
    if page.orders.is_empty() {
        return "no such order is parked\n".to_owned();
    }
    let rows = page.orders.iter().map(|parked| {
        [
            parked.order.to_string(),
            parked.from.to_string(),
            timestamp(parked.since),
            parked.attempts.to_string(),
            if parked.redrive { "asked for" } else { "-" }.to_owned(),
            shown(&parked.reason),
        ]
    });
    let head = ["order", "event", "since", "attempts", "redrive", "reason"];
    format!("{}{}", aligned(head, rows), more(page.next))
}

fn cloud_event(event: &EventRecord) -> Result<Value, serde_json::Error> {
    event.cloud_event().and_then(|event| serde_json::to_value(&event))
}

pub(super) fn inspection(found: &ParkedDetails, as_json: bool) -> String {
    let (events, is_more, unreadable) = match &found.waiting {
        Waiting::Unreadable(reason) => (Vec::new(), false, Some(reason.clone())),
        Waiting::Events { events, more } => {
            match events.iter().map(cloud_event).collect::<Result<Vec<_>, _>>() {
                Ok(events) => (events, *more, None),
                Err(error) => (Vec::new(), false, Some(error.to_string())),
            }
        }
    };
    if as_json {
        let mut body = parked_json(&found.parked);
        if let Some(members) = body.as_object_mut() {
            members.insert("events".to_owned(), events.into());
            members.insert("moreEvents".to_owned(), is_more.into());
            members.extend(unreadable.map(|reason| ("unreadable".to_owned(), reason.into())));
        }
        return pretty(&body);
    }
    let parked = &found.parked;
    let redrive = if parked.redrive { "; a redrive was asked for" } else { "" };
    let mut text = format!(
        "order {} is parked since {}, at event {}, {} times{redrive}\n{}\n",
        parked.order,
        timestamp(parked.since),
        parked.from,
        parked.attempts,
        shown(&parked.reason),
    );
    for event in &events {
        text.push('\n');
        text.push_str(&pretty(event));
    }
    if let Some(reason) = unreadable {
        text.push_str("\nits events cannot be read: ");
        text.push_str(&shown(&reason));
        text.push('\n');
    }
    if is_more {
        text.push_str("\nmore events wait\n");
    }
    text
}

pub(super) fn skipped(page: &SkippedPage, as_json: bool) -> String {
    if as_json {
        let events = page.events.iter().map(|skipped| {
            json!({
                "orderId": skipped.order.get(),
                "sequence": skipped.sequence.get(),
                "reason": skipped.reason,
                "skippedAt": timestamp(skipped.at),
            })
        });
        let next = page.next.map(place);
        return pretty(&json!({"events": events.collect::<Vec<_>>(), "next": next}));
    }
    if page.events.is_empty() {
        return "no such event was skipped\n".to_owned();
    }
    let rows = page.events.iter().map(|skipped| {
        [
            skipped.order.to_string(),
            skipped.sequence.to_string(),
            timestamp(skipped.at),
            shown(&skipped.reason),
        ]
    });
    format!(
        "{}{}",
        aligned(["order", "event", "skipped", "reason"], rows),
        more(page.next.map(place))
    )
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

/// What came of a replay.
pub(super) fn replay(plan: &ReplayPlan, ended: &ReplayProgress, as_json: bool) -> String {
    let state = match &ended.state {
        ReplayState::Running => "RUNNING",
        ReplayState::Completed => "COMPLETED",
        ReplayState::Cancelled => "CANCELLED",
        ReplayState::Failed(_) => "FAILED",
    };
    if as_json {
        return pretty(&json!({
            "state": state,
            "dryRun": plan.dry_run,
            "events": ended.events,
            "unpublished": ended.unpublished,
            "unreadable": ended.unreadable,
            "unreadableEvents": ended.left_out.iter().map(left_out_json).collect::<Vec<_>>(),
            "position": ended.position,
            "afterOrder": ended.after_order.map(OrderId::get),
            "end": ended.end,
        }));
    }
    let what = if plan.dry_run { "would be replayed" } else { "were replayed" };
    let left_out = match ended.unpublished {
        0 => String::new(),
        events => format!("; {events} were left out, as they are not published yet"),
    };
    let rows = ended.left_out.iter().map(|event| {
        let position = event.position.map_or_else(|| "-".to_owned(), |at| at.to_string());
        [event.order.to_string(), event.sequence.to_string(), position, shown(&event.reason)]
    });
    let rows = aligned(["order", "event", "position", "reason"], rows);
    let unreadable = match ended.unreadable {
        0 => String::new(),
        events => format!("{events} were left out, as they cannot be read:\n{rows}"),
    };
    let (events, position) = (ended.events, ended.position);
    format!("{events} events {what}, up to position {position}{left_out}\n{unreadable}")
}

fn left_out_json(event: &LeftOut) -> Value {
    json!({
        "orderId": event.order.get(),
        "sequence": event.sequence.get(),
        "position": event.position,
        "reason": event.reason,
    })
}
