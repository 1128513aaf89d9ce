//! The host and port that a request asks for: those of its target, or else its header `Host`. What is none is
//! refused here, before it can get into a link or decide whose pages are let in (RFC 9110, section 4.2, and
//! RFC 9112, sections 3.2 and 3.3).

use std::net::Ipv6Addr;

use actix_web::dev::RequestHead;
use actix_web::http::header::HOST;
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};

use crate::problem::{Code, Problem};

/// The longest host, as in DNS.
const LONGEST: usize = 255;

/// Refuses a request whose target or `Host` is not valid on a port of this scheme.
pub(super) fn check(head: &RequestHead, scheme: &str) -> Option<Problem> {
    let is_host = |value: &str| read(value).is_some();
    let mut hosts = head.headers().get_all(HOST);
    let host = hosts.next().map(|value| value.to_str().is_ok_and(is_host));
    if host == Some(false) || hosts.next().is_some() {
        let message = "must stand once: a name, an IPv4 address, or an IPv6 address in brackets; \
                       and a port, if any, from 1 to 65535";
        return Some(Problem::bad_header(Code::InvalidParameter, "Host", message));
    }
    (!is_target(&head.method, &head.uri, scheme)).then(|| {
        let detail =
            format!("The target of the request must be a path, or an {scheme} URL without a user.");
        Problem::new(Code::InvalidParameter, detail)
    })
}

/// What a request asks for: in its target, which goes before the header (RFC 9112, section 3.2.2).
pub(super) fn asked(head: &RequestHead) -> Option<(&str, Option<u16>)> {
    let named = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head.headers().get(HOST)?.to_str().ok()?,
    };
    read(named)
}

/// A path, a URL of the port's scheme, or `*` for `OPTIONS`. Tunnels are not made here. What came without TLS cannot mean an
/// `https` URL, and what came over TLS no `http` URL (RFC 9110, section 7.4).
fn is_target(method: &Method, uri: &Uri, port: &str) -> bool {
    match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) => {
            scheme.as_str() == port && read(authority.as_str()).is_some()
        }
        (None, None) => {
            let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
            path.starts_with('/') || (path == "*" && *method == Method::OPTIONS)
        }
        _ => false,
    }
}

/// A host with or without a port. An empty port is none.
pub(super) fn read(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let port = match port {
        "" => None,
        port if port.bytes().all(|b| b.is_ascii_digit()) => {
            Some(port.parse().ok().filter(|port| *port > 0)?)
        }
        _ => return None,
    };
    let is_name = |host: &str| {
        (1..=LONGEST).contains(&host.len())
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = v6.map_or_else(|| is_name(host), |host| host.parse::<Ipv6Addr>().is_ok());
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        let long = "a".repeat(256);
        for wrong in [
            "",
            ":80",
            "a b",
            "a/b",
            "\"",
            "a:b",
            "a:0",
            "a:70000",
            "a:+1",
            "a:-1",
            "a:1:2",
            "[::1",
            "::1",
            "[::1]x",
            "[::1%25lo]",
            "[v1.a]",
            "u@h",
            "<x>",
            "a%41",
            "a,b",
            "h\u{e4}",
            &long,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        for (right, expected) in [
            ("a", ("a", None)),
            ("a:", ("a", None)),
            ("A.b-c_d.:8080", ("A.b-c_d.", Some(8080))),
            ("127.0.0.1:0080", ("127.0.0.1", Some(80))),
            ("[::1]", ("[::1]", None)),
            ("[::1]:8080", ("[::1]", Some(8080))),
        ] {
            assert_eq!(read(right), Some(expected), "{right}");
        }
    }

    #[test]
    fn a_target_is_a_path_or_an_http_url() {
        let is_target = |method: &str, target: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            is_target(&method, &target.parse().unwrap(), "http")
        };
        for right in ["/", "/a?b=http://c", "//a", "http://a", "http://a:80/b", "HTTP://[::1]/"] {
            assert!(is_target("GET", right), "{right}");
        }
        for wrong in ["*", "a", "a:80", "https://a/", "ftp://a/", "http://u@a/", "http://u:p@a/"] {
            assert!(!is_target("GET", wrong), "{wrong}");
        }
        assert!(is_target("OPTIONS", "*") && !is_target("CONNECT", "a:443"));
        for (target, is_right) in [("https://a/", true), ("http://a/", false), ("/", true)] {
            assert_eq!(super::is_target(&Method::GET, &target.parse().unwrap(), "https"), is_right);
        }
    }
}
