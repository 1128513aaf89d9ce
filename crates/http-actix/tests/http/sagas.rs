//! Orders with sagas: how a saga is read, and what is refused meanwhile.

use std::sync::Arc;
use std::time::Duration;

use order_app::ports::{OrderChange, OrderStore as _, SagaChange, SagaWrite};
use order_app::saga::{Moment, SagaTimes, begin};
use order_testkit::examples::{a_change, a_new_order, an_order_id, an_origin, noon, placed, soon};
use order_testkit::{InMemoryStore, SequentialEntropy};
use serde_json::{Value, json};

use crate::support::{LINES, Service};

const TIMES: SagaTimes = SagaTimes {
    deadline: Duration::from_mins(15),
    resend_after: Duration::from_secs(30),
    attention_after: Duration::from_mins(15),
};

/// A store with order 1, which has a saga, and order 2, which has none.
async fn a_store() -> Arc<InMemoryStore> {
    let store = Arc::new(InMemoryStore::default());
    for id in [1, 2] {
        let event = placed(a_new_order(id, 42), noon());
        let entropy = SequentialEntropy::default();
        let at = Moment { now: noon(), entropy: &entropy, times: &TIMES, cause: None };
        let saga = begin(&event.order, &an_origin(), &at).saga.unwrap().to_write().unwrap();
        let saga = (id == 1).then_some(saga);
        store.commit(OrderChange { saga, ..a_change(event) }.into(), soon()).await.unwrap();
    }
    store
}

#[actix_web::test]
async fn a_saga_is_read_by_its_order_and_has_its_revision_as_tag() {
    let service = Service::with_sagas(a_store().await);
    let answer = service.call("GET", "/orders/1/saga").await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"1\"")));
    let body: Value = answer.json();
    assert_eq!(
        body,
        json!({
            "orderId": 1,
            "revision": 1,
            "state": "RUNNING",
            "deadline": "2026-11-22T12:15:00.123456Z",
            "dueAt": "2026-11-22T12:00:30.123456Z",
            "steps": [{"name": "reserve", "do": {
                "state": "OPEN",
                "attempts": 1,
                "firstSent": "2026-11-22T12:00:00.123456Z",
                "lastSent": "2026-11-22T12:00:00.123456Z",
                "nextAttempt": "2026-11-22T12:00:30.123456Z",
            }}],
            "interventions": [],
            "createdAt": "2026-11-22T12:00:00.123456Z",
            "updatedAt": "2026-11-22T12:00:00.123456Z",
        })
    );
    let known = service.call_with("GET", "/orders/1/saga", &[("If-None-Match", "\"1\"")]).await;
    assert_eq!((known.status, known.header("etag")), (304, Some("\"1\"")));
    let older = service.call_with("GET", "/orders/1/saga", &[("If-None-Match", "\"2\"")]).await;
    assert_eq!(older.status, 200);
}

#[actix_web::test]
async fn an_order_without_a_saga_says_so() {
    let service = Service::with_sagas(a_store().await);
    for (path, code) in
        [("/orders/2/saga", "saga_not_found"), ("/orders/3/saga", "order_not_found")]
    {
        let answer = service.call("GET", path).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!(code)), "{path}");
    }
}

#[actix_web::test]
async fn what_a_saga_leads_is_refused_by_name() {
    let service = Service::with_sagas(a_store().await);
    for (path, body) in [
        ("/orders/1/status", r#"{"status":"CONFIRMED"}"#.to_owned()),
        ("/orders/1", format!("{{\"items\":{LINES}}}")),
    ] {
        let answer = service.write("PUT", path, &[], &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("saga_in_progress")));
    }
    let cancelled = service.change_status(1, "CANCELLED").await;
    assert_eq!(cancelled.status, 200);
    assert_eq!(service.call("GET", "/orders/1/saga").await.json()["state"], "COMPENSATING");
    assert_eq!(service.change_status(2, "CONFIRMED").await.status, 200);
}

#[actix_web::test]
async fn a_saga_that_cannot_be_read_is_no_secret() {
    let store = a_store().await;
    let seen = store.stored(an_order_id(1), None, soon()).await.unwrap().unwrap().seen();
    let saga =
        SagaWrite { document: "{\"form\":2}".to_owned(), ..order_testkit::examples::a_saga(1) };
    let change = SagaChange { id: an_order_id(1), seen, saga };
    store.commit(change.into(), soon()).await.unwrap();
    let answer = Service::with_sagas(store).call("GET", "/orders/1/saga").await;
    assert_eq!((answer.status, &answer.json()["code"]), (500, &json!("internal_error")));
}
