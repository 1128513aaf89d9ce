//! Who gets what of whose orders by GraphQL: every way in the schema that leads to an order, its events or its saga × authorities ×
//! own, foreign and missing orders. The ways are found in the schema, so that a new one fails here until a row has it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http_actix::{GraphqlSettings, HttpSettings};
use order_app::caller::Authority;
use order_app::ports::OrderStore as _;
use order_domain::OrderStatus;
use order_testkit::InMemoryStore;
use order_testkit::examples::{a_change_placing, a_new_order, soon};
use serde_json::{Value, json};

use crate::graphql_lists::Schema;
use crate::graphql_stream::{Answers, quick};
use crate::ownership::{FOREIGN, OWN, bearer, bytes, put};
use crate::support::{Reply, Service};
use crate::tokens::{PlainTokens, text};

use OrderStatus::{Cancelled, Confirmed, Delivered, InProgress};

/// What is a customer's own.
const OWNED: [&str; 3] = ["Order", "OrderEvent", "OrderSaga"];

/// Ways from a root to something of order 999 of customer 42. `MORE` is where inputs may have more members.
const ROWS: &[&str] = &[
    "query / order(id: 999)",
    "query / order(id: 999) / history / edges / node",
    "query / order(id: 999) / saga",
    "query / order(id: 999) / customer / orders / edges / node / history / edges / node",
    "query / order(id: 999) / customer / orders(statuses: [PENDING, CONFIRMED]) / edges / node / saga",
    "query / ordersOfCustomer(customerId: 42) / edges / node / history / edges / node",
    "query / ordersOfCustomer(customerId: 42, createdFrom: \"2020-01-01T00:00:00Z\") / edges / node / saga",
    "query / ordersOfCustomer(customerId: 42, first: 2) / edges / node / customer / orders(first: 2) / edges / node",
    "mutation / placeOrder(input: {customerId: 42, items: [{productId: 1, quantity: 1, unitPrice: \"1\"}] MORE}) / order / history / edges / node",
    "mutation / replaceOrderLines(input: {id: 999, items: [{productId: 1, quantity: 1, unitPrice: \"1\"}] MORE}) / order",
    "mutation / replaceOrderLines(input: {id: 999, items: [{productId: 1, quantity: 1, unitPrice: \"1\"}] MORE}) / order / history / edges / node",
    "mutation / changeOrderStatus(input: {id: 999, status: CANCELLED MORE}) / order",
    "mutation / changeOrderStatus(input: {id: 999, status: CANCELLED MORE}) / order / saga",
    "mutation / changeOrderStatus(input: {id: 999, status: CONFIRMED MORE}) / order / customer / orders / edges / node",
    "subscription / orderEvents(after: 0, orderId: 999) / event",
];

/// A way into the schema.
#[derive(Debug, Clone, Copy)]
struct Row(&'static str);

fn rows() -> impl Iterator<Item = Row> {
    ROWS.iter().copied().map(Row)
}

impl Row {
    fn root(self) -> &'static str {
        self.0.split(" / ").next().expect("a root")
    }

    fn steps(self) -> impl Iterator<Item = &'static str> {
        self.0.split(" / ").skip(1)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        self.steps().map(|step| step.split('(').next().expect("a name"))
    }

    fn is_stream(self) -> bool {
        self.root() == "subscription"
    }

    /// The authorities that it needs: those of the operation, and those of what is read of its outcome.
    fn needs(self) -> BTreeSet<&'static str> {
        let reads = self.names().any(|name| ["history", "saga", "orders"].contains(&name));
        let own = match self.root() {
            "mutation" if self.0.contains("CONFIRMED") => Authority::Fulfil,
            "mutation" => Authority::Write,
            _ => Authority::Read,
        };
        let read = (reads || own == Authority::Read).then_some(Authority::Read);
        [own].into_iter().chain(read).map(text).collect()
    }

    fn document(self, more: &str, is_aliased: bool) -> String {
        let mut document = self.root().to_owned();
        for (place, step) in self.steps().enumerate() {
            let alias = if is_aliased { format!("a{place}: ") } else { String::new() };
            write!(document, " {{ {alias}{}", step.replace("MORE", more)).unwrap();
        }
        document + " { __typename }" + &" }".repeat(self.steps().count())
    }

    /// Whether an answer has something at the end of the way.
    fn is_there(self, answer: &Value) -> bool {
        let mut at = vec![&answer["data"]];
        for name in self.names() {
            let next = at.into_iter().map(|value| &value[name]).filter(|value| !value.is_null());
            at = next
                .flat_map(|value| value.as_array().map_or(vec![value], |all| all.iter().collect()))
                .collect();
        }
        !at.is_empty()
    }
}

async fn write(service: &Service, document: &str, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"query": document}).to_string();
    service.write("POST", "/graphql", headers, &body).await
}

/// The answer that a row gets; of a subscription, the first one.
async fn answer(service: &Service, row: Row, authorization: &str) -> Value {
    let (document, headers) = (row.document("", false), [("authorization", authorization)]);
    if row.is_stream() {
        return Answers::to(service, &document, &headers).await.next().await;
    }
    let reply = write(service, &document, &headers).await;
    assert_eq!(reply.status, 200, "{row:?} {}", reply.text());
    reply.json()
}

fn is_forbidden(answer: &Value) -> bool {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().any(|error| error["extensions"]["code"] == "forbidden")
}

fn secured(store: Arc<InMemoryStore>) -> Service {
    // Long enough that a query is over, and short enough to be waited for.
    let keep_alive = Duration::from_millis(20);
    let graphql = Some(GraphqlSettings { keep_alive, ..GraphqlSettings::default() });
    let settings = HttpSettings { graphql, ..HttpSettings::default() };
    Service::telling(store, quick(), PlainTokens::security(), settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_an_order_has_a_row() {
    let service = secured(Arc::default());
    let headers = [("authorization", "Bearer ann.any.read")];
    let schema = Schema::of(&service, &headers).await;
    let mut leading: BTreeSet<&str> = OWNED.into();
    for of in OWNED {
        assert!(!schema.fields(of).is_empty(), "{of} is not in the schema any more");
    }
    loop {
        let leads = |(name, fields): &(&str, &[_])| {
            !leading.contains(name)
                && fields
                    .iter()
                    .any(|field: &crate::graphql_lists::Field| leading.contains(&*field.of))
        };
        let more: Vec<_> = schema.objects().filter(leads).map(|(name, _)| name).collect();
        if more.is_empty() {
            break;
        }
        leading.extend(more);
    }
    let mut ways = BTreeSet::new();
    for (name, fields) in schema.objects() {
        let leads = fields.iter().filter(|field| leading.contains(&*field.of));
        ways.extend(leads.map(|field| format!("{name}.{}", field.name)));
    }
    let mut walked = BTreeSet::new();
    for row in rows() {
        let root = schema.roots.iter().find(|(kind, _)| kind == row.root());
        let mut at = &*root.expect("a root").1;
        for name in row.names() {
            let field = schema.fields(at).iter().find(|field| field.name == name);
            walked.insert(format!("{at}.{name}"));
            at = &field.unwrap_or_else(|| panic!("{at} has no {name}")).of;
        }
        assert!(OWNED.contains(&at), "{row:?} ends at {at}");
    }
    let missing: Vec<_> = ways.difference(&walked).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    assert!(ways.len() > 12, "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_an_order_asks_for_its_authorities() {
    let accept = ("accept", "text/event-stream");
    for row in rows() {
        let store = Arc::new(InMemoryStore::default());
        let order = a_change_placing(a_new_order(999, FOREIGN));
        store.commit(order.into(), soon()).await.unwrap();
        store.give_positions().await;
        let service = secured(store);
        let headers: [&[(&str, &str)]; 5] = [
            &[],
            &[accept],
            &[("authorization", "Basic YTpi")],
            &[("authorization", "Bearer bad")],
            &[("authorization", "Bearer bad"), accept],
        ];
        for headers in headers {
            let reply = write(&service, &row.document("", false), headers).await;
            assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"), "{row:?}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
        for has in Authority::ALL {
            let needs = row.needs();
            if needs.iter().all(|need| *need == text(has)) {
                continue;
            }
            let answer = answer(&service, row, &bearer(&format!("ann.any.{}", text(has)))).await;
            assert!(is_forbidden(&answer), "{row:?} {has:?} {answer}");
            assert!(!row.is_there(&answer), "{row:?} {has:?} {answer}");
        }
        // Access to no orders is a lack of authority, whatever is asked for.
        let answer = answer(&service, row, &bearer("bob.none.read-write-fulfil")).await;
        assert!(is_forbidden(&answer) && !row.is_there(&answer), "{row:?} {answer}");
    }
    let service = secured(Arc::default());
    let by_get = service.call("GET", "/graphql?query=%7Border(id:999)%7Bid%7D%7D").await;
    assert_eq!((by_get.status, by_get.code().as_str()), (401, "unauthenticated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn own_orders_are_there_and_so_are_those_of_all_customers_for_who_may_see_them() {
    for row in rows() {
        for access in [FOREIGN.to_string(), "any".to_owned()] {
            let store = Arc::new(InMemoryStore::default());
            if row.root() != "mutation" || row.0.ends_with("saga") {
                put(&store, 999, &[]).await;
            } else {
                // A saga would forbid these changes.
                let order = a_change_placing(a_new_order(999, FOREIGN));
                store.commit(order.into(), soon()).await.unwrap();
            }
            store.give_positions().await;
            let service = secured(store);
            let needs: Vec<_> = row.needs().into_iter().collect();
            let token = bearer(&format!("eve.{access}.{}", needs.join("-")));
            let answer = answer(&service, row, &token).await;
            assert!(row.is_there(&answer) && answer.get("errors").is_none(), "{row:?} {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_is_byte_for_byte_as_if_it_did_not_exist() {
    let states: [&[OrderStatus]; 5] = [
        &[],
        &[Confirmed],
        &[Confirmed, InProgress],
        &[Confirmed, InProgress, Delivered],
        &[Cancelled],
    ];
    let own = bearer(&format!("ann.{OWN}.read-write-fulfil"));
    let headers = [
        ("authorization", own.as_str()),
        ("x-request-id", "r-1"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let members = ["", ", expectedVersion: 1", ", expectedVersion: 99", ", idempotencyKey: \"k\""];
    let mut documents = Vec::new();
    for row in rows().filter(|row| !row.is_stream()) {
        documents.push((row, row.document("", true)));
        // An order that is placed has no version.
        let most = if row.0.contains("MORE") && !row.0.contains("placeOrder") { 4 } else { 1 };
        documents.extend(members.iter().take(most).map(|more| (row, row.document(more, false))));
    }
    let mut compared = 0;
    for state in states {
        let store = Arc::new(InMemoryStore::default());
        let service = secured(store.clone());
        let mut before = Vec::new();
        for (row, document) in &documents {
            let reply = write(&service, document, &headers).await;
            let answer = reply.json();
            assert!(!row.is_there(&answer), "{document} {answer}");
            before.push(bytes(&reply));
        }
        put(&store, 999, state).await;
        for ((_, document), before) in documents.iter().zip(before) {
            let after = write(&service, document, &headers).await;
            assert_eq!(bytes(&after), before, "{document} {state:?}");
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_foreign_and_missing_orders_may_be_asked_for_in_one_document() {
    let store = Arc::new(InMemoryStore::default());
    put(&store, 999, &[]).await;
    let own = a_change_placing(a_new_order(1, OWN));
    store.commit(own.into(), soon()).await.unwrap();
    let service = secured(store);
    let list = "{ edges { node { id } } pageInfo { hasNextPage endCursor } leftOut }";
    let document = format!(
        "{{ own: order(id: 1) {{ id }} foreign: order(id: 999) {{ id }} missing: order(id: 998) {{ id }}
            mine: ordersOfCustomer(customerId: {OWN}) {list} theirs: ordersOfCustomer(customerId: {FOREIGN}) {list}
            no: ordersOfCustomer(customerId: 12345) {list} }}"
    );
    let token = bearer(&format!("ann.{OWN}.read"));
    let answer = write(&service, &document, &[("authorization", &token)]).await.json();
    let data = &answer["data"];
    assert_eq!((answer.get("errors"), &data["own"]), (None, &json!({"id": "1"})), "{answer}");
    assert_eq!((&data["foreign"], &data["missing"]), (&Value::Null, &Value::Null));
    assert_eq!(data["mine"]["edges"], json!([{"node": {"id": "1"}}]));
    assert_eq!(data["theirs"]["edges"], json!([]));
    assert_eq!(data["theirs"], data["no"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_is_told_of_no_foreign_event_whatever_it_asks_for() {
    let store = Arc::new(InMemoryStore::default());
    put(&store, 999, &[Confirmed]).await;
    store.give_positions().await;
    let service = secured(store.clone());
    let token = bearer(&format!("ann.{OWN}.read"));
    let own = [("authorization", token.as_str())];
    let all = [("authorization", "Bearer shop.any.read")];
    let document = |filter: &str| {
        format!("subscription {{ orderEvents(after: 0{filter}) {{ event {{ orderId }} }} }}")
    };
    let mut told = Answers::to(&service, &document(""), &all).await;
    let foreign = json!({"orderEvents": {"event": {"orderId": "999"}}});
    assert_eq!(told.next().await["data"], foreign);
    for filter in [", orderId: 999", ", orderId: 998", ", customerId: 42", ", types: [CONFIRMED]"] {
        let mut silent = Answers::to(&service, &document(filter), &own).await;
        for _ in 0..3 {
            assert_eq!(silent.frame().await.as_deref(), Some(":\n\n"), "{filter}");
        }
    }
    let mut listening = Answers::to(&service, &document(""), &own).await;
    let order = a_change_placing(a_new_order(1, OWN));
    store.commit(order.into(), soon()).await.unwrap();
    store.give_positions().await;
    let first = listening.next().await;
    assert_eq!(first["data"]["orderEvents"]["event"]["orderId"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_belong_to_their_callers_and_orders_of_others_are_not_placed() {
    let service = secured(Arc::default());
    let place = |customer: i64| {
        format!(
            "mutation {{ placeOrder(input: {{customerId: {customer}, idempotencyKey: \"k\",
                items: [{{productId: 1, quantity: 1, unitPrice: \"1\"}}]}}) {{ order {{ id }} }} }}"
        )
    };
    let mut ids = BTreeSet::new();
    for token in ["ann.7.write", "ann.7.write", "bob.7.write", "shop.any.write"] {
        let reply = write(&service, &place(OWN), &[("authorization", &bearer(token))]).await;
        ids.insert(reply.json()["data"]["placeOrder"]["order"]["id"].to_string());
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    for customer in [FOREIGN, 12_345] {
        let reply =
            write(&service, &place(customer), &[("authorization", "Bearer ann.7.write")]).await;
        let answer = reply.json();
        assert!(is_forbidden(&answer) && answer["data"]["placeOrder"].is_null(), "{answer}");
    }
}
