//! What GraphQL asks of the database. Its statements are counted in the server's own log, so only where the log can be read.

use std::fs;

use order_testkit::databases::{Database, Scratch};
use serde_json::{Value, json};

use crate::stage::{Case, Stage, cases};
use crate::steps::{fresh, fresh_key, id_of};
use crate::streams::execute;
use crate::support::{Service, an_order};

pub(crate) fn cases() -> Vec<Case> {
    cases![many_orders_are_read_by_a_few_statements]
}

/// The answer to a document that has no errors.
fn data(service: &Service, document: &str) -> Value {
    let body = json!({"query": document}).to_string();
    let answer = service.ask("POST", "/graphql", &[], body).json();
    assert_eq!(answer.get("errors"), None, "{document} {answer}");
    answer["data"].clone()
}

/// How many statements the server executes that read orders, their events or their sagas, while something is done. The duties of
/// the service go on meanwhile, and ask otherwise.
fn statements(database: &Scratch, act: impl FnOnce()) -> usize {
    let (begin, end) = (format!("'begin {}'", fresh_key()), format!("'end {}'", fresh_key()));
    execute(database, &format!("SELECT {begin}"));
    act();
    execute(database, &format!("SELECT {end}"));
    let log = fs::read(format!("/proc/{}/fd/2", Database::Postgres.server_process()));
    let log = log.expect("the log of the server that `deploy/stack up` has started");
    let log = String::from_utf8_lossy(&log);
    let meanwhile = log.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    let (meanwhile, _) = meanwhile.expect("both marks are in the log");
    let executed = meanwhile.split("LOG:  ").filter(|entry| entry.starts_with("execute "));
    let reads = ["FROM \"orders\"", "FROM (\"orders\"", "FROM \"outbox\""];
    executed.filter(|text| reads.iter().any(|read| text.contains(read))).count()
}

fn many_orders_are_read_by_a_few_statements(stage: &Stage) {
    if stage.kind != Database::Postgres {
        return;
    }
    let scratch = stage.kind.scratch();
    let (_, name) = scratch.url.rsplit_once('/').unwrap();
    execute(&scratch, &format!("ALTER DATABASE {name} SET log_statement = 'all'"));
    let url = format!("--spring.datasource.url={}", scratch.url);
    let service =
        Service::start(&[&url, "--order.graphql.enabled=true", "--order.graphql.federation=true"]);
    service.wait_until_ready();
    let customer = fresh();
    let place = || id_of(&service.place(&an_order(customer)).order(201));
    let ids: Vec<_> = (0..100).map(|_| place()).collect();
    let keys: Vec<_> =
        ids.iter().map(|id| format!("{{__typename: \"Order\", id: \"{id}\"}}")).collect();
    let entities = format!(
        "{{ _entities(representations: [{}]) {{ ... on Order {{ id customer {{ id }} items {{ quantity }} }} }} }}",
        keys.join(" ")
    );
    let list = |first, selection: &str| {
        let selection = format!("{{ edges {{ node {{ {selection} }} }} }}");
        format!("{{ ordersOfCustomer(customerId: {customer}, first: {first}) {selection} }}")
    };
    let all = list(100, "id customer { id } items { quantity }");
    let deep = list(20, "id history { edges { node { sequence } } } saga { state }");
    let count = |document: &String| statements(&scratch, || drop(data(&service, document)));
    let (joined, listed, deep) = (count(&entities), count(&all), count(&deep));
    // How many orders are looked up together depends on when the questions come.
    assert!((1..=5).contains(&joined), "{joined} statements for a hundred orders of a gateway");
    assert!((1..=5).contains(&listed), "{listed} statements for a list of a hundred orders");
    // The list, for each order its history, and lookups of orders and sagas, which share statements.
    assert!((22..=61).contains(&deep), "{deep} statements for twenty orders, histories and sagas");
}
