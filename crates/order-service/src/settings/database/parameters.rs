//! What to make of the parameters that a JDBC URL carries. None is passed on: they mean something
//! to a Java driver, not to ours.

/// What to do with one parameter.
pub(super) enum Verdict {
    /// It is the user's name.
    User,
    /// It is the password.
    Password,
    /// It asks for what we do anyway, or is about the Java driver alone.
    AsWeDo,
    /// It asks for something that we do not do; its name is worth a warning.
    WithoutEffect,
    /// Going on without it would be dangerous.
    Refused(&'static str),
}

/// Parameters about the inside of a Java driver.
const JAVA_ONLY: &[&str] = &[
    "allowpublickeyretrieval",
    "applicationname",
    "autoreconnect",
    "cacheprepstmts",
    "cacheserverconfiguration",
    "prepstmtcachesize",
    "prepstmtcachesqllimit",
    "rewritebatchedinserts",
    "rewritebatchedstatements",
    "tinyint1isbit",
    "useconfigs",
    "usejdbccomplianttimezoneshift",
    "uselegacydatetimecode",
    "uselocalsessionstate",
    "useserverprepstmts",
    "useunicode",
    "zerodatetimebehavior",
];

/// Further parameters that say nothing which anybody should not know.
const HARMLESS: &[&str] = &[
    "cache",
    "characterencoding",
    "charset",
    "connectiontimezone",
    "connecttimeout",
    "createdatabaseifnotexist",
    "currentschema",
    "encoding",
    "logintimeout",
    "loglevel",
    "mode",
    "preparethreshold",
    "requiressl",
    "servertimezone",
    "sockettimeout",
    "ssl",
    "sslmode",
    "targetservertype",
    "tcpkeepalive",
    "timezone",
    "user",
    "username",
    "usessl",
    "verifyservercertificate",
];

/// Values that switch something off.
const OFF: &[&str] = &["false", "0", "no", "off", "none", "disable", "disabled"];

/// Whether the value of a parameter may be shown. A name that nobody knows may be a misspelled
/// `password`.
pub(in crate::settings) fn is_harmless(name: &str) -> bool {
    let name = folded(name);
    JAVA_ONLY.contains(&name.as_str()) || HARMLESS.contains(&name.as_str())
}

/// Drivers and hosting services disagree about dashes: `sslmode`, `sslMode`, `ssl-mode`.
fn folded(name: &str) -> String {
    crate::settings::names::folded(name)
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
        (known, _) if JAVA_ONLY.contains(&known) => Verdict::AsWeDo,
        ("characterencoding", "utf8" | "utf-8" | "utf8mb4")
        | (
            "servertimezone" | "connectiontimezone" | "timezone",
            "utc" | "gmt" | "z" | "etc/utc" | "+00:00",
        )
        | ("usessl" | "ssl" | "requiressl" | "verifyservercertificate", "false")
        | ("sslmode", "disable" | "disabled" | "allow" | "prefer" | "preferred") => Verdict::AsWeDo,
        // Whoever demands encryption must not get a password sent in the clear.
        ("sslmode", _) => demands!("sslMode"),
        ("ssl", _) => demands!("ssl"),
        ("requiressl", _) => demands!("requireSSL"),
        ("verifyservercertificate", _) => demands!("verifyServerCertificate"),
        ("channelbinding" | "gssencmode", "require") => demands!("a parameter of the URL"),
        ("usessl", _) => Verdict::WithoutEffect,
        // Whatever else is about encryption is the certificate or the key of whoever demands it.
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
