//! How fast a client may ask: who is counted as one, and what is not counted.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use http_actix::{Actuator, Endpoint, HttpSettings, Management, Proxies, RateLimit, Site};
use order_app::live::Live;

use crate::support::{LINES, Service, usual};
use crate::tokens::PlainTokens;

const BURST: u32 = 20;

/// One request a second: the tests are over before many more have become free.
fn limited() -> HttpSettings {
    let rate_limit =
        RateLimit { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(BURST).unwrap() };
    HttpSettings { rate_limit: Some(rate_limit), ..HttpSettings::default() }
}

/// Asks until a request is refused. Returns how many were not.
async fn until_refused(service: &Service, target: &str, headers: &[(&str, &str)]) -> u32 {
    for passed in 0.. {
        let reply = service.call_with("GET", target, headers).await;
        if reply.status == 429 {
            assert_eq!(reply.code(), "rate_limited");
            assert_eq!(reply.header("retry-after"), Some("1"));
            return passed;
        }
    }
    unreachable!("the range has no end")
}

/// Asks until a request is refused: there was room for a burst, and for what has become free meanwhile. Returns when it
/// began.
async fn has_a_bucket(service: &Service, target: &str, headers: &[(&str, &str)]) -> Instant {
    let began = Instant::now();
    let passed = until_refused(service, target, headers).await;
    assert!(
        (BURST..=BURST.saturating_add(free_since(began))).contains(&passed),
        "{passed} {headers:?}"
    );
    began
}

/// Asks until a request is refused: there was room for what has become free since its bucket was used first.
async fn is_empty(service: &Service, target: &str, headers: &[(&str, &str)], began: Instant) {
    let passed = until_refused(service, target, headers).await;
    assert!(passed <= free_since(began), "{passed} {headers:?}");
}

fn free_since(began: Instant) -> u32 {
    u32::try_from(began.elapsed().as_secs()).unwrap().saturating_add(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_rate_are_refused_before_anything_is_done() {
    let permits = Live::new(1);
    let settings = HttpSettings { max_in_flight: permits.clone(), ..limited() };
    let service = Service::at(usual(), settings);
    let began = has_a_bucket(&service, "/orders/1", &[]).await;
    // From now on no request gets a permit; those that are refused ask for none.
    permits.set(0);
    let body = format!(r#"{{"customerId":42,"items":{LINES}}}"#);
    is_empty(&service, "/orders/1", &[], began).await;
    let refused = service.write("POST", "/orders", &[], &body).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
    for target in ["/", "/openapi.json", "/docs/", "/nothing"] {
        is_empty(&service, target, &[], began).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_and_the_management_port_are_not_counted() {
    let site = usual().with_probes(true);
    let service = Service::at(site, limited());
    until_refused(&service, "/orders/1", &[]).await;
    let targets = [
        "/livez",
        "/readyz",
        "/actuator/health",
        "/actuator/health/liveness",
        "/actuator/prometheus",
    ];
    for target in targets.into_iter().cycle().take(100) {
        assert_eq!(service.call("GET", target).await.status, 200, "{target}");
    }
    let site = Site::of_operators("").with(&Actuator::default(), &Endpoint::ALL);
    let operators = Service::management_with(site, Management::default(), limited());
    for _ in 0..2 * BURST {
        assert_eq!(operators.call("GET", "/openapi.json").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_clients_write_gives_them_no_other_bucket() {
    let service = Service::at(usual(), limited());
    let began = has_a_bucket(&service, "/orders/1", &[]).await;
    for headers in [
        &[("x-forwarded-for", "9.9.9.9")][..],
        &[("forwarded", "for=9.9.9.9")],
        &[("x-real-ip", "9.9.9.9")],
        &[("authorization", "Bearer shop.any.read")],
    ] {
        is_empty(&service, "/orders/1", headers, began).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_listed_proxy_each_client_has_a_bucket_whatever_it_invents() {
    let proxies = Proxies::In(vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
    let service = Service::at(usual(), HttpSettings { proxies, ..limited() });
    let began = has_a_bucket(&service, "/orders/1", &[("x-forwarded-for", "9.9.9.9")]).await;
    for invented in
        ["6.6.6.6, 9.9.9.9", "unknown, 9.9.9.9, 10.0.0.1", "9.9.9.9:80", "::ffff:9.9.9.9"]
    {
        is_empty(&service, "/orders/1", &[("x-forwarded-for", invented)], began).await;
    }
    is_empty(
        &service,
        "/orders/1",
        &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "9.9.9.9")],
        began,
    )
    .await;
    has_a_bucket(&service, "/orders/1", &[("x-forwarded-for", "8.8.8.8")]).await;
    // An IPv6 client is its network.
    let one = [("forwarded", "for=\"[2001:db8::1]\"")];
    let began = has_a_bucket(&service, "/orders/1", &one).await;
    let other = [("forwarded", "for=\"[2001:db8::f:2]\"")];
    is_empty(&service, "/orders/1", &other, began).await;
    has_a_bucket(&service, "/orders/1", &[("forwarded", "for=\"[2001:db8:0:1::1]\"")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_counted_by_name_and_bad_tokens_by_address() {
    let service = Service::secured_with(Arc::default(), PlainTokens::security(), limited());
    let shop = ("authorization", "Bearer shop.any.read");
    let began = has_a_bucket(&service, "/orders/1", &[shop]).await;
    // Another token of the same caller.
    let another = [("authorization", "Bearer shop.42.read-write")];
    is_empty(&service, "/orders/1", &another, began).await;
    has_a_bucket(&service, "/orders/1", &[("authorization", "Bearer other.any.read")]).await;
    // Open paths, missing tokens and bad ones share what the address has.
    let nonsense = [("authorization", "Bearer nonsense")];
    let began = has_a_bucket(&service, "/orders/1", &nonsense).await;
    is_empty(&service, "/orders/1", &[], began).await;
    is_empty(&service, "/nothing", &[], began).await;
    is_empty(&service, "/openapi.json", &[shop], began).await;
    // A flood of bad tokens takes nothing from those who have good ones.
    let other =
        service.call_with("GET", "/orders/1", &[("authorization", "Bearer third.any.read")]).await;
    assert_eq!(other.status, 404);
}
