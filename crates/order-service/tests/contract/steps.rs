//! Steps of the cases: bodies, orders in every status, histories.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::Service;
use crate::wire::Reply;

/// The largest id that every JSON client reads exactly.
pub(crate) const MAX_ID: i64 = (1 << 53) - 1;

/// Every status, in the order of the contract's table.
pub(crate) const STATUSES: [&str; 5] =
    ["PENDING", "CONFIRMED", "IN_PROGRESS", "DELIVERED", "CANCELLED"];

/// An id that no other case has.
pub(crate) fn fresh() -> i64 {
    let bits = RandomState::new().hash_one("an id") >> 12;
    i64::try_from(bits).unwrap() + 1_000
}

/// An idempotency key that no other case has.
pub(crate) fn fresh_key() -> String {
    format!("key-{}", fresh())
}

/// A line of an order.
pub(crate) fn line(product: i64, quantity: i64, price: &str) -> Value {
    json!({"productId": product, "quantity": quantity, "unitPrice": price})
}

/// The body of an order of one line, for a customer that no other case has.
pub(crate) fn a_body() -> Value {
    json!({"customerId": fresh(), "items": [line(7, 3, "49.99")]})
}

/// An object with one more field, or another value in it.
pub(crate) fn with(mut object: Value, field: &str, value: impl Into<Value>) -> Value {
    object[field] = value.into();
    object
}

/// The text of an order's body in which the value at a pointer (such as `/items/0/quantity`) is
/// given text for text, and left out when the text is empty.
pub(crate) fn body_with(pointer: &str, text: &str) -> String {
    let (line, top) = match pointer.strip_prefix("/items/0/") {
        Some(field) => (Some(field), None),
        None => (None, pointer.strip_prefix('/')),
    };
    let usual = [("productId", "7"), ("quantity", "1"), ("unitPrice", "\"1.00\"")];
    let items = format!("[{}]", object(&usual, line, text));
    let customer = fresh().to_string();
    object(&[("customerId", &customer), ("items", &items)], top, text)
}

fn object(usual: &[(&str, &str)], field: Option<&str>, text: &str) -> String {
    let mut fields: Vec<(&str, &str)> = usual.to_vec();
    if let Some(field) = field {
        fields.retain(|(name, _)| *name != field);
        if !text.is_empty() {
            fields.push((field, text));
        }
    }
    let fields: Vec<_> = fields.iter().map(|(name, text)| format!("\"{name}\":{text}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Does the same many times at once, and returns all results.
pub(crate) fn together<T: Send>(times: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(times);
    std::thread::scope(|scope| {
        let actor = |turn| {
            let (start, act) = (&start, &act);
            scope.spawn(move || {
                start.wait();
                act(turn)
            })
        };
        let actors: Vec<_> = (0..times).map(actor).collect();
        actors.into_iter().map(|actor| actor.join().expect("an actor")).collect()
    })
}

/// The id of an order.
pub(crate) fn id_of(order: &Value) -> i64 {
    order["id"].as_i64().expect("an id")
}

/// The texts in an array, sorted.
pub(crate) fn sorted(texts: &Value) -> Vec<&str> {
    let mut texts: Vec<_> =
        texts.as_array().expect("an array").iter().map(|text| text.as_str().unwrap()).collect();
    texts.sort_unstable();
    texts
}

/// The address in a `Link` header with `rel="next"`.
pub(crate) fn next_link(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?;
    let (address, relation) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(relation.replace(' ', ""), ";rel=\"next\"", "{link}");
    Some(address.to_owned())
}

impl Service {
    /// Posts an order.
    pub(crate) fn place(&self, body: &Value) -> Reply {
        self.ask("POST", "/orders", &[], body.to_string())
    }

    /// A new order, of a customer that no other case has.
    pub(crate) fn new_order(&self) -> Value {
        self.place(&a_body()).order(201)
    }

    /// An order as it is now.
    pub(crate) fn order(&self, id: i64) -> Value {
        self.read(&format!("/orders/{id}")).order(200)
    }

    /// Replaces the lines of an order.
    pub(crate) fn replace(&self, id: i64, body: &Value) -> Reply {
        self.ask("PUT", &format!("/orders/{id}"), &[], body.to_string())
    }

    /// Changes the status of an order.
    pub(crate) fn change(&self, id: i64, body: &Value) -> Reply {
        self.ask("PUT", &format!("/orders/{id}/status"), &[], body.to_string())
    }

    /// A new order that was moved to a status.
    pub(crate) fn order_at(&self, status: &str) -> Value {
        let mut order = self.new_order();
        let way: &[&str] = match status {
            "PENDING" => &[],
            "CONFIRMED" => &["CONFIRMED"],
            "IN_PROGRESS" => &["CONFIRMED", "IN_PROGRESS"],
            "DELIVERED" => &["CONFIRMED", "IN_PROGRESS", "DELIVERED"],
            "CANCELLED" => &["CANCELLED"],
            unknown => panic!("{unknown} is no status"),
        };
        for status in way {
            order = self.change(id_of(&order), &json!({"status": status})).order(200);
        }
        order
    }

    /// The whole history of an order.
    pub(crate) fn history(&self, id: i64) -> Vec<Value> {
        let mut events = Vec::new();
        let mut next = Some(format!("/orders/{id}/events"));
        while let Some(path) = next {
            let page = self.read(&path);
            assert_eq!(page.status, 200, "{page:?}");
            let page_events = page.json();
            events.extend(page_events.as_array().expect("events").iter().cloned());
            next = next_link(&page);
        }
        events
    }

    /// All orders of a customer, newest first.
    pub(crate) fn orders_of(&self, customer: i64) -> Vec<Value> {
        let page = self.read(&format!("/orders/customer/{customer}?limit=100"));
        assert_eq!(next_link(&page), None, "one page is enough");
        page.json()["orders"].as_array().expect("orders").clone()
    }
}
