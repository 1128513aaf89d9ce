//! The service in a real Eureka registry: registered from ready to stopped, and not while its database
//! is down.

mod support;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Service, client, eureka, eventually, registered};

#[test]
fn an_instance_is_in_the_registry_from_ready_to_stopped() {
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let service = Service::start(&[
        &format!("--spring.application.name={app}"),
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
        "--eureka.instance.hostname=localhost",
        "--eureka.instance.metadata-map.zone=test",
    ]);
    service.wait_until_ready();
    assert!(eventually(|| !registered(&app).is_empty()), "{}", service.log());
    let found = registered(&app);
    let instance = &found[0];
    let port = service.base.rsplit_once(':').unwrap().1;
    assert_eq!(found.len(), 1);
    assert_eq!(instance["status"], "UP");
    assert_eq!(instance["instanceId"], format!("localhost:{app}:{port}"));
    let log = service.log();
    let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(instance["instanceId"], line["instance"]);
    assert_eq!(instance["port"]["$"].to_string(), port);
    assert_eq!(instance["metadata"]["zone"], "test");
    assert_eq!(instance["leaseInfo"]["renewalIntervalInSecs"], 30);
    // The links of the registry's page and of Spring Boot Admin work.
    for page in ["statusPageUrl", "healthCheckUrl"] {
        let url = instance[page].as_str().unwrap();
        assert_eq!(client().get(url).send().unwrap().status(), StatusCode::OK, "{url}");
    }
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(eventually(|| registered(&app).is_empty()), "{}", service.log());
}

#[test]
fn an_instance_on_any_free_port_under_another_name_has_one_id() {
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let service = Service::start(&[
        "--server.port=0",
        &format!("--eureka.instance.appname={app}"),
        "--eureka.instance.prefer-ip-address=true",
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
    ]);
    assert!(eventually(|| !registered(&app).is_empty()), "{}", service.log());
    let log = service.log();
    let line: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let instance = line["instance"].as_str().unwrap();
    assert!(instance.ends_with(&format!(":order-service:{}", service.pid())), "{instance}");
    assert_eq!(registered(&app)[0]["instanceId"], instance);
}

#[test]
fn an_instance_without_its_database_is_not_in_the_registry() {
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let nowhere = format!("postgres://u:p@127.0.0.1:{}/orders", support::free_port());
    let service = Service::start(&[
        &format!("--spring.application.name={app}"),
        &format!("--spring.datasource.url={nowhere}"),
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
    ]);
    let tried = || service.log().contains("the migration of the database failed");
    assert!(eventually(tried), "{}", service.log());
    // Another instance registers meanwhile, so there was time for this one, too.
    let other = format!("{app}-b");
    let ready = Service::start(&[
        &format!("--spring.application.name={other}"),
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
    ]);
    ready.wait_until_ready();
    assert!(eventually(|| !registered(&other).is_empty()), "{}", ready.log());
    assert_eq!(registered(&app), Vec::<Value>::new(), "{}", service.log());
}

/// Follows the links as Spring Boot Admin does: from the registry to the management port that the
/// metadata names, and on from there.
#[test]
fn the_registry_leads_tools_to_the_management_port() {
    let app = format!("orders-{:08x}", RandomEntropy.bits() >> 96);
    let management = support::free_port().to_string();
    let service = Service::start(&[
        &format!("--spring.application.name={app}"),
        &format!("--eureka.client.service-url.defaultZone={}", eureka()),
        "--eureka.instance.hostname=localhost",
        &format!("--management.server.port={management}"),
        "--management.server.address=0.0.0.0",
    ]);
    service.wait_until_ready();
    assert!(eventually(|| !registered(&app).is_empty()), "{}", service.log());
    let instance = registered(&app).remove(0);
    assert_eq!(instance["metadata"]["management.port"], management.as_str());
    let read = |url: &str| client().get(url).send().unwrap();
    let health = instance["healthCheckUrl"].as_str().unwrap();
    assert_eq!(health, format!("http://localhost:{management}/actuator/health"));
    assert_eq!(read(instance["statusPageUrl"].as_str().unwrap()).status(), StatusCode::OK);

    let index: Value = read(health.trim_end_matches("/health")).json().unwrap();
    let links = index["_links"].as_object().unwrap();
    for name in ["self", "health", "info", "prometheus", "refresh"] {
        assert!(links.contains_key(name), "{index}");
    }
    for (name, link) in links.iter().filter(|(_, link)| link["templated"] == false) {
        let status = read(link["href"].as_str().unwrap()).status();
        // It takes POST alone.
        let expected = if name == "refresh" { 405 } else { 200 };
        assert_eq!(status.as_u16(), expected, "{name} {link}");
    }
    let health: Value = read(health).json().unwrap();
    assert_eq!(health["status"], "UP", "{health}");
    assert!(health["components"]["eureka"]["details"].is_object(), "{health}");
}

#[test]
fn orders_are_taken_while_the_registry_is_down() {
    let down = support::free_port();
    let zone =
        format!("--eureka.client.service-url.defaultZone=http://u:secret@127.0.0.1:{down}/e");
    let service = Service::start(&[&zone]);
    service.wait_until_ready();
    let _ = service.placed(42);
    assert!(eventually(|| service.log().contains("not registered")), "{}", service.log());
    assert!(!service.log().contains("secret"), "{}", service.log());
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}
