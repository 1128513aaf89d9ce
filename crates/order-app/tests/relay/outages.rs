//! A broker, a journal and a publisher that fail: no event is lost or overtaken, calls stay rare, and
//! the failures of one order do not hold up others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mockall::{Sequence, mock};
use order_app::events::EventRecord;
use order_app::ports::{EventPublisher, PublishError, StoreError};
use order_app::relay::{Relay, RelayPorts, RelaySettings, RelayStats};
use order_app::wake_up::WakeUp;
use order_testkit::Fate;
use order_testkit::examples::an_order_id;
use tokio::time::Instant;
use uuid::Uuid;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn while_the_broker_is_down_events_wait_in_order_and_it_is_asked_rarely() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    instance.publisher.always(Fate::Lost);
    for id in 1..=64 {
        world.memory.add_versions(id, 3).await;
    }
    instance.work(SECOND * 60).await;
    assert!(world.broker.is_empty());
    let calls = instance.publisher.calls();
    assert!((16..1_000).contains(&calls), "{calls} calls in a minute");
    let report = instance.report();
    assert!(report.transient_failures > 0);
    assert!(report.last_error.unwrap().text.contains("lost"));

    instance.publisher.always(Fate::Confirmed);
    let back = Instant::now();
    instance.work_until(|report| report.published >= 192).await;
    assert!(back.elapsed() < SECOND * 6, "{:?}", back.elapsed());
    for id in 1..=64 {
        assert_eq!(world.published(id), [1, 2, 3]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_fails_alone_waits_alone() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.drain().await;
    instance.publisher.always_for(an_order_id(16), Fate::Lost);
    world.memory.add_versions(16, 2).await;
    instance.work(SECOND * 30).await;
    let calls = instance.publisher.calls();
    assert!(calls < 20, "{calls} calls for one order in half a minute");
    // The others of its shard pass it at once.
    for round in 1..=20 {
        let start = Instant::now();
        world.memory.add_versions(32, 1).await;
        instance.commits.wake();
        instance.work_until(|_| world.published(32).len() == round).await;
        assert!(start.elapsed() <= Duration::from_millis(20), "{:?}", start.elapsed());
    }
    instance.publisher.always_for(an_order_id(16), Fate::Confirmed);
    instance.work(SECOND * 61).await;
    assert_eq!(world.published(16), [1, 2]);
    assert_eq!(world.backlog().await.events, 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_confirmation_was_lost_is_repeated_before_the_next_one_goes() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.publisher.script(
        |number, _| {
            if number == 0 { Fate::Unconfirmed } else { Fate::Confirmed }
        },
    );
    world.memory.add_versions(1, 3).await;
    instance.work(SECOND * 2).await;
    assert_eq!(world.published(1), [1, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_relay_outlives_a_journal_that_fails_and_loses_answers() {
    let world = World::default();
    let journal = world.memory.another_instance();
    let faults = journal.faults().clone();
    let mut instance = world.instance_with(1, RelaySettings::default(), Arc::new(journal));
    instance.work(SECOND).await;
    let planted = || StoreError::Unavailable("planted".into());
    let mut works = true;
    let every_second = move |_: &_| {
        works = !works;
        !works
    };
    faults.before_each().when(every_second).fails(planted);
    faults.after_each().fails(planted);
    for id in 1..=20 {
        world.memory.add_versions(id, 2).await;
    }
    let before = faults.calls().len();
    instance.work(SECOND * 60).await;
    let calls = faults.calls().len() - before;
    assert!(calls < 500, "{calls} calls of a broken journal in a minute");
    assert!(instance.report().last_error.unwrap().text.contains("planted"));

    faults.clear();
    instance.work(SECOND * 4).await;
    for id in 1..=20 {
        let mut published = world.published(id);
        published.dedup();
        assert_eq!(published, [1, 2]);
    }
    assert_eq!(world.backlog().await.events, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_behind_the_port_costs_a_repetition_at_most() {
    let world = World::default();
    let mut instance = world.instance(1);
    instance.publisher.script(|number, _| {
        assert_ne!(number, 3, "planted");
        Fate::Confirmed
    });
    for id in [1, 17, 33] {
        world.memory.add_versions(id, 2).await;
    }
    instance.work(SECOND * 5).await;
    assert_eq!(instance.report().panics, 1);
    for id in [1, 17, 33] {
        let mut published = world.published(id);
        published.sort_unstable();
        published.dedup();
        assert_eq!(published, [1, 2]);
    }
    assert_eq!(world.backlog().await.events, 0);
}

mock! {
    Publisher {}

    #[async_trait]
    impl EventPublisher for Publisher {
        async fn publish(&self, events: &[EventRecord]) -> Vec<Result<(), PublishError>>;
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_answers_for_too_few_events_confirms_no_others() {
    let world = World::default();
    let (mut publisher, mut calls) = (MockPublisher::new(), Sequence::new());
    // No answer at first, then all but the last, then all.
    for (asked, answered) in [(3, 0), (3, 2), (1, 1)] {
        let call = publisher.expect_publish().withf(move |events| events.len() == asked);
        call.once()
            .in_sequence(&mut calls)
            .returning(move |_| (0..answered).map(|_| Ok(())).collect());
    }
    let journal = world.memory.clone();
    let ports = RelayPorts { publisher: Some(Arc::new(publisher)), ..world.ports(journal, 1) };
    let stats = Arc::new(RelayStats::default());
    let (settings, name) = (RelaySettings::default(), Uuid::from_u128(1));
    let relay =
        Relay::new(ports, settings, name, WakeUp::default(), WakeUp::default(), stats.clone());
    for order in [1, 17, 33] {
        world.memory.add_versions(order, 1).await;
    }
    let run = relay.run(tokio::time::sleep(SECOND * 5));
    run.await;
    let report = stats.report();
    assert_eq!((report.published, report.transient_failures), (3, 4));
    assert_eq!(world.backlog().await.events, 0);
}
