//! Writing an amount as text.

use std::fmt;

use super::SCALE;

/// Fifteen digits, the point and four decimals.
const LONGEST: usize = 20;

/// The text of an [`Amount`](crate::Amount). See [`Amount::display`](crate::Amount::display).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AmountText {
    /// The text is at the end; before it are zeros without meaning.
    buffer: [u8; LONGEST],
    /// Where the text begins.
    start: usize,
}

impl AmountText {
    /// Writes digits by hand, from the last to the first: format strings take several times as
    /// long, and an order has many amounts.
    pub(super) fn of(ten_thousandths: u64, decimals: u32) -> Self {
        let unit = 10_u64.saturating_pow(SCALE.saturating_sub(decimals));
        let mut rest = ten_thousandths.checked_div(unit).unwrap_or(ten_thousandths);
        let mut last_digit = || {
            let digit = u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            (b'0' | digit, rest == 0)
        };
        let mut buffer = [b'0'; LONGEST];
        let mut free = buffer.iter_mut().rev();
        for byte in free.by_ref().take(usize::try_from(decimals).unwrap_or_default()) {
            (*byte, _) = last_digit();
        }
        if decimals > 0 {
            free.by_ref().take(1).for_each(|byte| *byte = b'.');
        }
        // There is always one digit before the point.
        for byte in free.by_ref() {
            let (digit, is_first) = last_digit();
            *byte = digit;
            if is_first {
                break;
            }
        }
        let start = free.len();
        Self { buffer, start }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The buffer holds digits and a point only, so both steps succeed.
        let text = self.buffer.get(self.start..).and_then(|text| std::str::from_utf8(text).ok());
        text.unwrap_or_default()
    }
}

impl fmt::Display for AmountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AmountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
