//! Which trace a request belongs to (W3C Trace Context), and the id that joins what it causes.

use actix_web::http::header::HeaderMap;
use order_app::events::Origin;
use order_app::ports::Entropy;

/// The longest correlation id that is taken over from a client.
const LONGEST_ID: usize = 128;

/// A request's place in the world.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits: the client's trace id, or a fresh one.
    pub(crate) id: String,
    /// `X-Request-Id` when the client sent a sensible one, else the trace id.
    pub(crate) correlation_id: String,
    traceparent: Option<String>,
}

impl Trace {
    pub(super) fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        let sent = sole(headers, "traceparent")
            .and_then(|text| trace_id(text).map(|id| (id.to_owned(), text.to_owned())));
        let (id, traceparent) = match sent {
            Some((id, text)) => (id, Some(text)),
            None => (format!("{:032x}", entropy.bits()), None),
        };
        let correlation_id = sole(headers, "x-request-id")
            .filter(|text| is_sensible(text))
            .map_or_else(|| id.clone(), ToOwned::to_owned);
        Self { id, correlation_id, traceparent }
    }

    /// What an event remembers of it.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// A header that stands exactly once and is text.
fn sole<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let value = values.next()?;
    values.next().is_none().then_some(())?;
    value.to_str().ok()
}

fn is_sensible(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The trace id of a valid `traceparent`. Versions after 00 may append fields (section 4.3 there).
fn trace_id(text: &str) -> Option<&str> {
    let mut parts = text.splitn(5, '-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let more = parts.next();
    let hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || more.is_none())
        && hex(trace, 32)
        && !zero(trace)
        && hex(parent, 16)
        && !zero(parent)
        && hex(flags, 2)
        && text.len() <= LONGEST_ID;
    valid.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_valid_traceparent_gives_its_trace_id() {
        for valid in [
            format!("00-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-00"),
            format!("cc-{TRACE}-b7ad6b7169203331-01-what-comes-later"),
        ] {
            assert_eq!(trace_id(&valid), Some(TRACE), "{valid}");
        }
    }

    #[test]
    fn an_invalid_traceparent_is_as_good_as_none() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "-".repeat(60),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("00-{zeros}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-b7ad6b716920333-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("0-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-0g"),
        ] {
            assert_eq!(trace_id(&wrong), None, "{wrong}");
        }
    }
}
