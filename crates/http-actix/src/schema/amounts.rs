//! The schemas of amounts and currencies, which depend on the instance's settings.

use order_app::currencies::Currencies;
use order_domain::Currency;
use serde_json::{Map, Value, json};

use super::{also, object};
use crate::app::AmountForm;

/// The largest unit price and the largest total, without their decimals.
const MOST_PRICE: i64 = 9_999_999;
const MOST_TOTAL: i64 = 999_999_999_999_999;

pub(super) fn schemas(currencies: &Currencies, form: AmountForm) -> Map<String, Value> {
    let enabled: Vec<_> =
        Currency::all().filter(|currency| currencies.choose(Some(*currency)).is_ok()).collect();
    let decimals = enabled.iter().map(|currency| currency.decimals()).max();
    let decimals = decimals.unwrap_or(2);
    let codes: Vec<_> = enabled.iter().map(|currency| currency.code()).collect();
    let about_price = format!(
        "An exact amount from 0 to 9999999.9999, with at most the decimals of the currency (here at \
         most {decimals}); a string, or a JSON number that is read from its text."
    );
    let about_total = "The exact sum of quantity times unit price; any other amount is refused.";
    let price = taken(form, text_in(7, decimals), number_in(MOST_PRICE, decimals));
    let total = taken(form, text_in(15, 4), number_in(MOST_TOTAL, 4));
    let given_price = "What one piece costs, with the currency's decimals.";
    let given = "An exact amount, with the currency's decimals.";
    object(json!({
        "UnitPrice": described(price, &about_price, form, "49.99"),
        "ClaimedTotal": described(total, about_total, form, "149.97"),
        "Price": described(given_out(form, 7), given_price, form, "49.99"),
        "Amount": described(given_out(form, 15), given, form, "149.97"),
        "EnabledCurrency": {
            "description": "ISO 4217, one that this instance accepts; its default when absent.",
            "type": "string",
            "enum": codes,
        },
    }))
}

/// Requests are taken in both spellings; the one that answers have is what is asked for.
fn taken(form: AmountForm, text: Value, number: Value) -> Value {
    match form {
        AmountForm::Text => also(text, number),
        AmountForm::Number => also(number, text),
    }
}

fn given_out(form: AmountForm, digits: u32) -> Value {
    match form {
        AmountForm::Text => {
            let pattern = format!(r"^[0-9]{{1,{digits}}}(\.[0-9]{{1,4}})?$");
            json!({"type": "string", "pattern": pattern})
        }
        AmountForm::Number => json!({"type": "number", "minimum": 0}),
    }
}

fn text_in(digits: u32, decimals: u32) -> Value {
    json!({"type": "string", "maxLength": 64, "pattern": decimal_pattern(digits, decimals)})
}

/// JSON numbers are decimal here, whatever binary neighbours a client's float may have.
fn number_in(most: i64, decimals: u32) -> Value {
    let steps = ["1", "0.1", "0.01", "0.001", "0.0001"];
    let step = usize::try_from(decimals).ok().and_then(|at| steps.get(at));
    let step: Value = step.and_then(|step| step.parse().ok()).unwrap_or_default();
    json!({"type": "number", "minimum": 0, "maximum": most, "multipleOf": step})
}

fn described(mut schema: Value, about: &str, form: AmountForm, example: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        let example = match form {
            AmountForm::Text => example.into(),
            AmountForm::Number => example.parse().unwrap_or_default(),
        };
        members.insert("description".to_owned(), about.into());
        members.insert("examples".to_owned(), Value::Array(vec![example]));
    }
    schema
}

/// Plain decimals; trailing zeros do not count.
fn decimal_pattern(digits: u32, decimals: u32) -> String {
    let most = digits.saturating_sub(1);
    match decimals {
        0 => format!(r"^(0|[1-9][0-9]{{0,{most}}})(\.0+)?$"),
        _ => format!(r"^(0|[1-9][0-9]{{0,{most}}})(\.[0-9]{{1,{decimals}}}0*)?$"),
    }
}
