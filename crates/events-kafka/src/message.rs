//! An event or a command as a Kafka message: `CloudEvents` 1.0, Kafka protocol binding, binary mode. The attributes
//! are headers; the value of an event is the stored data, byte for byte.

use order_app::events::EventRecord;
use order_app::traces::{TARGET, TraceContext};
use rdkafka::message::{Header, OwnedHeaders};
use tracing::Span;
use tracing::field::Empty;

/// The parts of a message beside its data.
#[derive(Debug)]
pub(crate) struct Message {
    /// The order id as text: all events of an order go to one partition.
    pub(crate) key: String,
    /// The attributes.
    pub(crate) headers: OwnedHeaders,
    /// The trace that its publication belongs to, if that trace is recorded.
    trace: Option<TraceContext>,
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It was just committed.
    Publication,
    /// An operator asked for it again; marked by the header `ce_replay`.
    Replay,
}

impl Message {
    /// Makes the message of an event.
    ///
    /// # Errors
    /// When the stored context is not the JSON that `EventRecord::freeze` wrote.
    pub(crate) fn of(event: &EventRecord, purpose: Purpose) -> serde_json::Result<Self> {
        let envelope = event.envelope()?;
        let replay = (purpose == Purpose::Replay).then(|| ("ce_replay", "true".into()));
        let headers = envelope
            .headers()
            .chain(replay)
            .fold(OwnedHeaders::new_with_capacity(14), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(&*value) })
            });
        let of_trace = envelope.context.traceparent.as_deref().and_then(TraceContext::parse);
        let trace = of_trace.filter(|trace| trace.is_sampled);
        Ok(Self { key: event.order_id.to_string(), headers, trace })
    }

    /// Makes the message of a command. Its trace is linked by participants, not gone on with, so no span is made here.
    pub(crate) fn of_command(command: &order_events::Message) -> Self {
        let none = OwnedHeaders::new_with_capacity(14);
        let headers = command
            .headers()
            .fold(none, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        Self { key: command.key().to_owned(), headers, trace: None }
    }

    /// The span of sending the message, by OpenTelemetry's names. The headers stay as they were
    /// frozen, so a consumer's span has the same parent as this one.
    pub(crate) fn span(&self, topic: &str, event: &EventRecord) -> Span {
        let Some(parent) = self.trace else { return Span::none() };
        tracing::info_span!(
            target: TARGET,
            parent: None,
            "publish",
            otel.kind = "producer",
            otel.parent = %parent,
            otel.name = display(format_args!("send {topic}")),
            otel.status_code = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "send",
            messaging.operation.type = "send",
            messaging.destination.name = topic,
            messaging.message.id = display(event.id),
            order.id = event.order_id.get(),
            event.type = event.kind.as_str(),
        )
    }
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use order_app::events::Origin;
    use order_app::ports::uuid_v7;
    use order_testkit::SequentialEntropy;
    use order_testkit::examples::{a_new_order, noon, placed};
    use rdkafka::message::Headers as _;

    use super::*;

    fn an_event(traceparent: Option<&str>) -> EventRecord {
        let origin = Origin {
            correlation_id: "cart \"7\" é".to_owned(),
            traceparent: traceparent.map(str::to_owned),
        };
        let id = uuid_v7(noon(), &SequentialEntropy::default());
        EventRecord::freeze(&placed(a_new_order(4711, 42), noon()), id, &origin).unwrap()
    }

    fn headers(message: &Message) -> Vec<(String, String)> {
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        message.headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
    }

    #[test]
    fn an_event_becomes_a_cloud_event_in_binary_mode() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let event = an_event(Some(trace));
        let message = Message::of(&event, Purpose::Publication).unwrap();
        assert_eq!(message.key, "4711");
        let expected = [
            ("ce_specversion", "1.0"),
            ("ce_id", &event.id.to_string()),
            ("ce_type", "order.created"),
            ("ce_source", "/order-service"),
            ("ce_subject", "4711"),
            ("ce_time", "2026-11-22T12:00:00.123456Z"),
            ("ce_dataschema", "urn:order-service:events:order:v1"),
            ("ce_sequence", "1"),
            ("ce_partitionkey", "4711"),
            ("ce_correlationid", "cart \"7\" é"),
            ("ce_causationid", "cart \"7\" é"),
            ("traceparent", trace),
            ("content-type", "application/json"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(headers(&message), expected);
    }

    #[test]
    fn an_event_without_a_trace_has_no_such_header() {
        let message = Message::of(&an_event(None), Purpose::Publication).unwrap();
        let names: Vec<_> = headers(&message).into_iter().map(|(name, _)| name).collect();
        assert!(!names.contains(&"traceparent".to_owned()), "{names:?}");
        assert_eq!(names.len(), 12);
    }

    #[test]
    fn a_replayed_event_differs_by_one_header() {
        let event = an_event(None);
        let published = headers(&Message::of(&event, Purpose::Publication).unwrap());
        let mut replayed = headers(&Message::of(&event, Purpose::Replay).unwrap());
        assert_eq!(replayed.pop().unwrap(), ("ce_replay".to_owned(), "true".to_owned()));
        assert_eq!(replayed, published);
    }

    #[test]
    fn a_context_that_is_not_ours_is_an_error() {
        let event = EventRecord { context: "{}".to_owned(), ..an_event(None) };
        assert!(Message::of(&event, Purpose::Publication).is_err());
    }
}
