//! Hiding the credentials that a URL carries, wherever one is shown. Rather too much is hidden than
//! too little: an unescaped `/` or `@` in a password must not let the rest of it through.

/// What stands for a secret.
pub(crate) const HIDDEN: &str = "******";

/// A text without what looks like credentials in a URL: `//user:password@`, and everything from the
/// first query parameter with a telling name on.
pub(crate) fn masked(text: &str) -> String {
    let text = without_userinfo(text);
    match telling_parameter(&text) {
        Some(value_start) => {
            let (kept, _) = text.split_at(value_start);
            format!("{kept}{HIDDEN}")
        }
        None => text,
    }
}

fn without_userinfo(text: &str) -> String {
    if let Some((before, rest)) = text.split_once("//")
        && let Some((_, after)) = rest.rsplit_once('@')
    {
        return format!("{before}//{HIDDEN}@{after}");
    }
    text.to_owned()
}

/// Where the value of the first parameter starts whose name says that it is secret.
fn telling_parameter(text: &str) -> Option<usize> {
    text.match_indices('=').find_map(|(equals, _)| {
        let (before, _) = text.split_at(equals);
        let name = before.rsplit(['?', '&', ';', ',']).next()?;
        let is_parameter = name.len() < before.len();
        (is_parameter && super::catalogue::sounds_secret(name)).then(|| equals.saturating_add(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_the_rest_is_shown() {
        for (text, expected) in [
            ("order-service", "order-service"),
            ("mysql://localhost:3306/ordersdb", "mysql://localhost:3306/ordersdb"),
            ("mysql://ann:pw@db/o?useSSL=false", "mysql://******@db/o?useSSL=false"),
            ("mysql://ann:p/w@x@db/o", "mysql://******@db/o"),
            (
                "jdbc:postgresql://db/o?user=ann&password=p&w",
                "jdbc:postgresql://db/o?user=ann&password=******",
            ),
            ("http://a:b@one/eureka,http://c:d@two/eureka", "http://******@two/eureka"),
            ("jdbc:sqlserver://db;Password=x;y=z", "jdbc:sqlserver://db;Password=******"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }
}
