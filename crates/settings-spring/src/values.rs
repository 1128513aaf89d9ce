//! Reading the text of a value: functions for [`Key::parse`](crate::Key). Each takes the whole text. It
//! returns [`Fault::SHAPE`] if the text is not what its documentation says. A message then repeats what
//! the key allows, which stands in its row.

#![expect(clippy::missing_errors_doc, reason = "the module tells the one error of all functions")]

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::durations;

/// Why a text is not a value of a key: a reason, or [`Fault::SHAPE`] if what the key allows says
/// enough. An owned reason repeats a part of the text; it must not repeat what may be a credential.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(pub Option<Cow<'static, str>>);

/// The value of a text, or why there is none.
pub type Read<T> = Result<T, Fault>;

impl Fault {
    /// The text has the wrong form.
    pub const SHAPE: Self = Self(None);

    /// The text is wrong for this reason, which is shown before what the key allows.
    pub fn because(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Some(reason.into()))
    }
}

/// `None` for a blank text, else a value.
pub fn optional<T>(text: &str, read: impl FnOnce(&str) -> Read<T>) -> Read<Option<T>> {
    if text.trim().is_empty() { Ok(None) } else { read(text).map(Some) }
}

/// Values with commas between them. Blanks around a value and empty values are ignored.
pub fn list<T>(text: &str, read: impl Fn(&str) -> Read<T>) -> Read<Vec<T>> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty()).map(read).collect()
}

/// A text that is not blank, without the blanks around it.
pub fn text(text: &str) -> Read<String> {
    match text.trim() {
        "" => Err(Fault::SHAPE),
        text => Ok(text.to_owned()),
    }
}

/// Any text as it was written, the empty one included.
pub fn any(text: &str) -> Read<String> {
    Ok(text.to_owned())
}

/// A secret as it was written: blanks may belong to it.
pub fn secret(text: &str) -> Read<SecretString> {
    Ok(SecretString::from(text))
}

/// The value of an HTTP header: visible ASCII characters and blanks.
pub fn header(text: &str) -> Read<SecretString> {
    let is_visible = |b: u8| b.is_ascii_graphic() || b == b' ';
    if text.bytes().all(is_visible) { secret(text) } else { Err(Fault::SHAPE) }
}

/// `true`, `on`, `yes`, `1`, or the opposite, in any case.
pub fn flag(text: &str) -> Read<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Fault::SHAPE),
    }
}

/// A TCP port; 0 included.
pub fn port(text: &str) -> Read<u16> {
    number(text, 0..=u16::MAX)
}

/// A number in a range: any type of number that the standard library reads.
pub fn number<T: FromStr + PartialOrd>(text: &str, range: RangeInclusive<T>) -> Read<T> {
    text.trim().parse().ok().filter(|number| range.contains(number)).ok_or(Fault::SHAPE)
}

/// A duration in one of Spring's forms: `500ms`, `10s`, `2m`, `1h`, `1d`, ISO 8601 (`PT1M30S`), or a
/// bare number of milliseconds.
pub fn duration(text: &str, range: RangeInclusive<Duration>) -> Read<Duration> {
    durations::parse(text.trim()).filter(|time| range.contains(time)).ok_or(Fault::SHAPE)
}

/// An IP address, IPv6 with or without brackets; or `localhost`, which is 127.0.0.1.
pub fn address(text: &str) -> Read<IpAddr> {
    match text.trim() {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        text => {
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            bare.unwrap_or(text).parse().map_err(|_| Fault::SHAPE)
        }
    }
}

/// The value of one of these words, in any case, with dashes or underscores. The words are given in
/// lower case, with underscores.
pub fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Read<T> {
    let spelled = text.trim().to_ascii_lowercase().replace('-', "_");
    words.iter().find(|(word, _)| *word == spelled).map(|(_, value)| *value).ok_or(Fault::SHAPE)
}

/// `host:port`. The host is a name, an IPv4 address, or an IPv6 address in brackets.
pub fn host_and_port(text: &str) -> Read<String> {
    let (host, port) = text.rsplit_once(':').ok_or(Fault::SHAPE)?;
    let port_is_right = port.parse::<u16>().is_ok_and(|port| port > 0);
    if port_is_right && is_host(host) { Ok(text.to_owned()) } else { Err(Fault::SHAPE) }
}

/// The `http:` or `https:` URL of a server, with or without credentials.
pub fn http_url(text: &str) -> Read<SecretString> {
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

/// Whether the text can be a host: a name, an IPv4 address, or an IPv6 address in brackets.
#[must_use]
pub fn is_host(text: &str) -> bool {
    if let Some(v6) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return v6.parse::<Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The name of a profile, which becomes a part of file names.
pub(crate) fn profile(text: &str) -> Read<String> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.+@".contains(&b);
    if text.bytes().all(is_allowed) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(Fault::SHAPE)
}
