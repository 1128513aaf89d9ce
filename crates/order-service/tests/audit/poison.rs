//! One order among a thousand whose events no broker accepts: the others are published. Once the topic
//! accepts larger events, one redrive publishes the rest, and no event is missing.

use std::time::{Duration, Instant};

use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::audit::Finding;
use order_testkit::databases::Database;
use serde_json::{Value, json};

use crate::cluster::Topic;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::verdict;

const OTHERS: usize = 999;
/// The largest batch in bytes: smaller than an event of the poisoned order, far larger than any other
/// event with its headers.
const SMALL: &str = "6000";
const LARGE: &str = "1000000";
const POISONED_CUSTOMER: i64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_mins(1);

/// An order with random names, which compression does not make smaller.
fn poisoned() -> Value {
    let name = || format!("{:032x}{:032x}", RandomEntropy.bits(), RandomEntropy.bits());
    let item =
        |product| json!({"productId": product, "name": name(), "quantity": 1, "unitPrice": "1.00"});
    json!({"customerId": POISONED_CUSTOMER, "items": (1..=100).map(item).collect::<Vec<_>>()})
}

pub(crate) fn an_order_waits_alone(database: Database) {
    let (scratch, topic) = (database.scratch(), Topic::taking(SMALL));
    let fleet = Fleet::on(&scratch, &topic);
    let load = Load::default();
    let mut order = 0;
    load.run(&fleet, Duration::ZERO, |load| {
        load.delivers(OTHERS / 2);
        order = load.one_more(&fleet, POISONED_CUSTOMER, &poisoned());
        load.delivers(OTHERS / 2);
    });
    // All other events are published, and all events of the poisoned order wait.
    let mut alone = vec![Finding::Parked(order)];
    alone.extend((1..=4).map(|sequence| Finding::Lost(order, sequence)));
    let begin = Instant::now();
    while verdict::findings(&scratch, &topic) != alone {
        let found = || verdict::findings(&scratch, &topic);
        assert!(begin.elapsed() < PATIENCE, "{order} is poisoned; there are {:?}", found());
    }
    topic.take(LARGE);
    let _ = fleet.told(&["parked", "redrive", &order.to_string()]);
    verdict::wait_until_drained(&fleet);
    let parked = || fleet.told(&["parked", "list", "--json"]);
    while parked().contains(&order.to_string()) {
        assert!(begin.elapsed() < 2 * PATIENCE, "{}", parked());
    }
    fleet.stop();
    let seen = verdict::nothing_is_amiss(&scratch, &topic, &load);
    eprintln!("{}: {seen}", database.name());
}
