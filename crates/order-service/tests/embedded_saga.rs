//! The saga with the participants in the process, as a demonstration has it: what REST clients and operators see of it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test; that is its job"
)]

mod support;

use std::process::Command;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Service, eventually, fresh_folder};

const EMBEDDED: [&str; 2] = ["--order.saga.enabled=true", "--order.saga.transport=embedded"];

fn demonstration(options: &[&str]) -> Service {
    let service = Service::start(&[&EMBEDDED[..], options].concat());
    service.wait_until_ready();
    service
}

/// Places an order for one piece of a product; answers with its id.
fn placed(service: &Service, product: i64, price: &str) -> i64 {
    let item = json!({"productId": product, "quantity": 1, "unitPrice": price});
    let answer = service.post("/orders", &json!({"customerId": 42, "items": [item]}));
    assert_eq!(answer.status(), StatusCode::CREATED);
    let order: Value = answer.json().unwrap();
    assert_eq!(order["status"], "PENDING", "the saga goes on behind the answer");
    order["id"].as_i64().unwrap()
}

fn order(service: &Service, id: i64) -> Value {
    service.get(&format!("/orders/{id}")).json().unwrap()
}

fn saga(service: &Service, id: i64) -> Value {
    service.get(&format!("/orders/{id}/saga")).json().unwrap()
}

fn wait_for(service: &Service, id: i64, state: &str) -> Value {
    let arrived = eventually(|| saga(service, id)["state"] == state);
    assert!(arrived, "{state}: {:#}\n{}", saga(service, id), service.log());
    saga(service, id)
}

fn states(saga: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let steps = saga["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let done = step["do"]["state"].as_str().unwrap();
            (step["name"].as_str().unwrap(), done, step["undo"]["state"].as_str())
        })
        .collect()
}

#[test]
fn an_order_goes_all_the_way_and_metrics_tell_it() {
    let service = demonstration(&[]);
    let id = placed(&service, 7, "49.99");
    wait_for(&service, id, "READY");
    assert_eq!(order(&service, id)["status"], "CONFIRMED");
    let path = format!("/orders/{id}/status");
    for status in ["IN_PROGRESS", "DELIVERED"] {
        assert!(service.put(&path, &json!({"status": status})).status().is_success());
    }
    let saga = wait_for(&service, id, "COMPLETED");
    let done = ["reserve", "authorize", "commit", "capture"].map(|name| (name, "DONE", None));
    assert_eq!(states(&saga), done);
    for command in ["inventory.reserve", "payment.authorize", "inventory.commit", "payment.capture"]
    {
        let sent = format!("order_saga_commands_total{{command=\"{command}\",attempt=\"first\"}}");
        assert_eq!(service.metric(&sent), Some(1.0), "{sent}");
        let taken =
            format!("order_saga_replies_total{{command=\"{command}\",outcome=\"applied\"}}");
        assert_eq!(service.metric(&taken), Some(1.0), "{taken}");
        let took = format!("order_saga_answer_seconds_count{{command=\"{command}\"}}");
        assert_eq!(service.metric(&took), Some(1.0), "{took}");
    }
    let health: Value = service.get("/actuator/health").json().unwrap();
    assert_eq!(health["components"]["sagas"]["status"], "UP", "{health:#}");
    assert!(service.log().contains("are a demonstration in this process"), "{}", service.log());
}

#[test]
fn what_is_refused_is_undone_and_the_order_says_why() {
    let service = demonstration(&[]);
    let sold_out = placed(&service, 402, "1.00");
    let declined = placed(&service, 7, "402.00");
    let cancelled = placed(&service, 7, "1.00");
    assert_eq!(
        states(&wait_for(&service, sold_out, "COMPENSATED")),
        [("reserve", "REJECTED", None)]
    );
    assert_eq!(order(&service, sold_out)["cancelReason"], "OUT_OF_STOCK");
    assert_eq!(
        states(&wait_for(&service, declined, "COMPENSATED")),
        [("reserve", "DONE", Some("DONE")), ("authorize", "REJECTED", None)]
    );
    assert_eq!(order(&service, declined)["cancelReason"], "PAYMENT_FAILED");
    wait_for(&service, cancelled, "READY");
    let path = format!("/orders/{cancelled}/status");
    let cancel = json!({"status": "CANCELLED", "reason": "CUSTOMER_REQUEST"});
    assert!(service.put(&path, &cancel).status().is_success());
    let undone = ["reserve", "authorize"].map(|name| (name, "DONE", Some("DONE")));
    assert_eq!(states(&wait_for(&service, cancelled, "COMPENSATED")), undone);
}

#[test]
fn what_is_not_answered_is_sent_again_and_expires_at_the_deadline() {
    let times = ["--order.saga.resend-after=1s", "--order.saga.deadline=10s"];
    let service = demonstration(&times);
    let troubled = placed(&service, 503, "1.00");
    let unanswered = placed(&service, 408, "1.00");
    let ready = wait_for(&service, troubled, "READY");
    assert_eq!(ready["steps"][0]["do"]["attempts"], 3, "{ready:#}");
    let over = wait_for(&service, unanswered, "COMPENSATED");
    assert_eq!(order(&service, unanswered)["cancelReason"], "EXPIRED");
    assert_eq!(states(&over), [("reserve", "OPEN", Some("DONE"))]);
    let again = "order_saga_commands_total{command=\"inventory.reserve\",attempt=\"again\"}";
    assert!(service.metric(again).unwrap() >= 4.0);
}

#[test]
fn clients_do_not_lead_an_order_that_its_saga_leads() {
    let service = demonstration(&["--order.saga.deadline=0"]);
    let id = placed(&service, 408, "1.00");
    let confirm = service.put(&format!("/orders/{id}/status"), &json!({"status": "CONFIRMED"}));
    assert_eq!(confirm.status(), StatusCode::CONFLICT);
    let problem: Value = confirm.json().unwrap();
    assert_eq!(problem["code"], "saga_in_progress");
    assert!(saga(&service, id).get("deadline").is_none());
}

#[test]
fn sagas_go_on_where_none_begins() {
    let folder = fresh_folder();
    let url = format!("--spring.datasource.url=sqlite:{}", folder.join("shared.db").display());
    let id = {
        // The participant answers the third attempt alone, and this instance is killed after the first.
        let service = demonstration(&[&url, "--order.saga.resend-after=1s"]);
        let id = placed(&service, 503, "1.00");
        assert!(eventually(|| saga(&service, id)["steps"][0]["do"]["attempts"] == 1));
        service.signal("KILL");
        service.wait();
        id
    };
    let off =
        Service::start(&[&url, "--order.saga.transport=embedded", "--order.saga.resend-after=1s"]);
    off.wait_until_ready();
    wait_for(&off, id, "READY");
    assert_eq!(order(&off, id)["status"], "CONFIRMED");
    let next = placed(&off, 7, "1.00");
    assert_eq!(off.get(&format!("/orders/{next}/saga")).status(), StatusCode::NOT_FOUND);
    assert!(off.log().contains("there are open sagas"), "{}", off.log());
}

#[test]
fn without_a_way_to_participants_the_start_stops() {
    let folder = fresh_folder();
    let run = Command::new(env!("CARGO_BIN_EXE_order-service"))
        .args(["--order.saga.enabled=true", "--server.port=0"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(
        said.contains("order.saga.enabled") && said.contains("spring.kafka.bootstrap-servers"),
        "{said}"
    );
    assert!(!folder.join("orders.db").exists(), "before anything is touched");
}
