//! Where things are when the settings or a proxy put paths and hosts in front of ours.

use http_actix::{Actuator, Endpoint, HttpSettings, Proxies, Site};
use serde_json::json;

use crate::support::{LINES, Reply, Service, usual};

fn order() -> String {
    format!(r#"{{"customerId":42,"items":{LINES}}}"#)
}

fn behind(proxies: Proxies) -> Service {
    Service::at(usual(), HttpSettings { proxies, ..HttpSettings::default() })
}

async fn placed(service: &Service, path: &str, headers: &[(&str, &str)]) -> Reply {
    let placed = service.write("POST", path, headers, &order()).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    placed
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_below_the_context_path() {
    let actuator = Actuator { base: "/manage".to_owned(), ..Actuator::default() };
    let site = Site::main("/shop").with(&actuator, &Endpoint::OF_CLIENTS).with_probes(true);
    let service = Service::at(site, HttpSettings::default());
    let first = placed(&service, "/shop/orders", &[]).await;
    let location = first.header("location").unwrap();
    assert!(location.starts_with("/shop/orders/"), "{location}");
    assert_eq!(service.call("GET", location).await.status, 200);
    placed(&service, "/shop/orders", &[]).await;
    let page = service.call("GET", "/shop/orders/customer/42?limit=1").await;
    let link = page.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert!(next.starts_with("/shop/orders/customer/42?"), "{link}");
    assert_eq!(service.call("GET", next).await.status, 200);
    for target in ["/shop", "/shop/", "/shop/livez", "/shop/manage/health", "/shop/docs/"] {
        assert_eq!(service.call("GET", target).await.status, 200, "{target}");
    }
    for target in ["/", "/orders/1", "/livez", "/actuator", "/shop/actuator", "/shopping", "/docs"]
    {
        let missing = service.call("GET", target).await;
        assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"), "{target}");
    }
    let wrong = service.call("DELETE", "/shop/orders/1").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD, PUT")));
    let links = service.call("GET", "/shop/manage").await.json();
    assert_eq!(links["_links"]["health"]["href"], "http://orders/shop/manage/health");
    let home = service.call("GET", "/shop").await.json();
    assert_eq!(home["_links"]["docs"]["href"], "http://orders/shop/docs/");
    let document = service.call("GET", "/shop/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{"url": "/shop"}]));
    assert!(document["paths"]["/orders/{id}"].is_object());
    let moved = service.call("GET", "/shop/docs").await;
    assert_eq!(moved.header("location"), Some("/shop/docs/"));
    let script = service.call("GET", "/shop/docs/swagger-initializer.js").await.text();
    assert!(script.contains("\"../openapi.json\""), "{script}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_while_orders_are_not_below_a_context_path() {
    let site = Site::main("/shop").with(&Actuator::default(), &Endpoint::OF_CLIENTS);
    let settings = HttpSettings { max_in_flight: 0.into(), ..HttpSettings::default() };
    let service = Service::at(site, settings);
    assert_eq!(service.call("GET", "/shop/orders/1").await.code(), "overloaded");
    assert_eq!(service.call("GET", "/shop/actuator/health").await.status, 200);
    service.lifecycle.advance(http_actix::Phase::Draining);
    assert_eq!(service.call("GET", "/shop/orders/1").await.code(), "draining");
}

/// A load balancer's headers, and what they make of the address.
const FORWARDED: [(&[(&str, &str)], &str); 7] = [
    (
        &[("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")],
        "https://shop.example",
    ),
    (
        &[
            ("x-forwarded-host", "shop.example:8443"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/api/"),
        ],
        "https://shop.example:8443/api",
    ),
    (
        &[("x-forwarded-host", "shop.example, inner"), ("x-forwarded-port", "8080, 80")],
        "http://shop.example:8080",
    ),
    (
        &[("forwarded", "for=1.2.3.4;host=shop.example;proto=https, for=10.0.0.1;host=inner")],
        "https://shop.example",
    ),
    (&[("forwarded", "proto=\"https\""), ("x-forwarded-host", "other")], "https://orders"),
    (&[("x-forwarded-ssl", "on"), ("x-forwarded-port", "443")], "https://orders"),
    (&[("forwarded", "host=\"[2001:db8::1]:81\"")], "http://[2001:db8::1]:81"),
];

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_where_a_trusted_proxy_was_asked() {
    for proxies in [Proxies::Internal, Proxies::Any] {
        let service = behind(proxies);
        for (headers, base) in FORWARDED {
            let location = placed(&service, "/orders", headers).await;
            let location = location.header("location").unwrap();
            assert!(location.starts_with(&format!("{base}/orders/")), "{location}, {base}");
            let page = service.call_with("GET", "/orders/customer/42?limit=1", headers).await;
            if let Some(link) = page.header("link") {
                assert!(link.starts_with(&format!("<{base}/orders/customer/42?")), "{link}");
            }
            let links = service.call_with("GET", "/actuator", headers).await.json();
            assert_eq!(links["_links"]["info"]["href"], format!("{base}/actuator/info"));
        }
        let prefix = [("x-forwarded-prefix", "/api")];
        let document = service.call_with("GET", "/openapi.json", &prefix).await.json();
        assert_eq!(document["servers"], json!([{"url": "/api"}]));
        let location = placed(&service, "/orders", &prefix).await;
        assert!(location.header("location").unwrap().starts_with("/api/orders/"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prefix_of_a_proxy_stands_for_the_context_path() {
    let site = Site::main("/shop").with(&Actuator::default(), &Endpoint::OF_CLIENTS);
    let settings = HttpSettings { proxies: Proxies::Any, ..HttpSettings::default() };
    let service = Service::at(site, settings);
    let placed = placed(&service, "/shop/orders", &[("x-forwarded-prefix", "/api")]).await;
    assert!(placed.header("location").unwrap().starts_with("/api/orders/"), "{placed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_no_proxy_is_believed() {
    let service = Service::start();
    for (headers, _) in FORWARDED {
        let placed = placed(&service, "/orders", headers).await;
        assert!(placed.header("location").unwrap().starts_with("/orders/"), "{placed:?}");
        let links = service.call_with("GET", "/actuator", headers).await.json();
        assert_eq!(links["_links"]["info"]["href"], "http://orders/actuator/info");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_addresses_never_get_into_an_answer() {
    let service = behind(Proxies::Any);
    let long = "evil".repeat(2_000);
    for name in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "forwarded",
    ] {
        for evil in [
            "evil/../x",
            "evil\\x",
            "evil\"><script>",
            "evil@x",
            "evil x",
            "//evil",
            "/evil/../x",
            "evil:99999",
            "javascript:evil",
            "host=evil/x",
            "proto=evil",
            "host=\"evil x\"",
            "host=evil@x",
            &long,
        ] {
            let headers = [(name, evil)];
            let placed = placed(&service, "/orders", &headers).await;
            let links = service.call_with("GET", "/actuator", &headers).await;
            let page = service.call_with("GET", "/orders/customer/42?limit=1", &headers).await;
            for reply in [&placed, &links, &page] {
                let told = format!("{:?}", (&reply.headers, reply.text()));
                assert!(!told.contains("evil"), "{name}: {evil}: {told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_answered_for_the_proxy_that_it_came_through() {
    let service = behind(Proxies::Any);
    let key = ("idempotency-key", "k");
    let first = placed(&service, "/orders", &[key]).await;
    let again = placed(&service, "/orders", &[key, ("x-forwarded-host", "shop.example")]).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body);
    let path = first.header("location").unwrap();
    assert_eq!(again.header("location"), Some(format!("http://shop.example{path}").as_str()));
}
