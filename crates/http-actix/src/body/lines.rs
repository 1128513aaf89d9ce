//! The lines of an order in a request body.

use order_domain::{Currency, OrderLine, OrderLines, ProductId};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::fields;
use super::reader::{At, Errors, Fields, Noted, Wrong};

/// One line of an order.
#[derive(ToSchema)]
#[schema(as = OrderLineInput)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) struct LineBody {
    /// What is bought. Each product may stand in one line only.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1001)]
    product_id: i64,
    /// What it is called at this moment.
    #[schema(
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$",
        example = "Desk lamp"
    )]
    name: Option<String>,
    /// How many pieces.
    #[schema(minimum = 1, maximum = 9_999, example = 3)]
    quantity: i64,
    /// What one piece costs.
    #[schema(schema_with = crate::schema::unit_price)]
    unit_price: String,
}

/// Reads `items`. The currency, when it is known, decides how many decimals prices may have.
pub(super) fn read(
    body: &mut Fields<'_>,
    currency: Option<Currency>,
    errors: &mut Errors,
) -> Result<Vec<OrderLine>, Noted> {
    let values =
        body.required("items", errors, |value| fields::array(1, OrderLines::MAX)(value))?;
    let mut lines = Vec::with_capacity(values.len());
    for (position, value) in values.iter().copied().enumerate() {
        lines.push(line(value, At::Entry { of: "items", position }, currency, errors));
    }
    lines.into_iter().collect()
}

fn line(
    value: &RawValue,
    at: At,
    currency: Option<Currency>,
    errors: &mut Errors,
) -> Result<OrderLine, Noted> {
    let mut line = Fields::of_value(value, at, errors)?;
    let product_id = line.required("productId", errors, fields::id(ProductId::new));
    let name = line.optional("name", errors, fields::product_name);
    let quantity = line.required("quantity", errors, fields::quantity);
    let unit_price = line.required("unitPrice", errors, |value| {
        let price = fields::unit_price(value)?;
        match currency {
            Some(currency) if !price.fits(currency) => Err(too_fine(currency)),
            _ => Ok(price),
        }
    });
    line.finish(errors);
    Ok(OrderLine {
        product_id: product_id?,
        name: name?,
        quantity: quantity?,
        unit_price: unit_price?,
    })
}

fn too_fine(currency: Currency) -> Wrong {
    let most = currency.decimals();
    let message = format!("must have at most {most} decimals in {currency}");
    Wrong::new("too_many_decimals", message)
}
