//! The operations on events, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use http_actix::Management;
use order_app::operations::{Operations, OperationsPorts};
use order_app::ports::{Duty, EventJournal as _, EventReplayer, OrderChange, OrderStore as _};
use order_testkit::examples::{a_change, a_change_placing, a_new_order, an_order_id, noon, soon};
use order_testkit::{
    Fate, FixedClock, InMemoryBroker, InMemoryStore, ScriptedPublisher, SequentialEntropy,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Reply, Service};

/// A management port over a store with events.
struct Port {
    service: Service,
    memory: Arc<InMemoryStore>,
    broker: InMemoryBroker,
    publisher: Arc<ScriptedPublisher>,
}

impl Port {
    /// Orders 1 to 3 of customer 42, each with three versions, all published.
    async fn start() -> Self {
        Self::with_brokers(true).await
    }

    async fn with_brokers(brokers: bool) -> Self {
        let (memory, broker) = (Arc::new(InMemoryStore::default()), InMemoryBroker::default());
        let publisher = Arc::new(ScriptedPublisher::new(broker.clone()));
        let replayer: Option<Arc<dyn EventReplayer>> = Some(publisher.clone());
        let operations = Operations::new(OperationsPorts {
            journal: memory.clone(),
            inspection: memory.clone(),
            store: memory.clone(),
            replayer: replayer.filter(|_| brokers),
            clock: Arc::new(FixedClock::default()),
            entropy: Arc::new(SequentialEntropy::default()),
        });
        let operations = Some(operations);
        let service = Service::management(Management { operations, ..Management::default() });
        let port = Self { service, memory, broker, publisher };
        for id in 1..=3 {
            port.order(id).await;
        }
        port.memory.publish_all().await;
        port
    }

    /// An order with three versions.
    async fn order(&self, id: i64) {
        use order_domain::OrderStatus::{Confirmed, InProgress};
        let commit =
            async |change: OrderChange| self.memory.commit(change.into(), soon()).await.unwrap();
        commit(a_change_placing(a_new_order(id, 42))).await;
        for status in [Confirmed, InProgress] {
            let order = self.memory.order(an_order_id(id), soon()).await.unwrap().unwrap();
            commit(a_change(order_testkit::examples::moved(&order, status, noon()))).await;
        }
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.service.call("GET", &format!("/actuator/events{path}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        self.service.write("POST", &format!("/actuator/events{path}"), &[], body).await
    }

    /// Waits until a replay has ended.
    async fn ended(&self, replay: &Value) -> Value {
        let path = format!("/replays/{}", replay["id"].as_str().unwrap());
        loop {
            let found = self.get(&path).await;
            if found["state"] != "RUNNING" {
                return found;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_what_waits() {
    let port = Port::start().await;
    port.order(4).await;
    let found = port.get("").await;
    assert_eq!((&found["waitingEvents"], &found["head"]), (&json!(3), &json!(9)));
    assert_eq!((&found["atLeast"], &found["parkedOrders"]), (&json!(false), &json!(0)));
    assert_eq!(found["oldest"], "2026-11-22T12:00:00.123456Z");
    let holder = InMemoryStore::INSTANCE.to_string();
    assert_eq!(found["shards"][3], json!({"shard": 3, "holder": holder, "position": 9}));
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_orders_are_listed_and_looked_into() {
    let port = Port::start().await;
    port.memory.park(1, 2).await;
    port.memory.park(3, 1).await;
    let page = port.get("/parked?limit=1").await;
    assert_eq!((&page["orders"][0]["orderId"], &page["next"]), (&json!(1), &json!(1)));
    let page = port.get("/parked?limit=1&after=1").await;
    assert_eq!((&page["orders"][0]["orderId"], &page["next"]), (&json!(3), &json!(null)));
    assert_eq!(port.get("/parked?shard=5").await["orders"], json!([]));
    let found = port.get("/parked/1").await;
    assert_eq!((&found["sequence"], &found["reason"]), (&json!(2), &json!("too large")));
    assert_eq!((&found["attempts"], &found["redriveRequested"]), (&json!(1), &json!(false)));
    let types: Vec<_> =
        found["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["order.confirmed", "order.in_progress"]);
    assert_eq!(found["events"][0]["data"]["status"], "CONFIRMED");
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_orders_are_redriven_one_or_all() {
    let port = Port::start().await;
    for id in [1, 2, 3] {
        port.memory.park(id, 2).await;
    }
    for _ in 0..2 {
        let reply = port.post("/parked/1/redrive", "").await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        assert_eq!(port.get("/parked/1").await["redriveRequested"], true);
    }
    let reply = port.post("/parked/redrive", "").await;
    assert_eq!((reply.status, reply.json()), (202, json!({"orders": 2, "more": false})));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_skipped_once_with_its_reason() {
    let port = Port::start().await;
    port.memory.park(1, 2).await;
    let body = r#"{"reason": "nobody wants it", "sequence": 2}"#;
    for _ in 0..2 {
        let reply = port.post("/parked/1/skip", body).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        assert_eq!((&reply.json()["sequence"], &reply.json()["orderId"]), (&json!(2), &json!(1)));
    }
    port.memory.park(1, 3).await;
    let reply = port.post("/parked/1/skip", r#"{"reason": "x", "sequence": 1}"#).await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "another_event_waits"));
    assert_eq!(reply.json()["waitingSequence"], 3);
    port.post("/parked/1/redrive", "").await;
    let reply = port.post("/parked/1/skip", r#"{"reason": "x"}"#).await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "redrive_in_progress"));
    let skipped = port.get("/skipped").await;
    assert_eq!(skipped["events"].as_array().unwrap().len(), 1);
    assert_eq!(skipped["events"][0]["reason"], "nobody wants it");
    assert_eq!(port.get("/skipped?after=1.2").await["events"], json!([]));
    assert_eq!(port.get("/skipped?orderId=2").await["events"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_parked_is_a_problem() {
    let port = Port::start().await;
    for reply in [
        port.service.call("GET", "/actuator/events/parked/1").await,
        port.post("/parked/1/redrive", "").await,
        port.post("/parked/1/skip", r#"{"reason": "x"}"#).await,
    ] {
        assert_eq!((reply.status, reply.code().as_str()), (404, "order_not_parked"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_as_a_job() {
    let port = Port::start().await;
    port.broker.create_topic("elsewhere");
    let body = r#"{"orders": [1, 2], "types": ["order.created"], "topic": "elsewhere"}"#;
    let reply = port.post("/replays", body).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let job = reply.json();
    let location = format!("/actuator/events/replays/{}", job["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(location.as_str()));
    let ended = port.ended(&job).await;
    assert_eq!((&ended["state"], &ended["events"]), (&json!("COMPLETED"), &json!(2)));
    assert_eq!((&ended["position"], &ended["percent"]), (&json!(9), &json!(100.0)));
    assert_eq!(port.broker.messages(Some("elsewhere")).len(), 2);
    assert_eq!(port.get("/replays").await["replays"], json!([ended]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_also_without_brokers() {
    let port = Port::with_brokers(false).await;
    let reply = port.post("/replays", r#"{"customers": [42], "dryRun": true}"#).await;
    let ended = port.ended(&reply.json()).await;
    assert_eq!((&ended["events"], port.broker.len()), (&json!(9), 0));
    let reply = port.post("/replays", "{}").await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "no_brokers"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_cancelled_and_says_where_to_go_on() {
    let port = Port::start().await;
    port.publisher.always(Fate::Lost);
    let job = port.post("/replays", "{}").await.json();
    let again = port.post("/replays", "{}").await;
    assert_eq!((again.status, again.code().as_str()), (409, "replay_in_progress"));
    assert_eq!(again.json()["replayId"], job["id"]);
    let path = format!("/actuator/events/replays/{}", job["id"].as_str().unwrap());
    for _ in 0..2 {
        let reply = port.service.call("DELETE", &path).await;
        assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("CANCELLED")));
        assert_eq!(reply.json()["position"], 0);
    }
    for method in ["GET", "DELETE"] {
        let reply = port.service.call(method, "/actuator/events/replays/nonsense").await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "replay_not_found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_another_instance_is_not_disturbed() {
    let port = Port::start().await;
    let other = port
        .memory
        .lease(Duty::Replay, Uuid::from_u128(9), Duration::from_mins(5), soon())
        .await
        .unwrap();
    let refused = port.post("/replays", "{}").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "replay_in_progress"));
    assert_eq!(refused.json().get("replayId"), None);
    let dry = port.post("/replays", r#"{"dryRun": true}"#).await;
    assert_eq!(port.ended(&dry.json()).await["events"], 9);
    port.memory.release(&other.unwrap(), soon()).await.unwrap();
    assert_eq!(port.post("/replays", "{}").await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_cannot_be_read_are_named() {
    let port = Port::start().await;
    port.memory.spoil(an_order_id(2), 2);
    for (body, position) in [("{}", json!(5)), (r#"{"orders": [2]}"#, Value::Null)] {
        let job = port.post("/replays", body).await.json();
        let ended = port.ended(&job).await;
        let named = json!([
            {"orderId": 2, "sequence": 2, "position": position, "reason": "spoiled"}
        ]);
        assert_eq!((&ended["state"], &ended["unreadable"]), (&json!("COMPLETED"), &json!(1)));
        assert_eq!(ended["unreadableEvents"], named);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_replay_is_told_at_once() {
    let port = Port::start().await;
    let body = r#"{"orders": [1, 0, "2"], "customers": 7, "types": ["order.lost"], "from": "now",
        "topic": "a b", "rate": 0, "after": -1, "dryRun": "yes", "speed": 9}"#;
    let reply = port.post("/replays", body).await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "validation_failed"));
    let problem = reply.json();
    let mut pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    let expected = [
        "/after",
        "/customers",
        "/dryRun",
        "/from",
        "/orders/1",
        "/orders/2",
        "/rate",
        "/speed",
        "/topic",
        "/types/0",
    ];
    assert_eq!(pointers, expected);
    assert_eq!(port.get("/replays").await["replays"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_wrong_requests_are_refused() {
    let port = Port::start().await;
    for (path, body, code) in [
        ("/parked/1/skip", "{}", "validation_failed"),
        ("/parked/1/skip", r#"{"reason": " "}"#, "validation_failed"),
        ("/parked/1/skip", r#"{"reason": "x", "why": 1}"#, "unknown_field"),
        ("/parked/1/skip", "[]", "malformed_json"),
        ("/parked/x/skip", r#"{"reason": "x"}"#, "invalid_parameter"),
        ("/parked/0/redrive", "", "invalid_parameter"),
    ] {
        let reply = port.post(path, body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{path} {body}");
    }
    for query in
        ["parked?shard=16", "parked?limit=501", "parked?x=1", "skipped?after=1", "parked/x"]
    {
        let reply = port.service.call("GET", &format!("/actuator/events/{query}")).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_parameter"), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_the_other_way_round() {
    let port = Port::start().await;
    let document: Value = serde_json::from_str(&http_actix::management_openapi_json()).unwrap();
    let served = port.service.call("GET", "/openapi.json").await;
    assert_eq!(served.json(), document);
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 15);
    for (path, item) in paths {
        let target = path.replace("{orderId}", "1").replace("{replayId}", "1");
        let refused = port.service.call("PATCH", &target).await;
        let mut routed: Vec<_> = refused.header("allow").unwrap().split(", ").collect();
        routed.retain(|method| *method != "HEAD");
        let mut documented: Vec<_> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        routed.sort_unstable();
        documented.sort_unstable();
        assert_eq!(routed, documented, "{path}");
    }
    let links = port.service.call("GET", "/actuator").await.json();
    assert_eq!(links["_links"]["events"]["href"], "http://orders/actuator/events");
    assert_eq!(links["_links"]["events-parked-orderId"]["templated"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_port_has_none_of_it() {
    let service = Service::start();
    for (method, path) in [
        ("GET", ""),
        ("GET", "/parked"),
        ("GET", "/parked/1"),
        ("POST", "/parked/redrive"),
        ("POST", "/parked/1/redrive"),
        ("POST", "/parked/1/skip"),
        ("GET", "/skipped"),
        ("GET", "/replays"),
        ("POST", "/replays"),
        ("DELETE", "/replays/1"),
    ] {
        let reply = service.call(method, &format!("/actuator/events{path}")).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"), "{method} {path}");
    }
}
