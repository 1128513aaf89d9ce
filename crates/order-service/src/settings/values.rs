//! How the text of a value becomes a value. Each function takes the whole text; what a key allows
//! is said in `table.rs`, beside the function it uses.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use secrecy::SecretString;

use super::durations;

/// Why a text is not a value: for a reason worth telling, or simply because it is something else.
/// A reason that repeats something of the text is owned, and never repeats what may be a credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) Option<Cow<'static, str>>);

/// What a reading comes to.
pub(crate) type Read<T> = Result<T, Fault>;

impl Fault {
    pub(crate) const SHAPE: Self = Self(None);

    pub(crate) fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Some(reason.into()))
    }
}

/// Nothing, or a value.
pub(crate) fn optional<T>(text: &str, read: impl FnOnce(&str) -> Read<T>) -> Read<Option<T>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    read(text).map(Some)
}

/// Values with commas between them; blanks around them and empty ones do not count.
pub(crate) fn list<T>(text: &str, read: impl Fn(&str) -> Read<T>) -> Read<Vec<T>> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty()).map(read).collect()
}

pub(crate) fn text(text: &str) -> Read<String> {
    match text.trim() {
        "" => Err(Fault::SHAPE),
        text => Ok(text.to_owned()),
    }
}

/// As written: blanks may belong to it.
#[expect(clippy::unnecessary_wraps, reason = "every row is read by a function of this form")]
pub(crate) fn secret(text: &str) -> Read<SecretString> {
    Ok(SecretString::from(text))
}

pub(crate) fn flag(text: &str) -> Read<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Fault::SHAPE),
    }
}

pub(crate) fn port(text: &str) -> Read<u16> {
    text.trim().parse().map_err(|_| Fault::SHAPE)
}

pub(crate) fn whole(text: &str, least: u32, most: u32) -> Read<u32> {
    let number = text.trim().parse().map_err(|_| Fault::SHAPE)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(Fault::SHAPE)
}

pub(crate) fn duration(text: &str, least: Duration, most: Duration) -> Read<Duration> {
    durations::parse(text.trim())
        .filter(|duration| (least..=most).contains(duration))
        .ok_or(Fault::SHAPE)
}

pub(crate) fn address(text: &str) -> Read<IpAddr> {
    match text.trim() {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        text => {
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            bare.unwrap_or(text).parse().map_err(|_| Fault::SHAPE)
        }
    }
}

/// The value of a word, whatever its case and whether with dashes or underscores.
pub(crate) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    let spelled = text.trim().to_ascii_lowercase().replace('-', "_");
    words.iter().find(|(word, _)| *word == spelled).map(|(_, value)| *value).ok_or(Fault::SHAPE)
}

/// `host:port`, the host being a name, an IPv4 address or an IPv6 address in brackets.
pub(crate) fn host_and_port(text: &str) -> Read<String> {
    let (host, port) = text.rsplit_once(':').ok_or(Fault::SHAPE)?;
    let port: u16 = port.parse().map_err(|_| Fault::SHAPE)?;
    if port == 0 || !is_host(host) {
        return Err(Fault::SHAPE);
    }
    Ok(text.to_owned())
}

/// The URL of an HTTP server, which may carry credentials.
pub(crate) fn http_url(text: &str) -> Read<SecretString> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or(Fault::SHAPE)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (server, None),
    };
    let port_is_right = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if port_is_right && is_host(host) && !text.contains(char::is_whitespace) {
        return Ok(SecretString::from(text));
    }
    Err(Fault::SHAPE)
}

/// Whether this can be a host.
pub(crate) fn is_host(text: &str) -> bool {
    if let Some(v6) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The name of a profile, which becomes part of a file's name.
pub(crate) fn profile(text: &str) -> Read<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.+@".contains(&b);
    if text.bytes().all(allowed) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(Fault::SHAPE)
}

/// A topic's name: what Kafka allows, with `{type}` for the type of the event.
pub(crate) fn topic(text: &str) -> Read<String> {
    let text = text.trim();
    let plain = text.replace("{type}", "order.created");
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    // The longest type is `order.in_progress`, and Kafka's limit is 249.
    let fits = plain.len() <= 240 && !matches!(plain.as_str(), "" | "." | "..");
    if fits && plain.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(Fault::SHAPE)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn hosts_and_ports_are_checked() {
        for right in ["localhost:9092", "b-1.kafka_x:1", "10.0.0.1:9092", "[::1]:9092"] {
            assert!(host_and_port(right).is_ok(), "{right}");
        }
        for wrong in
            ["", "localhost", ":9092", "a b:1", "a:0", "a:65536", "a:b", "[::x]:1", "http://a:1"]
        {
            assert_eq!(host_and_port(wrong), Err(Fault::SHAPE), "{wrong}");
        }
    }

    #[test]
    fn http_urls_are_checked_and_kept_whole() {
        for right in [
            "http://localhost:8761/eureka",
            "https://a:p@h/eureka/?x=1",
            "http://[::1]:8761/",
            "http://[::1]",
        ] {
            assert_eq!(http_url(right).unwrap().expose_secret(), right);
        }
        for wrong in
            ["", "localhost:8761", "ftp://h", "http://", "http://h:x/", "http://h:0", "http://a b"]
        {
            assert!(http_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn small_values_are_read_as_people_write_them() {
        assert_eq!(flag(" On "), Ok(true));
        assert_eq!(flag("maybe"), Err(Fault::SHAPE));
        assert_eq!(list(" a, ,b ", text), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(optional("  ", port), Ok(None));
        assert_eq!(optional("80", port), Ok(Some(80)));
        assert_eq!(address("localhost"), Ok(Ipv4Addr::LOCALHOST.into()));
        assert!(address("[::]").unwrap().is_ipv6());
        assert_eq!(whole("11", 1, 10), Err(Fault::SHAPE));
        assert_eq!(one_of("Sasl-SSL", &[("sasl_ssl", 1)]), Ok(1));
        assert_eq!(topic("{type}"), Ok("{type}".into()));
        assert_eq!(topic("a b"), Err(Fault::SHAPE));
        assert_eq!(profile("../etc"), Err(Fault::SHAPE));
    }
}
