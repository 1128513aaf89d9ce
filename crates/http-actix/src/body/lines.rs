//! The lines of an order in a request's body.

use order_domain::{OrderLine, OrderLines};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::claims;
use super::declaration::{Body, body};
use super::reader::{At, Fields, Noted, Reading, Value};
use super::values::{array, reference};

body! { OrderLine as "OrderLineInput", digested:
    /// One line of an order.
    {
        /// What is bought. Each product may stand in one line only.
        "productId" required product_id;
        /// What it is called at this moment.
        "name" optional name;
        /// How many pieces.
        "quantity" required quantity;
        /// What one piece costs.
        "unitPrice" required unit_price;
    }
}

impl Value for Vec<OrderLine> {
    fn schema() -> Json {
        let items = reference(OrderLine::NAME);
        json!({"type": "array", "items": items, "minItems": 1, "maxItems": OrderLines::MAX})
    }

    fn read(value: &RawValue, at: At<'_>, reading: &mut Reading) -> Result<Self, Noted> {
        let values = array(value, 1, OrderLines::MAX).map_err(|wrong| reading.note(at, wrong))?;
        let mut lines = Self::with_capacity(values.len());
        let mut all = Ok(());
        for (position, value) in values.into_iter().enumerate() {
            let at = At::Entry(&at, position);
            let fields = Fields::of_value(value, at, reading);
            match fields.and_then(|fields| claims::line(fields, at, reading)) {
                Ok(line) => lines.push(line),
                Err(noted) => all = Err(noted),
            }
        }
        all.map(|()| lines)
    }
}
