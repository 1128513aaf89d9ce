//! Traces as a collector and a consumer of events see them: one trace from the request to the
//! published event, joined by the event's `traceparent`; and requests are answered while the collector
//! is down or hangs. The real service, a real broker, a collector for tests.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

#[path = "support/collector.rs"]
mod collector;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use order_app::ports::Entropy as _;
use order_app::traces::TraceContext;
use order_testkit::RandomEntropy;
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};

use crate::collector::{Collector, attribute};
use crate::support::{Service, an_order, brokers, client, eventually, free_port, fresh_folder};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// A broker needs a while for a new topic.
const PATIENCE: Duration = Duration::from_mins(1);

fn traced(endpoint: &str, more: &[&str]) -> Service {
    let endpoint = format!("--management.otlp.tracing.endpoint={endpoint}");
    let always = "--management.tracing.sampling.probability=1.0";
    let options: Vec<_> = [endpoint.as_str(), always].iter().chain(more).copied().collect();
    let service = Service::start(&options);
    service.wait_until_ready();
    service
}

/// Places an order, within a trace if there is one.
fn place(service: &Service, traceparent: Option<&str>) -> i64 {
    let mut request = client().post(service.url("/orders")).json(&an_order(42));
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = request.send().unwrap();
    assert_eq!(answer.status(), 201);
    answer.json::<serde_json::Value>().unwrap()["id"].as_i64().unwrap()
}

/// The `traceparent` of each order's first event, as a consumer finds it.
fn consumed(topic: &str, orders: &[i64]) -> BTreeMap<i64, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("group.id", topic)
        .set("auto.offset.reset", "earliest")
        .set("allow.auto.create.topics", "true")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let (mut found, start) = (BTreeMap::new(), Instant::now());
    while found.len() < orders.len() {
        let waited = start.elapsed();
        assert!(waited < PATIENCE, "only {found:?} of {orders:?} came from {}", brokers());
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let order = std::str::from_utf8(message.key().unwrap()).unwrap().parse().unwrap();
        let headers = message.headers().unwrap();
        let header = headers.iter().find(|header| header.key == "traceparent").unwrap();
        let text = String::from_utf8(header.value.unwrap().to_vec()).unwrap();
        found.entry(order).or_insert(text);
    }
    found
}

#[test]
fn one_trace_leads_from_the_request_to_the_published_event_and_on_to_its_consumer() {
    let collector = Collector::that_answers(Some(200));
    let topic = format!("orders-{:032x}", RandomEntropy.bits());
    let service = traced(
        &collector.endpoint(),
        &[
            &format!("--spring.kafka.bootstrap-servers={}", brokers()),
            &format!("--order.events.topic={topic}"),
            "--management.otlp.tracing.headers.x-tenant=shop",
            "--eureka.instance.instance-id=one",
            "--management.opentelemetry.resource-attributes.deployment.environment.name=test",
        ],
    );
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let unsampled = format!("00-{}-b7ad6b7169203331-00", TRACE.replace('0', "1"));
    let orders =
        [None, Some(sent.as_str()), Some(unsampled.as_str())].map(|parent| place(&service, parent));
    let traceparents = consumed(&topic, &orders);
    let of_event = |order: i64| TraceContext::parse(&traceparents[&order]).unwrap();
    for (order, parent) in [(orders[0], None), (orders[1], TraceContext::parse(&sent))] {
        let event = of_event(order);
        let (trace_id, span_id) = (event.trace_id.to_be_bytes(), event.span_id.to_be_bytes());
        let of_trace = || -> Vec<Span> {
            let in_trace = |span: &&Span| span.trace_id == trace_id;
            collector.heard(|heard| heard.spans.iter().filter(in_trace).cloned().collect())
        };
        assert!(eventually(|| of_trace().len() >= 4), "{:#?}\n{}", of_trace(), service.log());
        let spans = of_trace();
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (request, step) = (named("POST /orders"), named("place order"));
        let (commit, publish) = (named("commit"), named(&format!("send {topic}")));
        assert_eq!(spans.len(), 4);
        // The event names the span of the request, so the span of a consumer becomes its child.
        assert_eq!(request.span_id, span_id);
        assert!(event.is_sampled);
        let above = parent.map(|parent| parent.span_id.to_be_bytes().to_vec());
        assert_eq!(request.parent_span_id, above.unwrap_or_default());
        assert_eq!(step.parent_span_id, request.span_id);
        assert_eq!(commit.parent_span_id, step.span_id);
        assert_eq!(publish.parent_span_id, request.span_id);
        assert_eq!([request.kind, step.kind, commit.kind, publish.kind], [2, 1, 1, 4]);
        assert_eq!(attribute(&request.attributes, "http.response.status_code").unwrap(), "201");
        assert_eq!(attribute(&publish.attributes, "messaging.destination.name").unwrap(), topic);
        for span in &spans {
            let of = span.name.as_str();
            if of != "place order" {
                let named = attribute(&span.attributes, "order.id");
                assert_eq!(named, Some(order.to_string()), "{of}");
            }
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{of}");
            assert!(span.status.is_none(), "{of}");
        }
        if let Some(parent) = parent {
            assert_eq!(event.trace_id, parent.trace_id);
        }
    }
    let of_unsampled = of_event(orders[2]);
    assert_eq!(of_unsampled.trace_id, TraceContext::parse(&unsampled).unwrap().trace_id);
    assert!(!of_unsampled.is_sampled && of_unsampled.span_id != 0xb7ad_6b71_6920_3331);
    collector.heard(|heard| {
        let unsampled = of_unsampled.trace_id.to_be_bytes();
        assert!(heard.spans.iter().all(|span| span.trace_id != unsampled));
        let said = |name: &str| attribute(&heard.resource, name).unwrap();
        assert_eq!(said("service.name"), "order-service");
        assert_eq!(said("service.instance.id"), "one");
        assert_eq!(said("deployment.environment.name"), "test");
        let head = heard.head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces "), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        assert!(head.contains("x-tenant: shop"), "{head}");
    });
    for order in &orders[..2] {
        is_one_tree_with_its_consumer(&collector, &of_event(*order), &topic);
    }
}

/// Adds the span of a consumer, and expects one tree from the request to the consumed event.
fn is_one_tree_with_its_consumer(collector: &Collector, event: &TraceContext, topic: &str) {
    report_consumption(collector, event, topic);
    let trace_id = event.trace_id.to_be_bytes();
    collector.heard(|heard| {
        let spans: Vec<_> = heard.spans.iter().filter(|span| span.trace_id == trace_id).collect();
        let is_here = |id: &[u8]| spans.iter().any(|span| span.span_id == id);
        let mut tops = spans.iter().filter(|span| !is_here(&span.parent_span_id));
        assert_eq!(tops.next().unwrap().name, "POST /orders");
        assert_eq!(tops.next(), None);
        let mut kinds: Vec<_> = spans.iter().map(|span| span.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [1, 1, 2, 4, CONSUMER]);
    });
}

/// OpenTelemetry's number.
const CONSUMER: i32 = 5;

/// Sends the collector the span of a consumer, below the span that the event names.
fn report_consumption(collector: &Collector, event: &TraceContext, topic: &str) {
    let span = Span {
        trace_id: event.trace_id.to_be_bytes().to_vec(),
        span_id: RandomEntropy.bits().to_be_bytes()[..8].to_vec(),
        parent_span_id: event.span_id.to_be_bytes().to_vec(),
        name: format!("process {topic}"),
        kind: CONSUMER,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource = Some(Resource::default());
    let of_consumer = ResourceSpans { resource, scope_spans, ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![of_consumer] };
    let sent = client().post(collector.endpoint()).body(request.encode_to_vec()).send();
    assert_eq!(sent.unwrap().status(), 200);
}

#[test]
fn spans_that_wait_at_a_stop_are_sent() {
    let collector = Collector::that_answers(Some(200));
    let service = traced(&collector.endpoint(), &[]);
    let order = place(&service, None);
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    let is_it = |span: &Span| {
        attribute(&span.attributes, "order.id") == Some(order.to_string()) && span.kind == 2
    };
    assert!(collector.heard(|heard| heard.spans.iter().any(is_it)), "{}", service.log());
}

#[test]
fn a_collector_that_is_down_hangs_or_refuses_costs_spans_and_nothing_else() {
    let silent = Collector::that_answers(None);
    let busy = Collector::that_answers(Some(503));
    let strict = Collector::that_answers(Some(400));
    let down = format!("http://127.0.0.1:{}/v1/traces", free_port());
    for endpoint in [&down, &silent.endpoint(), &busy.endpoint(), &strict.endpoint()] {
        let service = traced(endpoint, &["--management.otlp.tracing.timeout=300ms"]);
        let order = place(&service, None);
        let path = format!("/orders/{order}");
        // More spans than the queue holds.
        for _ in 0..1_600 {
            let began = Instant::now();
            assert_eq!(service.get(&path).status(), 200);
            assert!(began.elapsed() < Duration::from_millis(1_500), "{endpoint}");
        }
        let lost = || service.metric("trace_spans_lost_total") > Some(0.0);
        assert!(eventually(lost), "{endpoint}: {}", service.log());
        let failed = || service.metric("trace_exports_failed_total") > Some(0.0);
        assert!(eventually(failed), "{endpoint}: {}", service.log());
        assert_eq!(service.metric("trace_spans_sent_total"), Some(0.0));
        let told = || service.log().matches("traces are not sent").count();
        assert!(eventually(|| told() == 1), "{endpoint}: {}", service.log());
        let began = Instant::now();
        service.signal("TERM");
        assert_eq!(service.wait().code(), Some(0), "{}", service.log());
        assert!(began.elapsed() < Duration::from_secs(5), "{endpoint}");
        assert_eq!(told(), 1, "{endpoint}");
    }
}

#[test]
fn without_a_collector_a_client_s_traceparent_goes_into_the_event_unchanged() {
    let service = Service::start_in(&fresh_folder(), &[], &[]);
    service.wait_until_ready();
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let event = |order: i64| -> serde_json::Value {
        let all: serde_json::Value =
            service.get(&format!("/orders/{order}/events")).json().unwrap();
        all.pointer("/events/0").or_else(|| all.pointer("/0")).unwrap().clone()
    };
    assert_eq!(event(place(&service, Some(&sent)))["traceparent"], sent);
    assert_eq!(event(place(&service, None)).get("traceparent"), None);
    assert_eq!(service.metric("trace_spans_sent_total"), None);
}
