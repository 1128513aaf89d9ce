//! Which pages of other origins may ask, and what for: the rules of Spring's `CorsConfiguration`. Browsers keep
//! them; other programs need not. A request from an origin that is not allowed is refused all the same, as in Spring.

use std::str::FromStr;
use std::time::Duration;

/// Stands for all origins, methods or headers.
const ANY: &str = "*";

/// What pages of other origins may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// These origins, without a slash at the end; `*` is every origin.
    pub origins: Vec<String>,
    /// Origins of these forms.
    pub patterns: Vec<OriginPattern>,
    /// What they may ask with: names of methods; `*` is every method.
    pub methods: Vec<String>,
    /// The headers that they may send beside those that browsers always send; `*` is every header.
    pub headers: Vec<String>,
    /// The headers of answers that scripts may read beside those that they always may.
    pub exposed: Vec<String>,
    /// Whether browsers send what they know of the user (cookies), and let scripts read the answer.
    pub credentials: bool,
    /// How long browsers may keep the answer to a preflight; a fraction of a second is left out.
    pub max_age: Duration,
}

impl Cors {
    /// What `Access-Control-Allow-Origin` says to an origin; `None`: it may not ask.
    pub(crate) fn allow_origin<'a>(&self, origin: &'a str) -> Option<&'a str> {
        if self.origins.iter().any(|allowed| allowed == ANY) {
            return Some(ANY);
        }
        let bare = origin.strip_suffix('/').unwrap_or(origin);
        let is_listed = self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare));
        let is_allowed = is_listed || self.patterns.iter().any(|pattern| pattern.matches(bare));
        is_allowed.then_some(origin)
    }

    /// The methods that a preflight is told; `None`: the method is not allowed.
    pub(crate) fn allow_methods(&self, method: &str) -> Option<String> {
        if self.methods.iter().any(|allowed| allowed == ANY) {
            return Some(method.to_owned());
        }
        self.methods.iter().any(|allowed| allowed == method).then(|| self.methods.join(","))
    }

    /// The headers that a preflight is told, of those that it asks for; `None`: none of them is allowed.
    pub(crate) fn allow_headers(&self, asked: &str) -> Option<String> {
        let mut asked = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).peekable();
        if asked.peek().is_none() {
            return Some(String::new());
        }
        let is_allowed = |name: &&str| {
            self.headers.iter().any(|allowed| allowed == ANY || allowed.eq_ignore_ascii_case(name))
        };
        let allowed = asked.filter(is_allowed).collect::<Vec<_>>().join(", ");
        (!allowed.is_empty()).then_some(allowed)
    }

    /// Whether pages of some other origin may ask.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !(self.origins.is_empty() && self.patterns.is_empty())
    }

    /// Whether pages of any site may ask.
    #[must_use]
    pub fn is_for_any_site(&self) -> bool {
        let any = ["https://any-site.invalid", "http://any-site.invalid"];
        any.iter().any(|origin| self.allow_origin(origin).is_some())
    }
}

/// Origins of one form: `*` stands for any characters, and `:[8080,8081]` or `:[*]` at the end for these ports, or for
/// any port and none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    /// The texts between the asterisks.
    parts: Vec<String>,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ports {
    /// As in the text.
    Written,
    Any,
    OneOf(Vec<String>),
}

/// The text is no pattern of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPattern;

impl FromStr for OriginPattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let with_ports = text.strip_suffix(']').and_then(|text| text.rsplit_once(":["));
        let (text, ports) = match with_ports {
            Some((text, ANY)) => (text, Ports::Any),
            Some((text, list)) => {
                let ports =
                    list.split(',').map(|port| port.parse::<u16>().map(|_| port.to_owned()));
                (text, Ports::OneOf(ports.collect::<Result<_, _>>().map_err(|_| NoPattern)?))
            }
            None if text.contains(":[") => return Err(NoPattern),
            None => (text, Ports::Written),
        };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
            return Err(NoPattern);
        }
        Ok(Self { parts: text.split('*').map(ToOwned::to_owned).collect(), ports })
    }
}

impl OriginPattern {
    fn matches(&self, origin: &str) -> bool {
        let (bare, port) = match origin.rsplit_once(':') {
            Some((bare, port)) => (bare, Some(port)),
            None => (origin, None),
        };
        match &self.ports {
            Ports::Written => self.fits(origin),
            Ports::OneOf(ports) => {
                port.is_some_and(|port| ports.iter().any(|one| one == port)) && self.fits(bare)
            }
            Ports::Any => {
                let is_port =
                    |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                self.fits(origin) || port.is_some_and(is_port) && self.fits(bare)
            }
        }
    }

    /// Whether a text is made of the parts with any characters between them.
    fn fits(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some((_, after)) = left.split_once(part.as_str()) else { return false };
            left = after;
        }
        left.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_text_with_asterisks_and_ports() {
        for (pattern, right, wrong) in [
            ("https://*.a.b", "https://x.a.b", "https://a.b"),
            ("https://*.a.b/", "https://x.y.a.b", "https://x.a.b.c"),
            ("https://*.a.*", "https://x.a.b", "https://x.b"),
            ("http*://*a*b", "https://xab", "https://xb"),
            ("*ab*ab", "abab", "ab"),
            ("http://[::1]", "http://[::1]", "http://[::1]:80"),
            ("http://[::1]:[*]", "http://[::1]:80", "http://[::1]:x"),
            ("http://a:[80,81]", "http://a:81", "http://a"),
            ("http://a:[*]", "http://a", "http://a:"),
        ] {
            let pattern: OriginPattern = pattern.parse().unwrap();
            assert!(pattern.matches(right) && !pattern.matches(wrong), "{pattern:?}");
        }
        for wrong in [
            "",
            "/",
            "http://a:[]",
            "http://a:[80,]",
            "http://a:[x]",
            "http://a:[99999]",
            "http://a:[80",
            "a b",
        ] {
            assert_eq!(wrong.parse::<OriginPattern>(), Err(NoPattern), "{wrong}");
        }
    }
}
