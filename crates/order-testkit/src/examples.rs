//! Small examples to build tests from. Each is valid as it is; a test names the fields that matter to
//! it: `NewOrder { client_reference: Some(a_reference("po-7")), ..a_new_order(1, 42) }`. Invalid ids,
//! amounts and quantities end the test.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use order_app::caller::Caller;
use order_app::events::{EventRecord, Origin};
use order_app::idempotency::{
    Answer, Fingerprint, IdempotencyKey, Operation, Recorded, RecordedAnswer,
};
use order_app::orders::{ChangeStatus, Once, PlaceOrder, ReplaceLines, WriteRequest};
use order_app::ports::{Deadline, OrderChange, SagaWrite, StateName, uuid_v7};
use order_domain::{
    Amount, ClientReference, Currency, CustomerId, Decision, NewOrder, Order, OrderEvent, OrderId,
    OrderLine, OrderLines, OrderStatus, ProductId, ProductName, Quantity, StatusChange, UnitPrice,
};

use crate::entropy::RandomEntropy;

/// 2026-11-22, 12:00 UTC and 123,456 microseconds: the time of every example.
#[must_use]
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_348_800_123_456).expect("a time inside the calendar")
}

/// `micros` microseconds after [`noon`].
#[must_use]
pub fn noon_plus(micros: i64) -> DateTime<Utc> {
    noon().checked_add_signed(TimeDelta::microseconds(micros)).expect("a time inside the calendar")
}

/// A deadline in 5 seconds, which a working store meets easily.
#[must_use]
pub fn soon() -> Deadline {
    within(Duration::from_secs(5))
}

/// A deadline after `time` from now.
#[must_use]
pub fn within(time: Duration) -> Deadline {
    Deadline::now().checked_add(time).expect("a time to come")
}

/// An order id.
#[must_use]
pub fn an_order_id(id: i64) -> OrderId {
    OrderId::new(id).expect("an order id")
}

/// A customer id.
#[must_use]
pub fn a_customer(id: i64) -> CustomerId {
    CustomerId::new(id).expect("a customer id")
}

/// A client reference.
#[must_use]
pub fn a_reference(text: &str) -> ClientReference {
    ClientReference::new(text).expect("a client reference")
}

/// A currency by its code.
#[must_use]
pub fn a_currency(code: &str) -> Currency {
    Currency::from_code(code).expect("an ISO 4217 code")
}

/// An amount by its text.
#[must_use]
pub fn an_amount(text: &str) -> Amount {
    Amount::parse(text).expect("an amount")
}

/// A line with a name.
#[must_use]
pub fn a_line(product: i64, quantity: i64, unit_price: &str) -> OrderLine {
    OrderLine {
        product_id: ProductId::new(product).expect("a product id"),
        name: Some(ProductName::new(format!("Product {product}")).expect("a name")),
        quantity: Quantity::new(quantity).expect("a quantity"),
        unit_price: UnitPrice::new(an_amount(unit_price)).expect("a unit price"),
    }
}

/// As many lines as an order may have, with the longest names: about 180 KB.
#[must_use]
pub fn large_lines(unit_price: &str) -> Vec<OrderLine> {
    let name = "\u{1d11e}".repeat(ProductName::MAX);
    let name = ProductName::new(name).expect("a name");
    let line = |product| OrderLine { name: Some(name.clone()), ..a_line(product, 1, unit_price) };
    (1..=200).map(line).collect()
}

/// Three pieces at 49.99 and one at 0.10.
#[must_use]
pub fn some_lines() -> Vec<OrderLine> {
    vec![a_line(7, 3, "49.99"), a_line(8, 1, "0.10")]
}

/// Lines that make an order in a currency.
#[must_use]
pub fn lines_in(currency: Currency, lines: Vec<OrderLine>) -> OrderLines {
    OrderLines::new(currency, lines).expect("lines that make an order")
}

/// An order of [`some_lines`] in US dollars that is about to be placed.
#[must_use]
pub fn a_new_order(id: i64, customer: i64) -> NewOrder {
    NewOrder {
        id: an_order_id(id),
        customer_id: a_customer(customer),
        lines: lines_in(Currency::USD, some_lines()),
        client_reference: None,
        claimed_total: None,
    }
}

/// The event that an order was placed, at a time.
#[must_use]
pub fn placed(new: NewOrder, at: DateTime<Utc>) -> OrderEvent {
    Order::place(new, at).expect("no other total is claimed")
}

/// An order of customer 42, just placed.
#[must_use]
pub fn an_order(id: i64) -> Order {
    placed(a_new_order(id, 42), noon()).order
}

/// A change to a status, without reason and note.
#[must_use]
pub fn a_status_change(to: OrderStatus) -> StatusChange {
    StatusChange::new(to, None, None).expect("no reason is given")
}

/// The event that an order moved to a status that its own allows.
#[must_use]
pub fn moved(order: &Order, to: OrderStatus, at: DateTime<Utc>) -> OrderEvent {
    changed(order.change_status(a_status_change(to), at).expect("the status table allows it"))
}

/// The event that a pending order's lines were replaced by other ones.
#[must_use]
pub fn relined(order: &Order, lines: Vec<OrderLine>, at: DateTime<Utc>) -> OrderEvent {
    let lines = lines_in(order.currency(), lines);
    changed(order.replace_lines(lines, None, at).expect("the order is pending"))
}

fn changed(decision: Decision) -> OrderEvent {
    match decision {
        Decision::Changed(event) => Some(*event),
        Decision::Unchanged => None,
    }
    .expect("the order is not so already")
}

/// An event with its order, ready to be committed without an answer, of an order without a saga. Its event id is random.
#[must_use]
pub fn a_change(event: OrderEvent) -> OrderChange {
    let id = uuid_v7(event.order.snapshot().updated_at, &RandomEntropy);
    let frozen = EventRecord::freeze(&event, id, &an_origin()).expect("plain JSON");
    OrderChange { order: event.order, event: frozen, answer: None, saga_seen: 0, saga: None }
}

/// The change that places an order at [`noon`].
#[must_use]
pub fn a_change_placing(new: NewOrder) -> OrderChange {
    a_change(placed(new, noon()))
}

/// A saga that began at [`noon`], with a number in its document.
#[must_use]
pub fn a_saga(number: i64) -> SagaWrite {
    SagaWrite {
        state: StateName::new("RUNNING").expect("a name"),
        due_at: Some(noon_plus(30_000_000)),
        attention: false,
        document: format!("{{\"saga\":{number}}}"),
        created_at: noon(),
        updated_at: noon_plus(number),
    }
}

/// A request with a correlation id and a trace.
#[must_use]
pub fn an_origin() -> Origin {
    Origin {
        correlation_id: "correlation-1".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

/// The caller that may do everything.
#[must_use]
pub fn anyone() -> &'static Caller {
    static ANYONE: Caller = Caller::anonymous();
    &ANYONE
}

/// A key for placing an order.
#[must_use]
pub fn a_key(key: &str) -> IdempotencyKey {
    IdempotencyKey {
        caller: anyone().name().clone(),
        operation: Operation::Place,
        recorded: Recorded::Answer,
        key: key.to_owned(),
    }
}

/// An answer recorded under a key at [`noon`].
#[must_use]
pub fn a_recorded_answer(key: IdempotencyKey) -> RecordedAnswer {
    RecordedAnswer {
        key,
        fingerprint: Fingerprint([7; 32]),
        answer: Answer {
            tag: 201,
            head: "location: /orders/1".to_owned(),
            body: br#"{"id":1}"#.to_vec(),
        },
        recorded_at: noon(),
    }
}

/// Customer 42 orders [`some_lines`] in the default currency.
#[must_use]
pub fn a_place_command() -> PlaceOrder {
    PlaceOrder {
        customer_id: a_customer(42),
        currency: None,
        lines: some_lines(),
        client_reference: None,
        claimed_total: None,
    }
}

/// A command to change the status of an order, whatever its version.
#[must_use]
pub fn a_status_command(id: OrderId, to: OrderStatus) -> ChangeStatus {
    ChangeStatus { id, change: a_status_change(to), expected: None, claims: Vec::new() }
}

/// A command to replace the lines of an order, whatever its version.
#[must_use]
pub const fn a_lines_command(id: OrderId, lines: Vec<OrderLine>) -> ReplaceLines {
    ReplaceLines { id, lines, claimed_total: None, expected: None, claims: Vec::new() }
}

/// A write without an idempotency key.
#[must_use]
pub fn a_write_request() -> WriteRequest {
    WriteRequest { origin: an_origin(), once: None, encode, permit: None }
}

/// A write that runs once, under a caller's key and for one fingerprint of the request.
#[must_use]
pub fn a_write_once(key: &str, fingerprint: u8) -> WriteRequest {
    WriteRequest {
        once: Some(Once {
            key: key.to_owned(),
            fingerprint: Fingerprint([fingerprint; 32]),
            recorded: Recorded::Answer,
        }),
        ..a_write_request()
    }
}

/// A simple encoding: the id, version and status of the order as text.
#[must_use]
pub fn encode(order: &Order) -> Answer {
    let text = format!("{} {} {}", order.id(), order.version(), order.status());
    Answer { tag: 200, head: format!("version {}", order.version()), body: text.into_bytes() }
}
