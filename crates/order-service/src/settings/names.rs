//! Spring's relaxed names: one canonical form per key, so that `maximumPoolSize` in one place and
//! `maximum-pool-size` in another are the same key. Which keys exist is in `table.rs`.

use super::catalogue;

/// The form in which two names are compared: lower case, without dashes and underscores. What
/// comes after a family's prefix (`logging.level.`, `spring.kafka.properties.`) stays as written,
/// because there it is a name of somebody else.
pub(crate) fn canonical(name: &str) -> String {
    let name = without_brackets(name);
    let folded = folded(&name);
    match catalogue::family_of(&folded) {
        Some(prefix) => format!("{prefix}{}", rest(&name, prefix)),
        None => folded,
    }
}

/// Lower case, without dashes and underscores; dots stay.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// What environment variables are compared by: their underscores stand for dots, dashes or nothing.
pub(crate) fn squashed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// What of a name as written comes after a folded prefix, which ends in a dot.
pub(crate) fn rest<'a>(name: &'a str, prefix: &str) -> &'a str {
    let dots = prefix.matches('.').count();
    name.splitn(dots.saturating_add(1), '.').last().unwrap_or_default()
}

/// Splits a list's index off: `order.currencies[1]` is the second of `order.currencies`.
pub(crate) fn index(name: &str) -> Option<(&str, usize)> {
    let (list, index) = name.strip_suffix(']')?.rsplit_once('[')?;
    Some((list, index.parse().ok()?))
}

/// Spring's brackets keep a map's key verbatim (`logging.level[com.example]`); an index keeps its.
fn without_brackets(name: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_a_key_are_one_key() {
        for (name, expected) in [
            (
                "spring.datasource.hikari.maximum-pool-size",
                "spring.datasource.hikari.maximumpoolsize",
            ),
            (
                "spring.datasource.hikari.maximumPoolSize",
                "spring.datasource.hikari.maximumpoolsize",
            ),
            (
                "Spring.DataSource.Hikari.maximum_pool_size",
                "spring.datasource.hikari.maximumpoolsize",
            ),
            ("eureka.client.serviceUrl.defaultZone", "eureka.client.serviceurl.defaultzone"),
            ("order.currencies[0]", "order.currencies[0]"),
        ] {
            assert_eq!(canonical(name), expected, "{name}");
        }
    }

    #[test]
    fn the_keys_of_maps_stay_as_written() {
        for (name, expected) in [
            ("logging.level.order_app", "logging.level.order_app"),
            ("Logging.Level.Order_App", "logging.level.Order_App"),
            ("logging.level[com.example]", "logging.level.com.example"),
            ("logging.level.[com.example]", "logging.level.com.example"),
            ("spring.kafka.properties.ssl.key-store", "spring.kafka.properties.ssl.key-store"),
        ] {
            assert_eq!(canonical(name), expected, "{name}");
        }
    }

    #[test]
    fn an_index_is_split_off() {
        assert_eq!(index("order.currencies[12]"), Some(("order.currencies", 12)));
        assert_eq!(index("order.currencies"), None);
        assert_eq!(index("order.currencies[x]"), None);
    }
}
