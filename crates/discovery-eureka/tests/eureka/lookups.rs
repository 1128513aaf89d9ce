//! Looking a service up once, in registries that answer well, badly, or late.

use discovery_eureka::{Instance, LookUpError, StartError};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::stub::{Reply, Stub, registry_of};
use crate::support::look_up;

fn stock(id: &str, status: &str) -> Value {
    json!({"app": "INVENTORY", "instanceId": id, "status": status, "vipAddress": "stock,Spare"})
}

fn ids(found: &[Instance]) -> String {
    found.iter().map(|instance| &*instance.id).collect()
}

#[tokio::test]
async fn instances_that_are_up_are_found_by_any_of_their_names() {
    let all = [("e", "UP"), ("a", "UP"), ("b", "DOWN"), ("c", "UP"), ("d", "OUT_OF_SERVICE")];
    let all = all.map(|(id, status)| stock(id, status));
    let stub = Stub::that(move |_| registry_of(&all)).await;
    for name in ["stock", "SPARE", "inventory"] {
        assert_eq!(ids(&look_up(name, &[&stub.url]).await.unwrap()), "ace", "{name}");
    }
    assert_eq!(look_up("payments", &[&stub.url]).await.unwrap(), []);
    assert!(stub.heard().iter().all(|heard| heard.what == "GET /eureka/apps"));
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails() {
    let failing = Stub::that(|_| Reply::Status(503)).await;
    let good = Stub::that(|_| registry_of(&[stock("a", "UP")])).await;
    let found = look_up("stock", &[&failing.url, &good.url]).await.unwrap();
    assert_eq!(ids(&found), "a");
}

#[tokio::test]
async fn a_registry_that_is_still_starting_is_asked_again() {
    let mut asked = 0;
    let stub = Stub::that(move |_| {
        asked += 1;
        if asked < 3 { Reply::Status(503) } else { registry_of(&[stock("a", "UP")]) }
    })
    .await;
    assert_eq!(ids(&look_up("stock", &[&stub.url]).await.unwrap()), "a");
}

#[tokio::test]
async fn each_way_of_failing_is_told_apart_and_repeats_nothing_of_the_answer() {
    let mut looking = JoinSet::new();
    for (reply, reason) in [
        (Reply::Status(401), "it does not accept the credentials"),
        (Reply::Status(500), "it answered 500"),
        (Reply::Text("<s3cret>".into()), "not that of a Eureka server"),
        (Reply::Json(json!({"applications": "s3cret"})), "not that of a Eureka server"),
        (Reply::Endless, "its answer has more than"),
        (Reply::Silence, "it did not answer within 5s"),
    ] {
        looking.spawn(async move {
            let stub = Stub::that(move |_| reply.clone()).await;
            let error = look_up("stock", &[&stub.url]).await.unwrap_err().to_string();
            assert!(error.starts_with("Eureka cannot be asked: http://127.0.0.1"), "{error}");
            assert!(error.contains(reason) && !error.contains("s3cret"), "{error}");
        });
    }
    // At the same time: each of them tries again for 5 s.
    looking.join_all().await;
}

#[tokio::test]
async fn without_a_server_there_is_no_look_up() {
    let refused = look_up("stock", &[]).await;
    assert!(matches!(refused, Err(LookUpError::Start(StartError::NoServers))));
}
