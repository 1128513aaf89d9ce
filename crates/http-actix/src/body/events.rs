//! An order's events as they leave: a batch in the JSON format of CloudEvents 1.0.

use order_app::events::EventRecord;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// One event of an order (CloudEvents 1.0, structured).
#[derive(ToSchema)]
#[schema(as = OrderEvent)]
#[expect(dead_code, reason = "only describes the body; order-app writes it")]
pub(crate) struct EventBody {
    /// The version of CloudEvents.
    #[schema(pattern = r"^1\.0$", example = "1.0")]
    specversion: String,
    /// Unique with the source.
    #[schema(format = "uuid", example = "019a0000-0000-7000-8000-000000000000")]
    id: String,
    #[schema(example = "/order-service")]
    source: String,
    /// What happened.
    #[schema(pattern = r"^order\.[a-z_]+$", example = "order.created")]
    r#type: String,
    /// The order's id.
    #[schema(pattern = "^[1-9][0-9]{0,15}$", example = "123")]
    subject: String,
    /// When it happened.
    #[schema(schema_with = crate::openapi::time_out)]
    time: String,
    datacontenttype: String,
    /// The order's version that this event made: 1, 2, 3, … without a gap.
    #[schema(pattern = "^[1-9][0-9]{0,15}$", example = "1")]
    sequence: String,
    /// Events of one partition key are in order: the order's id.
    partitionkey: String,
    /// The schema of the data.
    dataschema: String,
    /// Joins everything that one request or conversation caused.
    correlationid: String,
    /// The request or message that caused the event.
    causationid: String,
    /// W3C Trace Context of the request, when it sent one.
    #[schema(nullable = false)]
    traceparent: Option<String>,
    /// The order right after the event.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// A JSON array of events. One that cannot be read makes the whole page fail: a history with a
/// silent gap would be worse.
pub(crate) fn batch(events: &[EventRecord]) -> Result<Vec<u8>, Problem> {
    let batch = events
        .iter()
        .map(EventRecord::cloud_event)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|events| serde_json::to_vec(&events));
    batch.map_err(|error| {
        Problem::new(Code::InternalError, "Something went wrong here.").caused_by(&error)
    })
}
