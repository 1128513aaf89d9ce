//! What the parameters of a JDBC URL mean here, which `spring.datasource.hikari.data-source-properties.*`
//! names as well. None is passed on: they are for a Java driver.

mod tls;

use std::borrow::Cow;

use super::encryption::Wish;

/// The kinds of databases, as far as their drivers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
    MySql,
}

/// What to do with one parameter.
pub(super) enum Verdict {
    /// The user's name.
    User,
    /// The password.
    Password,
    /// The schema that holds the tables.
    Schema(String),
    /// The time zone of times without one.
    TimeZone(String),
    /// Of several servers the one that takes writes is meant.
    Primary,
    /// What it asks for about TLS.
    Tls(Wish),
    /// It asks for what holds anyway, or is about the inside of the Java driver.
    AsWeDo,
    /// It asks for something that is not done; a warning names it.
    WithoutEffect,
    /// It would be dangerous to ignore the parameter.
    Refused(Cow<'static, str>),
}

/// Parameters about the inside of a Java driver.
const JAVA_ONLY: &str = "\
    allowpublickeyretrieval applicationname autoreconnect cacheprepstmts \
    cacheserverconfiguration forceconnectiontimezonetosession preserveinstants \
    prepstmtcachesize prepstmtcachesqllimit rewritebatchedinserts \
    rewritebatchedstatements tinyint1isbit useconfigs usejdbccomplianttimezoneshift \
    uselegacydatetimecode uselocalsessionstate useserverprepstmts useunicode \
    zerodatetimebehavior";

/// Further parameters whose values are never secret.
const HARMLESS: &str = "\
    cache characterencoding charset connectiontimezone connecttimeout \
    channelbinding createdatabaseifnotexist currentschema disablesslhostnameverification \
    enabledtlsprotocols encoding loadbalancehosts logintimeout loglevel mode \
    options preparethreshold readonly requiressl servertimezone sockettimeout ssl sslca sslcert \
    sslkey sslmode sslnegotiation sslrootcert \
    targetservertype targetsessionattrs tcpkeepalive timezone trustservercertificate user username \
    usessl verifyservercertificate";

/// Parameters that say where the server is, or as whom it is asked, in ways that are not known here.
const ELSEWHERE: &str = "\
    authenticationpluginclassname cloudsqlinstance databasename localsocket namedpipepath pgdbname \
    pghost pgport pipe portnumber servername service serviceaccount socketfactory \
    socketfactoryarg socksproxyhost sshhost unixsocketpath url";

/// Spellings of UTF-8.
const UTF8: &[&str] = &["utf8", "utf-8", "utf8mb4"];

/// Values that switch something off.
const OFF: &[&str] = &["false", "0", "no", "off", "none", "disable", "disabled"];

/// Spellings of UTC.
const UTC: &[&str] = &[
    "utc",
    "gmt",
    "z",
    "zulu",
    "uct",
    "etc/utc",
    "etc/gmt",
    "etc/uct",
    "etc/zulu",
    "+0:00",
    "+00:00",
    "-00:00",
    "gmt+0",
    "gmt-0",
    "gmt0",
    "etc/gmt0",
    "gmt+00:00",
    "utc+0",
    "utc+00:00",
];

/// Whether the value of a parameter may be shown. An unknown name may be a misspelled `password`.
pub(crate) fn is_harmless(name: &str) -> bool {
    let name = folded(name);
    [JAVA_ONLY, HARMLESS].iter().any(|names| holds(names, &name))
}

fn holds(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|known| known == name)
}

/// Drivers and hosting services disagree about dashes: `sslmode`, `sslMode`, `ssl-mode`.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

fn refused(reason: &'static str) -> Verdict {
    Verdict::Refused(Cow::Borrowed(reason))
}

/// The verdict on a parameter of a database of this kind; its value is decoded.
pub(super) fn verdict(kind: Kind, name: &str, value: &str) -> Verdict {
    let name = folded(name);
    match (name.as_str(), kind) {
        ("user" | "username", _) => Verdict::User,
        ("password", _) => Verdict::Password,
        (elsewhere, _) if holds(ELSEWHERE, elsewhere) => refused(
            "a parameter of the URL names the server or the user in a way that is not known here; \
             name the host, the database and the user in the URL itself",
        ),
        ("readonly", _) | ("mode" | "openmode", Kind::Sqlite) => read_only(&name, value),
        ("currentschema", Kind::Postgres) => schema(value),
        ("options", Kind::Postgres) => options(value),
        ("targetservertype" | "targetsessionattrs", Kind::Postgres) => target(value),
        ("servertimezone" | "connectiontimezone" | "timezone", Kind::MySql) => time_zone(value),
        ("sessionvariables", _) if folded(value).contains("timezone") => refused(
            "sessionVariables sets time_zone; say it with connectionTimeZone, which is understood",
        ),
        (known, _) if holds(JAVA_ONLY, known) => Verdict::AsWeDo,
        ("characterencoding", _) if UTF8.contains(&value.to_ascii_lowercase().as_str()) => {
            Verdict::AsWeDo
        }
        _ => tls::verdict(&name, value),
    }
}

fn read_only(name: &str, value: &str) -> Verdict {
    let asks = match name {
        "readonly" => !OFF.contains(&value.to_ascii_lowercase().as_str()),
        "mode" => value.eq_ignore_ascii_case("ro"),
        _ => value == "1",
    };
    if asks {
        return refused("a parameter of the URL asks for read-only access, and orders are written");
    }
    Verdict::WithoutEffect
}

/// The time zone of times without one. `LOCAL`, which is the driver's default, is the zone of a Java
/// process that is not there.
fn time_zone(value: &str) -> Verdict {
    // In a URL, a plus that is not escaped is a blank.
    let value = match value.strip_prefix(' ') {
        Some(offset) if offset.starts_with(|c: char| c.is_ascii_digit()) => format!("+{offset}"),
        _ => value.trim().to_owned(),
    };
    let lower = value.to_ascii_lowercase();
    match lower.as_str() {
        utc if UTC.contains(&utc) => Verdict::AsWeDo,
        "" | "local" => Verdict::WithoutEffect,
        "server" => refused(
            "the time zone SERVER is known to the server alone; name it, such as connectionTimeZone=UTC",
        ),
        _ => Verdict::TimeZone(value),
    }
}

/// Which of several servers is meant. Orders are written, so it must be the primary one.
fn target(value: &str) -> Verdict {
    match folded(value).as_str() {
        "any" => Verdict::AsWeDo,
        "primary" | "master" | "readwrite" | "preferprimary" => Verdict::Primary,
        _ => refused(
            "targetServerType asks for a server that takes no writes, and orders are written",
        ),
    }
}

/// One schema. The server looks a table up in one after the other, and would find that of another
/// service, or none and make a second one.
pub(super) fn schema(value: &str) -> Verdict {
    let value = value.trim();
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let name = match quoted {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None if value.contains(['"', ',', '$', '\'']) => {
            return refused("must name one schema: the one that holds the tables");
        }
        // As the server folds names.
        None => value.to_lowercase(),
    };
    if name.is_empty() { Verdict::AsWeDo } else { Verdict::Schema(name) }
}

/// The parameters of the server itself: `-c search_path=shop`, `-csearch_path=shop` or
/// `--search_path=shop`, several with blanks between them; `\` precedes a blank in a value.
fn options(value: &str) -> Verdict {
    let Some(settings) = settings_of(value) else {
        return refused("options must be settings of the server, such as -c search_path=shop");
    };
    let mut found = Verdict::AsWeDo;
    for (name, value) in settings {
        let verdict = match folded(&name).as_str() {
            "searchpath" => schema(&value),
            "role" | "sessionauthorization" => {
                refused("options sets the role; name the user that owns the tables instead")
            }
            "defaulttransactionreadonly" => read_only("readonly", &value),
            "timezone" if UTC.contains(&value.to_ascii_lowercase().as_str()) => Verdict::AsWeDo,
            _ => Verdict::WithoutEffect,
        };
        match (&found, &verdict) {
            (_, Verdict::Refused(_)) => return verdict,
            (Verdict::Schema(_), _) | (Verdict::WithoutEffect, Verdict::AsWeDo) => {}
            _ => found = verdict,
        }
    }
    found
}

fn settings_of(value: &str) -> Option<Vec<(String, String)>> {
    let mut words = words(value).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next()?,
            Some(setting) => setting.to_owned(),
            None => return None,
        };
        let (name, value) = setting.split_once('=')?;
        settings.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Some(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let kept = match c {
            '\\' => chars.next(),
            c if c.is_whitespace() => {
                words.push(String::new());
                None
            }
            c => Some(c),
        };
        if let Some(word) = words.last_mut() {
            word.extend(kept);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Kind, name: &str, value: &str) -> String {
        match verdict(kind, name, value) {
            Verdict::User | Verdict::Password => "credential".to_owned(),
            Verdict::Schema(name) => format!("schema {name}"),
            Verdict::TimeZone(zone) => format!("zone {zone}"),
            Verdict::Primary => "primary".to_owned(),
            Verdict::Tls(wish) => format!("{wish:?}"),
            Verdict::AsWeDo => "as we do".to_owned(),
            Verdict::WithoutEffect => "without effect".to_owned(),
            Verdict::Refused(_) => "refused".to_owned(),
        }
    }

    #[test]
    fn each_way_to_name_a_schema_is_understood() {
        for (name, value, expected) in [
            ("currentSchema", "Shop", "schema shop"),
            ("currentSchema", "\"Shop\"", "schema Shop"),
            ("currentSchema", "shop,public", "refused"),
            ("currentSchema", "\"$user\",public", "refused"),
            ("currentSchema", "$user", "refused"),
            ("currentSchema", "", "as we do"),
            ("options", "-c search_path=shop", "schema shop"),
            ("options", "-csearch_path=shop -c statement_timeout=5min", "schema shop"),
            ("options", "-c statement_timeout=5min --search_path=shop", "schema shop"),
            ("options", "-c search_path=a,b", "refused"),
            ("options", r"-c search_path=a,\ b", "refused"),
            ("options", "-c TimeZone=UTC", "as we do"),
            ("options", "-c statement_timeout=5min", "without effect"),
            ("options", "-c role=owner", "refused"),
            ("options", "-c default_transaction_read_only=on", "refused"),
            ("options", "search_path=shop", "refused"),
            ("options", "-c", "refused"),
        ] {
            assert_eq!(said(Kind::Postgres, name, value), expected, "{name}={value}");
        }
        assert_eq!(said(Kind::MySql, "currentSchema", "shop"), "without effect");
    }

    #[test]
    fn time_zones_other_than_utc_are_handed_on() {
        for (name, value, expected) in [
            ("serverTimezone", "UTC", "as we do"),
            ("connectionTimeZone", "+00:00", "as we do"),
            ("connectionTimeZone", " 00:00", "as we do"),
            ("connectionTimeZone", " 05:30", "zone +05:30"),
            ("connectionTimeZone", "Etc/UTC", "as we do"),
            ("serverTimezone", "Europe/Berlin", "zone Europe/Berlin"),
            ("timezone", "-03:00", "zone -03:00"),
            ("connectionTimeZone", "LOCAL", "without effect"),
            ("connectionTimeZone", "SERVER", "refused"),
            ("forceConnectionTimeZoneToSession", "true", "as we do"),
            ("sessionVariables", "sql_mode='',time_zone='-03:00'", "refused"),
        ] {
            assert_eq!(said(Kind::MySql, name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn what_names_another_server_or_forbids_to_write_is_refused() {
        for (name, value, expected) in [
            ("socketFactory", "com.google.cloud.sql.postgres.SocketFactory", "refused"),
            ("cloudSqlInstance", "p:r:i", "refused"),
            ("service", "prod", "refused"),
            ("PGHOST", "db", "refused"),
            ("readOnly", "true", "refused"),
            ("readOnly", "false", "without effect"),
            ("targetServerType", "primary", "primary"),
            ("targetServerType", "preferPrimary", "primary"),
            ("target_session_attrs", "read-write", "primary"),
            ("targetServerType", "any", "as we do"),
            ("targetServerType", "secondary", "refused"),
            ("targetServerType", "preferSecondary", "refused"),
        ] {
            assert_eq!(said(Kind::Postgres, name, value), expected, "{name}={value}");
        }
        assert_eq!(said(Kind::Sqlite, "mode", "ro"), "refused");
    }
}
