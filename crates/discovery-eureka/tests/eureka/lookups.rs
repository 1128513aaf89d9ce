//! Reading the registry from servers that keep to the rules of deltas, and from some that do not.

use std::time::Duration;

use discovery_eureka::{EurekaSettings, Registry};
use serde_json::{Value, json};

use crate::stub::{Heard, Reply, Stub, everybody, willing};
use crate::support::{eventually, instance, settings, start_registry};

fn stock(id: &str, action: &str) -> Value {
    json!({"app": "STOCK", "instanceId": id, "status": "UP", "actionType": action})
}

async fn until_seen(registry: &Registry, ids: &[&str]) {
    let seen = || {
        let all = registry.instances("stock");
        all.iter().map(|instance| instance.id.clone()).eq(ids.iter().copied())
    };
    eventually(&format!("{ids:?}"), async || seen().then_some(())).await;
}

fn asked(stub: &Stub, what: &str) -> usize {
    stub.heard().iter().filter(|heard| heard.what == what).count()
}

/// A server that tells one instance in full, and something else as the delta.
fn tells(delta: Reply) -> impl FnMut(&Heard) -> Reply + Send + 'static {
    move |heard| match &*heard.what {
        "GET /eureka/apps" => everybody("UP_1_", &[stock("s1", "ADDED")]),
        "GET /eureka/apps/delta" => delta.clone(),
        _ => willing(heard),
    }
}

#[tokio::test]
async fn after_one_full_read_deltas_are_enough() {
    let stub = Stub::that(tells(everybody("UP_1_", &[]))).await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    until_seen(&registry, &["s1"]).await;
    stub.behave(tells(everybody("UP_2_", &[stock("s2", "ADDED")])));
    until_seen(&registry, &["s1", "s2"]).await;
    stub.behave(tells(everybody("UP_1_", &[stock("s1", "DELETED")])));
    until_seen(&registry, &["s2"]).await;
    stub.until_asked("GET /eureka/apps/delta", 6).await;
    assert_eq!(asked(&stub, "GET /eureka/apps"), 1);
}

#[tokio::test]
async fn a_delta_that_does_not_add_up_leads_to_a_full_read() {
    let stub = Stub::that(tells(everybody("UP_1_", &[]))).await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    until_seen(&registry, &["s1"]).await;
    stub.behave(|heard| match &*heard.what {
        "GET /eureka/apps" => everybody("UP_2_", &[stock("s3", "ADDED"), stock("s4", "ADDED")]),
        _ => everybody("UP_2_", &[]),
    });
    until_seen(&registry, &["s3", "s4"]).await;
}

#[tokio::test]
async fn a_server_may_refuse_deltas() {
    for refusal in [Reply::Status(403), Reply::Status(404), Reply::Text("none".into())] {
        let stub = Stub::that(tells(refusal)).await;
        let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
        stub.until_asked("GET /eureka/apps", 3).await;
        until_seen(&registry, &["s1"]).await;
    }
}

#[tokio::test]
async fn deltas_may_be_switched_off() {
    let stub = Stub::that(tells(everybody("", &[]))).await;
    let settings =
        EurekaSettings { disable_delta: true, ..settings(&[&stub.url], instance("a", 1)) };
    let _registry = start_registry(settings);
    stub.until_asked("GET /eureka/apps", 3).await;
    assert_eq!(asked(&stub, "GET /eureka/apps/delta"), 0);
}

#[tokio::test]
async fn a_delta_of_another_server_is_not_applied() {
    let first = Stub::that(tells(everybody("UP_1_", &[]))).await;
    let second = Stub::that(|heard| match &*heard.what {
        "GET /eureka/apps" => everybody("UP_1_", &[stock("s9", "ADDED")]),
        // The hash code alone would not show that this is about other instances.
        _ => everybody("UP_1_", &[]),
    })
    .await;
    let registry = start_registry(settings(&[&first.url, &second.url], instance("a", 1)));
    until_seen(&registry, &["s1"]).await;
    first.behave(|_| Reply::Status(500));
    until_seen(&registry, &["s9"]).await;
}

#[tokio::test]
async fn reading_stops_when_nobody_looks() {
    let stub = Stub::willing().await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    let other = registry.clone();
    registry.first_read().await;
    drop(registry);
    stub.until_asked("GET /eureka/apps/delta", 2).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(other);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    eventually("the task ends", async || (tasks() < before).then_some(())).await;
}

#[tokio::test]
async fn a_look_up_before_anything_is_read_answers_at_once() {
    let stub = Stub::that(|_| Reply::Silence).await;
    let registry = start_registry(settings(&[&stub.url], instance("a", 1)));
    assert_eq!(registry.next("stock"), None);
    let waited = tokio::time::timeout(Duration::from_millis(100), registry.first_read()).await;
    assert!(waited.is_err());
}
