//! How a stored row becomes an order: the reading rules, all in this file. The table may be another service's, too. What has
//! one clear meaning is read; anything else makes the order unreadable, by the name of the column. `docs/operations.md`
//! tells operators the same rules.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, Utc};
use metrics::Counter;
use order_app::ports::{BoxError, UnreadableOrder};
use order_domain::{
    Amount, ClientReference, CustomerId, Order, OrderId, OrderLine, OrderLines, OrderSnapshot,
    ProductId, ProductName, Quantity, UnitPrice, Version,
};
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::OrderRow;
use crate::types::{Money, Time, Whole};

/// The column that cannot be read, and why.
type Wrong = (&'static str, BoxError);

impl OrderRow {
    /// The order that this row holds, in a table whose column `version` counts from a number.
    pub(crate) fn order(&self, versions_from: i64) -> Result<Order, UnreadableOrder> {
        self.read(versions_from).map_err(|(column, reason)| {
            unreadable_rows().increment(1);
            UnreadableOrder { id: self.id, column, reason }
        })
    }

    fn read(&self, versions_from: i64) -> Result<Order, Wrong> {
        let currency = at("currency", self.currency.0.ok_or("is no code of ISO 4217"))?;
        let document = at("items", self.items.as_ref().ok_or("is NULL"))?;
        let lines = at("items", lines(&document.0))?;
        let lines = at("items", OrderLines::new(currency, lines))?;
        at("total_amount", total(self.total_amount, &lines))?;
        let customer_id = at("customer_id", self.customer_id.ok_or("is NULL"))?;
        let status = at("status", self.status.ok_or("is NULL"))?;
        let created_at = at("created_at", time(self.created_at).ok_or("is NULL or no time"))?;
        // Other programs leave it empty until the first change, and their clocks differ.
        let updated_at = match self.updated_at {
            None => created_at,
            changed => at("updated_at", time(changed).ok_or("is no time"))?.max(created_at),
        };
        let Whole(version) = at("version", self.version.ok_or("is NULL"))?;
        let version = version.saturating_sub(versions_from).saturating_add(1);
        let reference = self.client_reference.as_deref().filter(|text| !text.is_empty());
        let reason = self.cancel_reason.map(|reason| reason.0.ok_or("is none of ours"));
        let snapshot = OrderSnapshot {
            id: at("id", OrderId::new(self.id))?,
            customer_id: at("customer_id", CustomerId::new(customer_id))?,
            lines,
            status: at("status", status.0.ok_or("is none of ours"))?,
            version: at("version", Version::new(version))?,
            client_reference: at(
                "client_reference",
                reference.map(ClientReference::new).transpose(),
            )?,
            cancel_reason: at("cancel_reason", reason.transpose())?,
            created_at,
            updated_at,
        };
        // Of what a snapshot may have wrong, only the reason of an order that is not cancelled is left.
        at("cancel_reason", Order::restore(snapshot))
    }
}

/// How many rows could not be read.
pub(crate) fn unreadable_rows() -> Counter {
    metrics::counter!("order_rows_unreadable_total")
}

/// Names the column of an error.
fn at<T, E: Into<BoxError>>(column: &'static str, value: Result<T, E>) -> Result<T, Wrong> {
    value.map_err(|error| (column, error.into()))
}

/// The time in a column, if it is one, in microseconds. Columns have no time zone and hold UTC.
pub(crate) fn time(stored: Option<Time>) -> Option<DateTime<Utc>> {
    stored.and_then(|time| time.0).map(|time: NaiveDateTime| time.and_utc().trunc_subsecs(6))
}

/// Checks the total, which must be the exact sum of the lines: with costs of shipping in it, say, it would have no meaning
/// here.
fn total(stored: Option<Money>, lines: &OrderLines) -> Result<(), BoxError> {
    let stored = stored.ok_or("is NULL")?.0.ok_or("is no number")?;
    let total = lines.total();
    if Amount::new(stored).ok() == Some(total) {
        return Ok(());
    }
    Err(format!("is {stored}, and the lines make {total}").into())
}

/// The lines in a document. It is read as we write it first, and then as other programs may write it; a document inside a
/// JSON text is one of theirs.
fn lines(items: &str) -> Result<Vec<OrderLine>, BoxError> {
    if let Ok(ours) = serde_json::from_str::<Vec<Ours>>(items) {
        return Ok(ours.into_iter().map(|Ours(line)| line).collect());
    }
    let inside: Option<String> = serde_json::from_str(items).ok();
    let items: Vec<ForeignLine<'_>> = serde_json::from_str(inside.as_deref().unwrap_or(items))?;
    let read = |(index, item): (usize, &ForeignLine<'_>)| {
        item.read().map_err(|error| format!("line {index}: {error}").into())
    };
    items.iter().enumerate().map(read).collect()
}

/// A line as we write it: prices are strings.
struct Ours(OrderLine);

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            product_id: i64,
            #[serde(borrow)]
            name: Option<Cow<'a, str>>,
            quantity: i64,
            unit_price: &'a str,
        }
        let Line { product_id, name, quantity, unit_price } = Line::deserialize(deserializer)?;
        line(product_id, name, quantity, unit_price).map(Self).map_err(D::Error::custom)
    }
}

/// A line as other programs may write it: names of members in either spelling, numbers as numbers or strings. The members
/// keep their text, because a number must not become a floating-point number.
#[derive(Deserialize)]
struct ForeignLine<'a> {
    #[serde(borrow, rename = "productId", alias = "product_id")]
    product_id: &'a RawValue,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    quantity: &'a RawValue,
    #[serde(borrow, rename = "unitPrice", alias = "unit_price")]
    unit_price: &'a RawValue,
}

impl ForeignLine<'_> {
    fn read(&self) -> Result<OrderLine, BoxError> {
        let whole = |member, value| {
            whole(value).ok_or_else(|| BoxError::from(format!("{member} is no whole number")))
        };
        let product_id = whole("productId", self.product_id)?;
        let quantity = whole("quantity", self.quantity)?;
        let price = text(self.unit_price).ok_or("unitPrice is no number")?;
        line(product_id, self.name.clone(), quantity, &price)
    }
}

/// The text of a number, or of a string.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let value = value.get();
    if value.starts_with('"') { serde_json::from_str(value).ok() } else { Some(value.into()) }
}

/// A whole number, which may have decimals that are zero.
fn whole(value: &RawValue) -> Option<i64> {
    let text = text(value)?;
    let number =
        Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()?;
    if number.is_integer() { number.try_into().ok() } else { None }
}

fn line(
    product_id: i64,
    name: Option<Cow<'_, str>>,
    quantity: i64,
    unit_price: &str,
) -> Result<OrderLine, BoxError> {
    Ok(OrderLine {
        product_id: ProductId::new(product_id)?,
        name: name.map(|name| ProductName::new(name.into_owned())).transpose()?,
        quantity: Quantity::new(quantity)?,
        unit_price: UnitPrice::new(Amount::parse(unit_price)?)?,
    })
}
