//! Orderly stops, and starts while the database is down.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use order_testkit::databases::Database;
use order_testkit::{Commit, Conduct, Proxy};
use reqwest::StatusCode;

use crate::load::Load;
use crate::support::{Service, eventually};

/// After SIGTERM readiness says no, every accepted request is answered, and the exit code is 0.
pub(crate) fn a_stop_under_load_loses_no_request(database: Database) {
    let scratch = database.scratch();
    let url = format!("--spring.datasource.url={}", scratch.url);
    // Long enough for the clients to see it and stop: they are the load balancer of this test.
    let service = Service::start(&[&url, "--order.shutdown.delay=2s"]);
    service.wait_until_ready();
    let load = Load::from(1);
    load.run(&service.base, 16, |load| {
        assert!(eventually(|| load.succeeded.load(Ordering::Relaxed) >= 100));
        service.signal("TERM");
        let readiness = || service.get("/actuator/health/readiness").status();
        assert!(eventually(|| readiness() == StatusCode::SERVICE_UNAVAILABLE));
        load.stop();
    });
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert_eq!(load.unanswered.load(Ordering::Relaxed), 0, "no request was lost");
    let refused = load.refused.into_inner().unwrap();
    assert!(refused.is_empty(), "{refused:?}");
}

/// A write whose client has closed its connection is still written before the process ends.
pub(crate) fn a_database_that_is_slow_gets_what_was_begun_before_a_stop(database: Database) {
    let scratch = database.scratch();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = scratch.address().expect("a server");
    let proxy = runtime.block_on(Proxy::before(server, Commit::on(&scratch.url)));
    let url = scratch.url.replace(&server.to_string(), &proxy.address.to_string());
    let url = format!("--spring.datasource.url={url}");
    let service = Service::start(&[&url, "--order.shutdown.delay=0s"]);
    service.wait_until_ready();
    proxy.behave(Conduct::Stalled);
    let body = crate::support::an_order(1).to_string();
    let mut client = TcpStream::connect(service.base.trim_start_matches("http://")).unwrap();
    write!(
        client,
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
    // The request waits for the id of its order, the first id.
    let works = || {
        let text = service.get("/actuator/prometheus").text().unwrap();
        text.contains("http_server_requests_in_flight 1")
    };
    assert!(eventually(works), "{}", service.log());
    drop(client);
    let gave_up = || service.log().contains("\"status\":499");
    assert!(eventually(gave_up), "{}", service.log());
    service.signal("TERM");
    // No order has such an id, so the answer needs no database.
    let path = service.url("/orders/none");
    let ends = || match crate::support::client().get(&path).send() {
        Ok(answer) => answer.text().is_ok_and(|text| text.contains("draining")),
        Err(_) => true,
    };
    assert!(eventually(ends), "{}", service.log());
    proxy.behave(Conduct::Honest);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    let again = Service::on(&scratch.url);
    assert_eq!(again.get("/orders/1").status(), StatusCode::OK, "{}", service.log());
}

/// The service starts, is alive but not ready, and becomes ready once the database answers.
pub(crate) fn a_database_may_come_later(database: Database) {
    let scratch = database.scratch();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = scratch.address().expect("a server");
    let proxy = runtime.block_on(Proxy::before(server, Commit::on(&scratch.url)));
    proxy.behave(Conduct::Down);
    let url = scratch.url.replace(&server.to_string(), &proxy.address.to_string());
    let service = Service::start(&[&format!("--spring.datasource.url={url}")]);
    let liveness = || {
        let answer = crate::support::client().get(service.url("/actuator/health/liveness")).send();
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    };
    assert!(eventually(liveness), "{}", service.log());
    let readiness = service.get("/actuator/health/readiness").status();
    assert_eq!(readiness, StatusCode::SERVICE_UNAVAILABLE);
    let order = service.post("/orders", &crate::support::an_order(1));
    assert_eq!(order.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(order.headers().contains_key("retry-after"));
    proxy.behave(Conduct::Honest);
    service.wait_until_ready();
    let _ = service.placed(1);
}
