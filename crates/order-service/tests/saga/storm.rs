//! The storm: two services on one database, three participants with scripted faults, three brokers, and clients who place, cancel and
//! bring on orders, while every process is killed or halted at random. Then it is quiet, and the test waits until each saga is over, or
//! waits for its order, or is listed for a person; and audits everything.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use order_app::ports::Entropy as _;
use order_testkit::RandomEntropy;
use order_testkit::audit::audit;
use order_testkit::databases::{Database, Scratch, count};
use order_testkit::tables;
use tokio::runtime::Runtime;

use crate::chaos::{Chaos, Fault, Target, lanes};
use crate::clients::Clients;
use crate::cluster::{BROKERS, Topic};
use crate::fleet::{Fleet, Payment};
use crate::scene::Topics;
use crate::verdict::{Facts, findings, ledger, notices, worth_a_notice};
use crate::{size, trial, until};

/// Shorter than the default, so that commands whose replies are lost are sent again within the storm; and so that some orders
/// expire in it.
const SETTINGS: [&str; 2] = ["--order.saga.resend-after=1s", "--order.saga.deadline=60s"];
/// What goes wrong at the participants.
const SCRIPT: &str =
    "reject=0.05,delay=50ms,duplicate=0.2,lose=0.05,late=2s:0.05,garbage=0.01,seed=";
/// From the end of the faults until the last saga has come to its end. The leases of the dead run out, and so do their places in the
/// groups of readers; a command that was lost often comes after minutes.
const SETTLED_WITHIN: Duration = Duration::from_mins(10);
/// From then on until customers were told.
const TOLD_WITHIN: Duration = Duration::from_mins(3);

/// The sagas that have not come to where they stay: neither over, nor ready beside a confirmed order, nor listed for a person.
const UNSETTLED: &str = "orders LEFT JOIN sagas ON sagas.order_id = orders.id WHERE sagas.order_id IS NULL OR NOT (\
     sagas.attention OR sagas.state IN ('COMPLETED', 'COMPENSATED') \
     OR (sagas.state = 'READY' AND orders.status = 'CONFIRMED'))";

pub(crate) fn trials() -> Vec<Trial> {
    let name = "storm::stock_and_money_net_to_zero_or_to_one";
    let outside =
        trial(name, || stock_and_money_net(size((500, 8), (2_000, 16)), Payment::Outside));
    let name = "storm::stock_and_money_net_to_zero_or_to_one_by_our_participants";
    let ours = trial(name, || stock_and_money_net((10_000, 16), Payment::Ours));
    [Some(outside), size(None, Some(ours))].into_iter().flatten().collect()
}

fn stock_and_money_net((orders, threads): (u64, usize), payment: Payment) {
    // In the usual size the orders are placed within forty seconds, as long as a pass of the faults takes.
    let pace = size(Duration::from_millis(640), Duration::from_millis(400));
    // In the full size a halted service may lose its leases.
    let longest = size(Duration::from_secs(2), Duration::from_secs(12));
    let seed = seed();
    eprintln!("the choices of this storm: SAGA_SEED={seed}");
    let (scratch, topics) = (Database::Postgres.scratch(), Topics::on_the_cluster());
    let fleet = Fleet::on(&scratch, &topics, &SETTINGS, &format!("{SCRIPT}{seed}"), payment);
    let clients = Clients::new(&fleet.bases, seed, orders);
    let chaos = Chaos::on(&fleet, seed, [Duration::from_millis(300), longest]);
    let (begin, lanes) = (Instant::now(), lanes());
    let served = std::thread::scope(|scope| {
        let chaos = &chaos;
        let faults: Vec<_> = (1..)
            .zip(&lanes)
            .map(|(number, lane)| scope.spawn(move || chaos.run(number, lane)))
            .collect();
        let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // The last orders are followed in the quiet, or faults that come for ever would keep them from their ends.
            clients.run(threads, pace, || chaos.ends());
        }));
        // Also after a panic.
        chaos.ends();
        for lane in faults {
            lane.join().unwrap();
        }
        served.unwrap();
        begin.elapsed()
    });
    let hits = chaos.hits();
    eprintln!("faults: {hits:?}; {} attempts of clients failed", clients.failed());
    every_fault_was_hit(&hits);
    fleet.all_run();
    let settled = settle(&scratch);
    let facts = gather(&scratch, &topics, &fleet, &clients);
    fleet.stop();
    let found = findings(&facts);
    let some = &found[..found.len().min(20)];
    assert!(some.is_empty(), "SAGA_SEED={seed}: {} findings, such as {some:?}", found.len());
    let events = audit(&facts.tables, &topics.events.read());
    assert!(events.findings.is_empty(), "SAGA_SEED={seed}: {:?}", events.findings.first());
    let ends = ends(&facts);
    eprintln!("{orders} orders were served after {served:?}, settled {settled:?} later: {ends:?}");
    assert_eq!(u64::try_from(facts.told.len()).unwrap(), orders);
    // Otherwise the storm has shown less than it says.
    for state in ["READY", "COMPLETED", "COMPENSATED"] {
        assert!(ends.contains_key(state), "no saga has ended as {state}");
    }
}

/// That of the environment, or a new one.
fn seed() -> u64 {
    let given = std::env::var_os("SAGA_SEED").map(|seed| seed.into_string().unwrap());
    given.map_or_else(
        || u64::try_from(RandomEntropy.bits() & 0xffff_ffff).unwrap(),
        |seed| seed.parse().expect("SAGA_SEED is a number"),
    )
}

/// The first pass of each lane is run to its end, so this fails only when a lane does.
fn every_fault_was_hit(hits: &BTreeMap<(Target, Fault), usize>) {
    let services = [0, 1].map(Target::Service);
    let participants = [0, 1, 2].map(Target::Participant);
    let brokers = [0, 1, 2].map(Target::Broker);
    assert_eq!(brokers.len(), BROKERS.len());
    for target in [&services[..], &participants, &brokers].concat() {
        for fault in [Fault::Killed, Fault::Halted] {
            assert!(hits.contains_key(&(target, fault)), "{target:?} was not {fault:?}");
        }
    }
}

/// Waits until every saga has come to where it stays. Returns how long that took.
fn settle(scratch: &Scratch) -> Duration {
    let begin = Instant::now();
    let runtime = Runtime::new().unwrap();
    let unsettled = || runtime.block_on(count(&scratch.url, UNSETTLED)).unwrap();
    if !until(SETTLED_WITHIN, || unsettled() == 0) {
        let sagas = runtime.block_on(tables::sagas(&scratch.url)).unwrap();
        let open = sagas.iter().filter(|saga| !matches!(&*saga.state, "COMPLETED" | "COMPENSATED"));
        panic!("{} sagas go on, among {:?}", unsettled(), open.take(10).collect::<Vec<_>>());
    }
    begin.elapsed()
}

/// Reads everything, once every event is published and every customer told.
fn gather(scratch: &Scratch, topics: &Topics, fleet: &Fleet, clients: &Clients) -> Facts {
    let Topic { name, .. } = &topics.events;
    assert!(until(TOLD_WITHIN, || fleet.backlog() == 0), "events for {name} wait");
    let runtime = Runtime::new().unwrap();
    let tables = runtime.block_on(tables::read(&scratch.url)).unwrap();
    let sagas = runtime.block_on(tables::sagas(&scratch.url)).unwrap();
    let expected = worth_a_notice(&tables).len();
    let told = || notices(&fleet.participant(2).audit());
    // Fewer are found later by the verdict, which says which.
    let _ = until(TOLD_WITHIN, || told().len() >= expected);
    let [stock, money] = [0, 1].map(|number| ledger(&fleet.participant(number).audit()));
    Facts { tables, sagas, stock, money, notices: told(), told: clients.told() }
}

/// How many sagas ended in which way.
fn ends(facts: &Facts) -> BTreeMap<&str, usize> {
    let mut ends = BTreeMap::new();
    for saga in &facts.sagas {
        *ends.entry(saga.state.as_str()).or_default() += 1;
    }
    ends
}
