//! The OpenAPI 3.1 documents of both ports. Operations and bodies are described beside their code;
//! here they are put together with the schemas of single values (`schema.rs`) and the problems that
//! each operation may answer (`document/problems.rs`). The documents are exact: the service takes what
//! they allow, and refuses what they forbid.

mod problems;

use order_app::currencies::Currencies;
use serde_json::{Map, Value};
use utoipa::OpenApi;

use crate::body;
use crate::endpoints::{operations, orders, refresh};
use crate::schema;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Order Management Service",
        description = "Places orders, moves them along their status table, and tells what happened \
            to them. Amounts are exact decimals: strings on output, strings or numbers on input. \
            Errors are problems (RFC 9457) with a `code` for programs.",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags((name = "orders", description = "Orders and their history")),
    paths(
        orders::place,
        orders::find,
        orders::replace_lines,
        orders::change_status,
        orders::list,
        orders::history,
        orders::stream,
    ),
)]
struct Document;

/// The document of an instance with default settings, as JSON.
#[must_use]
pub fn openapi_json() -> String {
    of_orders(&Currencies::default())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Order Management Service: operations",
        description = "What operators may ask and do, on the management port: parked events, \
            replays, settings. The actuator is served here as on the main port.",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "events", description = "Events that wait, and events once more"),
        (name = "settings", description = "The settings of the running process"),
    ),
    paths(
        refresh::refresh,
        operations::overview,
        operations::parked,
        operations::inspect,
        operations::redrive,
        operations::redrive_all,
        operations::skip,
        operations::skipped,
        operations::start_replay,
        operations::replays,
        operations::replay,
        operations::cancel_replay,
    ),
)]
struct ManagementDocument;

/// The document of the management port, as JSON.
#[must_use]
pub fn management_openapi_json() -> String {
    let mut shared = schema::values(&Currencies::default());
    shared.retain(|name, _| ["Id", "Timestamp"].contains(&name.as_str()));
    shared.extend(body::operations::schemas());
    shared.extend(problems::of_management());
    finished(&ManagementDocument::openapi(), shared)
}

/// The document of the main port of an instance that accepts these currencies.
pub(crate) fn of_orders(currencies: &Currencies) -> String {
    let mut shared = schema::values(currencies);
    shared.extend(body::schemas());
    shared.extend(problems::of_orders());
    shared.extend(order_events::schema::definitions("/components/schemas"));
    finished(&Document::openapi(), shared)
}

fn finished(document: &utoipa::openapi::OpenApi, shared: Map<String, Value>) -> String {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.extend(shared);
    }
    problems::describe(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
