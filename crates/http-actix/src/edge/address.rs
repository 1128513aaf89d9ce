//! The address under which a client has reached this port: what a proxy says of it in `Forwarded` (RFC 7239)
//! or `X-Forwarded-*`, when the settings trust proxies, and else what the request says. What is no scheme,
//! host, port or path is passed over, so that it never gets into an answer.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;

use super::authority;
use crate::app::{App, Proxies};

/// The longest path that a proxy may put in front.
const LONGEST: usize = 255;

/// What a proxy says of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    scheme: Option<&'static str>,
    host: Option<String>,
    port: Option<u16>,
    /// The path that clients see in front of ours, without a slash at the end.
    prefix: Option<String>,
    /// Who has asked.
    pub(super) client: Option<IpAddr>,
}

impl Forwarded {
    /// `peer` is who has connected.
    pub(super) fn of(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &Proxies) -> Self {
        let own = Self { client: peer, ..Self::default() };
        let is_trusted = match proxies {
            Proxies::Ignored => false,
            Proxies::Internal | Proxies::In(_) => peer.is_some_and(|peer| is_among(peer, proxies)),
            Proxies::Any => true,
        };
        if !is_trusted {
            return own;
        }
        let mut said = match text(headers, "forwarded") {
            Some(forwarded) => Self::standard(forwarded),
            None => Self::customary(headers),
        };
        said.client = client(headers, proxies).or(peer);
        said.prefix = text(headers, "x-forwarded-prefix").and_then(prefix);
        said
    }

    /// From the header of RFC 7239. Each proxy adds an element behind those before it.
    fn standard(header: &str) -> Self {
        let (scheme, (host, port)) = (
            parameter(header, "proto").find_map(scheme),
            parameter(header, "host").find_map(host_and_port).unzip(),
        );
        Self { scheme, host, port: port.flatten(), ..Self::default() }
    }

    /// From the headers that proxies used before there was a standard.
    fn customary(headers: &HeaderMap) -> Self {
        let first = |name| text(headers, name).and_then(|text| text.split(',').next());
        let ssl = first("x-forwarded-ssl").filter(|text| text.trim() == "on").map(|_| "https");
        let (host, of_host) = first("x-forwarded-host").and_then(host_and_port).unzip();
        let port = first("x-forwarded-port").and_then(|text| text.trim().parse().ok());
        Self {
            scheme: first("x-forwarded-proto").and_then(scheme).or(ssl),
            host,
            port: port.filter(|port| *port > 0).or(of_host.flatten()),
            ..Self::default()
        }
    }
}

/// The address of a request, for links.
pub(crate) struct Address {
    /// Scheme, host and port; `None` when the request names no host.
    origin: Option<String>,
    /// Whether a proxy has said so.
    is_forwarded: bool,
    /// What is in front of every path, without a slash at the end.
    root: String,
}

impl Address {
    pub(crate) fn of(request: &HttpRequest, app: &App) -> Self {
        let proxies = &app.http.settings.proxies;
        let peer = request.peer_addr().map(|peer| peer.ip());
        let Forwarded { scheme, host, port, prefix, .. } =
            Forwarded::of(request.headers(), peer, proxies);
        let is_forwarded = scheme.is_some() || host.is_some() || port.is_some();
        let (asked_host, asked_port) = authority::asked(request.head()).unzip();
        // As in Spring: a scheme that is forwarded makes the port its own, unless that is forwarded, too.
        let kept = asked_port.flatten().filter(|_| scheme.is_none() && host.is_none());
        let (scheme, port) = (scheme.unwrap_or(app.scheme()), port.or(kept));
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|port| *port != usual).map(|port| format!(":{port}"));
        let origin = host
            .as_deref()
            .or(asked_host)
            .map(|host| format!("{scheme}://{host}{}", port.unwrap_or_default()));
        let root = prefix.unwrap_or_else(|| app.site.root().to_owned());
        Self { origin, is_forwarded, root }
    }

    /// The URL of a path below the root.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin.as_deref().unwrap_or_default(), self.root)
    }

    /// The same as short as clients can resolve it: without scheme and host, unless a proxy has changed
    /// them.
    pub(super) fn reference(&self, path: &str) -> String {
        if self.is_forwarded { self.url(path) } else { format!("{}{path}", self.root) }
    }

    /// Scheme, host and port, as browsers write the origin of a page.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The path in front of all others, for documents that clients resolve.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

/// A reference to what is at `path` by default, which may have a query.
pub(super) fn reference(request: &HttpRequest, app: &App, path: &str) -> Option<String> {
    let (bare, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let served = app.site.below_root(bare)?;
    Some(Address::of(request, app).reference(&format!("{served}{query}")))
}

/// The first header of a name.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.trim().is_empty())
}

/// The values of a parameter, in the order of the elements.
fn parameter<'a>(header: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    header.split([',', ';']).filter_map(move |pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// A host with or without a port, as a proxy writes it.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    authority::read(text.trim()).map(|(host, port)| (host.to_owned(), port))
}

fn scheme(text: &str) -> Option<&'static str> {
    ["https", "http"].into_iter().find(|scheme| text.trim().eq_ignore_ascii_case(scheme))
}

/// The paths that proxies have put in front, the outermost first.
fn prefix(text: &str) -> Option<String> {
    let parts = text.split(',').map(|part| part.trim().trim_end_matches('/'));
    let prefix: String = parts.collect();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+=:@".contains(&b);
    let is_path = prefix.is_empty() || prefix.starts_with('/');
    let segments = prefix.split('/').skip(1);
    let is_clean = segments.into_iter().all(|segment| !["", ".", ".."].contains(&segment));
    let fits = prefix.len() <= LONGEST && prefix.bytes().all(is_plain);
    (is_path && is_clean && fits).then_some(prefix)
}

/// An IP address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((v6, _)) => v6,
        // More colons than one are those of IPv6.
        None if text.matches(':').count() == 1 => text.split(':').next().unwrap_or_default(),
        None => text,
    };
    bare.parse().ok()
}

/// Who has asked, by the header of RFC 7239 or by `X-Forwarded-For`. A proxy writes one of them, and may pass on the
/// other one as the client sent it. So where both are there and do not agree, neither is believed.
fn client(headers: &HeaderMap, proxies: &Proxies) -> Option<IpAddr> {
    let standard = hops(headers, "forwarded", |line| parameter(line, "for").map(address).collect());
    let customary = hops(headers, "x-forwarded-for", |line| line.split(',').map(address).collect());
    let [standard, customary] =
        [standard, customary].map(|hops| hops.map(|hops| first_of(&hops, proxies)));
    match (standard, customary) {
        (Some(one), Some(other)) if one != other => None,
        (one, other) => one.or(other).flatten(),
    }
}

/// Who passed a request on, by all lines of a header: proxies add lines, or add to the last one. A hop without an address
/// is `None`.
fn hops(
    headers: &HeaderMap,
    name: &str,
    read: impl Fn(&str) -> Vec<Option<IpAddr>>,
) -> Option<Vec<Option<IpAddr>>> {
    let lines = headers.get_all(name).filter(|line| !line.as_bytes().trim_ascii().is_empty());
    let hops: Vec<_> = lines.flat_map(|line| line.to_str().map_or(vec![None], &read)).collect();
    (!hops.is_empty()).then_some(hops)
}

/// Who has asked, of all who passed the request on: where every proxy is believed, the first one. Else the last one that
/// is no proxy, because those before it may be its invention; so is all that stands before a hop without an address.
fn first_of(hops: &[Option<IpAddr>], proxies: &Proxies) -> Option<IpAddr> {
    if *proxies == Proxies::Any {
        return hops.iter().flatten().next().copied();
    }
    let mut nearest = None;
    for hop in hops.iter().rev() {
        let Some(hop) = *hop else { break };
        nearest = Some(hop);
        if !is_among(hop, proxies) {
            break;
        }
    }
    nearest
}

fn is_among(address: IpAddr, proxies: &Proxies) -> bool {
    let address = address.to_canonical();
    proxies.networks().iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn said(headers: &[(&'static str, &str)], peer: &str, proxies: &Proxies) -> Forwarded {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, header| request.append_header(*header));
        Forwarded::of(request.to_http_request().headers(), peer.parse().ok(), proxies)
    }

    #[test]
    fn what_is_no_host_port_scheme_or_path_is_passed_over() {
        assert_eq!(host_and_port("a b"), None);
        assert_eq!(host_and_port(" [::1]:8080 "), Some(("[::1]".to_owned(), Some(8080))));
        for path in
            ["x", "//x", "/a/../b", "/a b", "/a?b", "/a#b", "/a\\b", "/%0d", &"/a".repeat(128)]
        {
            assert_eq!(prefix(path), None, "{path}");
        }
        assert_eq!(prefix("/a/, /b").as_deref(), Some("/a/b"));
        assert_eq!(prefix("/").as_deref(), Some(""));
        assert_eq!((scheme("javascript"), scheme(" HTTPS ")), (None, Some("https")));
        for client in ["unknown", "_hidden", "", "1.2.3", "::x"] {
            assert_eq!(address(client), None, "{client}");
        }
    }

    #[test]
    fn a_client_is_told_by_trusted_proxies_alone() {
        let hops = [("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.9")];
        let client =
            |peer, proxies: Proxies| said(&hops, peer, &proxies).client.unwrap().to_string();
        assert_eq!(client("10.0.0.1", Proxies::Ignored), "10.0.0.1");
        assert_eq!(client("10.0.0.1", Proxies::Any), "6.6.6.6");
        // The first hop may be the client's invention.
        assert_eq!(client("10.0.0.1", Proxies::Internal), "1.2.3.4");
        assert_eq!(client("9.9.9.9", Proxies::Internal), "9.9.9.9");
    }

    #[test]
    fn the_standard_header_goes_before_the_others() {
        let headers = [
            (
                "forwarded",
                "for=\"[2001:db8::1]:4711\";proto=https;host=\"shop.example:8443\", for=10.0.0.2",
            ),
            ("x-forwarded-host", "other.example"),
            ("x-forwarded-prefix", "/api/"),
        ];
        let expected = Forwarded {
            scheme: Some("https"),
            host: Some("shop.example".to_owned()),
            port: Some(8443),
            prefix: Some("/api".to_owned()),
            client: "2001:db8::1".parse().ok(),
        };
        assert_eq!(said(&headers, "10.0.0.1", &Proxies::Any), expected);
    }

    #[test]
    fn the_nearest_hop_that_is_no_proxy_is_the_client_whatever_it_says_itself() {
        let own =
            Proxies::In(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        for (headers, client) in [
            (&[("x-forwarded-for", "6.6.6.6, 9.9.9.9, 10.0.0.2")][..], "9.9.9.9"),
            // haproxy adds a line of its own behind the client's.
            (&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "9.9.9.9")], "9.9.9.9"),
            (&[("forwarded", "for=6.6.6.6"), ("forwarded", "for=9.9.9.9;proto=http")], "9.9.9.9"),
            (&[("x-forwarded-for", "6.6.6.6, unknown")], "10.0.0.1"),
            (&[("x-forwarded-for", "6.6.6.6, unknown, 10.0.0.2")], "10.0.0.2"),
            (&[("forwarded", "for=6.6.6.6, for=_hidden, for=\"[2001:db8::2]:80\"")], "2001:db8::2"),
            (&[("x-forwarded-for", "10.0.0.3, ::ffff:10.0.0.2")], "10.0.0.3"),
            (&[("x-forwarded-for", " ")], "10.0.0.1"),
            // The proxy writes one of them, and passes the other one on.
            (&[("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=6.6.6.6")], "10.0.0.1"),
            (&[("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=9.9.9.9")], "10.0.0.1"),
            (&[("x-forwarded-for", "9.9.9.9"), ("forwarded", "for=9.9.9.9")], "9.9.9.9"),
            // 192.168.0.0/16 is not listed.
            (&[("x-forwarded-for", "9.9.9.9, 192.168.0.1")], "192.168.0.1"),
        ] {
            let said = said(headers, "10.0.0.1", &own).client.unwrap();
            assert_eq!(said.to_string(), client, "{headers:?}");
        }
        let hops = [("x-forwarded-for", "9.9.9.9")];
        assert_eq!(said(&hops, "192.168.0.1", &own).client, "192.168.0.1".parse().ok());
    }
}
