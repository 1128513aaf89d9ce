//! GraphQL on one server: its forms over HTTP, reads, changes, and what is refused before anything is executed.

use std::sync::Arc;

use http_actix::{Documents, GraphqlLimits, GraphqlSettings, HttpSettings, Site, TrustedDocuments};
use serde_json::{Value, json};

use crate::support::{Reply, Service};

const RESPONSE: (&str, &str) = ("accept", "application/graphql-response+json");

/// A document with its variables, by POST.
async fn ask_with(
    service: &Service,
    document: &str,
    variables: Value,
    headers: &[(&str, &str)],
) -> Reply {
    let body = json!({"query": document, "variables": variables}).to_string();
    service.write("POST", "/graphql", headers, &body).await
}

/// What a document is answered: data, without errors.
async fn data(service: &Service, document: &str, variables: Value) -> Value {
    let reply = ask_with(service, document, variables, &[]).await;
    let answer = reply.json();
    assert_eq!((reply.status, answer.get("errors")), (200, None), "{answer}");
    answer["data"].clone()
}

/// The first error that a document is answered with, and the status.
async fn refused(service: &Service, document: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let reply = ask_with(service, document, Value::Null, headers).await;
    let answer = reply.json();
    assert_eq!(answer.get("data"), None, "{answer}");
    (reply.status, answer["errors"][0].clone())
}

const PLACE: &str = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) {
    replayed order { id version status totalAmount } userErrors { code message field existingOrder } } }";

fn an_input() -> Value {
    json!({"customerId": "42", "items": [{"productId": 7, "quantity": 3, "unitPrice": "49.99"}]})
}

#[tokio::test]
async fn an_order_is_placed_moved_and_read() {
    let service = Service::start();
    let placed = &data(&service, PLACE, json!({"input": an_input()})).await["placeOrder"];
    let expected = json!({"id": "1", "version": 1, "status": "PENDING", "totalAmount": "149.97"});
    assert_eq!((&placed["order"], &placed["userErrors"]), (&expected, &json!([])));
    let lines = "mutation { replaceOrderLines(input: {id: 1, expectedVersion: 1, items: [{productId: 8, quantity: 1, unitPrice: \"5\"}]})
        { order { version totalAmount } userErrors { code } } }";
    let replaced = data(&service, lines, Value::Null).await;
    assert_eq!(
        replaced["replaceOrderLines"]["order"],
        json!({"version": 2, "totalAmount": "5.00"})
    );
    let cancel = "mutation { changeOrderStatus(input: {id: 1, status: CANCELLED, reason: FRAUD, note: \"n\"})
        { order { status cancelReason allowedTransitions } userErrors { code } } }";
    let cancelled = data(&service, cancel, Value::Null).await;
    let expected =
        json!({"status": "CANCELLED", "cancelReason": "FRAUD", "allowedTransitions": []});
    assert_eq!(cancelled["changeOrderStatus"]["order"], expected);
    let read = "query($id: ID!) { order(id: $id) { id customer { id } currency clientReference createdAt
        items { productId name quantity unitPrice lineTotal } saga { state }
        history(after: 1) { edges { cursor node { type sequence note status previousStatus totalAmount } } pageInfo { hasNextPage endCursor } leftOut } } }";
    let order = &data(&service, read, json!({"id": 1})).await["order"];
    let line = json!({"productId": "8", "name": null, "quantity": 1, "unitPrice": "5.00", "lineTotal": "5.00"});
    assert_eq!((&order["items"], &order["saga"]), (&json!([line]), &Value::Null));
    assert_eq!(order["customer"], json!({"id": "42"}));
    let event = json!({"type": "CANCELLED", "sequence": 3, "note": "n", "status": "CANCELLED",
        "previousStatus": "PENDING", "totalAmount": "5.00"});
    let edges = &order["history"]["edges"];
    assert_eq!(
        (&edges[1], edges.as_array().unwrap().len()),
        (&json!({"cursor": "3", "node": event}), 2)
    );
    assert_eq!(order["history"]["pageInfo"], json!({"hasNextPage": false, "endCursor": "3"}));
    assert_eq!(
        data(&service, "{ order(id: 2) { id } }", Value::Null).await,
        json!({"order": null})
    );
}

#[tokio::test]
async fn what_a_client_can_mend_is_in_the_payload_and_the_rest_is_an_error() {
    let service = Service::start();
    let refused = async |input: Value| {
        let payload = data(&service, PLACE, json!({"input": input})).await["placeOrder"].clone();
        assert_eq!((&payload["order"], &payload["replayed"]), (&Value::Null, &json!(false)));
        payload["userErrors"].clone()
    };
    let mut wrong = an_input();
    wrong["items"][0]["quantity"] = json!(0);
    wrong["customerId"] = json!("x");
    let errors = refused(wrong).await;
    let fields: Vec<_> =
        errors.as_array().unwrap().iter().map(|error| error["field"].to_string()).collect();
    assert_eq!(
        fields,
        [r#"["input","customerId"]"#, r#"["input","items","0","quantity"]"#],
        "{errors}"
    );
    assert!(errors.as_array().unwrap().iter().all(|error| error["code"] == "VALIDATION_FAILED"));
    let mut total = an_input();
    total["totalAmount"] = json!("1.00");
    assert_eq!(refused(total).await[0]["code"], "TOTAL_MISMATCH");
    let mut key = an_input();
    key["idempotencyKey"] = json!("a b");
    let errors = refused(key).await;
    assert_eq!(errors[0]["code"], "INVALID_IDEMPOTENCY_KEY");
    assert_eq!(errors[0]["field"], json!(["input", "idempotencyKey"]));
    let mut named = an_input();
    named["clientReference"] = json!("PO-1");
    let id =
        data(&service, PLACE, json!({"input": named})).await["placeOrder"]["order"]["id"].clone();
    let errors = refused(named).await;
    assert_eq!(
        (&errors[0]["code"], &errors[0]["existingOrder"]),
        (&json!("DUPLICATE_CLIENT_REFERENCE"), &id)
    );
    let change = "mutation($id: ID!) { changeOrderStatus(input: {id: $id, status: DELIVERED, expectedVersion: 1}) { userErrors { code allowedTransitions currentVersion } } }";
    let errors =
        data(&service, change, json!({"id": id})).await["changeOrderStatus"]["userErrors"].clone();
    let expected = json!({"code": "INVALID_TRANSITION", "allowedTransitions": ["CONFIRMED", "CANCELLED"], "currentVersion": null});
    assert_eq!(errors, json!([expected]));
    let missing =
        "mutation { changeOrderStatus(input: {id: 9, status: DELIVERED}) { userErrors { code } } }";
    assert_eq!(
        data(&service, missing, Value::Null).await["changeOrderStatus"]["userErrors"][0]["code"],
        "ORDER_NOT_FOUND"
    );
    let reply =
        ask_with(&service, "{ order(id: \"x\") { id } }", Value::Null, &[("x-request-id", "r-1")])
            .await;
    let answer = reply.json();
    assert_eq!((reply.status, &answer["data"]), (200, &json!({"order": null})));
    assert_eq!(
        answer["errors"][0]["extensions"],
        json!({"code": "invalid_parameter", "requestId": "r-1"})
    );
}

#[tokio::test]
async fn a_key_has_a_mutation_made_once_whatever_is_selected() {
    let service = Service::start();
    let mut input = an_input();
    input["idempotencyKey"] = json!("k-1");
    let first = data(&service, PLACE, json!({"input": input})).await["placeOrder"].clone();
    data(
        &service,
        "mutation { changeOrderStatus(input: {id: 1, status: CONFIRMED}) { replayed } }",
        Value::Null,
    )
    .await;
    let other = "mutation($input: PlaceOrderInput!) { placeOrder(input: $input) { replayed order { id status customer { id } } } }";
    let again = data(&service, other, json!({"input": input})).await["placeOrder"].clone();
    assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
    assert_eq!(again["order"], json!({"id": "1", "status": "PENDING", "customer": {"id": "42"}}));
    input["customerId"] = json!(43);
    let reused = data(&service, PLACE, json!({"input": input})).await["placeOrder"]["userErrors"]
        [0]["code"]
        .clone();
    assert_eq!(reused, "IDEMPOTENCY_KEY_REUSED");
    // The key of a REST request is another key.
    let body = format!(r#"{{"customerId":43,"items":{}}}"#, crate::support::LINES);
    let rest = service.write("POST", "/orders", &[("idempotency-key", "k-1")], &body).await;
    assert_eq!((rest.status, rest.header("idempotency-replayed")), (201, None));
}

#[tokio::test]
async fn pages_go_on_from_a_cursor_of_either_interface() {
    let service = Service::start();
    for _ in 0..5 {
        service.placed().await;
    }
    let list = "query($after: Cursor) { ordersOfCustomer(customerId: 42, first: 2, after: $after)
        { edges { cursor node { id customer { orders(first: 1) { edges { node { id } } } } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } leftOut } }";
    let (mut seen, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = data(&service, list, json!({"after": after})).await["ordersOfCustomer"].clone();
        for edge in page["edges"].as_array().unwrap() {
            seen.push(edge["node"]["id"].as_str().unwrap().parse::<i64>().unwrap());
            assert_eq!(edge["node"]["customer"]["orders"]["edges"][0]["node"]["id"], "5");
        }
        pages += 1;
        after = page["pageInfo"]["endCursor"].clone();
        assert_eq!(page["edges"][0]["cursor"], page["pageInfo"]["startCursor"]);
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!((seen, pages), (vec![5, 4, 3, 2, 1], 3));
    let rest = service.call("GET", "/orders/customer/42?limit=2").await.json();
    let page = data(&service, list, json!({"after": rest["nextCursor"]})).await;
    assert_eq!(page["ordersOfCustomer"]["edges"][0]["node"]["id"], "3");
    for (arguments, code) in [
        ("customerId: 42, first: 0", "invalid_parameter"),
        ("customerId: 42, first: 101", "invalid_parameter"),
        ("customerId: 42, statuses: [PENDING], after: \"x\"", "invalid_cursor"),
    ] {
        let reply = ask_with(
            &service,
            &format!("{{ ordersOfCustomer({arguments}) {{ leftOut }} }}"),
            Value::Null,
            &[],
        )
        .await;
        let answer = reply.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        assert_eq!((reply.status, &answer["data"]), (200, &json!({"ordersOfCustomer": null})));
    }
    let null = "query($first: Int) { ordersOfCustomer(customerId: 42, first: $first) { edges { cursor } } }";
    for variables in [json!({}), json!({"first": null})] {
        let page = data(&service, null, variables).await;
        assert_eq!(page["ordersOfCustomer"]["edges"].as_array().unwrap().len(), 5);
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_null_as_far_out_as_it_must_be() {
    let graphql = Some(GraphqlSettings { max_values: 3, ..GraphqlSettings::default() });
    let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
    service.placed().await;
    let document = "{ __typename bad: order(id: \"x\") { id } order(id: 1) { items { name quantity unitPrice lineTotal } } }";
    let answer = ask_with(&service, document, Value::Null, &[]).await.json();
    // The lines of an order cannot be null; the order can.
    assert_eq!(
        (&answer["data"], answer["errors"].as_array().unwrap().len()),
        (&json!({"__typename": "Query", "bad": null, "order": null}), 2),
        "{answer}"
    );
    let document = "{ __typename bad: order(id: \"x\") { id } order(id: 1) { id } }";
    let answer = ask_with(&service, document, Value::Null, &[]).await.json();
    assert_eq!(answer["data"], json!({"__typename": "Query", "bad": null, "order": {"id": "1"}}));
    assert_eq!(answer["errors"][0]["path"], json!(["bad"]));
}

#[tokio::test]
async fn a_variable_that_must_have_a_value_is_looked_for_before_anything_is_done() {
    let service = Service::start();
    let document = "query($id: ID!) { order(id: $id) { id } }";
    for variables in [json!({}), json!({"id": null})] {
        let reply = ask_with(&service, document, variables, &[RESPONSE]).await;
        let answer = reply.json();
        assert_eq!((reply.status, answer.get("data")), (400, None), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "invalid_document");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("$id"), "{answer}");
    }
    for (kind, argument, wrong) in [
        ("DateTime", "createdFrom", json!("x")),
        ("Cursor", "after", json!([1])),
        ("Int", "first", json!("2")),
        ("[OrderStatus!]", "statuses", json!(["NOWHERE"])),
    ] {
        let document = format!(
            "query($v: {kind}) {{ ordersOfCustomer(customerId: 42, {argument}: $v) {{ leftOut }} }}"
        );
        let reply = ask_with(&service, &document, json!({"v": wrong}), &[RESPONSE]).await;
        assert_eq!((reply.status, reply.json().get("data")), (400, None), "{}", reply.text());
    }
    let two = "subscription { a: orderEvents { cursor } b: orderEvents { cursor } }";
    let reply = ask_with(&service, two, Value::Null, &[("accept", "text/event-stream")]).await;
    let text = reply.text();
    assert!(
        text.starts_with("event: next\ndata: {\"errors\"")
            && text.ends_with("event: complete\ndata:\n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_form_of_an_answer_is_the_one_that_is_accepted() {
    let service = Service::start();
    let json = "application/json; charset=utf-8";
    let response = "application/graphql-response+json; charset=utf-8";
    for (accept, expected) in [
        (None, json),
        (Some("*/*"), json),
        (Some("application/graphql-response+json"), response),
        (Some("application/graphql-response+json, application/json;q=0.9"), response),
        (Some("application/graphql-response+json;q=0.5, application/json"), json),
        (Some("text/html"), json),
    ] {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let reply = ask_with(&service, "{ __typename }", Value::Null, &headers).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(expected)),
            "{accept:?}"
        );
        assert_eq!(reply.json(), json!({"data": {"__typename": "Query"}}));
    }
    for document in [
        "{",
        "{ nothing }",
        "query A { __typename } query B { __typename }",
        "subscription { orderEvents { cursor } }",
    ] {
        let (status, error) = refused(&service, document, &[RESPONSE]).await;
        assert_eq!(status, 400, "{document} {error}");
        assert_eq!(refused(&service, document, &[]).await.0, 200, "{document}");
    }
}

#[tokio::test]
async fn a_request_that_asks_for_nothing_is_refused_in_both_forms() {
    let service = Service::start();
    for (body, code) in [
        ("[]", "malformed_request"),
        ("{", "malformed_request"),
        ("{}", "malformed_request"),
        (r#"{"query": 1}"#, "malformed_request"),
        (r#"{"query": "{ __typename }", "variables": []}"#, "malformed_request"),
        (r#"{"query": "{ __typename }", "operationName": 1}"#, "malformed_request"),
        (r#"{"query": "{ __typename }", "extensions": "x"}"#, "malformed_request"),
        (
            r#"{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}"#,
            "PERSISTED_QUERY_NOT_SUPPORTED",
        ),
    ] {
        for headers in [&[][..], &[RESPONSE]] {
            let reply = service.write("POST", "/graphql", headers, body).await;
            let answer = reply.json();
            assert_eq!((reply.status, answer.get("data")), (400, None), "{body} {answer}");
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{body}");
        }
    }
    let forms = [("content-type", "application/x-www-form-urlencoded"), ("content-length", "3")];
    assert_eq!(
        service.call_with("POST", "/graphql", &forms[..1]).await.code(),
        "unsupported_media_type"
    );
}

#[tokio::test]
async fn queries_may_be_asked_by_get_and_nothing_else() {
    let service = Service::start();
    service.placed().await;
    let target = "/graphql?query=query%20Q(%24id:ID!)%7Border(id:%24id)%7Bid%7D%7D&operationName=Q&variables=%7B%22id%22:1%7D";
    assert_eq!(service.call("GET", target).await.json(), json!({"data": {"order": {"id": "1"}}}));
    let change = "/graphql?query=mutation%7BchangeOrderStatus(input:%7Bid:1,status:CANCELLED%7D)%7Breplayed%7D%7D";
    let reply = service.call("GET", change).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    let order = service.call("GET", "/orders/1").await.json();
    assert_eq!(order["status"], "PENDING");
    assert_eq!(
        service.call("GET", "/graphql?query=%7B__typename%7D&variables=%5B").await.status,
        400
    );
    assert_eq!(service.call("PUT", "/graphql").await.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn documents_beyond_a_limit_are_refused_by_its_name() {
    let limits = GraphqlLimits { fields: 5, ..GraphqlLimits::default() };
    let graphql = Some(GraphqlSettings {
        limits,
        max_document: 500,
        max_values: 4,
        ..GraphqlSettings::default()
    });
    let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
    service.placed().await;
    let long = format!("{{ __typename }} # {}", "x".repeat(500));
    for (document, limit, most) in [
        (
            "{ a: __typename b: __typename c: __typename d: __typename e: __typename f: __typename }",
            "max-fields",
            5,
        ),
        (&long, "max-document-size", 500),
    ] {
        for headers in [&[][..], &[RESPONSE]] {
            let (status, error) = refused(&service, document, headers).await;
            let expected = json!({"code": "query_too_expensive", "limit": limit, "most": most});
            assert_eq!((status, &error["extensions"]), (400, &expected), "{error}");
        }
    }
    let answer = ask_with(
        &service,
        "{ order(id: 1) { items { quantity name lineTotal } } }",
        Value::Null,
        &[],
    )
    .await
    .json();
    assert_eq!(answer.get("errors"), None, "{answer}");
    let answer = ask_with(
        &service,
        "{ order(id: 1) { a: items { quantity name lineTotal } b: items { quantity } } }",
        Value::Null,
        &[],
    )
    .await;
    assert_eq!(answer.json()["errors"][0]["extensions"]["limit"], "max-fields");
}

#[tokio::test]
async fn without_introspection_nothing_tells_of_the_schema() {
    let graphql = Some(GraphqlSettings { introspection: false, ..GraphqlSettings::default() });
    let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
    for document in ["{ __schema { queryType { name } } }", "{ __type(name: \"Order\") { name } }"]
    {
        let answer = ask_with(&service, document, Value::Null, &[]).await.json();
        assert!(
            !answer.to_string().contains("\"Order\"")
                && !answer.to_string().contains("queryType\":{"),
            "{answer}"
        );
    }
    let (_, error) = refused(&service, "{ ordr(id: 1) { id } }", &[]).await;
    assert!(!error["message"].as_str().unwrap().contains("order\""), "{error}");
    assert_eq!(service.call("GET", "/graphql/schema").await.status, 404);
}

#[tokio::test]
async fn it_is_nowhere_unless_the_site_has_it() {
    let service = Service::at(Site::main("/shop"), HttpSettings::default());
    assert_eq!(service.write("POST", "/shop/graphql", &[], "{}").await.code(), "not_found");
    let moved =
        Site::main("/shop").with_graphql(Some("/api/graph".to_owned()), Some("/ui".to_owned()));
    let printer = Some(GraphqlSettings { printer: true, ..GraphqlSettings::default() });
    let service = Service::at(moved, HttpSettings { graphql: printer, ..HttpSettings::default() });
    let body = r#"{"query": "{ __typename }"}"#;
    assert_eq!(service.write("POST", "/shop/api/graph", &[], body).await.status, 200);
    assert_eq!(service.write("POST", "/shop/graphql", &[], body).await.status, 404);
    let page = service.call("GET", "/shop/ui").await;
    assert_eq!((page.status, page.header("location")), (308, Some("/shop/ui/")));
    assert!(
        service.call("GET", "/shop/ui/").await.text().contains("data-endpoint=\"/shop/api/graph\"")
    );
    let schema = service.call("GET", "/shop/api/graph/schema").await;
    assert_eq!(schema.text(), http_actix::graphql_schema(false));
}

#[tokio::test]
async fn a_gateway_finds_orders_and_customers_by_their_keys_where_it_may() {
    let document = "query($r: [_Any!]!) { _service { sdl } _entities(representations: $r) {
        ... on Order { id status customer { id } } ... on Customer { id orders(first: 1) { edges { node { id } } } } } }";
    let representations = json!({"r": [
        {"__typename": "Order", "id": "1"},
        {"__typename": "Order", "id": "99"},
        {"__typename": "Customer", "id": "42"},
    ]});
    let graphql = Some(GraphqlSettings { federation: true, ..GraphqlSettings::default() });
    let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
    service.placed().await;
    let found = data(&service, document, representations.clone()).await;
    let order = json!({"id": "1", "status": "PENDING", "customer": {"id": "42"}});
    let customer = json!({"id": "42", "orders": {"edges": [{"node": {"id": "1"}}]}});
    assert_eq!(found["_entities"], json!([order, null, customer]));
    let sdl = found["_service"]["sdl"].as_str().unwrap();
    assert!(sdl.contains("type Order @key(fields: \"id\")"), "{sdl}");
    assert!(!http_actix::graphql_schema(false).contains("@key"));
    let many: Vec<_> = (0..2_001).map(|_| json!({"__typename": "Order", "id": "1"})).collect();
    let reply = ask_with(&service, document, json!({"r": many}), &[]).await;
    assert_eq!(reply.json()["errors"][0]["extensions"]["code"], "query_too_expensive");
    let plain = ask_with(&Service::start(), document, representations, &[]).await;
    assert_eq!(plain.json()["errors"][0]["extensions"]["code"], "invalid_document");
}

#[tokio::test]
async fn listed_documents_are_named_by_their_hashes_and_others_may_be_refused() {
    const LISTED: &str = "{ __typename }";
    const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";
    let list = Arc::new(TrustedDocuments::read(&json!({ HASH: LISTED }).to_string()).unwrap());
    let with = |documents| GraphqlSettings { documents, ..GraphqlSettings::default() };
    let (listed, only) =
        (with(Documents::Listed(list.clone())), with(Documents::ListedAlone(list.clone())));
    let apollo = json!({"persistedQuery": {"version": 1, "sha256Hash": HASH}});
    let unknown = json!({"persistedQuery": {"version": 1, "sha256Hash": "00"}});
    for (graphql, of_others) in [(listed, ""), (only, "document_not_trusted")] {
        let graphql = Some(graphql);
        let service = Service::with_settings(HttpSettings { graphql, ..HttpSettings::default() });
        for (body, code) in [
            (json!({"documentId": format!("sha256:{HASH}")}), ""),
            (json!({"extensions": apollo}), ""),
            (json!({"query": LISTED}), ""),
            (json!({"query": "{ a: __typename }"}), of_others),
            (json!({"documentId": "sha256:00"}), "PERSISTED_QUERY_NOT_FOUND"),
            (json!({"extensions": unknown}), "PERSISTED_QUERY_NOT_FOUND"),
            (json!({"documentId": 1}), "malformed_request"),
        ] {
            let reply = service.write("POST", "/graphql", &[], &body.to_string()).await;
            let answer = reply.json();
            let found = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            assert_eq!(
                (found, reply.status),
                (code, if code.is_empty() { 200 } else { 400 }),
                "{body}"
            );
        }
        let target = format!("/graphql?documentId={HASH}");
        assert_eq!(
            service.call("GET", &target).await.json(),
            json!({"data": {"__typename": "Query"}})
        );
    }
}
