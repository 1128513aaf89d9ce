//! The lines of an order: how many, which, and their total.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "in a test, a broken expectation ends it, and so does an overflow"
)]

use order_domain::{
    Amount, Currency, InvalidQuantity, LinesError, MAX_ID, OrderLine, OrderLines, ProductId,
    Quantity, UnitPrice,
};
use proptest::prelude::*;

fn line(product: i64, quantity: i64, price: &str) -> OrderLine {
    OrderLine {
        product_id: ProductId::new(product).unwrap(),
        name: None,
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: UnitPrice::new(Amount::parse(price).unwrap()).unwrap(),
    }
}

fn usd(lines: Vec<OrderLine>) -> Result<OrderLines, LinesError> {
    OrderLines::new(Currency::USD, lines)
}

fn numbered(count: i64) -> Vec<OrderLine> {
    (1..=count).map(|product| line(product, 1, "1")).collect()
}

#[test]
fn an_order_has_1_to_200_lines() {
    for count in [1, 2, 199, 200] {
        let lines = usd(numbered(count)).unwrap();
        assert_eq!(lines.as_slice(), numbered(count));
        assert!(lines.iter().eq(&lines), "one by one in the same order");
        assert_eq!(lines.total(), Amount::parse(&count.to_string()).unwrap());
    }
    for (count, expected) in [(0, 0), (201, 201), (1_000, 1_000)] {
        let error = LinesError::Count { count: expected };
        assert_eq!(usd(numbered(count)), Err(error));
    }
}

#[test]
fn a_quantity_is_1_to_9999() {
    for count in [1, 2, 9_999] {
        assert_eq!(Quantity::new(count).map(|q| i64::from(q.get())), Ok(count));
    }
    for wrong in [i64::MIN, -1, 0, 10_000, 65_536, 65_537, i64::MAX] {
        assert_eq!(Quantity::new(wrong), Err(InvalidQuantity), "{wrong}");
    }
}

#[test]
fn the_later_lines_of_a_product_are_named() {
    let of = |products: &[i64]| products.iter().map(|p| line(*p, 1, "1")).collect();
    for (products, expected) in [
        (&[1, 1][..], vec![1]),
        (&[1, 2, 1], vec![2]),
        (&[1, 1, 1], vec![1, 2]),
        (&[1, 2, 3, 2, 1], vec![3, 4]),
        (&[MAX_ID, 1, MAX_ID], vec![2]),
    ] {
        let positions = expected;
        let error = LinesError::DuplicateProduct { positions };
        assert_eq!(usd(of(products)), Err(error), "{products:?}");
    }
    // Another price or quantity does not make it another product.
    let lines = vec![line(1, 1, "1"), line(1, 2, "2")];
    let positions = vec![1];
    assert_eq!(usd(lines), Err(LinesError::DuplicateProduct { positions }));
}

#[test]
fn every_price_with_too_many_decimals_is_named() {
    for (code, prices, expected) in [
        ("JPY", ["1", "1.5", "0.5"], vec![1, 2]),
        ("USD", ["0.01", "0.001", "1.10"], vec![1]),
        ("KWD", ["0.0001", "0.001", "0.01"], vec![0]),
        ("CLF", ["0.0001", "0.001", "0.01"], vec![]),
        ("JPY", ["1.0", "2.00", "3"], vec![]),
    ] {
        let currency = Currency::from_code(code).unwrap();
        let lines = (1..).zip(prices).map(|(id, price)| line(id, 1, price));
        let result = OrderLines::new(currency, lines.collect());
        if expected.is_empty() {
            assert_eq!(result.unwrap().currency(), currency);
            continue;
        }
        let error = LinesError::TooManyDecimals { positions: expected, currency };
        assert_eq!(result, Err(error), "{code} {prices:?}");
    }
}

#[test]
fn the_first_rule_that_is_broken_is_named() {
    let both = vec![line(1, 1, "0.001"), line(1, 1, "1")];
    let positions = vec![0];
    let error = LinesError::TooManyDecimals { positions, currency: Currency::USD };
    assert_eq!(usd(both), Err(error));
}

#[test]
fn the_largest_order_has_an_exact_total() {
    let lines = (1..=200).map(|product| line(product, 9_999, "9999999.9999"));
    let lines = OrderLines::new(Currency::from_code("CLF").unwrap(), lines.collect());
    let total = Amount::parse("19997999999800.02").unwrap();
    assert_eq!(lines.unwrap().total(), total);
}

#[test]
fn a_gift_costs_nothing() {
    let lines = usd(vec![line(1, 9_999, "0")]).unwrap();
    assert_eq!(lines.total(), Amount::ZERO);
}

#[test]
fn lines_are_equal_only_in_the_same_currency_and_order() {
    let lines = || vec![line(1, 1, "1"), line(2, 1, "2")];
    assert_eq!(usd(lines()), usd(lines()));
    let euro = OrderLines::new(Currency::from_code("EUR").unwrap(), lines());
    assert_ne!(usd(lines()), euro);
    let mut turned = lines();
    turned.reverse();
    assert_ne!(usd(lines()), usd(turned));
}

proptest! {
    #[test]
    fn a_total_is_the_sum_of_whole_cents(
        lines in prop::collection::vec((1..=9_999_i64, 0..=999_999_999_i64), 1..=200)
    ) {
        let cents: i128 = lines
            .iter()
            .map(|(quantity, price)| i128::from(*quantity) * i128::from(*price))
            .sum();
        let lines = (1..).zip(lines).map(|(product, (quantity, price))| {
            line(product, quantity, &format!("{}.{:02}", price / 100, price % 100))
        });
        let total = usd(lines.collect()).unwrap().total();
        let expected = format!("{}.{:02}", cents / 100, cents % 100);
        prop_assert_eq!(total.display(Currency::USD).to_string(), expected);
    }
}
