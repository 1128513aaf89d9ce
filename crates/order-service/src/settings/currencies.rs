//! The currencies in which orders are accepted.

use std::collections::BTreeSet;

use order_app::currencies::Currencies;
use order_domain::Currency;
use settings_spring::values::{Fault, Read, list};
use settings_spring::{Reader, keys};

keys! {
    pub(super) ROWS;
    ENABLED: Vec<Currency> = "order.currencies", "USD", Plain,
        "ISO 4217 codes in capitals with commas between them, such as USD,EUR",
        "The currencies in which orders are accepted.", enabled;
    DEFAULT: Currency = "order.default-currency", "USD", Plain,
        "one of the currencies of order.currencies",
        "The currency of an order that names none.",
        |text| Currency::from_code(text.trim()).map_err(|_| Fault::SHAPE);
}

pub(super) fn read(from: &mut Reader<'_>) -> Option<Currencies> {
    let enabled = from.read(&ENABLED);
    let default = from.read(&DEFAULT);
    let (enabled, default) = (enabled?, default?);
    if !enabled.contains(&default) {
        from.refuse(&DEFAULT, "is not enabled");
        return None;
    }
    Some(Currencies::new(default, enabled))
}

/// Each currency once, and at least one.
fn enabled(text: &str) -> Read<Vec<Currency>> {
    let mut seen = BTreeSet::new();
    let codes = list(text, |code| {
        Currency::from_code(code).map_err(|_| Fault::because(format!("{code} is no currency")))
    })?;
    let all: Vec<_> = codes.into_iter().filter(|currency| seen.insert(currency.code())).collect();
    if all.is_empty() { Err(Fault::SHAPE) } else { Ok(all) }
}
