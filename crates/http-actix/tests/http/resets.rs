//! Clients that reset their connections: their work still counts, and is in the log and the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http_actix::HttpSettings;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use order_testkit::Gate;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

use crate::support::{LINES, Service, head, held_at_commits};

const MOST: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_write_keeps_its_place_when_its_client_resets_the_connection() {
    let heard = Heard::listen();
    let gate = Arc::new(Gate::default());
    let store = held_at_commits(&gate);
    let settings = HttpSettings { max_in_flight: MOST.into(), ..HttpSettings::default() };
    let service = Service::with(store, settings);
    let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
    let length = body.len().to_string();
    for number in 0..MOST {
        let id = format!("reset-{number}");
        let headers = [
            ("content-type", "application/json"),
            ("content-length", length.as_str()),
            ("x-request-id", id.as_str()),
        ];
        let mut connection = service.connect().await;
        connection.send(&head("POST", "/orders", &headers)).await;
        connection.send(&body).await;
        gate.arrival().await;
        connection.0.tcp().set_zero_linger().unwrap();
        drop(connection);
        let line = heard.access(&id).await;
        assert_eq!(line["status"], "499", "{line:?}");
        assert_eq!(line["route"], "/orders");
    }
    let gone = r#"{method="POST",uri="/orders",status="499",outcome="UNKNOWN",exception="none",error="none"}"#;
    assert!(heard.measured(gone));

    // All permits are held by writes whose clients are gone.
    let shed = service.write("POST", "/orders", &[], &body).await;
    assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"));
    assert_eq!(service.call("GET", "/orders/1").await.code(), "overloaded");

    // They come to their end, and give their permits back.
    gate.let_through(MOST + 1);
    let mut next = service.write("POST", "/orders", &[], &body).await;
    while next.status == 503 {
        next = service.write("POST", "/orders", &[], &body).await;
    }
    assert_eq!(next.status, 201, "{}", next.text());
    // All of them were written.
    let placed = async || {
        let list = service.call("GET", "/orders/customer/42").await.json();
        list["orders"].as_array().map(Vec::len)
    };
    while placed().await != Some(MOST + 1) {}
}

type Line = BTreeMap<String, String>;

/// The access lines and the labels of the measurements of this process.
#[derive(Clone, Default)]
struct Heard {
    lines: Arc<Mutex<Vec<Line>>>,
    labels: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    /// Must be called once: a process has one log and one recorder.
    fn listen() -> Self {
        let heard = Self::default();
        tracing::subscriber::set_global_default(heard.clone()).unwrap();
        metrics::set_global_recorder(heard.clone()).ok().unwrap();
        heard
    }

    /// Waits for the access line of a request.
    async fn access(&self, request_id: &str) -> Line {
        loop {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let found = lines
                .into_iter()
                .find(|line| line.get("request_id").is_some_and(|id| id == request_id));
            if let Some(line) = found {
                return line;
            }
            tokio::task::yield_now().await;
        }
    }

    fn measured(&self, labels: &str) -> bool {
        let measured = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        measured.iter().any(|these| these == labels)
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "access"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Fields::default();
        event.record(&mut line);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Recorder for Heard {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let labels = key.labels().map(|label| format!("{}={:?}", label.key(), label.value()));
        let labels = format!("{{{}}}", labels.collect::<Vec<_>>().join(","));
        self.labels.lock().unwrap_or_else(PoisonError::into_inner).push(labels);
        Histogram::noop()
    }
}
