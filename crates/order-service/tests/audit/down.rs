//! All brokers are down while orders are written, and while an instance starts. Every write succeeds,
//! and when the brokers are back, every event is published in sequence.

use std::sync::atomic::Ordering;
use std::time::Duration;

use order_testkit::databases::Database;

use crate::cluster::{BROKERS, Killed, Topic};
use crate::fleet::Fleet;
use crate::load::Load;
use crate::{is_full_size, verdict};

const PACE: Duration = Duration::from_millis(50);

pub(crate) fn brokers_are_not_noticed(database: Database) {
    let orders = if is_full_size() { 5_000 } else { 150 };
    let (scratch, topic) = (database.scratch(), Topic::new());
    let fleet = Fleet::on(&scratch, &topic);
    let load = Load::default();
    let write = |more: usize| {
        load.run(&fleet, PACE, |load| load.delivers(more));
        load.median_latency()
    };
    let up = write(orders);
    verdict::wait_until_drained(&fleet);
    let killed = Killed::now(&BROKERS);
    let down = write(orders);
    // The same with an instance that has never reached a broker.
    fleet.kill_and_replace(1);
    let down_from_the_start = write(orders);
    let backlog = fleet.backlog();
    assert!(backlog >= i64::try_from(8 * orders).unwrap(), "nothing was published: {backlog}");
    assert_eq!(load.failed.load(Ordering::Relaxed), 0, "every write was answered with success");
    drop(killed);
    verdict::wait_until_drained(&fleet);
    fleet.stop();
    let seen = verdict::nothing_is_amiss(&scratch, &topic, &load);
    eprintln!(
        "{}: {seen}; median answer with brokers {up:?}, without {down:?}, without from the start \
         {down_from_the_start:?}",
        database.name()
    );
}
