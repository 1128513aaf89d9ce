//! Parses a datasource URL.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use settings_spring::values::{Fault, Read, is_host};

use super::parameters::{self, Verdict};
use super::{Database, Server};

const NOT_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The database of a URL.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) database: Database,
    /// The names of the URL's parameters that are not honoured.
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

/// Reads a URL. A fault repeats nothing that may be a credential.
pub(super) fn parse(text: &str) -> Read<Location> {
    let text = text.trim();
    let plain = match text.split_once(':') {
        Some((jdbc, rest)) if jdbc.eq_ignore_ascii_case("jdbc") => rest,
        _ => text,
    };
    let (scheme, rest) = plain.split_once(':').ok_or(Fault::SHAPE)?;
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => sqlite(rest),
        "postgresql" | "postgres" => server(rest, 5432, Database::Postgres),
        "mysql" | "mariadb" => server(rest, 3306, Database::MySql),
        other if other.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err(Fault::because(format!("{other} is not a database we know")))
        }
        _ => Err(Fault::SHAPE),
    }
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
    Ok(Location {
        database: Database::Sqlite(PathBuf::from(path)),
        without_effect: pairs(query).map(|(name, _)| name.to_owned()).collect(),
    })
}

fn server(rest: &str, port: u16, wrap: fn(Server) -> Database) -> Read<Location> {
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    // PostgreSQL's short form, `postgresql:orders`, is the local server.
    let (authority, name) = match location.strip_prefix("//") {
        Some(full) => full.split_once('/').unwrap_or((full, "")),
        None => ("", location.trim_start_matches('/')),
    };
    if name.contains('@') {
        let reason = "a / or @ in the user name or password must be written as %2F or %40";
        return Err(Fault::because(reason));
    }
    let (userinfo, address) = match authority.rsplit_once('@') {
        Some((userinfo, address)) => (Some(userinfo), address),
        None => (None, authority),
    };
    let (host, port) = host_and_port(address, port)?;
    let mut server = Server { host, port, name: decoded(name)?, username: None, password: None };
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
    let mut without_effect = Vec::new();
    for (name, value) in pairs(query) {
        match parameters::verdict(name, value) {
            Verdict::User => server.username = Some(from_form(value)?),
            Verdict::Password => server.password = Some(from_form(value)?.into()),
            Verdict::AsWeDo => {}
            Verdict::WithoutEffect => without_effect.push(name.to_owned()),
            Verdict::Refused(reason) => return Err(Fault::because(reason)),
        }
    }
    Ok(Location { database: wrap(server), without_effect })
}

fn host_and_port(address: &str, default: u16) -> Read<(String, u16)> {
    if address.contains([',', '(']) {
        return Err(Fault::because("must name one host"));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
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
    Ok((bare.to_owned(), port))
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
