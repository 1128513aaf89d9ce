//! Programs of Spring Boot beside the service, from `deploy/peers/spring`: the order service of before
//! leaves its table to this one, or both work on one database; and a client of before goes on.
//! `FULL_SIZE_TESTS=1` keeps them side by side for a minute.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

mod beside;
mod spring;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::databases::Database;
use serde_json::json;

use crate::spring::{Program, Shop};
use crate::support::{Service, an_order, brokers, client, eureka, eventually, registered};

const CUSTOMER: i64 = 42;

/// The name in the shop's properties, by which its clients find the service.
const NAME: &str = "order-service";

#[test]
fn a_client_of_the_spring_service_does_not_notice_the_switch() {
    let shop = Shop::on(Database::Mysql);
    let old = Program::old_order_service(&shop, &[]);
    old.wait_until_ready();
    let load = old.load(1, CUSTOMER);
    assert_eq!(load.failures, [""; 0]);
    // The newest of them, so that it is on the first page.
    let kept = old.post("/orders", &an_order(CUSTOMER));
    let confirmed =
        old.put(&format!("/orders/{}/status", kept["id"]), &json!({"status": "CONFIRMED"}));
    assert_eq!(confirmed["status"], "CONFIRMED");
    old.stop();

    table_is_accepted(&shop);
    forget_instances();
    let topic = format!("peers-{:032x}", RandomEntropy.bits());
    let brokers = brokers();
    let service = Service::start_in(
        &shop.folder("new"),
        &[
            &format!("--spring.kafka.bootstrap-servers={brokers}"),
            &format!("--order.events.topic={topic}"),
            "--order.api.customer-orders=list",
            "--order.api.amounts=number",
        ],
        &shop.credentials(),
    );
    service.wait_until_ready();
    assert!(eventually(|| !registered(NAME).is_empty()), "{}", service.log());
    let client = Program::client(
        &shop,
        &[
            format!("--eureka.client.service-url.defaultZone={}", eureka()),
            format!("--spring.kafka.bootstrap-servers={brokers}"),
            format!("--shop.topic={topic}"),
            format!("--shop.customer={CUSTOMER}"),
            format!("--shop.kept-order={}", kept["id"]),
        ],
    );
    let passed = client.wait().success();
    assert!(passed, "the client:\n{}\nthe service:\n{}", client.log(), service.log());
    assert!(client.log().contains("verdict: passed"), "{}", client.log());
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}

/// Asks `migrate --check`, as an operator does before the switch: nothing of Hibernate's table stands
/// in the way.
fn table_is_accepted(shop: &Shop) {
    let checked = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(["migrate", "--check"])
        .envs(shop.credentials())
        .current_dir(shop.folder("check"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    assert!(said.ends_with(" orders checked, 0 cannot be read\n"), "{said}");
}

/// Takes what killed services of that name left behind out of the registry.
fn forget_instances() {
    for instance in registered(NAME) {
        let id = instance["instanceId"].as_str().unwrap();
        let url = format!("{}/apps/{NAME}/{id}", eureka());
        assert!(client().delete(url).send().unwrap().status().is_success());
    }
    assert!(eventually(|| registered(NAME).is_empty()));
}
