//! What may be shown of a value: which names sound secret, and how credentials in a URL are hidden.
//! It hides too much rather than too little: an unescaped `/` or `@` in a password must not reveal
//! the rest of the password.

use crate::names::squashed;

/// Shown instead of a secret.
pub(crate) const HIDDEN: &str = "******";

/// The parameters of an import from a config server.
const OF_IMPORTS: [&str; 5] =
    ["fail-fast", "max-attempts", "max-interval", "multiplier", "initial-interval"];

/// Whether the value of a parameter in a URL may be shown, by the parameter's name.
pub(crate) type IsHarmless = fn(&str) -> bool;

/// The text with its credentials hidden, if it looks like a URL: everything before the last `@`, and
/// everything from the value of the first query parameter that is not known to be harmless.
pub(crate) fn masked(text: &str, is_harmless: IsHarmless) -> String {
    let text = without_userinfo(text);
    match secret_parameter(&text, is_harmless) {
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

/// Where the value of the first parameter starts that may be secret: in a URL any unknown parameter,
/// elsewhere a parameter whose name sounds secret.
fn secret_parameter(text: &str, is_harmless: IsHarmless) -> Option<usize> {
    let is_url = text.contains("//") || text.contains('?') || text.contains("jdbc:");
    let mut start = None;
    text.char_indices().find_map(|(at, c)| {
        let name = start.and_then(|start| text.get(start..at));
        if matches!(c, '?' | '&' | ';' | ',') || c == '=' && start.is_some() {
            start = Some(at.saturating_add(1));
        }
        let name = name.filter(|_| c == '=')?;
        let is_known = is_harmless(name) || OF_IMPORTS.contains(&name);
        let is_secret = if is_url { !is_known } else { sounds_secret(name) };
        is_secret.then(|| at.saturating_add(1))
    })
}

/// Whether a name sounds as if its value were secret. It may be the name of any key or variable.
#[must_use]
pub fn sounds_secret(name: &str) -> bool {
    const SIGNS: &str = "password passwd passphrase secret token credential jaas apikey \
                         privatekey keypem keystorekey userinfo";
    const SEGMENTS: &[&str] = &["pass", "pw", "pwd"];
    // Also at the end of a word (`DBPW`, `rootPwd`): no other word ends like this.
    const ENDS: &[&str] = &["pw", "pwd"];
    // Says whether browsers send some (CORS), and holds none.
    const FLAG: &str = "allowcredentials";
    let segments = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let mut segments = segments.filter(|segment| !segment.is_empty());
    let squashed = squashed(name).replace(FLAG, "");
    SIGNS.split(' ').any(|sign| squashed.contains(sign))
        || segments.any(|segment| {
            SEGMENTS.contains(&segment.as_str()) || ENDS.iter().any(|end| segment.ends_with(end))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_harmless(parameter: &str) -> bool {
        ["useSSL", "user", "connectTimeout", "mode"].contains(&parameter)
    }

    #[test]
    fn credentials_are_hidden_and_the_rest_is_shown() {
        for (text, expected) in [
            ("shop", "shop"),
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
            ("a;b=db.pw=c", "a;b=db.pw=******"),
        ] {
            assert_eq!(masked(text, is_harmless), expected, "{text}");
        }
    }

    #[test]
    fn names_sound_secret_by_their_words() {
        let secrets = "DB_PW DBPW db.pwd rootPwd DB_PASS my-passphrase aws.credentials \
                       git_credential spring.datasource.password allow-credentials.password";
        for secret in secrets.split(' ') {
            assert!(sounds_secret(secret), "{secret}");
        }
        for plain in [
            "a.cors.allow-credentials",
            "shop.currencies",
            "COMPASS_URL",
            "bypass",
            "pwned.host",
            "DB_HOST",
        ] {
            assert!(!sounds_secret(plain), "{plain}");
        }
    }
}
