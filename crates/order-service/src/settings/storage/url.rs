//! Parses a datasource URL. A form that is not understood is refused by name: a URL that is read in part
//! leads to another server, such as the one on this machine.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use settings_spring::values::{Fault, Read, is_host};

use super::encryption::{Dialect, Wishes};
use super::parameters::{self, Kind, Verdict};
use super::{Address, Database, Server};

const NOT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Drivers that wrap another one and only watch it: the rest of their URL is that of the database.
const WATCHING: &[&str] = &["p6spy", "otel", "log4jdbc", "tracing"];

/// Ways of drivers to choose among several servers.
const PROTOCOLS: &[&str] =
    &["aurora", "failover", "load-balance-read", "loadbalance", "replication", "sequential"];

/// The database of a URL, and what else the URL says.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) database: Database,
    /// What the parameters ask for.
    pub(super) asked: Asked,
}

/// What parameters ask for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) schema: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) needs_primary: bool,
    /// What they say about TLS, and in whose words.
    pub(super) wishes: Wishes,
    pub(super) dialect: Dialect,
    /// The names of parameters that are not honoured.
    pub(super) without_effect: Vec<String>,
}

impl Location {
    pub(super) fn server(&mut self) -> Option<&mut Server> {
        match &mut self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(server) | Database::MySql(server) => Some(server),
        }
    }
}

impl Asked {
    /// Adds one parameter that is no credential; two that disagree are a fault.
    pub(super) fn add(&mut self, name: &str, verdict: Verdict) -> Read<()> {
        match verdict {
            Verdict::Schema(schema) => {
                return agree(&mut self.schema, schema, "its parameters name different schemas");
            }
            Verdict::TimeZone(zone) => {
                return agree(
                    &mut self.time_zone,
                    zone,
                    "its parameters name different time zones",
                );
            }
            Verdict::Primary => self.needs_primary = true,
            Verdict::Tls(wish) => return self.wishes.add(wish),
            Verdict::WithoutEffect => self.without_effect.push(name.to_owned()),
            Verdict::Refused(reason) => return Err(Fault::because(reason)),
            Verdict::AsWeDo | Verdict::User | Verdict::Password => {}
        }
        Ok(())
    }
}

fn agree(before: &mut Option<String>, now: String, otherwise: &'static str) -> Read<()> {
    let agrees = before.as_ref().is_none_or(|before| *before == now);
    *before = Some(now);
    if agrees { Ok(()) } else { Err(Fault::because(otherwise)) }
}

/// Reads a URL. A fault repeats nothing that may be a credential.
pub(super) fn parse(text: &str) -> Read<Location> {
    let text = text.trim();
    let (scheme, rest) = without_wrappers(text)?;
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => sqlite(rest),
        "postgresql" | "postgres" => server(rest, Kind::Postgres, Dialect::Postgres),
        "mysql" => server(rest, Kind::MySql, Dialect::MySql),
        "mariadb" => server(rest, Kind::MySql, Dialect::MariaDb),
        other if is_scheme(other) => {
            Err(Fault::because(format!("{other} is not a database we know")))
        }
        _ => Err(Fault::SHAPE),
    }
}

/// The scheme of the database and what follows it.
fn without_wrappers(text: &str) -> Read<(&str, &str)> {
    let mut split = text.split_once(':').ok_or(Fault::SHAPE)?;
    if split.0.eq_ignore_ascii_case("jdbc") {
        split = split.1.split_once(':').ok_or(Fault::SHAPE)?;
        if WATCHING.iter().any(|wrapper| split.0.eq_ignore_ascii_case(wrapper)) {
            split = split.1.split_once(':').ok_or(Fault::SHAPE)?;
        }
    }
    Ok(split)
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_".contains(&b))
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NOT_UNRESERVED).to_string()
}

fn sqlite(rest: &str) -> Read<Location> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.strip_prefix("file:").unwrap_or(path);
    if path.is_empty() {
        return Err(Fault::because("names no file"));
    }
    if path == ":memory:" || query.contains("mode=memory") {
        let reason = "in memory, each connection would have a database of its own; name a file";
        return Err(Fault::because(reason));
    }
    if path.starts_with(':') {
        return Err(Fault::because("names a resource of a Java program; name a file"));
    }
    let mut asked = Asked::default();
    for (name, value) in pairs(query) {
        match parameters::verdict(Kind::Sqlite, name, &from_form(value)?) {
            Verdict::User | Verdict::Password => asked.without_effect.push(name.to_owned()),
            verdict => asked.add(name, verdict)?,
        }
    }
    Ok(Location { database: Database::Sqlite(PathBuf::from(path)), asked })
}

fn server(rest: &str, kind: Kind, dialect: Dialect) -> Read<Location> {
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, name) = authority_and_name(location, kind)?;
    if name.contains('@') {
        let reason = "a / or @ in the user name or password must be written as %2F or %40";
        return Err(Fault::because(reason));
    }
    let (userinfo, addresses) = match authority.rsplit_once('@') {
        Some((userinfo, addresses)) => (Some(userinfo), addresses),
        None => (None, authority),
    };
    let mut server = Server {
        addresses: addresses_of(addresses, kind)?,
        needs_primary: false,
        is_bound: false,
        name: decoded(name)?,
        username: None,
        password: None,
    };
    if server.name.is_empty() {
        return Err(Fault::because("names no database"));
    }
    if let Some(userinfo) = userinfo {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        server.username = Some(decoded(user)?);
        server.password = password.map(decoded).transpose()?.map(SecretString::from);
    }
    let mut asked = Asked { dialect, ..Asked::default() };
    for (name, value) in pairs(query) {
        let value = from_form(value)?;
        match parameters::verdict(kind, name, &value) {
            Verdict::User => server.username = Some(value),
            Verdict::Password => server.password = Some(value.into()),
            verdict => asked.add(name, verdict)?,
        }
    }
    server.needs_primary = asked.needs_primary;
    let database = match kind {
        Kind::Postgres => Database::Postgres(server),
        _ => Database::MySql(server),
    };
    Ok(Location { database, asked })
}

/// The servers with the user, and the name of the database.
fn authority_and_name(location: &str, kind: Kind) -> Read<(&str, &str)> {
    if let Some(full) = location.strip_prefix("//") {
        return Ok(full.split_once('/').unwrap_or((full, "")));
    }
    let protocol = location.split(':').next().unwrap_or_default();
    if let Some(known) = PROTOCOLS.iter().find(|known| known.eq_ignore_ascii_case(protocol)) {
        let reason =
            format!("{known}: several servers are not used; name one host, without {known}:");
        return Err(Fault::because(reason));
    }
    // PostgreSQL's short form, `postgresql:orders`, is the local server.
    if kind == Kind::Postgres && !location.contains(':') {
        return Ok(("", location.trim_start_matches('/')));
    }
    Err(Fault::because("must have // before the host"))
}

fn addresses_of(text: &str, kind: Kind) -> Read<Vec<Address>> {
    if text.contains('(') {
        return Err(Fault::because("must name its host as HOST:PORT"));
    }
    if text.contains(',') && kind != Kind::Postgres {
        let reason = "must name one host: several are tried in order on PostgreSQL alone; name the \
                      address of a proxy, or of the server that takes writes";
        return Err(Fault::because(reason));
    }
    if text.contains(',')
        && text.split(',').any(|address| address.is_empty() || address.starts_with(':'))
    {
        return Err(Fault::because("has an empty host among several"));
    }
    let default = if kind == Kind::Postgres { 5432 } else { 3306 };
    text.split(',').map(|address| address_of(address, default)).collect()
}

fn address_of(text: &str, default: u16) -> Read<Address> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None | Some("") => default,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| Fault::because("must have a port from 1 to 65535"))?,
    };
    let host = if host.is_empty() { "localhost" } else { host };
    if !is_host(host) {
        return Err(Fault::because("must have a host name or address; IPv6 in brackets"));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok(Address { host: bare.to_owned(), port })
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes a query parameter as JDBC drivers do: a plus is a blank.
fn from_form(text: &str) -> Read<String> {
    decoded(&text.replace('+', " "))
}

fn decoded(text: &str) -> Read<String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(String::from)
        .map_err(|_| Fault::because("has percent-encoding that is not UTF-8"))
}

#[cfg(test)]
mod tests;
