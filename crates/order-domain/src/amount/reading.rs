//! Reading an amount from text, without any step that could round.

use super::{AmountError, SCALE};

/// Digits before the point: those of `DECIMAL(19,4)`.
const WHOLE_DIGITS: i64 = 15;
/// The longest text that is looked at; an honest amount has at most 20 characters.
const LONGEST_TEXT: usize = 64;

/// The ten-thousandths of an amount, from any spelling of a JSON number.
pub(super) fn read(text: &str) -> Result<u64, AmountError> {
    plain(text).map_or_else(|| any(text), Ok)
}

/// The fast path: up to fifteen digits without an exponent, and up to four decimals. `None` for
/// every other text, right or wrong.
fn plain(text: &str) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if (1..=4).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_spelled = whole.len() <= 15 && (!whole.starts_with('0') || whole.len() == 1);
    if !is_spelled || whole.is_empty() {
        return None;
    }
    let mut count = 0_u64;
    for digit in whole.bytes().chain(fraction.bytes()) {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        count = count.saturating_mul(10).saturating_add(digit.into());
    }
    let missing = SCALE.saturating_sub(u32::try_from(fraction.len()).ok()?);
    Some(count.saturating_mul(10_u64.saturating_pow(missing)))
}

/// The complete path: every spelling that JSON allows.
fn any(text: &str) -> Result<u64, AmountError> {
    let number = Number::read(text).ok_or(AmountError::NotANumber)?;
    let digits = || number.whole.bytes().chain(number.fraction.bytes());
    let is_zero = |digit: &u8| *digit == b'0';
    let all = number.whole.len().saturating_add(number.fraction.len());
    let leading = digits().take_while(is_zero).count();
    let trailing = digits().rev().take_while(is_zero).count();
    let significant = all.saturating_sub(leading).saturating_sub(trailing);
    // Where the last and the first digit other than zero stand, counted from the point. Both are
    // known before any arithmetic, so nothing can overflow or be rounded.
    let decimals =
        number.shift.saturating_add(signed(number.fraction.len())).saturating_sub(signed(trailing));
    let before_point = signed(significant).saturating_sub(decimals);
    if leading == all {
        return Ok(0);
    }
    if number.negative {
        return Err(AmountError::Negative);
    }
    if before_point > WHOLE_DIGITS {
        return Err(AmountError::TooLarge);
    }
    let missing = i64::from(SCALE).saturating_sub(decimals);
    let missing = u32::try_from(missing).map_err(|_| AmountError::TooManyDecimals)?;
    // At most 19 digits, with the missing zeros.
    let count = digits()
        .skip(leading)
        .take(significant)
        .map(|digit| u64::from(digit.saturating_sub(b'0')))
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    Ok(count.saturating_mul(10_u64.saturating_pow(missing)))
}

/// The parts of a JSON number: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// How far the point moves to the left: the exponent, negated.
    shift: i64,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let unsigned = text.strip_prefix('-');
        let negative = unsigned.is_some();
        let text = unsigned.unwrap_or(text);
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent),
            None => (text, "0"),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let up = exponent.strip_prefix('-').is_none();
        let moved = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let plain = digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(digits)
            && digits(moved);
        // An exponent that does not fit means the same as the largest one.
        let moved = moved.parse::<i64>().unwrap_or(i64::MAX);
        plain.then_some(Self {
            negative,
            whole,
            fraction: fraction.unwrap_or(""),
            shift: if up { moved.saturating_neg() } else { moved },
        })
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
