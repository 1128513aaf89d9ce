//! The forms of answers: lists as pages or arrays, amounts as strings or numbers.

use std::sync::Arc;

use http_actix::{AmountForm, Forms, ListForm};
use order_testkit::InMemoryStore;
use serde_json::Value;

use crate::support::{LINES, Service};

const NUMBERS: Forms = Forms { customer_orders: ListForm::Page, amounts: AmountForm::Number };
const LISTS: Forms = Forms { customer_orders: ListForm::List, amounts: AmountForm::Text };

fn body() -> String {
    format!(r#"{{"customerId":42,"items":{LINES}}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_numbers_with_the_digits_of_the_text() {
    let service = Service::in_forms(Arc::default(), NUMBERS);
    let round = r#"{"customerId":42,"items":[{"productId":1,"quantity":1,"unitPrice":10},
        {"productId":2,"quantity":2,"unitPrice":"9999999.99"}]}"#;
    let placed = service.write("POST", "/orders", &[], round).await.text();
    let items = concat!(
        r#""items":[{"productId":1,"quantity":1,"unitPrice":10.00,"lineTotal":10.00},"#,
        r#"{"productId":2,"quantity":2,"unitPrice":9999999.99,"lineTotal":19999999.98}],"#,
        r#""currency":"USD","totalAmount":20000009.98,"#
    );
    assert!(placed.contains(items), "{placed}");
    assert_eq!(service.call("GET", "/orders/1").await.text(), placed);
    let page = service.call("GET", "/orders/customer/42").await.text();
    assert_eq!(page, format!(r#"{{"orders":[{placed}],"nextCursor":null}}"#));
    let confirmed = service.change_status(1, "CONFIRMED").await.text();
    assert!(confirmed.contains(items), "{confirmed}");
    let wrong = round.replacen('{', r#"{"totalAmount":1,"#, 1);
    let refused = service.write("POST", "/orders", &[], &wrong).await.text();
    assert!(refused.contains(r#""expectedTotalAmount":20000009.98"#), "{refused}");
    // Events are one thing for all subscribers.
    let events = service.call("GET", "/orders/1/events").await.json();
    assert_eq!(events[0]["data"]["totalAmount"], "20000009.98");
    assert_eq!(events[0]["data"]["items"][0]["unitPrice"], "10.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_a_bare_array_whose_link_leads_on() {
    let store = Arc::new(InMemoryStore::default());
    let (pages, lists) = (Service::on(store.clone()), Service::in_forms(store, LISTS));
    for _ in 0..3 {
        pages.placed().await;
    }
    let (mut target, mut seen) = ("/orders/customer/42?limit=2".to_owned(), Vec::new());
    loop {
        let (page, list) = (pages.call("GET", &target).await, lists.call("GET", &target).await);
        assert_eq!(list.json(), page.json()["orders"]);
        assert_eq!(list.header("link"), page.header("link"));
        seen.extend(list.json().as_array().unwrap().iter().map(|order| order["id"].clone()));
        let Some(link) = list.header("link") else { break };
        target = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    }
    assert_eq!(seen, [3, 2, 1]);
    assert_eq!(lists.call("GET", "/orders/customer/7").await.text(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_answer_keeps_the_form_in_which_it_was_first_given() {
    let store = Arc::new(InMemoryStore::default());
    let (texts, numbers) = (Service::on(store.clone()), Service::in_forms(store, NUMBERS));
    for (key, first, then) in [("a", &texts, &numbers), ("b", &numbers, &texts)] {
        let key = [("idempotency-key", key)];
        let answer = first.write("POST", "/orders", &key, &body()).await;
        let again = then.write("POST", "/orders", &key, &body()).await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.text(), answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_describes_the_forms_that_are_set() {
    let forms = Forms { customer_orders: ListForm::List, amounts: AmountForm::Number };
    let set = Service::in_forms(Arc::default(), forms).call("GET", "/openapi.json").await.json();
    let usual = Service::start().call("GET", "/openapi.json").await.json();
    let answer = |document: &Value| {
        let list = &document["paths"]["/orders/customer/{customerId}"]["get"];
        list["responses"]["200"]["content"]["application/json"]["schema"].clone()
    };
    assert_eq!(answer(&usual)["$ref"], "#/components/schemas/OrderPage");
    assert_eq!(answer(&set)["type"], "array");
    assert_eq!(answer(&set)["items"]["$ref"], "#/components/schemas/Order");
    assert!(set["components"]["schemas"].get("OrderPage").is_none(), "nothing refers to it");
    for name in ["Amount", "Price", "UnitPrice", "ClaimedTotal"] {
        assert_eq!(usual["components"]["schemas"][name]["type"], "string", "{name}");
        assert_eq!(set["components"]["schemas"][name]["type"], "number", "{name}");
        assert!(set["components"]["schemas"][name]["examples"][0].is_number(), "{name}");
    }
    let event = "/components/schemas/OrderEventData/properties/totalAmount/type";
    assert_eq!(set.pointer(event), usual.pointer(event), "events are as they were");
}
