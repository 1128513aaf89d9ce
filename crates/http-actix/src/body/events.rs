//! An order's events as they leave: a batch in the JSON format of CloudEvents 1.0. What an event
//! looks like is said where it is written, in `order-events`.

use std::borrow::Cow;

use order_app::events::EventRecord;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;

/// The name under which the document has the schema of an event.
pub(crate) struct EventBody;

impl ToSchema for EventBody {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderEvent")
    }
}

impl PartialSchema for EventBody {
    fn schema() -> RefOr<Schema> {
        Ref::from_schema_name("OrderEvent").into()
    }
}

/// A JSON array of events. One that cannot be read makes the whole page fail: a history with a
/// silent gap would be worse.
pub(crate) fn batch(events: &[EventRecord]) -> Result<Vec<u8>, Problem> {
    let batch = events
        .iter()
        .map(EventRecord::cloud_event)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|events| serde_json::to_vec(&events));
    batch.map_err(|error| Problem::internal(&error))
}
