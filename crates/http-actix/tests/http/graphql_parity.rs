//! GraphQL and REST are two ways to one service: random commands, by REST to one server and by GraphQL to its twin, have the same
//! outcomes, and leave the same orders and events.
//!
//! Where the two differ by design, the commands leave it out:
//! - the keys of one interface are not those of the other (`graphql.rs`), so no server is asked by both before the end;
//! - unknown fields, words outside an enumeration and numbers beyond 32 bits are refused by the library, before any rule of ours;
//! - the id of an order stands in the path of a REST change, and in the input of a mutation: a malformed one is a wrong parameter
//!   there and a wrong field here. Reads, which have it as an argument, are compared;
//! - a page of a history may have 1,000 events by REST and 100 by GraphQL; the arguments of a history are not looked at when there
//!   is no such order;
//! - what is wrong with a key is told of a header there, and of a field here;
//! - event ids and the traces of requests are not part of an outcome.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, LazyLock};

use order_app::ports::StoreError;
use order_testkit::{InMemoryStore, Method};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::graphql_commands::{Command, Read, commands};
use crate::support::{Reply, Service};

const ORDER: &str = "id version status allowedTransitions customer { id } currency totalAmount clientReference cancelReason
    createdAt updatedAt items { productId name quantity unitPrice lineTotal }";
const EVENT: &str = "type sequence occurredAt orderId customerId status previousStatus currency totalAmount clientReference
    cancelReason note items { productId name quantity unitPrice lineTotal }";

const KEY: &str = "idempotencyKey";

/// What became of a command, in the words of REST.
#[derive(PartialEq)]
enum Outcome {
    /// The order, and whether the answer is that of an earlier command.
    Order(Value, bool),
    /// A page, and where the next one begins.
    Page(Vec<Value>, Value),
    Refused {
        code: String,
        wrong: Vec<(String, String)>,
        members: Value,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order, replayed) => write!(f, "order {order}, replayed: {replayed}"),
            Self::Page(page, next) => write!(f, "page {page:?}, next: {next}"),
            Self::Refused { code, wrong, members } => write!(f, "{code} {wrong:?} {members}"),
        }
    }
}

/// Removes what is absent, and gives ids the form that REST has.
fn in_rest(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            if let Some(customer) = members.remove("customer") {
                members.insert("customerId".to_owned(), customer["id"].clone());
            }
            for (name, member) in members.iter_mut() {
                let is_id = ["id", "customerId", "orderId", "productId"].contains(&name.as_str());
                let id = member.as_str().filter(|_| is_id).map(str::parse::<i64>);
                *member = match id {
                    Some(id) => json!(id.expect("an id")),
                    None => in_rest(member.take()),
                };
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                *entry = in_rest(entry.take());
            }
        }
        _ => {}
    }
    value
}

/// The outcome of a REST request.
fn of_rest(reply: &Reply) -> Outcome {
    let body = reply.json();
    if reply.status < 300 {
        let next =
            reply.header("link").map(|link| link.split(['<', '>']).nth(1).unwrap_or_default());
        let after = next.and_then(|next| next.split("after=").nth(1)?.split('&').next());
        return match &body {
            Value::Array(events) => {
                let event = |event: &Value| {
                    let mut data = in_rest(event["data"].clone());
                    data["type"] = event["type"].clone();
                    data
                };
                Outcome::Page(events.iter().map(event).collect(), json!(after))
            }
            body if body["orders"].is_array() => {
                let orders = body["orders"].as_array().expect("orders").clone();
                Outcome::Page(orders, body["nextCursor"].clone())
            }
            order => {
                let replayed = reply.header("idempotency-replayed") == Some("true");
                Outcome::Order(order.clone(), replayed)
            }
        };
    }
    let wrong = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = |part: &str, message: &Value| {
        let message = message.as_str().expect("a message");
        let message = if part == KEY { "" } else { message };
        (part.to_owned(), message.to_owned())
    };
    let whole = wrong.is_empty().then(|| told("", &body["detail"]));
    let wrong = wrong.iter().map(|error| {
        let part = ["pointer", "parameter", "header"].iter().find_map(|part| error[part].as_str());
        let part = match part.expect("a place") {
            "Idempotency-Key" => KEY,
            part => part.trim_start_matches('/'),
        };
        told(&part.replace('/', "."), &error["message"])
    });
    let members = json!({"currentVersion": body["currentVersion"], "existingOrder": body["existingOrderId"],
        "allowedTransitions": body["allowedTransitions"]});
    let (code, wrong) = (
        body["code"].as_str().expect("a code").to_owned(),
        whole.into_iter().chain(wrong).collect(),
    );
    Outcome::Refused { code, wrong, members: in_rest(members) }
}

/// The outcome of a mutation.
fn of_payload(payload: &Value) -> Outcome {
    let errors = payload["userErrors"].as_array().expect("errors");
    let Some(first) = errors.first() else {
        assert!(!payload["order"].is_null(), "{payload}");
        let replayed = payload["replayed"].as_bool().expect("it says so");
        return Outcome::Order(in_rest(payload["order"].clone()), replayed);
    };
    assert_eq!((&payload["order"], &payload["replayed"]), (&Value::Null, &json!(false)));
    assert!(errors.iter().all(|error| error["code"] == first["code"]), "{payload}");
    let wrong = errors.iter().map(|error| {
        let message = error["message"].as_str().expect("a message");
        let Some(path) = error["field"].as_array() else {
            return (String::new(), message.to_owned());
        };
        let path: Vec<_> = path.iter().filter_map(Value::as_str).collect();
        assert_eq!(path.first(), Some(&"input"));
        let place = path.get(1..).unwrap_or_default().join(".");
        let rest = message.strip_prefix(&format!("{place} ")).expect("it names its field");
        let rest = if place == KEY { "" } else { rest };
        (place, rest.to_owned())
    });
    let mut members = first.clone();
    members.as_object_mut().expect("an error").retain(|name, _| {
        ["currentVersion", "allowedTransitions", "existingOrder"].contains(&name.as_str())
    });
    members["existingOrder"] = members["existingOrder"]
        .as_str()
        .map_or(Value::Null, |id| json!(id.parse::<i64>().expect("an id")));
    let code = first["code"].as_str().expect("a code").to_lowercase();
    Outcome::Refused { code, wrong: wrong.collect(), members: in_rest(members) }
}

/// The page of a connection.
fn of_connection(connection: &Value) -> Outcome {
    let node = |edge: &Value| {
        let mut node = in_rest(edge["node"].clone());
        if let Some(kind) = node["type"].as_str() {
            node["type"] = json!(format!("order.{}", kind.to_lowercase()));
        }
        node
    };
    let edges = connection["edges"].as_array().expect("edges");
    let info = &connection["pageInfo"];
    let next = if info["hasNextPage"] == true { info["endCursor"].clone() } else { Value::Null };
    Outcome::Page(edges.iter().map(node).collect(), next)
}

/// Sends a command by REST.
async fn by_rest(service: &Service, command: &Command) -> Outcome {
    let reply = match command {
        Command::Change(change) => {
            let (method, target) = change.target();
            let version = change.expected.map(|version| format!("\"{version}\""));
            let mut headers = Vec::new();
            headers.extend(version.as_deref().map(|version| ("if-match", version)));
            headers.extend(change.key.map(|key| ("idempotency-key", key)));
            service.write(method, &target, &headers, &change.body.to_string()).await
        }
        Command::Read(read) => service.call("GET", &read.target()).await,
    };
    of_rest(&reply)
}

/// Sends a command by GraphQL.
async fn by_graphql(service: &Service, command: &Command) -> Outcome {
    let (document, variables) = match command {
        Command::Change(change) => {
            let (name, input) = change.mutation();
            let errors =
                "userErrors { code message field currentVersion allowedTransitions existingOrder }";
            let document = format!(
                "mutation($input: {input}!) {{ it: {name}(input: $input) {{ replayed order {{ {ORDER} }} {errors} }} }}"
            );
            (document, json!({"input": change.input()}))
        }
        Command::Read(read) => {
            let page = "pageInfo { hasNextPage endCursor } leftOut";
            let selection = match read {
                Read::Order(_) => format!("{{ {ORDER} }}"),
                Read::List { .. } => format!("{{ edges {{ cursor node {{ {ORDER} }} }} {page} }}"),
                Read::History { .. } => format!("edges {{ cursor node {{ {EVENT} }} }} {page}"),
            };
            (read.document(&selection), Value::Null)
        }
    };
    let body = json!({"query": document, "variables": variables}).to_string();
    let reply = service.write("POST", "/graphql", &[], &body).await;
    let answer = reply.json();
    assert_eq!(reply.status, 200, "{document} {answer}");
    if let Some(errors) = answer["errors"].as_array() {
        let it = &answer["data"]["it"];
        let it = if matches!(command, Command::Read(Read::History { .. })) {
            &it["history"]
        } else {
            it
        };
        assert!(it.is_null() && errors.len() == 1, "{answer}");
        let code = &errors.first().expect("an error")["extensions"]["code"];
        let code = code.as_str().unwrap_or_else(|| panic!("{document} {variables} {answer}"));
        return Outcome::Refused { code: code.to_owned(), wrong: Vec::new(), members: json!({}) };
    }
    let it = &answer["data"]["it"];
    match command {
        Command::Change(_) => of_payload(it),
        Command::Read(Read::Order(_) | Read::History { .. }) if it.is_null() => Outcome::Refused {
            code: "order_not_found".to_owned(),
            wrong: Vec::new(),
            members: json!({}),
        },
        Command::Read(Read::Order(_)) => Outcome::Order(in_rest(it.clone()), false),
        Command::Read(Read::List { .. }) => of_connection(it),
        Command::Read(Read::History { .. }) => of_connection(&it["history"]),
    }
}

/// What a read by GraphQL tells of a refusal is its code; the rest is in a text.
fn without_places(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused { code, .. } => {
            Outcome::Refused { code, wrong: Vec::new(), members: json!({}) }
        }
        other => other,
    }
}

async fn compare(
    rest: &Service,
    graphql: &Service,
    command: &Command,
) -> Result<Outcome, TestCaseError> {
    let (mut one, other) = (by_rest(rest, command).await, by_graphql(graphql, command).await);
    if matches!(command, Command::Read(_)) {
        one = without_places(one);
    }
    let is = |outcome: &Outcome, name: &str| matches!(outcome, Outcome::Refused { code, .. } if code == name);
    if let Command::Read(Read::History { .. }) = command
        && is(&one, "invalid_parameter")
        && is(&other, "order_not_found")
    {
        return Ok(other);
    }
    prop_assert_eq!(&one, &other, "{:?}", command);
    Ok(other)
}

/// Runs commands on twins, follows each list to its end, and compares what is there in the end by both interfaces of both.
async fn run(commands: &[Command]) -> Result<Vec<&'static str>, TestCaseError> {
    let [rest, graphql] = [(); 2].map(|()| Service::on(Arc::new(InMemoryStore::default())));
    let (mut orders, mut outcomes) = (0, Vec::new());
    for command in commands {
        let mut outcome = compare(&rest, &graphql, command).await?;
        if let Outcome::Order(order, _) = &outcome {
            orders = orders.max(order["id"].as_i64().expect("an id"));
        }
        outcomes.push(match &outcome {
            Outcome::Refused { .. } => "refused",
            Outcome::Order(_, true) => "replayed",
            _ => "done",
        });
        let mut read = if let Command::Read(read) = command { Some(read.clone()) } else { None };
        while let (
            Some(Read::List { after, .. } | Read::History { after, .. }),
            Outcome::Page(_, next),
        ) = (&mut read, &outcome)
        {
            let Some(next) = next.as_str() else { break };
            *after = Some(next.to_owned());
            let command = Command::Read(read.clone().expect("a read"));
            outcome = compare(&rest, &graphql, &command).await?;
        }
    }
    for id in 1..=orders {
        let order = Command::Read(Read::Order(id.to_string()));
        let history = Command::Read(Read::History { id, after: None, first: 100 });
        for command in [order, history] {
            let outcome = compare(&rest, &graphql, &command).await?;
            prop_assert_eq!(compare(&graphql, &rest, &command).await?, outcome);
        }
    }
    Ok(outcomes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_fails_is_absent_and_the_others_stay() {
    let store = Arc::new(InMemoryStore::default());
    store.faults().before(Method::Saga).fails(|| StoreError::Unavailable("planted".into()));
    let service = Service::with_sagas(store);
    service.placed().await;
    let document =
        "{ bad: order(id: \"x\") { id } good: order(id: 1) { id saga { state } customer { id } } }";
    let body = json!({"query": document}).to_string();
    let answer = service.write("POST", "/graphql", &[], &body).await.json();
    let good = json!({"id": "1", "saga": null, "customer": {"id": "42"}});
    assert_eq!(answer["data"], json!({"bad": null, "good": good}), "{answer}");
    let told = |error: &Value| (error["path"].clone(), error["extensions"]["code"].clone());
    let mut errors: Vec<_> = answer["errors"].as_array().unwrap().iter().map(told).collect();
    errors.sort_by_key(|(path, _)| path.to_string());
    let expected = [
        (json!(["bad"]), json!("invalid_parameter")),
        (json!(["good", "saga"]), json!("unavailable")),
    ];
    assert_eq!(errors, expected);
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

#[test]
fn commands_have_the_same_outcome_by_rest_and_by_graphql() {
    let config =
        ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let outcomes = RefCell::new(Vec::new());
    let ran = TestRunner::new(config).run(&commands(), |commands| {
        outcomes.borrow_mut().extend(RUNTIME.block_on(run(&commands))?);
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    let outcomes = outcomes.into_inner();
    for kind in ["refused", "replayed", "done"] {
        assert!(outcomes.contains(&kind), "none was {kind} of {}", outcomes.len());
    }
}
