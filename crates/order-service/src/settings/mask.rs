//! Hiding the credentials that a URL carries, wherever one is shown. Rather too much is hidden than
//! too little: an unescaped `/` or `@` in a password must not let the rest of it through.

use super::catalogue::sounds_secret;
use super::database::is_harmless;

/// What stands for a secret.
pub(crate) const HIDDEN: &str = "******";

/// A text without what looks like credentials in a URL: what stands before the last `@`, and
/// everything from the value of the first query parameter on that is not known to be harmless.
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
    let Some((before_at, after)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    if let Some((before, _)) = before_at.split_once("//") {
        return format!("{before}//{HIDDEN}@{after}");
    }
    // Some drivers write URLs without slashes: `jdbc:oracle:thin:user/password@host`.
    if before_at.contains(':') {
        return format!("{HIDDEN}@{after}");
    }
    text.to_owned()
}

/// Where the value of the first parameter starts that may be secret: in a URL any that nobody
/// knows, elsewhere those whose name says so.
fn telling_parameter(text: &str) -> Option<usize> {
    let is_url = text.contains("//") || text.contains('?') || text.contains("jdbc:");
    text.match_indices('=').find_map(|(equals, _)| {
        let (before, _) = text.split_at(equals);
        let name = before.rsplit(['?', '&', ';', ',']).next()?;
        let is_parameter = name.len() < before.len();
        let is_telling = if is_url { !is_harmless(name) } else { sounds_secret(name) };
        (is_parameter && is_telling).then(|| equals.saturating_add(1))
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
            ("jdbc:oracle:thin:scott/tiger@db", "******@db"),
            ("ann@example.com", "ann@example.com"),
            (
                "mysql://db/o?connectTimeout=5&pasword=x",
                "mysql://db/o?connectTimeout=5&pasword=******",
            ),
            ("jdbc:sqlite:o.db?key=x&mode=rw", "jdbc:sqlite:o.db?key=******"),
            ("http://e/eureka?sig=x", "http://e/eureka?sig=******"),
            ("a;b=c", "a;b=c"),
            ("a;db.pw=c", "a;db.pw=******"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }
}
