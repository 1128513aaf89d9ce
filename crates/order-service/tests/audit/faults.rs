//! Everything that an event passes through fails under load, one after the other: an instance is
//! killed, a broker is killed, connections to the database are cut and commits lost (not with SQLite),
//! and an instance is halted for longer than its lease.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use order_testkit::Conduct;
use order_testkit::databases::Database;

use crate::cluster::{BROKERS, Killed, Topic};
use crate::fleet::Fleet;
use crate::load::Load;
use crate::{is_full_size, verdict};

const FULL_SIZE: usize = 100_000;
/// In the short form each client begins four orders a second, which lasts for one round of faults.
const PACE: Duration = Duration::from_millis(250);
/// Orders that are delivered between two faults.
const SOME_ORDERS: usize = 20;

pub(crate) fn cost_no_event_and_no_order(database: Database) {
    let (scratch, topic) = (database.scratch(), Topic::new());
    let fleet = Fleet::on(&scratch, &topic);
    let load = Load::default();
    let (goal, pace) = if is_full_size() { (FULL_SIZE, Duration::ZERO) } else { (0, PACE) };
    let begin = Instant::now();
    let delivered = || load.delivered.load(Ordering::Relaxed);
    load.run(&fleet, pace, |load| {
        load.delivers(SOME_ORDERS);
        for round in 0.. {
            one_round(&fleet, load, round);
            eprintln!(
                "{}: {} orders after {} rounds of faults and {:?}; {} attempts failed",
                database.name(),
                delivered(),
                round + 1,
                begin.elapsed(),
                load.failed.load(Ordering::Relaxed)
            );
            if delivered() >= goal {
                break;
            }
        }
    });
    verdict::wait_until_drained(&fleet);
    let drained = begin.elapsed();
    fleet.stop();
    let seen = verdict::nothing_is_amiss(&scratch, &topic, &load);
    eprintln!("{}: {seen}; published after {drained:?}", database.name());
}

fn one_round(fleet: &Fleet, load: &Load, round: usize) {
    // Instances and brokers alternate from round to round.
    fleet.kill_and_replace(round);
    load.delivers(SOME_ORDERS);
    let killed = Killed::now(&BROKERS[round % BROKERS.len()..][..1]);
    load.delivers(SOME_ORDERS);
    drop(killed);
    let cut = fleet.cut_connections(|| load.fails(2));
    if cut {
        load.delivers(SOME_ORDERS);
        for what in [Conduct::LosesCommit, Conduct::LosesCommitAnswer, Conduct::LosesCommitAnswer] {
            fleet.lose(what);
        }
    }
    load.delivers(SOME_ORDERS);
    fleet.halt_beyond_its_lease(round);
    load.delivers(SOME_ORDERS);
}
