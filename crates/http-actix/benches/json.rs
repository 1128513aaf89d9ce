//! What JSON costs: a body read, an answer rendered, an event frozen. `deploy/bench micro` runs it.
//! Time is the processor's alone; nothing here waits for anything.

#![expect(clippy::unwrap_used, reason = "the examples are right")]

use chrono::DateTime;
use divan::{Bencher, black_box};
use http_actix::measured;
use order_app::currencies::Currencies;
use order_app::events::{EventRecord, Origin};
use order_app::ports::uuid_v7;
use order_domain::{Currency, CustomerId, NewOrder, Order, OrderEvent, OrderId, OrderLines};
use order_testkit::RandomEntropy;

fn main() {
    divan::main();
}

/// Three are usual, 200 the most.
const LINES: [usize; 2] = [3, 200];

fn body(count: usize) -> String {
    let line = |number| format!(r#"{{"productId":{number},"quantity":3,"unitPrice":"49.99"}}"#);
    let lines: Vec<_> = (1..=count).map(line).collect();
    format!(r#"{{"customerId":42,"items":[{}]}}"#, lines.join(","))
}

fn placed(count: usize) -> OrderEvent {
    let command =
        measured::read_place_order(body(count).as_bytes(), &Currencies::default()).unwrap();
    let new = NewOrder {
        id: OrderId::new(1).unwrap(),
        customer_id: CustomerId::new(42).unwrap(),
        lines: OrderLines::new(Currency::USD, command.lines).unwrap(),
        client_reference: None,
        claimed_total: None,
    };
    Order::place(new, DateTime::UNIX_EPOCH).unwrap()
}

#[divan::bench(args = LINES)]
fn read_a_body(bencher: Bencher<'_, '_>, count: usize) {
    let (body, currencies) = (body(count), Currencies::default());
    let bytes = body.as_bytes();
    bencher.bench(|| measured::read_place_order(black_box(bytes), &currencies).unwrap());
}

#[divan::bench(args = LINES)]
fn render_an_answer(bencher: Bencher<'_, '_>, count: usize) {
    let order = placed(count).order;
    bencher.bench(|| measured::render_order(black_box(&order)));
}

#[divan::bench(args = LINES)]
fn freeze_an_event(bencher: Bencher<'_, '_>, count: usize) {
    let (event, origin) = (placed(count), Origin::default());
    let id = uuid_v7(DateTime::UNIX_EPOCH, &RandomEntropy);
    bencher.bench(|| EventRecord::freeze(black_box(&event), id, &origin).unwrap());
}
