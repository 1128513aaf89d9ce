//! The cost of decisions: amounts, lines, placing an order and changing its status. `deploy/bench micro`
//! runs it. It measures processor time only; nothing waits.

#![expect(clippy::unwrap_used, reason = "the examples are right")]

use chrono::{DateTime, Utc};
use divan::{Bencher, black_box};
use order_domain::{
    Amount, Currency, CustomerId, NewOrder, Order, OrderId, OrderLine, OrderLines, OrderStatus,
    ProductId, Quantity, StatusChange, UnitPrice,
};

fn main() {
    divan::main();
}

/// Three are usual, 200 the most.
const LINES: [i64; 2] = [3, 200];

fn lines(count: i64) -> Vec<OrderLine> {
    let line = |number| OrderLine {
        product_id: ProductId::new(number).unwrap(),
        name: None,
        quantity: Quantity::new(3).unwrap(),
        unit_price: UnitPrice::new(Amount::parse("49.99").unwrap()).unwrap(),
    };
    (1..=count).map(line).collect()
}

fn new_order(count: i64) -> NewOrder {
    NewOrder {
        id: OrderId::new(1).unwrap(),
        customer_id: CustomerId::new(42).unwrap(),
        lines: OrderLines::new(Currency::USD, lines(count)).unwrap(),
        client_reference: None,
        claimed_total: None,
    }
}

const NOON: DateTime<Utc> = DateTime::UNIX_EPOCH;

#[divan::bench(args = ["49.99", "9999999.9999", "4999e-2"])]
fn read_an_amount(text: &str) -> Amount {
    Amount::parse(black_box(text)).unwrap()
}

#[divan::bench(args = ["49.99", "999999999999999.99"])]
fn spell_an_amount(bencher: Bencher<'_, '_>, text: &str) {
    let amount = Amount::parse(text).unwrap().display(Currency::USD);
    bencher.bench(|| black_box(amount).to_string());
}

#[divan::bench(args = LINES)]
fn check_lines(bencher: Bencher<'_, '_>, count: i64) {
    let lines = lines(count);
    bencher
        .with_inputs(|| lines.clone())
        .bench_values(|lines| OrderLines::new(Currency::USD, lines).unwrap());
}

#[divan::bench(args = LINES)]
fn place(bencher: Bencher<'_, '_>, count: i64) {
    let new = new_order(count);
    bencher.with_inputs(|| new.clone()).bench_values(|new| Order::place(new, NOON).unwrap());
}

#[divan::bench(args = LINES)]
fn confirm(bencher: Bencher<'_, '_>, count: i64) {
    let order = Order::place(new_order(count), NOON).unwrap().order;
    let change = StatusChange::new(OrderStatus::Confirmed, None, None).unwrap();
    bencher
        .with_inputs(|| change.clone())
        .bench_values(|change| order.change_status(change, NOON).unwrap());
}
