//! Where requests are taken, below which path, how many at once, and how long each may take; which answers
//! are compressed; whose word is taken for a client's address; and the service's name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_actix::{Compression, Cors, IpNet, Proxies, RateLimit, StrictTransport};
use settings_spring::values::{Fault, Read, list};
use settings_spring::{Reader, complete, keys, values};

use super::rate_limit::Limit;
use super::{cors, rate_limit};

const SHORTEST: Duration = Duration::from_millis(100);

keys! {
    pub(super) ROWS;
    ADDRESS: Option<IpAddr> = "server.address", "", Plain,
        "an IP address or localhost; 0.0.0.0 or :: for every network",
        "Where requests are taken. Unless set, 127.0.0.1; but every network, as Spring does, when this \
         instance registers with Eureka.",
        |text| values::optional(text, values::address);
    PORT: u16 = "server.port", "8082", Plain, "a port from 0 to 65535; 0 takes any free one",
        "The port on which requests are taken.", values::port;
    pub(super) CONTEXT_PATH: String = "server.servlet.context-path", "", Plain,
        "a path such as /shop; / is the same as none",
        "The path in front of every path of the main port.", path;
    PROXIES: Proxies = "server.forward-headers-strategy", "none", Plain,
        "none; native, which believes peers in private networks; or framework, which believes every peer",
        "Whether Forwarded and X-Forwarded-* say under which address a client has reached the service.",
        proxies;
    TRUSTED: Vec<IpNet> = "order.trusted-proxies", "", Plain,
        "networks such as 10.1.0.0/16 or 2001:db8::/32, or addresses, with commas between them, beside \
         server.forward-headers-strategy=native",
        "The proxies that are believed, in place of all peers in private networks. The client is the last hop that is \
         none of them.",
        |text| list(text, network);
    STRICT: StrictTransport = "order.hsts.include-sub-domains", "false", Plain, "true or false",
        "Whether browsers, on a port with TLS, are told to use TLS for all hosts below this one, too.",
        |text| values::flag(text).map(|all| if all { StrictTransport::SubDomains } else { StrictTransport::Host });
    pub(super) NAME: String = "spring.application.name", "order-service", Plain, "a name",
        "The name of this service in logs, in /actuator/info and with its peers.", values::text;
}

keys! {
    pub(super) STREAMS;
    MAX_STREAMS: u32 = "order.events.max-streams", "256", Plain, "a whole number from 0 to 100000",
        "How many clients may listen to GET /events at once; further ones are answered with 503.",
        |text| values::number(text, 0..=100_000);
}

keys! {
    pub(super) REQUESTS;
    BUDGET: Duration = "order.request-budget", "1200ms", Plain, "a duration from 100ms to 10s",
        "How long a request may take before it is answered with 503.",
        |text| values::duration(text, SHORTEST..=Duration::from_secs(10));
    MAX_IN_FLIGHT: u32 = "order.max-in-flight", "512", Plain, "a whole number from 1 to 100000",
        "How many requests run at once; further ones wait for up to half of order.request-budget, and are then \
         answered with 503.",
        |text| values::number(text, 1..=100_000);
    UNREAD_ANSWERS: usize = "order.max-unread-answers", "64MB", Plain, "a size up to 1GB, such as 64MB",
        "How many bytes of large answers (above 32 KiB) may wait for clients that have not taken them; then answers that stand still are given up, or a read with a large answer gets 503.",
        size;
    BODY_DEADLINE: Duration = "order.body-deadline", "10s", Plain, "a duration from 100ms to 5m",
        "How long a client may take to send a request's body.",
        |text| values::duration(text, SHORTEST..=Duration::from_mins(5));
    COMPRESS: bool = "server.compression.enabled", "false", Plain, "true or false",
        "Whether answers are compressed with gzip for clients that accept it.", values::flag;
    COMPRESSED_TYPES: Vec<String> = "server.compression.mime-types",
        "text/html,text/xml,text/plain,text/css,text/javascript,application/javascript,application/json,application/xml,application/cloudevents-batch+json",
        Plain, "content types with commas between them", "The content types that are compressed.",
        |text| list(text, content_type);
    COMPRESSED_SIZE: usize = "server.compression.min-response-size", "2KB", Plain,
        "a size up to 1GB, such as 2KB", "How large an answer must be to be compressed.", size;
}

/// How requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// How long a request may take.
    pub budget: Duration,
    /// How many requests run at once.
    pub max_in_flight: u32,
    /// How many bytes of large answers may wait for their clients.
    pub max_unread_answers: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How many clients may listen to events at once.
    pub max_streams: u32,
}

/// How the service is reached, and how it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The path in front of every path of the main port; empty for none.
    pub context_path: String,
    /// Whose word is taken for a client's address.
    pub proxies: Proxies,
    /// What browsers are told on a port with TLS.
    pub strict_transport: StrictTransport,
    /// Which answers are compressed; `None`: none.
    pub compression: Option<Compression>,
    /// How fast one client may ask; `None`: as fast as it can.
    pub rate_limit: Option<RateLimit>,
    /// Which pages of other origins may ask for orders; `None`: the service does not speak of it.
    pub cors: Option<Cors>,
}

impl Requests {
    /// How many requests run at once, as the number of a semaphore's permits.
    #[must_use]
    pub fn permits(&self) -> usize {
        usize::try_from(self.max_in_flight).unwrap_or(usize::MAX)
    }
}

/// An address that was not set is loopback, until [`reachable`] decides.
pub(super) fn listen(from: &mut Reader<'_>) -> Option<SocketAddr> {
    let (address, port) = (from.read(&ADDRESS), from.read(&PORT));
    Some(SocketAddr::new(address?.unwrap_or(Ipv4Addr::LOCALHOST.into()), port?))
}

/// Where to listen when this instance registers: who finds it in the registry must reach it.
pub(super) fn reachable(listen: SocketAddr, from: &mut Reader<'_>) -> SocketAddr {
    if !from.is_set(&ADDRESS) {
        return SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), listen.port());
    }
    if listen.ip().is_loopback() {
        let key = ADDRESS.row.name;
        from.warn(format!(
            "{key}: others find this instance in Eureka, and cannot reach it at {}",
            listen.ip()
        ));
    }
    listen
}

pub(super) fn requests(from: &mut Reader<'_>) -> Option<Requests> {
    complete!(Requests {
        budget: from.read(&BUDGET),
        max_in_flight: from.read(&MAX_IN_FLIGHT),
        max_unread_answers: from.read(&UNREAD_ANSWERS),
        body_deadline: from.read(&BODY_DEADLINE),
        max_streams: from.read(&MAX_STREAMS),
    })
}

pub(super) fn web(from: &mut Reader<'_>) -> Option<Web> {
    let compress = from.read(&COMPRESS);
    let compression = complete!(Compression {
        types: from.read(&COMPRESSED_TYPES),
        least: from.read(&COMPRESSED_SIZE),
    });
    complete!(Web {
        context_path: from.read(&CONTEXT_PATH),
        proxies: proxies_of(from),
        strict_transport: from.read(&STRICT),
        compression: compress.zip(compression).map(|(on, compression)| on.then_some(compression)),
        rate_limit: rate_limit::read(from, proxies.as_ref()).map(|Limit(limit)| limit),
        cors: cors::read(from).map(|cors| cors.is_on().then_some(cors)),
    })
}

/// Whose word is taken: that of the listed networks, where there are any.
fn proxies_of(from: &mut Reader<'_>) -> Option<Proxies> {
    let (strategy, trusted) = (from.read(&PROXIES), from.read(&TRUSTED));
    let (strategy, trusted) = (strategy?, trusted?);
    if trusted.is_empty() {
        return Some(strategy);
    }
    if strategy != Proxies::Internal {
        from.refuse(&TRUSTED, "has no effect without server.forward-headers-strategy=native");
        return None;
    }
    Some(Proxies::In(trusted))
}

/// A path without a slash at its end: empty, or segments of plain characters.
pub(super) fn path(text: &str) -> Read<String> {
    let text = text.trim();
    let path = text.strip_suffix('/').unwrap_or(text);
    match path.strip_prefix('/') {
        None if path.is_empty() => Ok(String::new()),
        Some(segments) if segments.split('/').all(is_segment) => Ok(path.to_owned()),
        _ => Err(Fault::SHAPE),
    }
}

/// Whether a text is a segment of a path that needs no escapes.
pub(super) fn is_segment(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()+=:@".contains(&b);
    !["", ".", ".."].contains(&text) && text.bytes().all(is_plain)
}

fn proxies(text: &str) -> Read<Proxies> {
    let words: [(_, fn() -> Proxies); 3] = [
        ("none", || Proxies::Ignored),
        ("native", || Proxies::Internal),
        ("framework", || Proxies::Any),
    ];
    values::one_of(text, &words).map(|proxies| proxies())
}

/// A network, or an address as one. Clients would be proxies in the network of all addresses.
fn network(text: &str) -> Read<IpNet> {
    let address = || values::address(text).ok().map(IpNet::from);
    let network = text.parse::<IpNet>().ok().or_else(address).ok_or(Fault::SHAPE)?;
    let is_mapped = matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some());
    if network.trunc() != network || network.prefix_len() == 0 || is_mapped {
        return Err(Fault::SHAPE);
    }
    Ok(network)
}

fn content_type(text: &str) -> Read<String> {
    let is_token = |text: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._+".contains(&b);
        !text.is_empty() && text.bytes().all(is_plain)
    };
    let parts = text.split_once('/').filter(|(kind, name)| is_token(kind) && is_token(name));
    parts.map(|_| text.to_owned()).ok_or(Fault::SHAPE)
}

/// Spring's `DataSize`: bytes, or a number with a unit.
pub(super) fn size(text: &str) -> Read<usize> {
    const UNITS: [(&str, usize); 4] = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("B", 1)];
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((text, 1));
    let size = number.trim().parse::<usize>().ok().and_then(|number| number.checked_mul(bytes));
    size.filter(|size| *size <= 1 << 30).ok_or(Fault::SHAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_plain_segments_and_no_slash_at_its_end() {
        for (text, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("/shop", Some("/shop")),
            (" /shop/v1/ ", Some("/shop/v1")),
            ("shop", None),
            ("//", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("/{id}", None),
            ("/a b", None),
            ("/%2e", None),
            ("/a?b", None),
        ] {
            assert_eq!(path(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_network_has_no_bits_beyond_its_length() {
        for right in ["10.0.0.0/8", "2001:db8::/32", "10.1.2.3/32"] {
            assert_eq!(network(right).unwrap().to_string(), right);
        }
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("[::1]").unwrap().to_string(), "::1/128");
        for wrong in [
            "10.1.2.3/8",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/33",
            "::ffff:10.0.0.0/104",
            "shop",
            "10.*",
        ] {
            assert_eq!(network(wrong), Err(Fault::SHAPE), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_springs_units() {
        for (text, expected) in [
            ("2KB", Some(2_048)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("1MB", Some(1 << 20)),
            ("1GB", Some(1 << 30)),
            ("2GB", None),
            ("4194304KB", None),
            ("2kb", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
