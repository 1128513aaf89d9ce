//! `GET /events` on instances and databases of their own: limits, stops, restarts, clients that do
//! not read, events that were purged or that cannot be read.

use std::time::{Duration, Instant};

use order_testkit::databases::{self, Scratch};
use serde_json::{Value, json};

use crate::listener::Listener;
use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, id_of, line, next_link, with};
use crate::support::{Service, eventually};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        a_stream_goes_on_after_a_restart,
        a_stop_ends_every_stream,
        no_more_listen_than_may,
        clients_that_do_not_read_cost_little_and_stop_no_other_client,
        what_is_purged_is_told,
        an_event_that_cannot_be_read_is_left_out,
    ]
}

/// Another instance on the database of the stage.
fn another(stage: &Stage, options: &[&str]) -> Service {
    on(&stage.database, options)
}

fn on(database: &Scratch, options: &[&str]) -> Service {
    let url = format!("--spring.datasource.url={}", database.url);
    let service = Service::start(&[&[url.as_str()][..], options].concat());
    service.wait_until_ready();
    service
}

fn place_for(service: &Service, customer: i64) -> Value {
    service.place(&with(a_body(), "customerId", customer)).order(201)
}

fn metric(service: &Service, name: &str) -> f64 {
    let metrics = service.read("/actuator/prometheus").text;
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("{name} in {metrics}"))
}

fn a_stream_goes_on_after_a_restart(stage: &Stage) {
    let customer = fresh();
    let query = format!("?customerId={customer}");
    let service = another(stage, &[]);
    let mut listener = Listener::to(&service, &query, None);
    let before = place_for(&service, customer);
    assert_eq!(listener.event().event["data"]["orderId"], before["id"]);
    let last = listener.last_id;
    service.signal("KILL");
    service.wait();
    assert_eq!(listener.event_or_end(), None);
    let meanwhile = place_for(stage, customer);
    let service = another(stage, &[]);
    let mut listener = Listener::to(&service, &query, last);
    assert_eq!(listener.event().event["data"]["orderId"], meanwhile["id"]);
    let after = place_for(&service, customer);
    assert_eq!(listener.event().event["data"]["orderId"], after["id"]);
}

fn a_stop_ends_every_stream(stage: &Stage) {
    let service = another(stage, &[]);
    let customer = fresh();
    let mut listeners: Vec<_> =
        (0..20).map(|_| Listener::to(&service, &format!("?customerId={customer}"), None)).collect();
    let order = place_for(&service, customer);
    for listener in &mut listeners {
        assert_eq!(listener.event().event["data"]["orderId"], order["id"]);
    }
    service.signal("TERM");
    for listener in &mut listeners {
        assert_eq!(listener.event_or_end(), None, "it ends");
    }
    let start = Instant::now();
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(start.elapsed() < Duration::from_secs(3), "the stop waited for no client");
    let ended = service.log().matches("a stream of events has ended").count();
    assert_eq!(ended, 20);
}

fn no_more_listen_than_may(stage: &Stage) {
    // Streams hold no permit of the requests.
    let options = ["--order.events.max-streams=3", "--order.max-in-flight=1"];
    let service = another(stage, &options);
    let granted = || {
        let reply = service.ask("HEAD", "/events", &[], "");
        reply.status == 200
    };
    // Of a customer without orders, so that nothing but heartbeats is sent to them.
    let query = format!("?customerId={}", fresh());
    let mut listeners: Vec<_> = (0..3).map(|_| Listener::to(&service, &query, None)).collect();
    assert!(eventually(|| {
        let reply = service.read("/events");
        reply.problem(503, "overloaded");
        reply.header("retry-after") == Some("1")
    }));
    assert!(!granted());
    assert_eq!(service.read("/orders/9007199254740990").status, 404, "requests get permits");
    assert!((metric(&service, "order_events_streams") - 3.0).abs() < 0.1);
    assert!(metric(&service, "order_events_streams_refused_total") >= 2.0);
    drop(listeners.pop());
    // Long before the next heartbeat would find the connection closed.
    let gone = Instant::now();
    assert!(eventually(granted));
    assert!(gone.elapsed() < Duration::from_secs(5), "noticed after {:?}", gone.elapsed());
}

/// An order of the largest size.
fn a_large_body(customer: i64) -> Value {
    let items: Vec<_> = (1..=200)
        .map(|product| with(line(product, 9_999, "9999999.99"), "name", "é".repeat(150)))
        .collect();
    json!({"customerId": customer, "items": items})
}

/// What a process holds in memory, in MiB.
fn memory(service: &Service) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1_024
}

fn clients_that_do_not_read_cost_little_and_stop_no_other_client(stage: &Stage) {
    let scratch = stage.kind.scratch();
    let service = on(&scratch, &["--order.request-budget=10s"]);
    let customer = fresh();
    let mut reading = Listener::to(&service, "", None);
    let from = reading.last_id;
    let deaf: Vec<_> = (0..40).map(|_| Listener::deaf(&service, "", from)).collect();
    assert!(eventually(|| metric(&service, "order_events_streams") >= 41.0));
    for _ in 0..20 {
        service.place(&a_large_body(customer)).order(201);
        reading.event();
    }
    let before = memory(&service);
    for _ in 0..100 {
        service.place(&a_large_body(customer)).order(201);
        assert_eq!(reading.event().kind, "order.created");
    }
    // Some 10 MiB of events for each of 40 clients.
    let grown = memory(&service) - before;
    assert!(grown < 60, "{grown} MiB more");
    let start = Instant::now();
    service.signal("TERM");
    assert_eq!(reading.event_or_end(), None);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(start.elapsed() < Duration::from_secs(10), "the deaf are not waited for");
    drop(deaf);
}

fn what_is_purged_is_told(stage: &Stage) {
    let scratch = stage.kind.scratch();
    let options = ["--order.events.retention=1s", "--order.housekeeping.interval=1s"];
    let service = on(&scratch, &options);
    let id = id_of(&service.order_at("DELIVERED"));
    let told = Listener::to(&service, "?lastEventId=0", None).events(4);
    // Only published events are purged, and none is published here. Purging has its own case.
    assert_eq!(service.history(id).len(), 4);
    // Marks everything as published, as the publishers of the shards do.
    publish(&scratch, told[3].id);
    assert!(eventually(|| service.history(id).len() == 1), "all but the newest are purged");
    assert_eq!(service.history(id)[0], told[3].event);
    // The first instance may still have them in memory, so another one is asked.
    let other = on(&scratch, &options);
    let reply = other.read(&format!("/events?lastEventId={}", told[1].id));
    let problem = reply.problem(410, "events_purged");
    assert_eq!(problem["purgedThrough"], told[3].id);
    other.read("/events?lastEventId=0").problem(410, "events_purged");
    let mut listener = Listener::to(&other, "", problem["purgedThrough"].as_i64());
    let next = service.new_order();
    assert_eq!(listener.event().event["data"]["orderId"], next["id"]);
}

fn publish(database: &Scratch, position: i64) {
    let statement = format!("UPDATE leases SET position = {position} WHERE name LIKE 'publish-%'");
    execute(database, &statement);
}

/// Runs a statement on the database, without the services.
pub(crate) fn execute(database: &Scratch, statement: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let patience =
        if database.url.starts_with("sqlite") { "PRAGMA busy_timeout = 9999;" } else { "" };
    let statements = format!("{patience}{statement}");
    runtime.block_on(databases::execute(&database.url, &statements)).unwrap();
}

fn an_event_that_cannot_be_read_is_left_out(stage: &Stage) {
    let scratch = stage.kind.scratch();
    let service = on(&scratch, &[]);
    let orders: Vec<_> = (0..5).map(|_| service.new_order()).collect();
    let told = Listener::to(&service, "", Some(0)).events(5);
    for (place, change) in [(1, "event_type = 'order.lost'"), (3, "data = 'no JSON'")] {
        let id = &orders[place]["id"];
        execute(&scratch, &format!("UPDATE outbox SET {change} WHERE order_id = {id}"));
    }
    // Another instance has nothing of it in memory.
    let other = on(&scratch, &[]);
    for _ in 0..2 {
        let mut listener = Listener::to(&other, "", Some(0));
        for place in [0, 2, 4] {
            assert_eq!(listener.event(), told[place]);
        }
        assert!(listener.is_silent());
    }
    assert!((metric(&other, "order_events_unreadable_total") - 2.0).abs() < 0.1);
    assert_eq!(other.log().matches("an event is left out of the feed").count(), 2);
    // The histories of these orders name what they lack, and have the rest.
    for place in [1, 3] {
        let id = id_of(&orders[place]);
        other.change(id, &json!({"status": "CONFIRMED"})).order(200);
        let reply = other.read(&format!("/orders/{id}/events"));
        assert_eq!((reply.status, reply.header("x-events-left-out")), (200, Some("1")));
        let events = reply.json();
        assert_eq!(
            (events.as_array().map(Vec::len), &events[0]["sequence"]),
            (Some(1), &json!("2"))
        );
        let page = other.read(&format!("/orders/{id}/events?limit=1"));
        assert_eq!((page.json(), page.header("x-events-left-out")), (json!([]), Some("1")));
        let rest = other.read(&next_link(&page).unwrap());
        assert_eq!((rest.json(), rest.header("x-events-left-out")), (events, None));
    }
    assert!((metric(&other, "order_events_unreadable_total") - 6.0).abs() < 0.1);
    let whole = other.read(&format!("/orders/{}/events", orders[0]["id"]));
    assert_eq!(whole.header("x-events-left-out"), None);
}
