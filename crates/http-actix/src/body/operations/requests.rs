//! What the operations on events are asked.

use chrono::{DateTime, Utc};
use order_app::actions::Reason;
use order_app::operations::ReplayPlan;
use order_app::ports::Selection;
use order_domain::{CustomerId, OrderEventKind, OrderId, Version};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::body::declaration::{Body, body, read};
use crate::body::reader::{At, Noted, Reading, Value, Wrong};
use crate::body::values::{INVALID_FORMAT, array, integer_schema, string, values, within};
use crate::problem::Problem;

/// The most entries of a list that selects.
const MOST: usize = 1_000;

/// Which event to skip, and why.
pub(crate) struct SkipRequest {
    pub(crate) reason: Reason,
    pub(crate) sequence: Option<Version>,
}

body! { SkipRequest as "SkipRequest":
    /// Which event to skip, and why.
    {
        /// Why; 1 to 500 characters, no control characters.
        "reason" required reason;
        /// The event; the first one that waits when absent. With it, the request is safe to repeat.
        "sequence" optional sequence;
    }
}

struct ReplayRequest {
    orders: Option<Vec<OrderId>>,
    customers: Option<Vec<CustomerId>>,
    types: Option<Vec<OrderEventKind>>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    after: Option<Position>,
    up_to: Option<Position>,
    after_order: Option<OrderId>,
    topic: Option<Topic>,
    rate: Option<Rate>,
    dry_run: Option<bool>,
}

body! { ReplayRequest as "ReplayRequest":
    /// Which events to publish once more, and how. Without any condition: all.
    {
        /// Only events of these orders.
        "orders" optional orders;
        /// Only events of orders of these customers.
        "customers" optional customers;
        /// Only events of these types, such as `order.created`.
        "types" optional types;
        /// Only events that happened at this time or later.
        "from" optional from;
        /// Only events that happened before this time.
        "to" optional to;
        /// Only events after this position of the journal; where an earlier replay ended.
        "after" optional after;
        /// Only events up to this position of the journal.
        "upTo" optional up_to;
        /// Only events of orders with a higher id than this one; where an earlier replay of few
        /// orders ended.
        "afterOrder" optional after_order;
        /// Where to; each event to its own topic when absent.
        "topic" optional topic;
        /// The most events in a second; 1000 when absent.
        "rate" optional rate;
        /// Only counts.
        "dryRun" optional dry_run;
    }
}

/// A position of the journal.
struct Position(i64);
struct Topic(String);
struct Rate(u32);

values! {
    Reason: json!({"type": "string", "minLength": 1, "maxLength": Self::MAX}),
        |value| Self::new(&string(value)?).ok_or_else(|| Wrong::new(INVALID_FORMAT, Self::rule()));
    Position: json!({"type": "integer", "format": "int64", "minimum": 0}),
        |value| within(value, 0, i64::MAX).map(Self);
    Topic: json!({"type": "string", "maxLength": 249}), topic;
    Rate: integer_schema(1, ReplayPlan::HIGHEST_RATE.into()), |value| {
        let rate = within(value, 1, ReplayPlan::HIGHEST_RATE.into())?;
        Ok(Self(u32::try_from(rate).unwrap_or(ReplayPlan::HIGHEST_RATE)))
    };
}

/// A list that selects; its entries are all checked.
impl<T: Value> Value for Vec<T> {
    fn schema() -> Json {
        json!({"type": "array", "items": T::schema(), "minItems": 1, "maxItems": MOST})
    }

    fn read(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Self, Noted> {
        let values = array(value, 1, MOST).map_err(|wrong| reading.note(at, wrong))?;
        let entries = values.into_iter().enumerate();
        let read: Vec<_> = entries
            .map(|(position, value)| T::read(value, At::Entry(&at, position), reading))
            .collect();
        read.into_iter().collect()
    }
}

/// Reads which event to skip, and why.
pub(crate) fn skip(bytes: &[u8]) -> Result<SkipRequest, Problem> {
    read(bytes)
}

/// Reads what is to be replayed.
pub(crate) fn replay(bytes: &[u8]) -> Result<ReplayPlan, Problem> {
    let asked: ReplayRequest = read(bytes)?;
    Ok(ReplayPlan {
        selection: Selection {
            orders: asked.orders.unwrap_or_default(),
            customers: asked.customers.unwrap_or_default(),
            kinds: asked.types.unwrap_or_default(),
            from: asked.from,
            to: asked.to,
        },
        topic: asked.topic.map(|Topic(name)| name),
        after: asked.after.map_or(0, |Position(at)| at),
        up_to: asked.up_to.map(|Position(at)| at),
        after_order: asked.after_order,
        rate: asked.rate.map_or(ReplayPlan::USUAL_RATE, |Rate(rate)| rate),
        dry_run: asked.dry_run.unwrap_or(false),
    })
}

/// The schemas of the bodies here.
pub(super) fn schemas() -> Map<String, Json> {
    [(SkipRequest::NAME, SkipRequest::schema()), (ReplayRequest::NAME, ReplayRequest::schema())]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// Kafka's rule for names; that there is such a topic is the brokers' to say.
fn topic(value: &RawValue) -> Result<Topic, Wrong> {
    let text = string(value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=249).contains(&text.len()) && text.chars().all(allowed);
    if fits && text != "." && text != ".." {
        return Ok(Topic(text));
    }
    Err(Wrong::new(INVALID_FORMAT, "must be 1 to 249 of A-Z a-z 0-9 . _ -"))
}
