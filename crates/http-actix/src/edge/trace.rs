//! Which trace a request belongs to (W3C Trace Context), whether it is recorded, and the id that
//! joins what it causes.

use actix_web::http::header::HeaderMap;
use order_app::events::Origin;
use order_app::ports::Entropy;
use order_app::traces::{TARGET, TraceContext};
use tracing::Span;
use tracing::field::Empty;

/// The longest correlation id that is taken over from a client.
const LONGEST_ID: usize = 128;

/// The trace that a request belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// The client's trace id or a new one, as 32 hexadecimal digits.
    pub(crate) id: String,
    /// The client's `x-request-id` when it is valid, else the trace id.
    pub(crate) correlation_id: String,
    /// Continues the trace in events.
    traceparent: Option<String>,
    /// The span of the request, when traces are recorded.
    own: Option<Own>,
}

/// The span of a request.
#[derive(Debug, Clone, Copy)]
struct Own {
    context: TraceContext,
    /// The client's span.
    parent: Option<TraceContext>,
}

impl Trace {
    /// `sampling` is the share of the traces that begin here and are recorded. With `None` no trace is
    /// recorded here, and the client's trace is passed on.
    pub(super) fn of(headers: &HeaderMap, entropy: &dyn Entropy, sampling: Option<f64>) -> Self {
        let sent = sole(headers, "traceparent")
            .and_then(|text| TraceContext::parse(text).map(|context| (context, text)));
        let own = sampling.map(|share| Own::of(sent.map(|(context, _)| context), entropy, share));
        let (id, traceparent) = match (own, sent) {
            (Some(Own { context, .. }), _) => (context.trace_id, Some(context.to_string())),
            (None, Some((context, text))) => (context.trace_id, Some(passed_on(context, text))),
            (None, None) => (entropy.bits(), None),
        };
        let id = format!("{id:032x}");
        let correlation_id = sole(headers, "x-request-id")
            .filter(|text| is_sensible(text))
            .map_or_else(|| id.clone(), ToOwned::to_owned);
        Self { id, correlation_id, traceparent, own }
    }

    /// What an event records of it.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
        }
    }

    /// The span around everything that is logged about the request.
    pub(super) fn around(&self) -> Span {
        let trace_id = self.id.as_str();
        match self.own {
            None => tracing::info_span!("request", trace_id),
            Some(own) => {
                let span_id = format_args!("{:016x}", own.context.span_id);
                tracing::info_span!("request", trace_id, %span_id)
            }
        }
    }

    /// The span that is recorded for the request, if it is.
    pub(super) fn step(&self) -> Span {
        let Some(Own { context, parent }) = self.own.filter(|own| own.context.is_sampled) else {
            return Span::none();
        };
        tracing::info_span!(
            target: TARGET,
            parent: None,
            "request",
            otel.kind = "server",
            otel.context = %context,
            otel.parent = parent.map(tracing::field::display),
            otel.name = Empty,
            otel.status_code = Empty,
            http.request.method = Empty,
            http.route = Empty,
            http.response.status_code = Empty,
            error.type = Empty,
            order.id = Empty,
        )
    }
}

impl Own {
    /// A child of the client's span, recorded if that is; or the first span of a new trace.
    fn of(parent: Option<TraceContext>, entropy: &dyn Entropy, share: f64) -> Self {
        let trace_id = parent.map_or_else(|| entropy.bits(), |parent| parent.trace_id).max(1);
        let is_sampled = parent.map_or_else(|| is_in(trace_id, share), |parent| parent.is_sampled);
        let span_id = u64::try_from(entropy.bits() >> 64).unwrap_or_default().max(1);
        Self { context: TraceContext { trace_id, span_id, is_sampled }, parent }
    }
}

/// A client's `traceparent` for others. Of a version that is not known here, only what is known goes on (section 4.3
/// of the recommendation): what stands behind its flags may be anything.
fn passed_on(context: TraceContext, text: &str) -> String {
    if text.starts_with("00-") { text.to_owned() } else { context.to_string() }
}

/// Decided by the trace id, so that all services decide the same.
fn is_in(trace_id: u128, share: f64) -> bool {
    /// The last 31 bits, which are random in every trace id.
    const LAST: u32 = 0x7fff_ffff;
    let part = u32::try_from(trace_id & u128::from(LAST)).unwrap_or_default();
    f64::from(part) < share * (f64::from(LAST) + 1.0)
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

#[cfg(test)]
mod tests {
    use order_testkit::RandomEntropy;

    use super::*;

    #[test]
    fn of_a_later_version_only_what_is_known_is_passed_on() {
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        for (sent, expected) in [
            (format!("00-{ids}-03"), Some(format!("00-{ids}-03"))),
            (format!("cc-{ids}-01"), Some(format!("00-{ids}-01"))),
            (format!("01-{ids}-02-\tx"), Some(format!("00-{ids}-00"))),
            (format!("00-{ids}-01-x"), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent".parse().unwrap(), sent.parse().unwrap());
            let trace = Trace::of(&headers, &RandomEntropy, None);
            assert_eq!(trace.origin().traceparent, expected, "{sent:?}");
        }
    }

    #[test]
    fn the_set_share_of_the_traces_that_begin_here_is_recorded() {
        let is_recorded = |share| Own::of(None, &RandomEntropy, share).context.is_sampled;
        let recorded = |share| (0..4_000).filter(|_| is_recorded(share)).count();
        assert_eq!((recorded(0.0), recorded(1.0)), (0, 4_000));
        let tenth = recorded(0.1);
        assert!((250..=550).contains(&tenth), "{tenth}");
    }
}
