//! What the parameters of a JDBC URL mean here. None is passed on: they are for a Java driver.

/// What to do with one parameter.
pub(super) enum Verdict {
    /// The user's name.
    User,
    /// The password.
    Password,
    /// It asks for what holds anyway, or is about the inside of the Java driver.
    AsWeDo,
    /// It asks for something that is not done; a warning names it.
    WithoutEffect,
    /// The URL is refused: it would be dangerous to ignore the parameter.
    Refused(&'static str),
}

/// Parameters about the inside of a Java driver.
const JAVA_ONLY: &str = "\
    allowpublickeyretrieval applicationname autoreconnect cacheprepstmts \
    cacheserverconfiguration prepstmtcachesize prepstmtcachesqllimit rewritebatchedinserts \
    rewritebatchedstatements tinyint1isbit useconfigs usejdbccomplianttimezoneshift \
    uselegacydatetimecode uselocalsessionstate useserverprepstmts useunicode \
    zerodatetimebehavior";

/// Further parameters whose values are never secret.
const HARMLESS: &str = "\
    cache characterencoding charset connectiontimezone connecttimeout \
    createdatabaseifnotexist currentschema encoding logintimeout loglevel mode \
    preparethreshold requiressl servertimezone sockettimeout ssl sslmode targetservertype \
    tcpkeepalive timezone user username usessl verifyservercertificate";

/// Values that switch something off.
const OFF: &[&str] = &["false", "0", "no", "off", "none", "disable", "disabled"];

/// Whether the value of a parameter may be shown. An unknown name may be a misspelled `password`.
pub(crate) fn is_harmless(name: &str) -> bool {
    let name = folded(name);
    [JAVA_ONLY, HARMLESS].iter().any(|names| names.split(' ').any(|known| known == name))
}

/// Drivers and hosting services disagree about dashes: `sslmode`, `sslMode`, `ssl-mode`.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

macro_rules! demands {
    ($name:literal) => {
        Verdict::Refused(concat!(
            $name,
            " demands an encrypted connection, and no TLS to databases is built in; leave it out, \
             or reach the database through a tunnel"
        ))
    };
}

pub(super) fn verdict(name: &str, value: &str) -> Verdict {
    let value = value.to_ascii_lowercase();
    match (folded(name).as_str(), value.as_str()) {
        ("user" | "username", _) => Verdict::User,
        ("password", _) => Verdict::Password,
        (known, _) if JAVA_ONLY.split(' ').any(|name| name == known) => Verdict::AsWeDo,
        ("characterencoding", "utf8" | "utf-8" | "utf8mb4")
        | (
            "servertimezone" | "connectiontimezone" | "timezone",
            "utc" | "gmt" | "z" | "etc/utc" | "+00:00",
        )
        | ("usessl" | "ssl" | "requiressl" | "verifyservercertificate", "false")
        | ("sslmode", "disable" | "disabled" | "allow" | "prefer" | "preferred") => Verdict::AsWeDo,
        // If encryption is demanded, the password must not be sent in the clear.
        ("sslmode", _) => demands!("sslMode"),
        ("ssl", _) => demands!("ssl"),
        ("requiressl", _) => demands!("requireSSL"),
        ("verifyservercertificate", _) => demands!("verifyServerCertificate"),
        ("channelbinding" | "gssencmode", "require") => demands!("a parameter of the URL"),
        ("usessl", _) => Verdict::WithoutEffect,
        // Other parameters about encryption name certificates or keys: they demand it, too.
        (other, _) if other.contains("ssl") || other.contains("tls") => {
            if OFF.contains(&value.as_str()) {
                Verdict::AsWeDo
            } else {
                demands!("a parameter of the URL about TLS")
            }
        }
        _ => Verdict::WithoutEffect,
    }
}
