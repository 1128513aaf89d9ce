//! The values in `/actuator/prometheus` while peers are up, while they are down, and at rest. The names
//! are tested in `telemetry.rs`, the values about the settings in `config_server/`.

mod support;

use crate::support::{Service, brokers, client, eureka, eventually, free_port};
use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;

fn started(options: &[String]) -> Service {
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    Service::start(&options)
}

#[track_caller]
fn expect(service: &Service, all: &[(&str, f64)]) {
    for &(series, expected) in all {
        let is_so = || service.metric(series) == Some(expected);
        assert!(eventually(is_so), "{series} is {:?}, not {expected}", service.metric(series));
    }
}

#[test]
fn the_metrics_say_that_all_peers_are_down() {
    let closed = || format!("127.0.0.1:{}", free_port());
    let service = started(&[
        format!("--spring.kafka.bootstrap-servers={}", closed()),
        format!("--eureka.client.service-url.defaultZone=http://{}/eureka", closed()),
        format!("--spring.config.import=optional:configserver:http://{}", closed()),
    ]);
    service.wait_until_ready();
    let placed: Vec<_> = (0..3).map(|_| service.placed(42)).collect();
    service.move_to(placed.first().unwrap(), "CANCELLED");
    expect(
        &service,
        &[
            ("order_kafka_reachable", 0.0),
            ("order_eureka_registered", 0.0),
            ("order_config_current", 0.0),
            ("order_relay_arranges", 1.0),
            ("order_relay_shards", 16.0),
            ("order_events_placed_total", 4.0),
            ("order_events_published_total", 0.0),
            ("order_events_parked_orders", 0.0),
            // Counted every 15 s.
            ("order_outbox_backlog", 4.0),
            ("order_outbox_parked_orders", 0.0),
        ],
    );
    let age = service.metric("order_outbox_oldest_seconds").unwrap();
    assert!(age > 0.0 && age < 60.0, "{age}");
}

#[test]
fn the_metrics_say_that_the_peers_are_up() {
    let unique = RandomEntropy.bits();
    let service = started(&[
        format!("--spring.application.name=gauges-{unique:032x}"),
        format!("--order.events.topic=gauges-{unique:032x}"),
        format!("--spring.kafka.bootstrap-servers={}", brokers()),
        format!("--eureka.client.service-url.defaultZone={}", eureka()),
    ]);
    service.wait_until_ready();
    (0..3).for_each(|_| drop(service.placed(42)));
    expect(
        &service,
        &[
            ("order_events_published_total", 3.0),
            ("order_events_failed_total", 0.0),
            ("order_kafka_reachable", 1.0),
            ("order_eureka_registered", 1.0),
            ("order_outbox_backlog", 0.0),
        ],
    );
    let lag = service.metric("order_events_lag_seconds").unwrap();
    assert!(lag > 0.0 && lag < 20.0, "{lag}");
    // At rest, no connection and no permit is in use or waited for.
    for pool in ["readers", "writer"] {
        let of_pool = |name: &str| service.metric(&format!("{name}{{pool=\"{pool}\"}}"));
        let at_rest = || of_pool("hikaricp_connections_active") == Some(0.0);
        assert!(eventually(at_rest), "{pool}");
        assert!(of_pool("hikaricp_connections_idle").unwrap() >= 1.0, "{pool}");
        assert_eq!(of_pool("hikaricp_connections_pending"), Some(0.0), "{pool}");
        assert_eq!(of_pool("hikaricp_connections_timeout_total"), Some(0.0), "{pool}");
    }
    expect(&service, &[("http_server_requests_in_flight", 0.0)]);
}

#[test]
fn answers_are_counted_by_route_status_and_outcome() {
    let nowhere = format!("postgres://u:p@127.0.0.1:{}/orders", free_port());
    let service = started(&[format!("--spring.datasource.url={nowhere}")]);
    let alive = service.url("/actuator/health/liveness");
    assert!(eventually(|| client().get(&alive).send().is_ok_and(|answer| answer.status() == 200)));
    assert_eq!(service.get("/orders/1").status(), 503);
    assert_eq!(service.get("/orders/x").status(), 400);
    let count = |status: u16, outcome: &str, code: &str| {
        let labels = format!(r#"method="GET",uri="/orders/{{id}}",status="{status}","#);
        let labels = format!(r#"{labels}outcome="{outcome}",exception="{code}",error="{code}""#);
        format!("http_server_requests_seconds_count{{{labels}}}")
    };
    let failed = count(503, "SERVER_ERROR", "unavailable");
    let refused = count(400, "CLIENT_ERROR", "invalid_parameter");
    expect(&service, &[(&failed, 1.0), (&refused, 1.0)]);
    let health = r#"http_server_requests_seconds_count{method="GET",uri="/actuator/health/liveness",status="200",outcome="SUCCESS",exception="none",error="none"}"#;
    assert!(service.metric(health).unwrap() >= 1.0);
    let waits = r#"hikaricp_connections_timeout_total{pool="connections"}"#;
    assert!(service.metric(waits).unwrap() >= 1.0, "no request got a connection");
}
