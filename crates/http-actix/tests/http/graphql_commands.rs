//! Random commands for [`crate::graphql_parity`], as REST and as GraphQL write them.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// A change or a read.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Change(Change),
    Read(Read),
}

/// A change. Its body is that of REST.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The order; none for a new one.
    pub(crate) id: Option<i64>,
    pub(crate) body: Value,
    pub(crate) expected: Option<i64>,
    pub(crate) key: Option<&'static str>,
}

/// A read.
#[derive(Debug, Clone)]
pub(crate) enum Read {
    Order(String),
    List {
        customer: &'static str,
        statuses: Vec<&'static str>,
        from: Option<&'static str>,
        to: Option<&'static str>,
        first: i64,
        after: Option<String>,
    },
    History {
        id: i64,
        after: Option<String>,
        first: i64,
    },
}

impl Change {
    fn is_of_status(&self) -> bool {
        self.body.get("status").is_some()
    }

    /// The method and the path of REST.
    pub(crate) fn target(&self) -> (&'static str, String) {
        match self.id {
            None => ("POST", "/orders".to_owned()),
            Some(id) if self.is_of_status() => ("PUT", format!("/orders/{id}/status")),
            Some(id) => ("PUT", format!("/orders/{id}")),
        }
    }

    /// The mutation, and the type of its input.
    pub(crate) fn mutation(&self) -> (&'static str, &'static str) {
        match self.id {
            None => ("placeOrder", "PlaceOrderInput"),
            Some(_) if self.is_of_status() => ("changeOrderStatus", "ChangeOrderStatusInput"),
            Some(_) => ("replaceOrderLines", "ReplaceOrderLinesInput"),
        }
    }

    /// The input of the mutation.
    pub(crate) fn input(&self) -> Value {
        let mut input = self.body.clone();
        let beside = [
            ("id", json!(self.id.map(|id| id.to_string()))),
            ("expectedVersion", json!(self.expected)),
            ("idempotencyKey", json!(self.key)),
        ];
        for (name, value) in beside.into_iter().filter(|(_, value)| !value.is_null()) {
            input[name] = value;
        }
        input
    }
}

impl Read {
    /// The path of REST.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Order(id) => format!("/orders/{id}"),
            Self::List { customer, statuses, from, to, first, after } => {
                let mut target = format!("/orders/customer/{customer}?limit={first}");
                target.extend(statuses.iter().flat_map(|status| ["&status=", status]));
                for (name, value) in
                    [("createdFrom", *from), ("createdTo", *to), ("cursor", after.as_deref())]
                {
                    target += &value.map(|value| format!("&{name}={value}")).unwrap_or_default();
                }
                target
            }
            Self::History { id, after, first } => {
                let after = after.as_deref().map(|after| format!("&after={after}"));
                format!("/orders/{id}/events?limit={first}{}", after.unwrap_or_default())
            }
        }
    }

    /// The document, with what it selects of an order, a page of orders or a page of events.
    pub(crate) fn document(&self, selection: &str) -> String {
        let given = |name: &str, value: Option<&str>| {
            value.map(|value| format!(", {name}: \"{value}\"")).unwrap_or_default()
        };
        match self {
            Self::Order(id) => format!("{{ it: order(id: \"{id}\") {selection} }}"),
            Self::List { customer, statuses, from, to, first, after } => {
                let more = [
                    given("createdFrom", *from),
                    given("createdTo", *to),
                    given("after", after.as_deref()),
                ];
                let statuses = if statuses.is_empty() {
                    String::new()
                } else {
                    format!(", statuses: [{}]", statuses.join(" "))
                };
                format!(
                    "{{ it: ordersOfCustomer(customerId: \"{customer}\", first: {first}{statuses}{}) {selection} }}",
                    more.concat()
                )
            }
            Self::History { id, after, first } => {
                let after = given("after", after.as_deref());
                format!(
                    "{{ it: order(id: {id}) {{ history(first: {first}{after}) {{ {selection} }} }} }}"
                )
            }
        }
    }
}

/// One of these, of which the first are more likely.
fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: &'static [T],
    odd: &'static [T],
) -> impl Strategy<Value = T> {
    prop_oneof![29 => select(usual), 1 => select(odd)]
}

fn line() -> impl Strategy<Value = Value> {
    let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
    let name = prop_oneof![6 => Just(None), 3 => Just(Some("lamp")), 1 => select(vec![Some("a\u{7}"), Some(long)])];
    let product = mostly(&["1", "2", "3", "4", "5", "6"], &["0", "x", "9007199254740992"]);
    let quantity = mostly(&[1, 2, 3, 9_999], &[0, -1, 10_000]);
    let price =
        mostly(&["1", "2.5", "49.99", "0.10"], &["1.001", "-1", "x", "1e15", "0", "99999999999"]);
    (product, name, quantity, price).prop_map(|(product, name, quantity, price)| {
        let mut line = json!({"productId": id(product), "quantity": quantity, "unitPrice": price});
        if let Some(name) = name {
            line["name"] = json!(name);
        }
        line
    })
}

/// An id as REST writes it: a number, if it is one.
fn id(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |id| json!(id))
}

/// The body of new lines. The total is right, or another one.
fn lines() -> impl Strategy<Value = Map<String, Value>> {
    let items = prop_oneof![19 => prop::collection::vec(line(), 1..4), 1 => Just(Vec::new())];
    let wrong = select(vec![Some("5.00"), Some("1e15"), Some("x")]);
    let total = prop_oneof![9 => Just(None), 1 => wrong];
    (items, total).prop_map(|(items, total)| {
        let mut body = Map::from_iter([("items".to_owned(), Value::Array(items))]);
        body.extend(total.map(|total| ("totalAmount".to_owned(), json!(total))));
        body
    })
}

fn key() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![4 => Just(None), 4 => select(vec![Some("k-1"), Some("k-2"), Some("k-3")]), 1 => select(vec![Some("a b"), Some("\u{e4}")])]
}

fn optional(body: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    body.extend(value.map(|value| (name.to_owned(), json!(value))));
}

fn placing() -> impl Strategy<Value = Change> {
    let customer = mostly(&["1", "2"], &["0", "x"]);
    let currency = prop_oneof![6 => Just(None), 3 => Just(Some("USD")), 1 => select(vec![Some("EUR"), Some("ABC"), Some("usd"), Some("")])];
    let reference = prop_oneof![6 => Just(None), 3 => select(vec![Some("PO-1"), Some("PO-2")]), 1 => Just(Some("a b"))];
    (customer, currency, lines(), reference, key()).prop_map(
        |(customer, currency, mut body, reference, key)| {
            body.insert("customerId".to_owned(), id(customer));
            optional(&mut body, "currency", currency);
            optional(&mut body, "clientReference", reference);
            Change { id: None, body: Value::Object(body), expected: None, key }
        },
    )
}

fn expected() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![3 => Just(None), 2 => (1..4_i64).prop_map(Some), 1 => Just(Some(99))]
}

fn replacing() -> impl Strategy<Value = Change> {
    (1..6_i64, lines(), expected(), key()).prop_map(|(id, body, expected, key)| Change {
        id: Some(id),
        body: Value::Object(body),
        expected,
        key,
    })
}

fn moving() -> impl Strategy<Value = Change> {
    let status =
        select(vec!["CONFIRMED", "CONFIRMED", "IN_PROGRESS", "DELIVERED", "CANCELLED", "PENDING"]);
    let reason = select(vec![None, None, None, Some("FRAUD"), Some("OUT_OF_STOCK")]);
    let long: &'static str = Box::leak("n".repeat(501).into_boxed_str());
    let note = prop_oneof![6 => Just(None), 3 => Just(Some("why not")), 1 => select(vec![Some(long), Some("a\u{7}")])];
    (1..6_i64, status, reason, note, expected(), key()).prop_map(
        |(id, status, reason, note, expected, key)| {
            let mut body = Map::from_iter([("status".to_owned(), json!(status))]);
            optional(&mut body, "reason", reason);
            optional(&mut body, "note", note);
            Change { id: Some(id), body: Value::Object(body), expected, key }
        },
    )
}

fn reading() -> impl Strategy<Value = Read> {
    let order = mostly(&["1", "2", "3", "4", "77"], &["0", "x", "01", "9007199254740992"]);
    let statuses = vec!["PENDING", "CONFIRMED", "IN_PROGRESS", "DELIVERED", "CANCELLED"];
    let statuses = prop::collection::vec(select(statuses), 0..3);
    // Every order is placed at noon.
    let time = || {
        let times = vec![
            Some("2026-11-22T12:00:00.123456Z"),
            Some("2026-11-22T12:00:00.123457Z"),
            Some("1999-01-01T00:00:00Z"),
        ];
        prop_oneof![5 => Just(None), 1 => select(times)]
    };
    let first = || mostly(&[1, 2, 3, 100], &[0, 101, -1]);
    let first_events = mostly(&[1, 2, 100], &[0, -1]);
    let cursor = prop_oneof![9 => Just(None), 1 => Just(Some("x".to_owned()))];
    let position = prop_oneof![5 => Just(None), 3 => select(vec!["0", "1", "2", "99"]).prop_map(|text| Some(text.to_owned())),
        1 => select(vec!["x", "-1", "01"]).prop_map(|text| Some(text.to_owned()))];
    let customer = mostly(&["1", "2", "3"], &["0", "x"]);
    let list = (customer, statuses, time(), time(), first(), cursor);
    prop_oneof![
        order.prop_map(|id| Read::Order(id.to_owned())),
        list.prop_map(|(customer, statuses, from, to, first, after)| Read::List {
            customer,
            statuses,
            from,
            to,
            first,
            after
        }),
        (1..6_i64, position, first_events).prop_map(|(id, after, first)| Read::History {
            id,
            after,
            first
        }),
    ]
}

/// Some commands. A change that has a key comes again now and then.
pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec((command(), 0..5), 10..30).prop_map(|drawn| {
        let mut commands: Vec<Command> = Vec::new();
        for (command, turn) in drawn {
            let has_key = |command: &&Command| {
                matches!(command, Command::Change(Change { key: Some(_), .. }))
            };
            let again = commands.iter().rev().find(has_key).filter(|_| turn == 0).cloned();
            commands.push(again.unwrap_or(command));
        }
        commands
    })
}

/// Any command.
fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => placing().prop_map(Command::Change),
        3 => replacing().prop_map(Command::Change),
        5 => moving().prop_map(Command::Change),
        4 => reading().prop_map(Command::Read),
    ]
}
