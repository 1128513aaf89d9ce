//! What the operations on the management port are asked.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use order_app::operations::{Reason, ReplayPlan};
use order_app::ports::Selection;
use order_domain::{CustomerId, MAX_ID, OrderEventKind, OrderId, Version};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::super::fields;
use super::super::reader::{Errors, Fields, Wrong};
use crate::problem::Problem;

/// The most entries of a list that selects.
const MOST: usize = 1_000;

/// Which event to skip, and why.
#[derive(ToSchema)]
#[schema(as = SkipRequest)]
#[expect(dead_code, reason = "only describes the body")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SkipBody {
    /// Why; 1 to 500 characters, no control characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// The event; the first one that waits when absent. With it, the request is safe to repeat.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    sequence: Option<i64>,
}

/// Which events to publish once more, and how. Without any condition: all.
#[derive(ToSchema)]
#[schema(as = ReplayRequest)]
#[expect(dead_code, reason = "only describes the body")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReplayRequestBody {
    /// Only events of these orders.
    #[schema(max_items = 1_000)]
    orders: Option<Vec<i64>>,
    /// Only events of orders of these customers.
    #[schema(max_items = 1_000)]
    customers: Option<Vec<i64>>,
    /// Only events of these types, such as `order.created`.
    #[schema(max_items = 1_000)]
    types: Option<Vec<String>>,
    /// Only events that happened at this time or later.
    #[schema(format = "date-time")]
    from: Option<String>,
    /// Only events that happened before this time.
    #[schema(format = "date-time")]
    to: Option<String>,
    /// Only events with a place after this one; where an earlier replay ended.
    #[schema(minimum = 0)]
    after: Option<i64>,
    /// Only events up to this place.
    #[schema(minimum = 0)]
    up_to: Option<i64>,
    /// Only events of orders with a higher id than this one; where an earlier replay of few orders
    /// ended.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    after_order: Option<i64>,
    /// Where to; each event to its own topic when absent.
    #[schema(max_length = 249)]
    topic: Option<String>,
    /// The most events in a second; 1000 when absent.
    #[schema(minimum = 1, maximum = 100_000)]
    rate: Option<i64>,
    /// Only counts.
    dry_run: Option<bool>,
}

/// Reads which event to skip, and why.
pub(crate) fn skip(bytes: &[u8]) -> Result<(Option<Version>, Reason), Problem> {
    let mut errors = Errors::default();
    let mut body = Fields::of_body(bytes)?;
    let reason = body.required("reason", &mut errors, |value| {
        Reason::new(&text(value)?).ok_or_else(|| Wrong::new("invalid_format", Reason::RULE))
    });
    let sequence = body.optional("sequence", &mut errors, |value| {
        let number = number(value, 1, MAX_ID)?;
        Version::new(number).map_err(|error| Wrong::new("out_of_range", error.to_string()))
    });
    body.finish(&mut errors);
    match (reason, sequence) {
        (Ok(reason), Ok(sequence)) if errors.is_empty() => Ok((sequence, reason)),
        _ => Err(errors.into()),
    }
}

/// Reads what is to be replayed.
pub(crate) fn replay(bytes: &[u8]) -> Result<ReplayPlan, Problem> {
    let mut errors = Errors::default();
    let mut body = Fields::of_body(bytes)?;
    let selection = Selection {
        orders: list(&mut body, "orders", &mut errors, fields::id(OrderId::new)),
        customers: list(&mut body, "customers", &mut errors, fields::id(CustomerId::new)),
        kinds: list(&mut body, "types", &mut errors, kind),
        from: body.optional("from", &mut errors, time).unwrap_or_default(),
        to: body.optional("to", &mut errors, time).unwrap_or_default(),
    };
    let position = |value: &RawValue| number(value, 0, i64::MAX);
    let after = body.optional("after", &mut errors, position).unwrap_or_default();
    let up_to = body.optional("upTo", &mut errors, position).unwrap_or_default();
    let last = body.optional("afterOrder", &mut errors, fields::id(OrderId::new));
    let topic = body.optional("topic", &mut errors, topic).unwrap_or_default();
    let highest = i64::from(ReplayPlan::HIGHEST_RATE);
    let rate = body.optional("rate", &mut errors, |value| number(value, 1, highest));
    let dry_run = body.optional("dryRun", &mut errors, flag).unwrap_or_default();
    body.finish(&mut errors);
    if !errors.is_empty() {
        return Err(errors.into());
    }
    let rate = rate.unwrap_or_default().and_then(|rate| u32::try_from(rate).ok());
    Ok(ReplayPlan {
        selection,
        topic,
        after: after.unwrap_or(0),
        up_to,
        after_order: last.unwrap_or_default(),
        rate: rate.unwrap_or(ReplayPlan::USUAL_RATE),
        dry_run: dry_run.unwrap_or(false),
    })
}

/// A list that may be left out; its entries are all checked.
fn list<'a, T>(
    body: &mut Fields<'a>,
    name: &'static str,
    errors: &mut Errors,
    read: impl Fn(&'a RawValue) -> Result<T, Wrong>,
) -> Vec<T> {
    let at = body.pointer(name);
    let Ok(Some(values)) = body.optional(name, errors, fields::array(1, MOST)) else {
        return Vec::new();
    };
    let mut read_all = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        match read(value) {
            Ok(value) => read_all.push(value),
            Err(wrong) => drop(errors.note(format!("{at}/{index}"), wrong)),
        }
    }
    read_all
}

fn text(value: &RawValue) -> Result<Cow<'_, str>, Wrong> {
    let text: Option<String> = serde_json::from_str(value.get()).unwrap_or_default();
    text.map(Cow::Owned).ok_or_else(|| Wrong::new("invalid_type", "must be a string"))
}

fn number(value: &RawValue, least: i64, most: i64) -> Result<i64, Wrong> {
    let rule = || format!("must be an integer from {least} to {most}");
    let number: i64 =
        serde_json::from_str(value.get()).map_err(|_| Wrong::new("invalid_type", rule()))?;
    let fits = (least..=most).contains(&number);
    fits.then_some(number).ok_or_else(|| Wrong::new("out_of_range", rule()))
}

fn flag(value: &RawValue) -> Result<bool, Wrong> {
    let flag = serde_json::from_str(value.get());
    flag.map_err(|_| Wrong::new("invalid_type", "must be true or false"))
}

fn kind(value: &RawValue) -> Result<OrderEventKind, Wrong> {
    let text = text(value)?;
    let kind = OrderEventKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    kind.ok_or_else(|| {
        let all = OrderEventKind::ALL.map(OrderEventKind::as_str).join(", ");
        Wrong::new("unknown_value", format!("must be one of {all}"))
    })
}

fn time(value: &RawValue) -> Result<DateTime<Utc>, Wrong> {
    super::super::time::read(&text(value)?).map_err(|message| Wrong::new("invalid_format", message))
}

/// Kafka's rule for names; that there is such a topic is the brokers' to say.
fn topic(value: &RawValue) -> Result<String, Wrong> {
    let text = text(value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=249).contains(&text.len()) && text.chars().all(allowed);
    if fits && text != "." && text != ".." {
        return Ok(text.into_owned());
    }
    Err(Wrong::new("invalid_format", "must be 1 to 249 of A-Z a-z 0-9 . _ -"))
}
