//! One example for each message: the commands for one order, and a reply to each. They are encoded like
//! every message, from the types that participants work with.

use std::str;

use chrono::DateTime;
use order_domain::{Amount, Currency, CustomerId, OrderId, ProductId, Quantity};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::encoding::Message;
use crate::event::Word;
use crate::saga::{Command, CommandType, Earlier, Item, Payment, Reason, Reply, Task, Verdict};

/// The event that began the saga: the order of the examples of events was placed.
const EVENT: &str = "019ab000-0000-7000-8000-000000000001";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A command, which asks for the reply to this topic. There is one whenever Kafka allows its name; a test
/// finds all of them.
pub(super) fn command(kind: CommandType, replies: &str) -> Option<Value> {
    example(kind.as_str(), &sent(kind, replies)?.encode().ok()?)
}

/// A reply to it: each verdict is the one of some command.
pub(super) fn reply(kind: CommandType, replies: &str) -> Option<Value> {
    use CommandType::{Authorize, Capture, Commit, Release, Reserve, Void};

    let (source, verdict) = match kind {
        Reserve | Release | Commit => ("/inventory", Verdict::Done),
        Authorize => ("/payment", Verdict::Rejected),
        Void => ("/payment", Verdict::Failed),
        Capture => ("/payment", Verdict::Done),
    };
    let mut reply = Reply::to(&sent(kind, replies)?, source, verdict);
    match kind {
        Reserve => reply.reference = Some(reference(kind).to_owned()),
        Authorize => reply.reason = Some(Word::Known(Reason::PaymentFailed)),
        Void => reply.detail = Some("the bank does not answer".to_owned()),
        Release | Commit | Capture => {}
    }
    example(&format!("{kind}.{verdict}"), &reply.encode().ok()?)
}

fn sent(kind: CommandType, replies: &str) -> Option<Command> {
    let order = OrderId::new(123).ok()?;
    let cause = cause(kind);
    let mut command = Command::new(id(kind), order, task(kind)?, cause, TRACE, replies);
    command.traceparent = Some(format!("00-{TRACE}-00f067aa0ba902b7-01"));
    if kind.about().is_none() {
        // 2026-11-22T12:15:00Z: a while after the order was placed.
        command.expires_at = DateTime::from_timestamp(1_795_349_700, 0);
    }
    Some(command)
}

fn task(kind: CommandType) -> Option<Task> {
    let earlier = |of: CommandType, is_answered: bool| Earlier {
        of: id(of),
        reference: is_answered.then(|| reference(of).to_owned()),
    };
    Some(match kind {
        CommandType::Reserve => Task::Reserve(vec![Item {
            product_id: ProductId::new(7).ok()?,
            quantity: Quantity::new(2).ok()?,
        }]),
        CommandType::Authorize => Task::Authorize(Payment {
            customer_id: CustomerId::new(42).ok()?,
            amount: Amount::parse("99.98").ok()?,
            currency: Word::Known(Currency::USD),
        }),
        CommandType::Release => Task::Release(earlier(CommandType::Reserve, true)),
        CommandType::Commit => Task::Commit(earlier(CommandType::Reserve, true)),
        // Inventory has refused, before payment replied.
        CommandType::Void => Task::Void(earlier(CommandType::Authorize, false)),
        CommandType::Capture => Task::Capture(earlier(CommandType::Authorize, true)),
    })
}

/// Random, like every command id.
const fn id(kind: CommandType) -> Uuid {
    Uuid::from_u128(match kind {
        CommandType::Reserve => 0x0b5a_3f1e_52f0_4c5e_8d5c_0a6f_1f6b_7c01,
        CommandType::Authorize => 0x6d2f_3c66_7a0c_4d0e_9f0a_5b8f_6f0c_9b11,
        CommandType::Release => 0x3c1d_9a40_6b7e_4f52_a1c8_2e94_d07b_5f36,
        CommandType::Commit => 0x91e4_07b2_c85d_4a19_b3f6_70d1_8a2c_e49d,
        CommandType::Void => 0xd8f2_514a_0e93_4b67_8c2d_f15e_936a_b078,
        CommandType::Capture => 0x27b9_e6c3_f418_4d80_95ae_c3d7_410f_682b,
    })
}

/// The event or the reply that caused a command.
fn cause(kind: CommandType) -> String {
    let reply = |to: CommandType, verdict: Verdict| format!("{}.{verdict}", id(to));
    match kind {
        CommandType::Reserve => EVENT.to_owned(),
        CommandType::Authorize => reply(CommandType::Reserve, Verdict::Done),
        CommandType::Release => reply(CommandType::Authorize, Verdict::Rejected),
        CommandType::Void => reply(CommandType::Reserve, Verdict::Rejected),
        CommandType::Commit | CommandType::Capture => reply(CommandType::Authorize, Verdict::Done),
    }
}

/// What the participant calls its work.
const fn reference(of: CommandType) -> &'static str {
    if matches!(of, CommandType::Reserve) { "R-123" } else { "P-123" }
}

fn example(name: &str, message: &Message) -> Option<Value> {
    let text = |(name, value): (&str, &[u8])| {
        Some((name.to_owned(), Value::from(str::from_utf8(value).ok()?)))
    };
    let headers = message.headers().map(text).collect::<Option<Map<_, _>>>()?;
    let payload: Value = serde_json::from_slice(message.value()).ok()?;
    Some(json!({"name": name, "headers": headers, "payload": payload}))
}
