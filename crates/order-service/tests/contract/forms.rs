//! `order.api.*`: answers in the forms that clients of a Spring service may know, from an instance beside
//! those with the usual forms.

use serde_json::json;

use crate::stage::{Case, Stage, cases};
use crate::steps::{a_body, fresh, fresh_key, id_of, line, next_link, with};
use crate::streams::execute;
use crate::support::Service;

pub(crate) fn cases() -> Vec<Case> {
    cases![
        lists_are_bare_arrays_and_amounts_numbers,
        a_recorded_answer_is_repeated_in_its_first_form,
        a_wrong_form_stops_the_start,
    ]
}

/// An instance on the stage's database.
fn other_forms(stage: &Stage, more: &[&str]) -> Service {
    let url = format!("--spring.datasource.url={}", stage.database.url);
    let options = [url.as_str(), "--order.currencies=USD,JPY", "--order.request-budget=10s"];
    Service::start(&[&options[..], more].concat())
}

fn lists_and_numbers(stage: &Stage) -> Service {
    let forms = ["--order.api.customer-orders=list", "--order.api.amounts=number"];
    let service = other_forms(stage, &forms);
    service.wait_until_ready();
    service
}

fn lists_are_bare_arrays_and_amounts_numbers(stage: &Stage) {
    let service = lists_and_numbers(stage);
    let customer = fresh();
    let body = |price: &str, currency: &str| {
        let body = with(a_body(), "items", json!([line(1, 1, price)]));
        with(with(body, "customerId", customer), "currency", currency)
    };
    let placed = ["10", "0.1", "450"].map(|price| {
        let currency = if price == "450" { "JPY" } else { "USD" };
        service.place(&body(price, currency))
    });
    for (reply, digits) in placed.iter().zip(["10.00", "0.10", "450"]) {
        reply.order(201);
        let amounts = format!(r#""unitPrice":{digits},"lineTotal":{digits}}}],"#);
        assert!(reply.text.contains(&amounts), "{reply:?}");
        assert!(reply.text.contains(&format!(r#","totalAmount":{digits},"#)), "{reply:?}");
    }
    let ids: Vec<_> = placed.iter().rev().map(|reply| id_of(&reply.json())).collect();
    let events = service.history(ids[0]);
    assert_eq!(events[0]["data"]["totalAmount"], "450", "events are texts as ever");

    execute(&stage.database, &format!("UPDATE orders SET status = 'LOST' WHERE id = {}", ids[1]));
    let mut next = Some(format!("/orders/customer/{customer}?limit=2"));
    let (mut seen, mut left_out) = (Vec::new(), Vec::new());
    while let Some(path) = next {
        let reply = service.read(&path);
        let orders = reply.json();
        seen.extend(orders.as_array().expect("a bare array").iter().map(id_of));
        left_out.extend(reply.header("x-orders-left-out").map(str::to_owned));
        next = next_link(&reply);
    }
    execute(
        &stage.database,
        &format!("UPDATE orders SET status = 'PENDING' WHERE id = {}", ids[1]),
    );
    assert_eq!((seen, left_out), (vec![ids[0], ids[2]], vec!["1".to_owned()]));

    let document = service.read("/openapi.json").json();
    let list = &document["paths"]["/orders/customer/{customerId}"]["get"]["responses"]["200"];
    assert_eq!(list["content"]["application/json"]["schema"]["type"], "array");
    assert_eq!(document["components"]["schemas"]["Amount"]["type"], "number");
}

fn a_recorded_answer_is_repeated_in_its_first_form(stage: &Stage) {
    let service = lists_and_numbers(stage);
    for (first, then) in [(&stage.first, &service), (&service, &stage.first)] {
        let (key, body) = (fresh_key(), a_body().to_string());
        let headers = [("idempotency-key", key.as_str())];
        let answer = first.ask("POST", "/orders", &headers, body.clone());
        let again = then.ask("POST", "/orders", &headers, body);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again:?}");
        assert_eq!((again.status, &again.text), (201, &answer.text));
    }
}

fn a_wrong_form_stops_the_start(stage: &Stage) {
    let service =
        other_forms(stage, &["--order.api.customer-orders=array", "--order.api.amounts=string"]);
    assert!(!service.wait().success());
    let log = service.log();
    for told in ["order.api.customer-orders", "page or list", "order.api.amounts", "text or number"]
    {
        assert!(log.contains(told), "{told}: {log}");
    }
}
