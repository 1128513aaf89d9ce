//! The body of `POST /orders`.

use order_app::currencies::Currencies;
use order_app::idempotency::Fingerprint;
use order_app::orders::PlaceOrder;
use order_domain::{Amount, CustomerId};
use utoipa::ToSchema;

use super::digest::Digest;
use super::fields::{self, ClaimedTotal};
use super::lines::{self, LineBody};
use super::reader::{Errors, Fields, Noted};
use crate::problem::{Problem, amount_overflow};

/// An order to be placed.
#[derive(ToSchema)]
#[schema(as = PlaceOrder)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the body; the reader below reads it")]
pub(crate) struct PlaceOrderBody {
    /// Who places it.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 42)]
    customer_id: i64,
    /// ISO 4217; the instance's default when absent.
    #[schema(schema_with = crate::schema::currency_or_null)]
    currency: Option<String>,
    /// What is bought, each product once.
    #[schema(min_items = 1, max_items = 200)]
    items: Vec<LineBody>,
    /// The client's own name for the order, unique per customer.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$", example = "PO-2026-0815")]
    client_reference: Option<String>,
    /// The total that the client expects; it must be the exact sum of the lines.
    #[schema(schema_with = crate::schema::claimed_total)]
    total_amount: Option<String>,
}

/// Reads the body, telling everything that is wrong with it at once.
pub(crate) fn read(bytes: &[u8], currencies: &Currencies) -> Result<PlaceOrder, Problem> {
    let mut errors = Errors::default();
    let mut body = Fields::of_body(bytes)?;
    let customer_id = body.required("customerId", &mut errors, fields::id(CustomerId::new));
    let currency = body.optional("currency", &mut errors, fields::currency);
    let decides = match currency {
        Ok(given) => given.or_else(|| currencies.choose(None).ok()),
        Err(Noted) => None,
    };
    let lines = lines::read(&mut body, decides, &mut errors);
    let client_reference = body.optional("clientReference", &mut errors, fields::client_reference);
    let total = body.optional("totalAmount", &mut errors, fields::claimed_total);
    body.finish(&mut errors);
    match (customer_id, currency, lines, client_reference, total) {
        (Ok(customer_id), Ok(currency), Ok(lines), Ok(client_reference), Ok(total))
            if errors.is_empty() =>
        {
            Ok(PlaceOrder {
                customer_id,
                currency,
                lines,
                client_reference,
                claimed_total: claimed(total)?,
            })
        }
        _ => Err(errors.into()),
    }
}

/// The claimed total, once everything else is known to be right.
pub(super) fn claimed(total: Option<ClaimedTotal>) -> Result<Option<Amount>, Problem> {
    match total {
        None => Ok(None),
        Some(ClaimedTotal::Amount(amount)) => Ok(Some(amount)),
        Some(ClaimedTotal::Overflow) => Err(amount_overflow()),
    }
}

/// What the command stands for under an idempotency key.
pub(crate) fn fingerprint(command: &PlaceOrder) -> Fingerprint {
    let mut digest = Digest::new("place/1");
    digest.number(command.customer_id.get());
    digest.optional(command.currency, |digest, currency| digest.text(currency.code()));
    digest.lines(&command.lines);
    digest.optional(command.client_reference.as_ref(), |digest, reference| {
        digest.text(reference.as_str());
    });
    digest.optional(command.claimed_total, Digest::amount);
    digest.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str =
        r#"{"customerId":42,"items":[{"productId":1,"quantity":2,"unitPrice":"2.50"}]}"#;

    fn told(body: &str) -> serde_json::Value {
        let problem = read(body.as_bytes(), &Currencies::default()).unwrap_err();
        let response = problem.render("/orders", "trace");
        let bytes = actix_web::body::to_bytes(response.into_body());
        let bytes = futures_util::FutureExt::now_or_never(bytes).unwrap().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn places(problem: &serde_json::Value) -> Vec<(&str, &str)> {
        let errors = problem["errors"].as_array().unwrap().iter();
        errors.map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let problem = told(
            r#"{"customerId":0,"items":[{"productId":"1","quantity":1.5,"unitPrice":1.234,"x":1},7],
                "clientReference":"a b","totalAmount":"x","colour":"red"}"#,
        );
        assert_eq!(problem["code"], "validation_failed");
        assert_eq!(
            places(&problem),
            [
                ("/customerId", "out_of_range"),
                ("/items/0/productId", "invalid_type"),
                ("/items/0/quantity", "invalid_type"),
                ("/items/0/unitPrice", "too_many_decimals"),
                ("/items/0/x", "unknown_field"),
                ("/items/1", "invalid_type"),
                ("/clientReference", "invalid_format"),
                ("/totalAmount", "invalid_format"),
                ("/colour", "unknown_field"),
            ]
        );
    }

    #[test]
    fn a_body_with_unknown_fields_only_has_a_code_of_its_own() {
        let problem = told(&PLAIN.replace("{\"customerId\"", "{\"custmer\":1,\"customerId\""));
        assert_eq!(problem["code"], "unknown_field");
        assert_eq!(places(&problem), [("/custmer", "unknown_field")]);
    }

    #[test]
    fn a_total_above_the_largest_amount_breaks_a_rule() {
        let body = PLAIN.replace("{\"customerId\"", "{\"totalAmount\":1e15,\"customerId\"");
        assert_eq!(told(&body)["code"], "amount_overflow");
    }

    #[test]
    fn null_is_the_same_as_absent() {
        let nulls = r#"{"customerId":42,"currency":null,"clientReference":null,"totalAmount":null,
            "items":[{"productId":1,"name":null,"quantity":2,"unitPrice":"2.50"}]}"#;
        let currencies = Currencies::default();
        let plain = read(PLAIN.as_bytes(), &currencies).unwrap();
        assert_eq!(read(nulls.as_bytes(), &currencies).unwrap(), plain);
        assert!(read(PLAIN.replace("42", "null").as_bytes(), &currencies).is_err());
    }

    #[test]
    fn a_fingerprint_is_of_the_meaning_not_of_the_spelling() {
        let print =
            |body: &str| fingerprint(&read(body.as_bytes(), &Currencies::default()).unwrap());
        let other = r#" { "items" : [ {"unitPrice": 2.5, "quantity": 2, "productId": 1 } ],
            "customerId" : 42 } "#;
        assert_eq!(print(PLAIN), print(other));
        for (from, to) in [("42", "43"), ("2.50", "2.51"), ("\"quantity\":2", "\"quantity\":3")] {
            assert_ne!(print(PLAIN), print(&PLAIN.replace(from, to)), "{from}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Err(problem) = read(&bytes, &Currencies::default()) {
                prop_assert!(problem.code().status().is_client_error());
            }
        }

        #[test]
        fn no_damage_to_a_good_body_makes_the_reader_panic(
            at in 0..PLAIN.len(),
            with in "[\\x00-\\x7f]{0,5}",
            cut in 0..5_usize,
        ) {
            let end = at.saturating_add(cut).min(PLAIN.len());
            let body = format!("{}{with}{}", &PLAIN[..at], &PLAIN[end..]);
            if let Err(problem) = read(body.as_bytes(), &Currencies::default()) {
                prop_assert!(problem.code().status().is_client_error());
            }
        }
    }
}
