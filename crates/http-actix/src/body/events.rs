//! An order's events: a batch in the JSON format of CloudEvents 1.0, which `order-events` defines.

use std::borrow::Cow;

use order_app::events::EventRecord;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;

/// Bytes reserved for everything about an event but its data.
const ATTRIBUTES: usize = 640;

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

/// A JSON array of events. The page fails when one of them cannot be read: a history must have no
/// silent gap.
pub(crate) fn batch(events: &[EventRecord]) -> Result<Vec<u8>, Problem> {
    let room = |event: &EventRecord| event.data.len().saturating_add(ATTRIBUTES);
    let mut bytes = Vec::with_capacity(events.iter().map(room).fold(2, usize::saturating_add));
    let batch = events
        .iter()
        .map(EventRecord::cloud_event)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|events| serde_json::to_writer(&mut bytes, &events));
    batch.map(|()| bytes).map_err(|error| Problem::internal(&error))
}
