//! The commands and replies of the saga: each is read as it was written, bad bytes are errors with a
//! name, what was published once stays readable, and the AsyncAPI document says how they look.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a broken expectation ends a test"
)]

#[path = "../frozen/mod.rs"]
mod frozen;

mod corpus;
mod decoding;
mod document;
mod properties;

use order_domain::{Amount, Currency, CustomerId, OrderId, ProductId, Quantity};
use order_events::saga::{Command, Earlier, Item, Payment, Reason, Reply, Task, Verdict};
use order_events::{Message, Word};

pub(crate) const COMMAND: &str = "0b5a3f1e-52f0-4c5e-8d5c-0a6f1f6b7c01";
pub(crate) const EARLIER: &str = "0b5a3f1e-52f0-4c5e-8d5c-0a6f1f6b7c00";

pub(crate) fn command(task: Task) -> Command {
    let cause = "019aab12-3456-7890-8abc-def000000006";
    let (id, order) = (COMMAND.parse().unwrap(), OrderId::new(4711).unwrap());
    Command::new(id, order, task, cause, "cart 7", "order.replies")
}

pub(crate) fn reserve(items: &[(i64, i64)]) -> Task {
    let item = |(product, quantity): &(i64, i64)| Item {
        product_id: ProductId::new(*product).unwrap(),
        quantity: Quantity::new(*quantity).unwrap(),
    };
    Task::Reserve(items.iter().map(item).collect())
}

pub(crate) fn authorize(amount: &str, currency: &str) -> Task {
    let known = Currency::from_code(currency).map(Word::Known);
    Task::Authorize(Payment {
        customer_id: CustomerId::new(42).unwrap(),
        amount: Amount::parse(amount).unwrap(),
        currency: known.unwrap_or_else(|_| Word::Other(currency.to_owned())),
    })
}

pub(crate) fn earlier(reference: Option<&str>) -> Earlier {
    Earlier { of: EARLIER.parse().unwrap(), reference: reference.map(str::to_owned) }
}

pub(crate) fn rejected(reason: Reason) -> Reply {
    let mut reply = Reply::to(&command(reserve(&[(7, 3)])), "/inventory", Verdict::Rejected);
    reply.reason = Some(Word::Known(reason));
    reply
}

/// The headers of a message as texts.
pub(crate) fn headers(message: &Message) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    message.headers().map(|(name, value)| (name.to_owned(), text(value))).collect()
}
