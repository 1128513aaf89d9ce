//! Traces: how the code names the steps of its work. A span of [`tracing`] under [`TARGET`] is a step
//! of a trace (OpenTelemetry); its fields beginning with `otel.` describe the step, the others are
//! its attributes. Without a recorder, such a span costs the reading of a flag. Recording and
//! exporting is the composition root's.
//!
//! | Field | |
//! |---|---|
//! | `otel.name` | the name, where it is not that of the span |
//! | `otel.kind` | `server`, `producer`; internal unless said |
//! | `otel.context` | its own [`TraceContext`]; only on the first span of a process |
//! | `otel.parent` | the [`TraceContext`] of its parent, when that is not the span around |
//! | `otel.status_code` | `ERROR` when it failed |
//!
//! A span with neither of the two contexts is a child of the span around it, if that is recorded.

use std::fmt;

/// The target of all spans that are steps of a trace.
pub const TARGET: &str = "traces";

/// The longest `traceparent` that is read.
const LONGEST: usize = 128;

/// One span of a trace: W3C Trace Context, as in the header `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span in it; never 0.
    pub span_id: u64,
    /// Whether the participants record the trace.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. Versions after 00 may append fields (section 4.3 of the recommendation).
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
