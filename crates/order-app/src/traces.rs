//! Traces: what work is called by whoever records it. A span of [`tracing`] under [`TARGET`] is a
//! step of a trace (OpenTelemetry); its fields beginning with `otel.` say what it is, the others
//! are its attributes. Nobody who works needs to know whether anything is recorded: without a
//! listener, such a span costs a look at a flag. Recording and sending is the composition root's.
//!
//! | Field | |
//! |---|---|
//! | `otel.name` | the name, where it is not that of the span |
//! | `otel.kind` | `server`, `producer`; internal unless said |
//! | `otel.context` | the [`TraceContext`] that this span is; only with the first of a process |
//! | `otel.parent` | the [`TraceContext`] that it continues, when that is not the span around |
//! | `otel.status_code` | `ERROR` when it failed |
//!
//! A span with neither of the two contexts belongs to the one around it, if that is recorded.

use std::fmt;

/// The target of all spans that are steps of a trace.
pub const TARGET: &str = "traces";

/// The longest `traceparent` that is looked at.
const LONGEST: usize = 128;

/// A place in a trace: W3C Trace Context, as in the header `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span in it; never 0.
    pub span_id: u64,
    /// Whether the trace is recorded by those who take part in it.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. Versions after 00 may append fields (section 4.3 there).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let (version, trace, parent, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let more = parts.next();
        let hex = |part: &str, len: usize| {
            part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_valid = hex(version, 2)
            && version != "ff"
            && (version != "00" || more.is_none())
            && hex(trace, 32)
            && hex(parent, 16)
            && hex(flags, 2)
            && text.len() <= LONGEST;
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(parent, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// As in the header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, is_sampled } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(*is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_valid_traceparent_is_read() {
        for (valid, is_sampled) in [
            (format!("00-{TRACE}-b7ad6b7169203331-01"), true),
            (format!("00-{TRACE}-b7ad6b7169203331-00"), false),
            (format!("00-{TRACE}-b7ad6b7169203331-02"), false),
            (format!("cc-{TRACE}-b7ad6b7169203331-03-what-comes-later"), true),
        ] {
            let trace_id = u128::from_str_radix(TRACE, 16).unwrap();
            let expected = TraceContext { trace_id, span_id: 0xb7ad_6b71_6920_3331, is_sampled };
            assert_eq!(TraceContext::parse(&valid), Some(expected), "{valid}");
            assert_eq!(TraceContext::parse(&expected.to_string()), Some(expected));
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
            format!("00-+{}-b7ad6b7169203331-01", &TRACE[1..]),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("0-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b7169203331-0g"),
        ] {
            assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
        }
    }
}
