//! The OpenAPI 3.1 documents of both ports. Operations and bodies are described beside their code;
//! here they are put together with the schemas of single values (`schema.rs`) and the problems that
//! each operation may answer (`document/problems.rs`). The documents are exact: the service takes what
//! they allow, and refuses what they forbid.

mod examples;
mod problems;

use order_app::currencies::Currencies;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::app::{AmountForm, Forms, ListForm};
use crate::body;
use crate::endpoints::{operations, orders, refresh};
use crate::schema;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Order Management Service",
        description = "Places orders, moves them along their status table, and tells what happened \
            to them. Amounts are exact decimals; requests may spell them as strings or as numbers. \
            Errors are problems (RFC 9457) with a `code` for programs. The service takes what the \
            schemas allow and what `x-also-accepts` adds to them, and refuses all else.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
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
        orders::saga,
        orders::stream,
    ),
)]
struct Document;

/// The document of an instance with default settings, as JSON.
#[must_use]
pub fn openapi_json() -> String {
    of_orders(&Currencies::default(), Forms::default())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Order Management Service: operations",
        description = "What operators may ask and do, on the management port: parked events, \
            replays, sagas, settings. The actuator is served here as on the main port.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "events", description = "Events that wait, and events once more"),
        (name = "sagas", description = "Sagas that need a person"),
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
        operations::sagas,
        operations::inspect_saga,
        operations::retry_saga,
        operations::skip_saga_step,
        operations::confirm_order,
    ),
)]
struct ManagementDocument;

/// The document of the management port, as JSON.
#[must_use]
pub fn management_openapi_json() -> String {
    let mut shared = schema::values(&Currencies::default(), AmountForm::default());
    shared.retain(|name, _| ["Id", "Timestamp"].contains(&name.as_str()));
    shared.extend(body::operations::schemas());
    shared.extend(problems::of_management());
    finished(serde_json::to_value(ManagementDocument::openapi()).unwrap_or_default(), shared)
}

/// The document of the main port of an instance that accepts these currencies and answers in these
/// forms.
pub(crate) fn of_orders(currencies: &Currencies, forms: Forms) -> String {
    let mut shared = schema::values(currencies, forms.amounts);
    shared.extend(body::schemas());
    shared.extend(problems::of_orders());
    shared.extend(order_events::schema::definitions("/components/schemas"));
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if forms.customer_orders == ListForm::List {
        list(&mut document);
        shared.remove("CursorOrNull");
    }
    examples::fill(&mut document, forms.amounts);
    finished(document, shared)
}

/// Describes the orders of a customer as a bare array.
fn list(document: &mut Value) {
    let answer = "/paths/~1orders~1customer~1{customerId}/get/responses/200/content/application~1json/schema";
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let page = schemas.and_then(|schemas| schemas.remove("OrderPage"));
    let orders = page.as_ref().and_then(|page| page.pointer("/properties/orders")).cloned();
    if let (Some(answer), Some(orders)) = (document.pointer_mut(answer), orders) {
        *answer = orders;
    }
}

fn finished(mut document: Value, shared: Map<String, Value>) -> String {
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.extend(shared);
    }
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        let bearer = json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"});
        components.insert("securitySchemes".to_owned(), json!({"bearer": bearer}));
    }
    if let Some(members) = document.as_object_mut() {
        // Where login is switched off, no token is needed.
        members.insert("security".to_owned(), json!([{}, {"bearer": []}]));
    }
    problems::describe(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
