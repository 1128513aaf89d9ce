//! `${random.…}` in all of Spring's forms: `random.value`, `random.uuid`, `random.int`, `random.long`,
//! and the numbers with bounds, `random.int(10)` and `random.long[1024,65536]`. The upper bound is
//! excluded.

use std::str::FromStr;

/// Shown behind a name that begins with `random.` and has none of these forms.
pub(crate) const MALFORMED: &str = "which is no random value: there are random.value, random.uuid, \
                                    random.int, random.long, random.int(MAX), random.int[MIN,MAX], \
                                    random.long(MAX) and random.long[MIN,MAX], with MIN below MAX \
                                    and, alone, MAX above 0";

/// What follows `random.` in a name.
pub(crate) fn form(name: &str) -> Option<&str> {
    let (prefix, form) = name.split_at_checked("random.".len())?;
    prefix.eq_ignore_ascii_case("random.").then_some(form)
}

/// A value of a form, made of random bits; `None` for a malformed one.
pub(crate) fn value(form: &str, bits: u128) -> Option<String> {
    match form {
        "uuid" => {
            Some(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string())
        }
        "value" => Some(format!("{bits:032x}")),
        "int" => i32::try_from(bits >> 97).ok().map(|number| number.to_string()),
        "long" => i64::try_from(bits >> 65).ok().map(|number| number.to_string()),
        bounded => match bounded.strip_prefix("int") {
            Some(bounds) => between::<i32>(bounds, bits),
            None => between::<i64>(bounded.strip_prefix("long")?, bits),
        },
    }
}

/// A number within the bounds `(MAX)` or `[MIN,MAX]`, in either kind of brackets.
fn between<T: FromStr + Into<i128>>(bounds: &str, bits: u128) -> Option<String> {
    let round = bounds.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    let square = || bounds.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let inner = round.or_else(square)?;
    let number = |text: &str| text.trim().parse::<T>().ok().map(Into::<i128>::into);
    let (least, end) = match inner.split_once(',') {
        Some((least, end)) => (number(least)?, number(end)?),
        None => (0, number(inner)?),
    };
    let span = u128::try_from(end.checked_sub(least)?).ok()?;
    let above = i128::try_from(bits.checked_rem(span)?).ok()?;
    least.checked_add(above).map(|number| number.to_string())
}
