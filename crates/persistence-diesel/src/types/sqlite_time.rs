//! Times in SQLite, which has no type for them: as this service writes them, and as other programs do. The column
//! `created_at_micros` of the migrations follows the same rules, and lists are sorted by it.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta};

/// The seconds from 1970 to 2000, and to 2100. A whole number is a time of these years, in seconds or milliseconds, so that
/// no number has two meanings.
const SECONDS: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// The time that a text or a whole number means, in microseconds; what is finer is cut.
///
/// Texts are `2026-11-22`, `2026-11-22 12:00`, `2026-11-22 12:00:00` and `2026-11-22 12:00:00.5`, with `T` or a space, and with
/// `Z`, an offset (`+02:00`), or nothing at their end, which is UTC.
pub(super) fn read(text: &str) -> Option<NaiveDateTime> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_number(text.parse().ok()?);
    }
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    if rest.is_empty() {
        return date.and_hms_opt(0, 0, 0);
    }
    let (hour, rest) = digits(rest.strip_prefix([' ', 'T'])?, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, micros, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let (second, rest) = digits(rest, 2)?;
            let (micros, rest) = fraction(rest);
            (second, micros, rest)
        }
        None => (0, 0, rest),
    };
    let local = date.and_hms_micro_opt(hour, minute, second, micros)?;
    let time = local.checked_sub_signed(offset(rest)?)?;
    // Cursors hold no others.
    (1_970..=9_999).contains(&time.year()).then_some(time)
}

fn of_number(number: i64) -> Option<NaiveDateTime> {
    let time = if SECONDS.contains(&number) {
        DateTime::from_timestamp(number, 0)
    } else if SECONDS.contains(&number.div_euclid(1_000)) {
        DateTime::from_timestamp_millis(number)
    } else {
        None
    };
    time.map(|time| time.naive_utc())
}

/// Splits a number of exactly `count` digits off the beginning of a text, and answers with it and the rest.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some((number.parse().ok()?, rest))).flatten()
}

/// The microseconds of the decimals at the beginning, and what comes after them.
fn fraction(text: &str) -> (u32, &str) {
    let Some(decimals) = text.strip_prefix('.') else { return (0, text) };
    let rest = decimals.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = decimals.len().saturating_sub(rest.len());
    let micros = decimals.bytes().take(count).chain(std::iter::repeat(b'0')).take(6);
    let add = |sum: u32, digit: u8| {
        sum.saturating_mul(10).saturating_add(digit.saturating_sub(b'0').into())
    };
    (micros.fold(0, add), rest)
}

/// How far the zone at the end is ahead of UTC.
fn offset(text: &str) -> Option<TimeDelta> {
    let zone = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    if matches!(zone, "" | "Z" | "z") {
        return Some(TimeDelta::zero());
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let (hours, rest) = digits(zone, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let is_valid = hours <= 14 && minutes <= 59 && rest.is_empty();
    let minutes = i64::from(hours).saturating_mul(60).saturating_add(minutes.into());
    is_valid.then(|| TimeDelta::try_minutes(minutes.saturating_mul(sign))).flatten()
}
