//! Durations in Spring's forms: `500ms`, `10s`, `2m`, ISO 8601 (`PT1M30S`), and bare milliseconds.

use std::time::Duration;

/// Reads a duration; `None` if the text has another form, or the duration is negative or overflows.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("p") {
        Some(iso) => iso_8601(iso),
        None => simple(&lower),
    }
}

fn simple(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits)?;
    let number = whole(digits)?;
    match unit {
        "ns" => Some(Duration::from_nanos(number)),
        "us" => Some(Duration::from_micros(number)),
        "" | "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => seconds(number, 60),
        "h" => seconds(number, 60 * 60),
        "d" => seconds(number, 24 * 60 * 60),
        _ => None,
    }
}

/// Reads what follows the `P`: days, then `T`, then hours, minutes and seconds.
fn iso_8601(text: &str) -> Option<Duration> {
    let (days, time) = text.split_once('t').map_or((text, None), |(d, t)| (d, Some(t)));
    let mut sum = Duration::ZERO;
    let mut parts = 0_u32;
    let mut take = |left: &mut &str, unit: char, length: u64| -> Option<()> {
        if let Some((number, rest)) = left.split_once(unit) {
            sum = sum.checked_add(measured(number, length)?)?;
            parts = parts.saturating_add(1);
            *left = rest;
        }
        Some(())
    };
    let mut days = days;
    take(&mut days, 'd', 24 * 60 * 60)?;
    let mut time_left = time.unwrap_or_default();
    for (unit, length) in [('h', 60 * 60), ('m', 60), ('s', 1)] {
        take(&mut time_left, unit, length)?;
    }
    let complete = days.is_empty() && time_left.is_empty() && time != Some("");
    (complete && parts > 0).then_some(sum)
}

/// A number of units. Only seconds may have a fraction, of at most nine digits.
fn measured(number: &str, length: u64) -> Option<Duration> {
    let Some((integer, fraction)) = number.split_once('.') else {
        return seconds(whole(number)?, length);
    };
    if length != 1 || fraction.len() > 9 {
        return None;
    }
    let nanos = whole(&format!("{fraction:0<9}"))?;
    seconds(whole(integer)?, 1)?.checked_add(Duration::from_nanos(nanos))
}

fn seconds(number: u64, length: u64) -> Option<Duration> {
    number.checked_mul(length).map(Duration::from_secs)
}

/// A number of digits only, without a sign or blanks.
fn whole(digits: &str) -> Option<u64> {
    let only_digits = digits.bytes().all(|b| b.is_ascii_digit());
    only_digits.then(|| digits.parse().ok()).flatten()
}
