//! The `serde` feature. Values are spelled as in the public events, and every rule is checked on
//! reading: what cannot be made by hand cannot be read either.

use std::fmt::Display;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::amount::Amount;
use crate::cancellation::CancelReason;
use crate::currency::Currency;
use crate::event::OrderEventKind;
use crate::ids::{CustomerId, OrderId, ProductId, Version};
use crate::line::{OrderLine, OrderLines};
use crate::order::{Order, OrderSnapshot};
use crate::quantity::Quantity;
use crate::status::OrderStatus;
use crate::text::{ClientReference, Note, ProductName};
use crate::unit_price::UnitPrice;

/// Types that are text.
macro_rules! text {
    ($($name:ident: $read:expr;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                ($read)(text.as_str()).map_err(D::Error::custom)
            }
        }
    )+};
}

/// Types that are whole numbers.
macro_rules! number {
    ($($name:ident)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_i64(self.get().into())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::new(i64::deserialize(from)?).map_err(D::Error::custom)
            }
        }
    )+};
}

number! { OrderId CustomerId ProductId Version Quantity }

text! {
    Amount: Amount::parse;
    UnitPrice: unit_price;
    Currency: Currency::from_code;
    OrderStatus: status;
    OrderEventKind: str::parse::<OrderEventKind>;
    CancelReason: str::parse::<CancelReason>;
    ProductName: |text: &str| ProductName::new(text);
    Note: |text: &str| Note::new(text);
    ClientReference: |text: &str| ClientReference::new(text);
}

fn unit_price(text: &str) -> Result<UnitPrice, String> {
    let amount = Amount::parse(text).map_err(in_words)?;
    UnitPrice::new(amount).map_err(in_words)
}

/// Exactly as it is written. [`OrderStatus::from_str`](std::str::FromStr::from_str) also takes what
/// people type.
fn status(text: &str) -> Result<OrderStatus, String> {
    let status = text.parse::<OrderStatus>().map_err(in_words)?;
    if status.as_str() == text { Ok(status) } else { Err(in_words(crate::UnknownStatus)) }
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

/// A line, with the spelling of its currency.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineForm {
    product_id: ProductId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<ProductName>,
    quantity: Quantity,
    unit_price: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line_total: Option<String>,
}

impl LineForm {
    fn of(line: &OrderLine, spell: impl Fn(Amount) -> String, line_total: Option<String>) -> Self {
        Self {
            product_id: line.product_id,
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: spell(line.unit_price.get()),
            line_total,
        }
    }

    fn into_line(self) -> Result<OrderLine, String> {
        let unit_price = unit_price(&self.unit_price)?;
        let Self { product_id, name, quantity, line_total, .. } = self;
        let line = OrderLine { product_id, name, quantity, unit_price };
        agrees("lineTotal", line_total.as_deref(), line.total())?;
        Ok(line)
    }
}

/// A total that is given must be the one that follows from the lines.
fn agrees(field: &str, given: Option<&str>, total: Amount) -> Result<(), String> {
    let Some(given) = given else { return Ok(()) };
    if Amount::parse(given).map_err(in_words)? == total {
        return Ok(());
    }
    Err(format!("{field} must be {total}"))
}

impl Serialize for OrderLine {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        LineForm::of(self, |amount| amount.to_string(), None).serialize(to)
    }
}

impl<'de> Deserialize<'de> for OrderLine {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        LineForm::deserialize(from)?.into_line().map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinesForm {
    currency: Currency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_amount: Option<String>,
    items: Vec<LineForm>,
}

impl From<&OrderLines> for LinesForm {
    fn from(lines: &OrderLines) -> Self {
        let spell = |amount: Amount| amount.display(lines.currency()).to_string();
        let form = |line: &OrderLine| LineForm::of(line, spell, Some(spell(line.total())));
        Self {
            currency: lines.currency(),
            total_amount: Some(spell(lines.total())),
            items: lines.iter().map(form).collect(),
        }
    }
}

impl LinesForm {
    fn into_lines(self) -> Result<OrderLines, String> {
        let lines = self.items.into_iter().map(LineForm::into_line).collect::<Result<_, _>>()?;
        let lines = OrderLines::new(self.currency, lines).map_err(in_words)?;
        agrees("totalAmount", self.total_amount.as_deref(), lines.total())?;
        Ok(lines)
    }
}

impl Serialize for OrderLines {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        LinesForm::from(self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for OrderLines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        LinesForm::deserialize(from)?.into_lines().map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderForm {
    order_id: OrderId,
    customer_id: CustomerId,
    version: Version,
    status: OrderStatus,
    #[serde(flatten)]
    lines: LinesForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_reference: Option<ClientReference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<CancelReason>,
    created_at: String,
    updated_at: String,
}

impl From<&OrderSnapshot> for OrderForm {
    fn from(order: &OrderSnapshot) -> Self {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        Self {
            order_id: order.id,
            customer_id: order.customer_id,
            version: order.version,
            status: order.status,
            lines: LinesForm::from(&order.lines),
            client_reference: order.client_reference.clone(),
            cancel_reason: order.cancel_reason,
            created_at: time(order.created_at),
            updated_at: time(order.updated_at),
        }
    }
}

impl OrderForm {
    fn into_order(self) -> Result<Order, String> {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).map_err(in_words);
        let snapshot = OrderSnapshot {
            id: self.order_id,
            customer_id: self.customer_id,
            lines: self.lines.into_lines()?,
            status: self.status,
            version: self.version,
            client_reference: self.client_reference,
            cancel_reason: self.cancel_reason,
            created_at: time(&self.created_at)?.into(),
            updated_at: time(&self.updated_at)?.into(),
        };
        Order::restore(snapshot).map_err(in_words)
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        OrderForm::from(self.snapshot()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        OrderForm::deserialize(from)?.into_order().map_err(D::Error::custom)
    }
}
