//! On a real cluster of three brokers, with each partition on all of them and confirmed by two: the
//! promises hold when one of them dies or hangs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use events_kafka::{KafkaPublisher, TopicsState};
use order_app::ports::EventPublisher as _;
use tokio::sync::{Mutex, MutexGuard};

use super::rig::{
    a_topic, an_event, assert_confirmed, deploy, events, publish_all, publisher, publisher_to_new,
    read, transient, until,
};

const BROKERS: [&str; 3] = ["kafka1", "kafka2", "kafka3"];
/// Enough for every partition, and so for every broker as its leader.
const ORDERS: i64 = 60;
const SHARES: i64 = 3;
/// The pace of each share: publishing must last longer than the fault, not fill a long log.
const PACE: Duration = Duration::from_millis(20);
const SOME_CALLS: usize = 30;

/// One test at a time disturbs the cluster.
static CLUSTER: Mutex<()> = Mutex::const_new(());

struct Cluster {
    _alone: MutexGuard<'static, ()>,
    servers: String,
}

impl Cluster {
    async fn whole() -> Self {
        let alone = CLUSTER.lock().await;
        let servers = BROKERS.map(|broker| variable(broker, "URL")).join(",");
        Self { _alone: alone, servers }
    }
}

/// A variable of a broker from `deploy/stack env`.
fn variable(broker: &str, what: &str) -> String {
    let environment = deploy("stack", &["env", broker]);
    let name = format!("STACK_{}_{what}=", broker.to_uppercase());
    let line = environment.lines().find_map(|line| line.split(&name).nth(1));
    line.expect("start the cluster with `deploy/stack up kafka1 kafka2 kafka3`").to_owned()
}

fn signal(name: &str, process: &str) {
    assert!(Command::new("kill").args(["-s", name, process]).status().unwrap().success());
}

/// Publishes the versions of many orders, with one event of each order under way, as the relay does.
/// It begins before `fault` and ends some calls after it. Answers with the last version of each
/// order.
pub(crate) async fn publish_through(
    publisher: &KafkaPublisher,
    fault: impl FnOnce() + Send + 'static,
) -> BTreeMap<i64, i64> {
    let calls = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    let (all_calls, is_over) = (&calls, &over);
    let share = |share: i64| async move {
        let orders = (1..=ORDERS).filter(|order| order % SHARES == share);
        let mut next: BTreeMap<_, _> = orders.map(|order| (order, an_event(order, 1))).collect();
        let mut pace = tokio::time::interval(PACE);
        while !is_over.load(Ordering::Relaxed) {
            pace.tick().await;
            let events: Vec<_> = next.values().cloned().collect();
            let results = publisher.publish(&events).await;
            for (event, _) in events.iter().zip(results).filter(|(_, result)| result.is_ok()) {
                let (order, sequence) = (event.order_id.get(), event.sequence.get());
                next.insert(order, an_event(order, sequence + 1));
            }
            all_calls.fetch_add(1, Ordering::Relaxed);
        }
        // The last events may have failed, and may be there or not.
        publish_all(publisher, next.values().cloned().collect()).await;
        next.into_iter().map(|(order, event)| (order, event.sequence.get()))
    };
    let some_calls = async || {
        let goal = calls.load(Ordering::Relaxed) + SOME_CALLS;
        let enough = || calls.load(Ordering::Relaxed) >= goal;
        assert!(until(enough, Duration::from_mins(1)).await);
    };
    let fault = async {
        some_calls().await;
        tokio::task::spawn_blocking(fault).await.unwrap();
        some_calls().await;
        over.store(true, Ordering::Relaxed);
    };
    let (first, second, third, ()) = tokio::join!(share(0), share(1), share(2), fault);
    first.chain(second).chain(third).collect()
}

/// Demands that everything is there: each order in one partition, and its first occurrences in
/// sequence without a gap.
pub(crate) fn audit(servers: &str, topic: &str, last: &BTreeMap<i64, i64>) {
    let seen = read(servers, topic);
    let mut orders: BTreeMap<i64, (BTreeSet<i32>, Vec<i64>)> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for message in &seen {
        let (partitions, firsts) = orders.entry(message.key.parse().unwrap()).or_default();
        partitions.insert(message.partition);
        if known.insert(message.id()) {
            firsts.push(message.header("ce_sequence").parse().unwrap());
        }
    }
    assert_eq!(orders.keys().collect::<Vec<_>>(), last.keys().collect::<Vec<_>>());
    for (order, (partitions, firsts)) in orders {
        assert_eq!(partitions.len(), 1, "order {order}");
        assert_eq!(firsts, (1..=last[&order]).collect::<Vec<_>>(), "order {order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_costs_no_event_and_no_order() {
    let cluster = Cluster::whole().await;
    let topic = a_topic();
    let publisher = publisher_to_new(&cluster.servers, &topic, 6).await;
    let last = publish_through(&publisher, || {
        deploy("stack", &["kill", "kafka2"]);
        deploy("stack", &["up", "kafka2"]);
    })
    .await;
    audit(&cluster.servers, &topic, &last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_costs_no_event_and_no_order() {
    let cluster = Cluster::whole().await;
    let topic = a_topic();
    let publisher = publisher_to_new(&cluster.servers, &topic, 6).await;
    let other = publisher_to_new(&cluster.servers, &a_topic(), 6).await;
    let runtime = tokio::runtime::Handle::current();
    let last = publish_through(&publisher, move || {
        let process = variable("kafka3", "PID");
        signal("STOP", &process);
        // When these are confirmed, other brokers lead the partitions of the one that hangs.
        runtime.block_on(publish_all(&other, events(100)));
        signal("CONT", &process);
    })
    .await;
    audit(&cluster.servers, &topic, &last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_and_is_used_once_it_exists() {
    let cluster = Cluster::whole().await;
    let topic = a_topic();
    let publisher = publisher(&cluster.servers, &topic, &[("delivery.timeout.ms", "2000")]);
    let results = publisher.publish(&events(3)).await;
    assert_eq!(transient(&results), 3, "{results:?}");
    let is_named =
        || matches!(publisher.health().topics, TopicsState::Amiss(why) if why.contains(&topic));
    let checking = publisher.check_topics();
    tokio::pin!(checking);
    tokio::select! {
        () = &mut checking => panic!("the topic is not there"),
        named = until(is_named, Duration::from_secs(20)) => assert!(named),
    }
    publisher_to_new(&cluster.servers, &topic, 3).await;
    tokio::time::timeout(Duration::from_mins(1), checking).await.unwrap();
    assert_eq!(publisher.health().topics, TopicsState::Present);
    publish_all(&publisher, events(3)).await;
    assert_confirmed(&publisher.publish(&events(3)).await, 3);
}
