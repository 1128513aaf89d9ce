//! Spring's relaxed names: the forms in which two spellings of a name are compared. Which keys exist
//! is in `catalogue.rs`.

/// Lower case, without dashes and underscores; dots stay.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// The form in which environment variables are compared: their underscores stand for dots, dashes or
/// nothing.
pub(crate) fn squashed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// The part of a name, as it was written, that follows a folded prefix. The prefix ends in a dot.
pub(crate) fn rest<'a>(name: &'a str, prefix: &str) -> &'a str {
    let dots = prefix.matches('.').count();
    name.splitn(dots.saturating_add(1), '.').last().unwrap_or_default()
}

/// Splits off the index of a list's element: `shop.currencies[1]` is the second of `shop.currencies`.
pub(crate) fn index(name: &str) -> Option<(&str, usize)> {
    let (list, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    Some((list, index.parse().ok()?))
}

/// Removes the brackets around the key of a map (`logging.level[com.example]`). An index keeps its
/// brackets.
pub(crate) fn without_brackets(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut left = name;
    while let Some((before, after)) = left.split_once('[') {
        let Some((inner, behind)) = after.split_once(']') else {
            break;
        };
        plain.push_str(before);
        if inner.bytes().all(|b| b.is_ascii_digit()) {
            for part in ["[", inner, "]"] {
                plain.push_str(part);
            }
        } else {
            if !plain.is_empty() && !plain.ends_with('.') {
                plain.push('.');
            }
            plain.push_str(inner);
        }
        left = behind;
    }
    plain.push_str(left);
    plain
}
