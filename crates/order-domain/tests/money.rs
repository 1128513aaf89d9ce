//! Amounts: which texts they are read from, how they are spelled, and that their arithmetic is that of
//! whole numbers. No binary floating point here either.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "in a test, a broken expectation ends it, and so does an overflow"
)]

use order_domain::{Amount, AmountError, Currency, Quantity, UnitPrice, UnitPriceTooLarge};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Ten-thousandths of the largest amount and of the largest unit price.
const MAX: i128 = 9_999_999_999_999_999_999;
const MAX_PRICE: i128 = 99_999_999_999;

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

/// The plain spelling of a number of ten-thousandths, made from whole numbers alone.
fn spell(count: i128) -> String {
    format!("{}.{:04}", count / 10_000, count % 10_000)
}

fn amount(count: i128) -> Amount {
    Amount::parse(&spell(count)).unwrap()
}

/// The number of ten-thousandths of an amount, read back from its spelling.
fn count(amount: Amount) -> i128 {
    let text = amount.display(currency("CLF")).to_string();
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 4, "{text}");
    whole.parse::<i128>().unwrap() * 10_000 + fraction.parse::<i128>().unwrap()
}

#[test]
fn the_bounds_are_the_documented_ones() {
    assert_eq!(Amount::MAX, Amount::parse("999999999999999.9999").unwrap());
    assert_eq!(count(Amount::MAX), MAX);
    assert_eq!(count(Amount::ZERO), 0);
    let price = Amount::parse("9999999.9999").unwrap();
    assert_eq!(UnitPrice::MAX.get(), price);
    assert_eq!(count(price), MAX_PRICE);
    assert_eq!(UnitPrice::new(price), Ok(UnitPrice::MAX));
    let above = Amount::parse("10000000").unwrap();
    assert_eq!(UnitPrice::new(above), Err(UnitPriceTooLarge));
    assert_eq!(UnitPrice::new(Amount::ZERO).unwrap().get(), Amount::ZERO);
}

#[test]
fn a_tenth_and_two_tenths_are_three_tenths() {
    let tenth = Amount::parse("0.1").unwrap();
    let sum = tenth.checked_add(Amount::parse("0.2").unwrap()).unwrap();
    assert_eq!(sum, Amount::parse("0.3").unwrap());
    assert_eq!(sum.display(Currency::USD).to_string(), "0.30");
    let three = Quantity::new(3).unwrap();
    assert_eq!(tenth.checked_times(three), Some(sum));
}

#[test]
fn json_numbers_are_read_exactly() {
    for (text, expected) in [
        ("0", "0.0000"),
        ("-0", "0.0000"),
        ("-0.00", "0.0000"),
        ("0.1", "0.1000"),
        ("0.0001", "0.0001"),
        ("49.99", "49.9900"),
        ("1.50000000", "1.5000"),
        ("100", "100.0000"),
        ("1e2", "100.0000"),
        ("1E2", "100.0000"),
        ("1e+2", "100.0000"),
        ("1.5E+1", "15.0000"),
        ("1.5e0", "1.5000"),
        ("15e-1", "1.5000"),
        ("10000e-8", "0.0001"),
        ("0.00001e1", "0.0001"),
        ("1e14", "100000000000000.0000"),
        ("999999999999999.9999", "999999999999999.9999"),
        ("9999999999999999999e-4", "999999999999999.9999"),
        ("0.30000000000000000000", "0.3000"),
    ] {
        let amount = Amount::parse(text);
        let spelled = amount.map(|amount| amount.display(currency("CLF")).to_string());
        assert_eq!(spelled.as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn an_amount_that_was_minus_nothing_is_nothing() {
    for text in ["-0", "-0.0", "-0e5"] {
        let nothing = Amount::parse(text).unwrap();
        assert_eq!(nothing, Amount::ZERO);
        assert_eq!(nothing.display(Currency::USD).to_string(), "0.00");
    }
}

#[test]
fn texts_that_are_no_json_number_are_refused() {
    let long = "1".repeat(1_000);
    let long_zero = format!("0.{}", "0".repeat(1_000));
    for text in [
        "",
        " ",
        "-",
        "+",
        "+1",
        ".",
        ".5",
        "5.",
        "-.5",
        "1.",
        "00",
        "01",
        "-01",
        "1 ",
        " 1",
        "1,5",
        "1_000",
        "1'000",
        "0x10",
        "1e",
        "1e+",
        "1e-",
        "e1",
        "1e1.5",
        "1e1e1",
        "1.2.3",
        "--1",
        "NaN",
        "nan",
        "Infinity",
        "inf",
        "-inf",
        "null",
        "$1",
        "1USD",
        "١",
        "１",
        "½",
        "\u{2212}1",
        "1\0",
        "1\n",
        &long,
        &long_zero,
    ] {
        assert_eq!(Amount::parse(text), Err(AmountError::NotANumber), "{text:?}");
    }
}

#[test]
fn numbers_out_of_bounds_are_refused_for_their_reason() {
    use AmountError::{Negative, TooLarge, TooManyDecimals};
    for (text, expected) in [
        ("-1", Negative),
        ("-0.0001", Negative),
        ("-1e2", Negative),
        ("-99999999999999999999999999999999999999", Negative),
        ("1000000000000000", TooLarge),
        ("12345678901234567890", TooLarge),
        ("99999999999999999999999999999999999999", TooLarge),
        ("1e15", TooLarge),
        ("1e28", TooLarge),
        ("1e29", TooLarge),
        ("1e400", TooLarge),
        ("1e4294967296", TooLarge),
        ("1e99999999999999999999", TooLarge),
        ("0.00001", TooManyDecimals),
        ("1.00001", TooManyDecimals),
        ("1e-5", TooManyDecimals),
        ("1e-30", TooManyDecimals),
        ("1e-400", TooManyDecimals),
        ("1e-4294967296", TooManyDecimals),
        ("1e-99999999999999999999", TooManyDecimals),
        ("0.00000000000000000000000000000000000001", TooManyDecimals),
        ("1.23456789012345678901234567890123456789", TooManyDecimals),
        // Also where a decimal number of 96 bits would have to round.
        ("49.99000000000000000000000000000001e0", TooManyDecimals),
        ("0.00004999999999999999999999999999999999e1", TooManyDecimals),
        ("9999999999999999999999999999999e-15", TooLarge),
        ("9999999999999999999999999999999e-16", TooManyDecimals),
    ] {
        assert_eq!(Amount::parse(text), Err(expected), "{text}");
    }
}

#[test]
fn trailing_zeros_do_not_count_however_many() {
    for text in [
        "1.000000000000000000000000000000000000",
        "0.000000000000000000000000000000000000",
        "0e-30",
        "0e30",
        "0e400",
    ] {
        let amount = Amount::parse(text);
        assert!(amount == Ok(Amount::ZERO) || amount == Amount::parse("1"), "{text}: {amount:?}");
    }
}

#[test]
fn an_amount_is_spelled_with_the_decimals_of_its_currency() {
    for (text, code, expected) in [
        ("150", "JPY", "150"),
        ("0", "JPY", "0"),
        ("1e3", "JPY", "1000"),
        ("0.3", "USD", "0.30"),
        ("0", "USD", "0.00"),
        ("999999999999999.99", "USD", "999999999999999.99"),
        ("1.5", "KWD", "1.500"),
        ("0.0001", "CLF", "0.0001"),
        ("999999999999999.9999", "CLF", "999999999999999.9999"),
        // Never rounded: an amount with more decimals than its currency keeps them.
        ("0.5", "JPY", "0.5"),
        ("0.125", "USD", "0.125"),
    ] {
        let amount = Amount::parse(text).unwrap();
        assert_eq!(amount.display(currency(code)).to_string(), expected);
    }
}

#[test]
fn decimals_are_counted_without_trailing_zeros() {
    for (text, expected) in [("3.00", 0), ("0.10", 1), ("0.35", 2), ("1e-4", 4), ("0.0", 0)] {
        assert_eq!(Amount::parse(text).unwrap().decimals(), expected, "{text}");
    }
    for (text, code, fits) in [
        ("500.0", "JPY", true),
        ("500.5", "JPY", false),
        ("0.01", "USD", true),
        ("0.001", "USD", false),
        ("0.001", "KWD", true),
        ("0.0001", "KWD", false),
        ("0.0001", "CLF", true),
    ] {
        let price = UnitPrice::new(Amount::parse(text).unwrap()).unwrap();
        assert_eq!(price.fits(currency(code)), fits, "{text} {code}");
    }
}

#[test]
fn the_largest_line_is_exact_and_fits() {
    let most = Quantity::new(9_999).unwrap();
    let total = UnitPrice::MAX.get().checked_times(most).unwrap();
    assert_eq!(count(total), MAX_PRICE * 9_999);
}

proptest! {
    #[test]
    fn an_amount_survives_its_own_spelling(number in 0..=MAX) {
        let amount = amount(number);
        prop_assert_eq!(count(amount), number);
        // Digests of requests are made of this text: it must stay that of the decimal number.
        prop_assert_eq!(amount.to_string(), amount.get().to_string());
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        for code in ["JPY", "USD", "KWD", "CLF"] {
            let text = amount.display(currency(code)).to_string();
            prop_assert_eq!(Amount::parse(&text), Ok(amount));
        }
    }

    #[test]
    fn a_sum_is_that_of_whole_numbers(a in 0..=MAX, b in 0..=MAX) {
        let sum = amount(a).checked_add(amount(b));
        prop_assert_eq!(sum.map(count), Some(a + b).filter(|sum| *sum <= MAX));
        prop_assert_eq!([amount(a), amount(b)].iter().sum::<Option<Amount>>(), sum);
    }

    #[test]
    fn a_product_is_that_of_whole_numbers(a in 0..=MAX, times in 1..=9_999_i64) {
        let product = amount(a).checked_times(Quantity::new(times).unwrap());
        let expected = Some(a * i128::from(times)).filter(|product| *product <= MAX);
        prop_assert_eq!(product.map(count), expected);
    }

    #[test]
    fn amounts_compare_as_whole_numbers(a in 0..=MAX, near in -2..=2_i128) {
        let b = (a + near).clamp(0, MAX);
        prop_assert_eq!(amount(a).cmp(&amount(b)), a.cmp(&b));
    }

    #[test]
    fn an_exponent_moves_the_point(digits in 0..=999_999_i128, exponent in -4..=9_i32) {
        let expected = if exponent < 0 {
            digits * 10_000 / 10_i128.pow(exponent.unsigned_abs())
        } else {
            digits * 10_000 * 10_i128.pow(exponent.unsigned_abs())
        };
        let read = Amount::parse(&format!("{digits}e{exponent}"));
        prop_assert_eq!(read.map(count), Ok(expected));
    }

    #[test]
    fn a_digit_is_never_rounded_away(number in 0..=MAX, zeros in 0..=20_usize, e in prop::bool::ANY) {
        let exponent = if e { "e0" } else { "" };
        let text = format!("{}{}1{exponent}", spell(number), "0".repeat(zeros));
        prop_assert_eq!(Amount::parse(&text), Err(AmountError::TooManyDecimals));
    }

    #[test]
    fn a_decimal_number_is_taken_exactly_or_not_at_all(number in 0..=MAX, zeros in 0..=9_u32) {
        let exact = Decimal::from_i128_with_scale(number * 10_i128.pow(zeros), 4 + zeros);
        prop_assert_eq!(Amount::new(exact), Ok(amount(number)));
        prop_assert_eq!(amount(number).get(), exact);
        prop_assert_eq!(amount(number).get().scale(), amount(number).decimals());
        let finer = Decimal::from_i128_with_scale(number * 10 + 1, 5);
        prop_assert_eq!(Amount::new(finer), Err(AmountError::TooManyDecimals));
        let larger = Decimal::from_i128_with_scale(MAX + 1 + number, 4);
        prop_assert_eq!(Amount::new(larger), Err(AmountError::TooLarge));
        if number > 0 {
            prop_assert_eq!(Amount::new(-exact), Err(AmountError::Negative));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-+0-9.eE]{0,70}|\\PC{0,70}") {
        if let Ok(amount) = Amount::parse(&text) {
            prop_assert!((0..=MAX).contains(&count(amount)));
        }
    }
}
