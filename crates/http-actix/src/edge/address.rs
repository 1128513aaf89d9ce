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
    pub(super) fn of(headers: &HeaderMap, peer: Option<IpAddr>, proxies: Proxies) -> Self {
        let own = Self { client: peer, ..Self::default() };
        let is_trusted = match proxies {
            Proxies::Ignored => false,
            Proxies::Internal => peer.is_some_and(is_internal),
            Proxies::Any => true,
        };
        if !is_trusted {
            return own;
        }
        let mut said = match text(headers, "forwarded") {
            Some(forwarded) => Self::standard(forwarded, proxies),
            None => Self::customary(headers, proxies),
        };
        said.client = said.client.or(peer);
        said.prefix = text(headers, "x-forwarded-prefix").and_then(prefix);
        said
    }

    /// From the header of RFC 7239. Each proxy adds an element behind those before it.
    fn standard(header: &str, proxies: Proxies) -> Self {
        let (scheme, (host, port)) = (
            parameter(header, "proto").find_map(scheme),
            parameter(header, "host").find_map(host_and_port).unzip(),
        );
        let hops = parameter(header, "for").filter_map(address).collect();
        Self { scheme, host, port: port.flatten(), prefix: None, client: client(hops, proxies) }
    }

    /// From the headers that proxies used before there was a standard.
    fn customary(headers: &HeaderMap, proxies: Proxies) -> Self {
        let first = |name| text(headers, name).and_then(|text| text.split(',').next());
        let ssl = first("x-forwarded-ssl").filter(|text| text.trim() == "on").map(|_| "https");
        let (host, of_host) = first("x-forwarded-host").and_then(host_and_port).unzip();
        let port = first("x-forwarded-port").and_then(|text| text.trim().parse().ok());
        let hops = text(headers, "x-forwarded-for").unwrap_or_default();
        Self {
            scheme: first("x-forwarded-proto").and_then(scheme).or(ssl),
            host,
            port: port.filter(|port| *port > 0).or(of_host.flatten()),
            prefix: None,
            client: client(hops.split(',').filter_map(address).collect(), proxies),
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
        let proxies = app.http.settings.proxies;
        let peer = request.peer_addr().map(|peer| peer.ip());
        let Forwarded { scheme, host, port, prefix, .. } =
            Forwarded::of(request.headers(), peer, proxies);
        let is_forwarded = scheme.is_some() || host.is_some() || port.is_some();
        let (asked_host, asked_port) = authority::asked(request.head()).unzip();
        // As in Spring: a scheme that is forwarded makes the port its own, unless that is forwarded, too.
        let kept = asked_port.flatten().filter(|_| scheme.is_none() && host.is_none());
        let (scheme, port) = (scheme.unwrap_or("http"), port.or(kept));
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

/// Who has asked, of all who passed the request on: the first one; or, where only proxies inside are trusted,
/// the last one that is none of them.
fn client(hops: Vec<IpAddr>, proxies: Proxies) -> Option<IpAddr> {
    let first = hops.first().copied();
    match proxies {
        Proxies::Internal => hops.into_iter().rev().find(|hop| !is_internal(*hop)).or(first),
        _ => first,
    }
}

/// Tomcat's internal proxies: loopback, link-local and private networks.
fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn said(headers: &[(&'static str, &str)], peer: &str, proxies: Proxies) -> Forwarded {
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
        let client = |peer, proxies| said(&hops, peer, proxies).client.unwrap().to_string();
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
        assert_eq!(said(&headers, "10.0.0.1", Proxies::Any), expected);
    }
}
