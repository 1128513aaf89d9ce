//! The parameters of the operations, as the documents describe them. `request/` reads them.

use order_domain::MAX_ID;
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

use super::{cursor, entity_tag, entity_tags, id, idempotency_key, statuses, time_in, types_in};

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident [$($parameter:expr),+];)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![$($parameter),+]
            }
        }
    )+};
}

parameters! {
    /// The order, in the path.
    OrderPath [path("id", "The order's id.")];
    /// The customer, in the path.
    CustomerPath [path("customerId", "Whose orders.")];
    /// A condition on the stored version.
    IfMatch [header(
        "If-Match",
        "The versions that may be changed, as entity tags; any when absent.",
        entity_tags(),
    )];
    /// What the client has already.
    IfNoneMatch [header(
        "If-None-Match",
        "The versions that the client has already, as entity tags.",
        entity_tags(),
    )];
    /// The key under which a request is executed once.
    IdempotencyKey [header(
        "Idempotency-Key",
        "Makes the request safe to repeat for 24 hours: it is executed once, and answered the same. \
         A new one for each request, such as a UUID.",
        idempotency_key(),
    )];
    /// Which of a customer's orders.
    ListQuery [
        repeated(
            "status",
            "Only orders in one of these statuses; may be repeated, or have commas between them.",
            statuses(),
        ),
        query("createdFrom", "Only orders placed at this time or later.", time_in()),
        query("createdTo", "Only orders placed before this time.", time_in()),
        query("limit", "The most orders of a page.", integer(1, 100, 20)),
        query(
            "cursor",
            "The `nextCursor` of the page before. It belongs to that page's filters.",
            cursor(),
        )
    ];
    /// A replay, in the path.
    ReplayPath [
        parameter(ParameterIn::Path, "replayId", "The replay.", uuid())
            .required(Required::True)
            .build()
    ];
    /// A parked order, in the path.
    ParkedPath [path("orderId", "The order's id.")];
    /// Which parked orders.
    ParkedQuery [
        query("shard", "Only orders whose id has this remainder by 16.", unbounded(0, 15)),
        query("after", "Only orders with a higher id.", integer(0, MAX_ID, 0)),
        query("limit", "The most orders of a page.", integer(1, 500, 100))
    ];
    /// Which skipped events.
    SkippedQuery [
        query("orderId", "Only events of this order.", id()),
        query("after", "The `next` of the page before.", text()),
        query("limit", "The most events of a page.", integer(1, 500, 100))
    ];
    /// The order of a saga, in the path.
    SagaPath [path("orderId", "The order's id.")];
    /// The saga as it was looked at.
    IfRevision [
        parameter(
            ParameterIn::Header,
            "If-Match",
            "The `ETag` of the saga as it was looked at. The action has no effect on a later revision.",
            entity_tag(),
        )
        .required(Required::True)
        .build()
    ];
    /// Which sagas.
    SagasQuery [
        query("attention", "`true`, also when absent: sagas that need a person. Others are not listed.", yes()),
        query("after", "Only sagas of orders with a higher id.", integer(0, MAX_ID, 0))
    ];
    /// Where a stream is resumed.
    LastEventId [header(
        "Last-Event-ID",
        "The last event id that the client has; only what comes later is sent. 0 is the beginning. \
         It goes before the parameter `lastEventId`.",
        event_id(),
    )];
    /// Which events of all orders.
    StreamQuery [
        query("lastEventId", "As `Last-Event-ID`, for clients that set no headers.", event_id()),
        repeated("type", "Only events of these types; may be repeated, or have commas between them.", types_in()),
        query("customerId", "Only events of this customer's orders.", id()),
        query("orderId", "Only events of this order.", id())
    ];
    /// Which events of an order.
    HistoryQuery [
        query("after", "Only events with a higher sequence.", integer(0, MAX_ID, 0)),
        query("limit", "The most events of a page.", integer(1, 1_000, 100))
    ];
}

fn path(name: &str, description: &str) -> Parameter {
    parameter(ParameterIn::Path, name, description, id()).required(Required::True).build()
}

fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Header, name, description, schema).build()
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    parameter(ParameterIn::Query, name, description, schema).build()
}

fn repeated(name: &str, description: &str, schema: Array) -> Parameter {
    parameter(ParameterIn::Query, name, description, schema)
        .style(Some(ParameterStyle::Form))
        .explode(Some(true))
        .build()
}

fn parameter(
    location: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(location)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn event_id() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(MAX_ID))
        .build()
        .into()
}

fn integer(least: i64, most: i64, default: i64) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .default(Some(json!(default)))
        .build()
        .into()
}

fn unbounded(least: i64, most: i64) -> Schema {
    let integer = ObjectBuilder::new().schema_type(Type::Integer);
    integer.minimum(Some(least)).maximum(Some(most)).build().into()
}

fn yes() -> Schema {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build().into()
}

fn text() -> Schema {
    let pattern = Some("^[1-9][0-9]{0,15}[.][1-9][0-9]{0,15}$");
    ObjectBuilder::new().schema_type(Type::String).pattern(pattern).build().into()
}

fn uuid() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.pattern(Some("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")).build().into()
}
