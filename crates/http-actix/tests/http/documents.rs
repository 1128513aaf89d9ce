//! The OpenAPI document agrees with the routes, and its page loads nothing from outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use http_actix::{AmountForm, Forms, ListForm};
use serde_json::{Value, json};

use crate::support::{Service, topics};

fn document() -> Value {
    serde_json::from_str(&http_actix::openapi_json()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_routed_and_the_other_way_round() {
    let service = Service::start();
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 7);
    for (path, item) in paths {
        let target = path.replace("{id}", "1").replace("{customerId}", "1");
        let refused = service.call("PATCH", &target).await;
        let routed: BTreeSet<_> = refused.header("allow").unwrap().split(", ").collect();
        let mut documented: BTreeSet<_> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        if documented.contains("GET") {
            documented.insert("HEAD".to_owned());
        }
        assert_eq!(routed, documented.iter().map(String::as_str).collect(), "{path}");
    }
}

#[test]
fn every_reference_in_the_documents_leads_somewhere() {
    let management = serde_json::from_str(&http_actix::management_openapi_json()).unwrap();
    for document in [document(), management] {
        assert_eq!(document["openapi"], "3.1.0");
        let (mut open, mut references) = (vec![&document], 0);
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                        references += 1;
                    }
                    open.extend(members.values());
                }
                Value::Array(values) => open.extend(values),
                _ => {}
            }
        }
        assert!(references > 20);
    }
}

#[test]
fn every_operation_documents_its_problems() {
    let document = document();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "405", "500", "503"] {
                let problem = &responses[status]["content"]["application/problem+json"];
                assert!(problem.is_object(), "{status} of {}", operation["operationId"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_of_a_body_works_again_and_again() {
    let forms = Forms { customer_orders: ListForm::List, amounts: AmountForm::Number };
    for forms in [Forms::default(), forms] {
        let service = Service::in_forms(Arc::default(), forms);
        let document = service.call("GET", "/openapi.json").await.json();
        let mut tried = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let body = &operation["requestBody"]["content"]["application/json"];
                let examples = body["examples"].as_object().into_iter().flatten();
                for (name, example) in examples {
                    let target = path.replace("{id}", &service.placed().await.to_string());
                    let body = example["value"].to_string();
                    for _ in 0..2 {
                        let reply =
                            service.write(&method.to_uppercase(), &target, &[], &body).await;
                        assert!(reply.status < 300, "{name} of {path}: {}", reply.text());
                    }
                    tried += 1;
                }
            }
        }
        assert_eq!(tried, 4);
        let confirm =
            "/paths/~1orders~1{id}~1status/put/requestBody/content/application~1json/examples";
        let first = document.pointer(confirm).unwrap().as_object().unwrap().values().next();
        assert_eq!(first.unwrap()["value"], json!({"status": "CONFIRMED"}), "what a page fills in");
    }
}

#[test]
fn no_example_makes_a_second_request_a_repetition() {
    let document = document().to_string();
    let examples =
        document.split("\"example").skip(1).map(|after| after.split('}').next().unwrap());
    for example in examples {
        assert!(!example.contains("clientReference") && !example.contains("key"), "{example}");
    }
    let document: Value = serde_json::from_str(&document).unwrap();
    let key = &document["components"]["schemas"]["IdempotencyKey"];
    assert!(key.get("examples").or(key.get("example")).is_none(), "{key}");
    let reference =
        &document["components"]["schemas"]["PlaceOrder"]["properties"]["clientReference"];
    assert!(reference.get("examples").or(reference.get("example")).is_none(), "{reference}");
}

/// What generators of clients stumble over.
#[test]
fn the_documents_are_plain_enough_for_generators() {
    let management = serde_json::from_str(&http_actix::management_openapi_json()).unwrap();
    for document in [document(), management] {
        assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
        assert_eq!(document["security"], json!([{}, {"bearer": []}]), "login may be off or on");
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut enums = BTreeSet::new();
        // Events have a contract of their own.
        for (name, schema) in schemas.iter().filter(|(name, _)| !name.starts_with("OrderEvent")) {
            assert!(schema.get("oneOf").or(schema.get("anyOf")).is_none(), "{name} is a choice");
            let properties = schema["properties"].as_object().into_iter().flatten();
            for (field, of) in properties.chain([(name, schema)]) {
                assert_ne!(of["type"], "null", "{name}.{field}");
                let values = of["enum"].as_array().into_iter().flatten();
                assert!(values.clone().all(Value::is_string), "{name}.{field}");
            }
            if let Some(values) = schema.get("enum") {
                assert!(enums.insert(values.to_string()), "{name} is there under another name");
            }
        }
    }
    let status = &document()["components"]["schemas"]["ChangeStatus"]["properties"]["status"];
    assert_eq!(status["$ref"], "#/components/schemas/Status");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_is_the_printed_one() {
    let service = Service::start();
    let served = service.call("GET", "/openapi.json").await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), document());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_events_and_sagas_is_served() {
    let service = Service::start();
    let served = service.call("GET", "/asyncapi.json").await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json()["channels"]["orderEvents"]["address"], "shop.{type}", "as set");
    assert_eq!(served.json()["channels"]["orderReplies"]["address"], "shop.replies", "as set");
    assert_eq!(served.json()["channels"].as_object().unwrap().len(), 4);
    assert_eq!(served.json(), order_events::asyncapi::document_of(&topics()));
    for (path, schema) in [
        ("/schemas/order-event-v1.json", order_events::schema::event_data()),
        ("/schemas/order-cloudevent-v1.json", order_events::schema::cloud_event()),
        ("/schemas/saga-command-v1.json", order_events::saga::command_schema()),
        ("/schemas/saga-reply-v1.json", order_events::saga::reply_schema()),
    ] {
        let served = service.call("GET", path).await;
        assert_eq!((served.status, served.json()), (200, schema), "{path}");
        assert_eq!(served.header("content-type"), Some("application/schema+json"));
        assert_eq!(service.call("HEAD", path).await.status, 200);
    }
}

#[test]
fn an_event_is_described_by_its_own_schema() {
    let document = document();
    let history = &document["paths"]["/orders/{id}/events"]["get"]["responses"]["200"];
    let events = &history["content"]["application/cloudevents-batch+json"]["schema"];
    assert_eq!(events["items"]["$ref"], "#/components/schemas/OrderEvent");
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["OrderEvent"]["properties"]["data"]["$ref"],
        "#/components/schemas/OrderEventData"
    );
    let alone = order_events::schema::event_data();
    assert_eq!(schemas["OrderEventData"]["required"], alone["required"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_nothing_from_outside() {
    let service = Service::start();
    let moved = service.call("GET", "/docs").await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("/docs/")));
    let page = service.call("GET", "/docs/").await;
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'self'"));
    let html = page.text();
    for attribute in ["src=\"", "href=\""] {
        for reference in html.split(attribute).skip(1) {
            let reference = reference.split('"').next().unwrap();
            let name = reference.trim_start_matches("./");
            assert!(!name.contains("//"), "{reference}");
            assert_eq!(service.call("GET", &format!("/docs/{name}")).await.status, 200, "{name}");
        }
    }
    let script = service.call("GET", "/docs/swagger-initializer.js").await.text();
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    assert!(script.contains("/openapi.json") && !script.contains("://"), "{script}");
}
