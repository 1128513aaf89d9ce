//! The body of `POST /orders`.

use order_app::currencies::Currencies;
use order_app::orders::PlaceOrder;
use order_domain::Currency;
use serde_json::Value as Json;

use super::claims;
use super::declaration::{Body as _, body};
use super::reader::{At, Fields, Reading, Value as _};
use crate::problem::Problem;

body! { PlaceOrder as "PlaceOrder", digested:
    /// An order to be placed.
    {
        /// Who places it.
        "customerId" required customer_id;
        /// ISO 4217; the instance's default when absent.
        "currency" optional currency;
        /// What is bought, each product once.
        "items" required lines;
        /// The client's own name for the order, unique per customer.
        "clientReference" optional client_reference;
        /// The total that the client expects; it must be the exact sum of the lines.
        "totalAmount" optional claimed_total;
    }
}

/// Reads the body, telling everything that is wrong with it at once.
pub(crate) fn read(bytes: &[u8], currencies: &Currencies) -> Result<PlaceOrder, Problem> {
    let mut fields = Fields::of_body(bytes)?;
    let mut reading = Reading::default();
    reading.currency = currency(&fields, currencies);
    claims::refuse_given(&mut fields, &mut reading);
    let (command, _) = claims::read(fields, claims::OF_NEW, &mut reading);
    reading.end(command)
}

/// The schema.
pub(super) fn schema() -> Json {
    let mut schema = PlaceOrder::schema();
    claims::describe_all(&mut schema, claims::OF_NEW);
    schema
}

/// The currency that decides how many decimals the prices of the body may have.
fn currency(fields: &Fields<'_>, currencies: &Currencies) -> Option<Currency> {
    match fields.peek("currency").filter(|value| value.get() != "null") {
        None => currencies.choose(None).ok(),
        Some(value) => Currency::read(value, At::Body, &mut Reading::default()).ok(),
    }
}
