//! What operators see of sagas and do about them, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use http_actix::{Access, Actuator, Endpoint, Management, Site};
use order_app::currencies::Currencies;
use order_app::orders::{Orders, Ports};
use order_app::ports::{
    Command, OrderStore as _, SagaChange, SagaStore as _, SagaWrite, StoreError,
};
use order_app::saga::SagaPolicy;
use order_app::sagas::Sagas;
use order_events::saga::{CommandType, REPLY_TOPIC, Reply as Answer, Verdict};
use order_testkit::examples::{
    a_change_placing, a_new_order, a_place_command, a_write_request, an_order_id, anyone, soon,
};
use order_testkit::{FixedClock, InMemoryStore, Method, RandomEntropy, SentCommands};
use serde_json::{Value, json};

use crate::support::{Reply, Service};
use crate::tokens::PlainTokens;

/// Why and by whom, as requests without login say it.
const BY_ADA: &str = r#"{"reason":"the warehouse called","actor":"ada"}"#;

/// The use cases of orders on a store, each of which begins a saga.
pub(crate) fn with_sagas(store: &Arc<InMemoryStore>) -> Orders {
    sending_to(store, Arc::default())
}

fn sending_to(store: &Arc<InMemoryStore>, commands: Arc<SentCommands>) -> Orders {
    let ports = Ports {
        store: store.clone(),
        sagas: store.clone(),
        commands,
        clock: Arc::new(FixedClock::default()),
        entropy: Arc::new(RandomEntropy),
    };
    let policy = SagaPolicy { begins: true, ..SagaPolicy::default() };
    Orders::new(ports, Currencies::default(), policy, Duration::from_secs(5))
}

/// A management port over a store with sagas.
struct Port {
    service: Service,
    store: Arc<InMemoryStore>,
    orders: Orders,
    sagas: Sagas,
    commands: Arc<SentCommands>,
}

impl Port {
    fn start() -> Self {
        Self::serving(Service::management)
    }

    /// One whose callers say who they are.
    fn with_login() -> Self {
        Self::serving(|management| Service::secured_management(management, PlainTokens::security()))
    }

    fn serving(serve: impl FnOnce(Management) -> Service) -> Self {
        let (store, commands) = (Arc::<InMemoryStore>::default(), Arc::<SentCommands>::default());
        let orders = sending_to(&store, commands.clone());
        let sagas = Sagas::new(orders.clone());
        let offered = Management { sagas: Some(sagas.clone()), ..Management::default() };
        Self { service: serve(offered), store, orders, sagas, commands }
    }

    /// Places the next order. Answers the command that was sent for it.
    async fn placed(&self) -> Command {
        self.orders.place(anyone(), a_place_command(), a_write_request()).await.unwrap();
        self.sent().await.pop().unwrap()
    }

    /// Places the next order, whose saga then needs a person: its stock was reserved and was not.
    async fn flagged(&self) {
        let reserve = self.placed().await;
        for verdict in [Verdict::Done, Verdict::Rejected] {
            let answer = Answer::to(&reserve.to_message(REPLY_TOPIC), "/participant", verdict);
            self.sagas.reply(&answer).await.unwrap();
        }
        self.sent().await;
    }

    /// What was sent since the last call, which is something.
    async fn sent(&self) -> Vec<Command> {
        loop {
            let sent = self.commands.take();
            if !sent.is_empty() {
                return sent;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Stores a document of the saga of an order that no release can read.
    async fn spoil(&self, id: i64) {
        let found = self.store.saga(an_order_id(id), soon()).await.unwrap().unwrap();
        let saga = SagaWrite { document: "{".to_owned(), ..found.saga };
        let change = SagaChange { id: an_order_id(id), seen: found.stored.seen(), saga };
        self.store.commit(change.into(), soon()).await.unwrap();
    }

    async fn get(&self, path: &str) -> Reply {
        self.service.call("GET", &format!("/actuator/sagas{path}")).await
    }

    /// An action on the saga of order 1 as its revision was.
    async fn act(&self, action: &str, revision: i64, body: &str) -> Reply {
        self.act_with(action, &[("if-match", &format!("\"{revision}\""))], body).await
    }

    async fn act_with(&self, action: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let target = format!("/actuator/sagas/1/{action}");
        self.service.write("POST", &target, headers, body).await
    }

    async fn revision(&self) -> i64 {
        self.store.saga(an_order_id(1), soon()).await.unwrap().unwrap().stored.saga_revision
    }
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_that_need_a_person_are_listed_page_by_page() {
    let port = Port::start();
    assert_eq!(port.get("").await.json(), json!({"sagas": [], "next": null}));
    for _ in 1..=51 {
        port.flagged().await;
    }
    port.placed().await;
    port.spoil(2).await;
    let first = port.get("?attention=true").await.json();
    let since = "2026-11-22T12:00:00.123456Z";
    let attention = json!({"since": since, "reason": "CONTRADICTION"});
    let expected =
        json!({"orderId": 1, "unreadable": false, "state": "RUNNING", "attention": attention});
    assert_eq!(first["sagas"][0], expected);
    assert_eq!(first["sagas"][1], json!({"orderId": 2, "unreadable": true}));
    assert_eq!((first["sagas"].as_array().unwrap().len(), &first["next"]), (50, &json!(50)));
    let last = port.get("?after=50").await.json();
    assert_eq!((&last["sagas"][0]["orderId"], &last["next"]), (&json!(51), &json!(null)));
    assert_eq!(port.get("?after=0").await.json(), first, "attention=true is the default");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sagas_are_not_listed() {
    let port = Port::start();
    for query in ["attention=false", "attention=", "after=x", "after=-1", "limit=1", "state=READY"]
    {
        let reply = port.get(&format!("?{query}")).await;
        assert_eq!(refused(&reply), is(400, "invalid_parameter"), "{query}");
    }
    let said = port.get("?attention=false").await.json();
    let expected = json!([{
        "parameter": "attention",
        "code": "invalid_value",
        "message": "must be true: only sagas that need a person are listed",
    }]);
    assert_eq!(said["errors"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_is_looked_at_as_on_the_main_port() {
    let port = Port::start();
    port.flagged().await;
    let reply = port.get("/1").await;
    let client = Service::with_sagas(port.store.clone()).call("GET", "/orders/1/saga").await;
    assert_eq!((reply.status, reply.header("etag")), (200, Some("\"3\"")));
    assert_eq!((reply.json(), reply.header("etag")), (client.json(), client.header("etag")));
    let known =
        port.service.call_with("GET", "/actuator/sagas/1", &[("if-none-match", "\"3\"")]).await;
    assert_eq!((known.status, known.header("etag")), (304, Some("\"3\"")));
    assert_eq!(refused(&port.get("/2").await), is(404, "order_not_found"));
    assert_eq!(refused(&port.get("/x").await), is(400, "invalid_parameter"));
    assert_eq!(refused(&port.get("/1?x=1").await), is(400, "invalid_parameter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_command_is_sent_again_at_once() {
    let port = Port::start();
    let first = port.placed().await;
    let reply = port.act("retry", 1, BY_ADA).await;
    assert_eq!((reply.status, reply.header("etag")), (200, Some("\"2\"")), "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let saga = reply.json();
    assert_eq!((&saga["revision"], &saga["steps"][0]["do"]["attempts"]), (&json!(2), &json!(2)));
    let at = "2026-11-22T12:00:00.123456Z";
    let expected =
        json!([{"action": "retry", "actor": "ada", "reason": "the warehouse called", "at": at}]);
    assert_eq!(saga["interventions"], expected);
    assert_eq!(port.get("/1").await.json(), saga);
    let again = port.sent().await;
    assert_eq!((again[0].id, again[0].attempt), (first.id, 2));
    let body = r#"{"step":"reserve","reason":" once more ","actor":" Ada L. "}"#;
    let step = port.act("retry", 2, body).await.json();
    let kept = &step["interventions"][1];
    assert_eq!((&kept["step"], &kept["actor"]), (&json!("reserve"), &json!("Ada L.")));
    assert_eq!((&kept["reason"], &step["revision"]), (&json!("once more"), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_a_person_has_done_is_skipped_and_the_saga_goes_on() {
    let port = Port::start();
    port.placed().await;
    let body = r#"{"step":"reserve","reason":"counted by hand","actor":"ada"}"#;
    let reply = port.act("skip", 1, body).await;
    assert_eq!((reply.status, reply.header("etag")), (200, Some("\"2\"")), "{}", reply.text());
    let saga = reply.json();
    assert_eq!(saga["steps"][0]["do"]["state"], "SKIPPED");
    assert_eq!(saga["interventions"][0]["step"], "reserve");
    assert_eq!(port.sent().await[0].task.kind(), CommandType::Authorize);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_confirmed_by_hand() {
    let port = Port::start();
    port.placed().await;
    let reply = port.act("confirm", 1, BY_ADA).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("READY")), "{}", reply.text());
    let order = port.store.order(an_order_id(1), soon()).await.unwrap().unwrap();
    assert_eq!(order.status().as_str(), "CONFIRMED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_names_the_revision_that_was_looked_at() {
    let port = Port::start();
    port.placed().await;
    let wrong: [&[(&str, &str)]; 6] = [
        &[],
        &[("if-match", "*")],
        &[("if-match", "1")],
        &[("if-match", "")],
        &[("if-match", "\"1\", \"2\"")],
        &[("if-match", "\"1\""), ("if-match", "\"2\"")],
    ];
    for action in ["retry", "skip", "confirm"] {
        for headers in wrong {
            let reply = port.act_with(action, headers, BY_ADA).await;
            assert_eq!(refused(&reply), is(400, "invalid_parameter"), "{action} {headers:?}");
            assert_eq!(reply.json()["errors"][0]["header"], "If-Match", "{action} {headers:?}");
        }
    }
    for tag in ["\"2\"", "W/\"1\"", "\"01\"", "\"x\"", "\"99999999999999999999\""] {
        let reply = port.act_with("confirm", &[("if-match", tag)], BY_ADA).await;
        assert_eq!(refused(&reply), is(412, "revision_mismatch"), "{tag}");
        assert_eq!(reply.json()["currentRevision"], 1, "{tag}");
    }
    assert_eq!(port.revision().await, 1);
    assert_eq!(port.act("retry", 1, BY_ADA).await.status, 200);
    assert_eq!(refused(&port.act("retry", 1, BY_ADA).await), is(412, "revision_mismatch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_saga_does_not_allow_now_is_refused_with_the_reason() {
    let port = Port::start();
    port.placed().await;
    let capture = r#"{"step":"capture","reason":"x","actor":"ada"}"#;
    for (action, body, detail) in [
        (
            "skip",
            capture,
            "Nothing was changed: the step capture has no unanswered, rejected or contradicted command.",
        ),
        ("retry", capture, "Nothing was changed: no unanswered or rejected command to send again."),
    ] {
        let reply = port.act(action, 1, body).await;
        assert_eq!(refused(&reply), is(409, "saga_not_possible"), "{action}");
        assert_eq!(reply.json()["detail"], detail);
    }
    assert_eq!(port.act("confirm", 1, BY_ADA).await.status, 200);
    let reply = port.act("confirm", 2, BY_ADA).await;
    assert_eq!(refused(&reply), is(409, "saga_not_possible"));
    let detail = "Nothing was changed: only a saga that is RUNNING can be confirmed; it is READY.";
    assert_eq!(reply.json()["detail"], detail);
    assert_eq!(port.revision().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_on_nothing_says_what_is_missing() {
    let port = Port::start();
    assert_eq!(refused(&port.act("confirm", 1, BY_ADA).await), is(404, "order_not_found"));
    let plain = a_change_placing(a_new_order(1, 42));
    port.store.commit(plain.into(), soon()).await.unwrap();
    assert_eq!(refused(&port.get("/1").await), is(404, "saga_not_found"));
    for action in ["retry", "confirm"] {
        let reply = port.act(action, 1, BY_ADA).await;
        assert_eq!(refused(&reply), is(404, "saga_not_found"), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_that_cannot_be_read_is_left_as_it_is() {
    let port = Port::start();
    port.placed().await;
    port.spoil(1).await;
    for reply in [port.get("/1").await, port.act("confirm", 2, BY_ADA).await] {
        assert_eq!(refused(&reply), is(500, "internal_error"));
        let detail = "The saga is stored in a form that this release cannot read.";
        assert_eq!(reply.json()["detail"], detail);
    }
    assert_eq!(port.revision().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_an_action_is_told_at_once() {
    let port = Port::start();
    port.placed().await;
    let long = json!({"reason": "r".repeat(501), "actor": "a".repeat(65)}).to_string();
    for (action, body, expected) in [
        ("retry", "{}", vec!["/actor required", "/reason required"]),
        (
            "skip",
            r#"{"step":"void","reason":" ","actor":null,"why":1}"#,
            vec![
                "/actor required",
                "/reason invalid_format",
                "/step unknown_value",
                "/why unknown_field",
            ],
        ),
        ("skip", BY_ADA, vec!["/step required"]),
        ("confirm", &long, vec!["/actor invalid_format", "/reason invalid_format"]),
        (
            "confirm",
            r#"{"step":"reserve","reason":"a\nb","actor":7}"#,
            vec!["/actor invalid_type", "/reason invalid_format", "/step unknown_field"],
        ),
    ] {
        let reply = port.act(action, 1, body).await;
        assert_eq!(refused(&reply), is(400, "validation_failed"), "{action} {body}");
        let problem = reply.json();
        let errors = problem["errors"].as_array().unwrap().iter();
        let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
        let mut found: Vec<_> = errors
            .map(|error| format!("{} {}", text(error, "pointer"), text(error, "code")))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{action} {body}");
    }
    let unknown = port.act("retry", 1, r#"{"reason":"x","actor":"a","why":1}"#).await;
    assert_eq!(refused(&unknown), is(400, "unknown_field"));
    assert_eq!(refused(&port.act("retry", 1, "[]").await), is(400, "malformed_json"));
    assert_eq!(port.revision().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_login_the_caller_acts_and_no_one_else() {
    let port = Port::with_login();
    port.placed().await;
    let act = async |revision: i64, body: &str| {
        let tag = format!("\"{revision}\"");
        let headers = [("authorization", "Bearer ann.any.admin"), ("if-match", tag.as_str())];
        port.act_with("retry", &headers, body).await
    };
    let bob = act(1, r#"{"reason":"x","actor":"bob"}"#).await;
    assert_eq!(refused(&bob), is(400, "validation_failed"));
    let expected = json!([{
        "pointer": "/actor",
        "code": "not_allowed",
        "message": "must be left out, or be the caller, ann",
    }]);
    assert_eq!((bob.json()["errors"].clone(), port.revision().await), (expected, 1));
    for (revision, body) in [(1, r#"{"reason":"x"}"#), (2, r#"{"reason":"x","actor":"ann"}"#)] {
        let reply = act(revision, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let saga = reply.json();
        let last = saga["interventions"].as_array().unwrap().last().unwrap();
        assert_eq!(last["actor"], "ann");
    }
    for (headers, status) in [
        (vec![("if-match", "\"3\"")], 401),
        (vec![("if-match", "\"3\""), ("authorization", "Bearer ann.any.read-write-fulfil")], 403),
    ] {
        assert_eq!(port.act_with("retry", &headers, BY_ADA).await.status, status, "{headers:?}");
    }
    assert_eq!(port.revision().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_forms_do_nothing_about_sagas() {
    let port = Port::start();
    port.placed().await;
    for header in [
        ("content-type", "text/plain"),
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let target = "/actuator/sagas/1/confirm";
        let reply = port.service.call_with("POST", target, &[("if-match", "\"1\""), header]).await;
        assert_eq!(refused(&reply), is(403, "cross_site_request"), "{header:?}");
    }
    assert_eq!(port.revision().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_told_by_what_is_known() {
    let port = Port::start();
    port.placed().await;
    let faults = port.store.faults();
    let unavailable = || StoreError::Unavailable("down".into());
    faults.before(Method::Attention).once().fails(unavailable);
    assert_eq!(refused(&port.get("").await), is(503, "unavailable"));
    faults.before(Method::Saga).once().fails(unavailable);
    assert_eq!(refused(&port.get("/1").await), is(503, "unavailable"));
    faults.before(Method::Commit).once().fails(unavailable);
    assert_eq!(refused(&port.act("confirm", 1, BY_ADA).await), is(503, "unavailable"));
    // The connection is lost at the commit, and then the saga cannot be read.
    let then = faults.clone();
    faults.before(Method::Commit).once().fails(move || {
        then.before(Method::Saga).once().fails(unavailable);
        StoreError::OutcomeUnknown("cut off".into())
    });
    let reply = port.act("confirm", 1, BY_ADA).await;
    assert_eq!(refused(&reply), is(503, "outcome_unknown"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("Look at the saga"));
    assert_eq!(port.act("confirm", 1, BY_ADA).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sagas_are_where_they_are_exposed_alone() {
    for reply in [
        Service::management(Management::default()).call("GET", "/actuator/sagas").await,
        Service::start().call("GET", "/actuator/sagas").await,
        Service::start().call("POST", "/actuator/sagas/1/confirm").await,
    ] {
        assert_eq!(refused(&reply), is(404, "not_found"));
    }
    let read_only = Port::serving(|management| {
        let mut actuator = Actuator::default();
        let sagas = ("sagas".to_owned(), Access::ReadOnly);
        actuator.endpoints.insert(Endpoint::Sagas, sagas);
        let site = Site::of_operators("").with(&actuator, &Endpoint::ALL);
        Service::management_at(site, management)
    });
    let links = read_only.service.call("GET", "/actuator").await.json();
    assert_eq!(links["_links"]["sagas"]["href"], "http://orders/actuator/sagas");
    assert_eq!(read_only.get("").await.status, 200);
    assert_eq!(read_only.act("confirm", 1, BY_ADA).await.status, 404);
}
