//! The replays of a serving process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::operations::{OperationsPorts, Replay, ReplayPlan, ReplayState, StartError};
use order_app::ports::{EventReplayer, PublishError};
use tokio::time::sleep;

use crate::world::{World, assert_complete, everything, operator};

#[tokio::test(start_paused = true)]
async fn a_replay_runs_beside_and_is_remembered() {
    let world = World::published(5, 2).await;
    let operations = world.operator();
    let replays = operations.replays();
    let job = replays.start(everything()).await.unwrap();
    assert_eq!(job.progress.state, ReplayState::Running);
    sleep(Duration::from_secs(1)).await;
    let found = replays.find(&job.id.to_string()).unwrap();
    assert_complete(&found.progress, 10);
    assert_eq!(replays.list(), [found]);
    assert_eq!(replays.find("nonsense"), None);
    world.assert_replayed(5, 2);
}

#[tokio::test(start_paused = true)]
async fn one_runs_at_a_time_until_it_is_cancelled() {
    let world = World::published(5, 2).await;
    let operations = world.operator();
    let replays = operations.replays();
    let slow = ReplayPlan { rate: 1, ..everything() };
    let first = replays.start(slow.clone()).await.unwrap();
    let refused = replays.start(slow.clone()).await;
    assert!(matches!(refused, Err(StartError::Running(id)) if id == first.id), "{refused:?}");
    sleep(Duration::from_millis(3_500)).await;
    let ended = replays.cancel(&first.id.to_string()).await.unwrap();
    assert_eq!((ended.progress.state, ended.progress.position), (ReplayState::Cancelled, 4));
    let again = replays.cancel(&first.id.to_string()).await.unwrap();
    assert_eq!(again.progress.position, 4);
    let rest = ReplayPlan { after: 4, ..everything() };
    replays.start(rest).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    world.assert_replayed(5, 2);
    assert_eq!(replays.cancel("nonsense").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_runs_and_nothing_starts_any_more() {
    let world = World::published(5, 2).await;
    let operations = world.operator();
    let replays = operations.replays();
    replays.start(ReplayPlan { rate: 1, ..everything() }).await.unwrap();
    replays.stop().await;
    assert_eq!(replays.list().first().unwrap().progress.state, ReplayState::Cancelled);
    assert!(matches!(replays.start(everything()).await, Err(StartError::Stopping)));
}

#[tokio::test(start_paused = true)]
async fn only_the_last_ones_are_remembered() {
    let world = World::published(1, 1).await;
    let operations = world.operator();
    for _ in 0..30 {
        operations.replays().start(everything()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(operations.replays().list().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn without_brokers_only_a_dry_run_starts() {
    let world = World::published(5, 2).await;
    let operations = operator(OperationsPorts { replayer: None, ..world.ports() });
    let refused = operations.replays().start(everything()).await;
    assert!(matches!(refused, Err(StartError::NoBrokers)));
    let dry = ReplayPlan { dry_run: true, ..everything() };
    operations.replays().start(dry).await.unwrap();
}

struct Broken;

#[async_trait]
impl EventReplayer for Broken {
    async fn replay(&self, _: Option<&str>, _: &[EventRecord]) -> Vec<Result<(), PublishError>> {
        panic!("planted")
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_panics_has_failed() {
    let world = World::published(5, 2).await;
    let broken = OperationsPorts { replayer: Some(Arc::new(Broken)), ..world.ports() };
    let operations = operator(broken);
    operations.replays().start(everything()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let state = operations.replays().list().first().unwrap().progress.state.clone();
    assert!(matches!(state, ReplayState::Failed(_)), "{state:?}");
}

fn slow() -> ReplayPlan {
    ReplayPlan { rate: 1, ..everything() }
}

fn is_elsewhere<T>(refused: &Result<T, StartError>) -> bool {
    matches!(refused, Err(StartError::Elsewhere))
}

#[tokio::test(start_paused = true)]
async fn one_sends_at_a_time_wherever_it_was_begun() {
    let world = World::published(60, 1).await;
    let (one, other) = (world.operator(), world.operator());
    let job = one.replays().start(slow()).await.unwrap();
    // Far longer than its lease lasts without being renewed.
    for _ in 0..5 {
        assert!(is_elsewhere(&other.replays().start(slow()).await));
        assert!(is_elsewhere(&Replay::begin(&world.operator(), slow()).await));
        sleep(Duration::from_secs(8)).await;
    }
    let dry = ReplayPlan { dry_run: true, ..everything() };
    other.replays().start(dry).await.unwrap();
    one.replays().cancel(&job.id.to_string()).await.unwrap();
    let next = other.replays().start(slow()).await.unwrap();
    assert!(is_elsewhere(&one.replays().start(slow()).await));
    other.replays().stop().await;
    assert_eq!(other.replays().find(&next.id.to_string()).unwrap().progress.state, CANCELLED);
    // A finished replay does not hold up others, either.
    for _ in 0..3 {
        one.replays().start(everything()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
}

const CANCELLED: ReplayState = ReplayState::Cancelled;

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_one_begins_when_the_lease_is_over() {
    let world = World::published(60, 1).await;
    let replay = Replay::begin(&world.operator(), slow()).await.unwrap();
    let progress = replay.progress();
    let running = tokio::spawn(replay.run(std::future::pending()));
    sleep(Duration::from_secs(30)).await;
    running.abort();
    assert!(is_elsewhere(&Replay::begin(&world.operator(), slow()).await));
    sleep(Duration::from_secs(10)).await;
    let after = progress.borrow().position;
    assert!((29..=31).contains(&after), "{after}");
    let rest =
        Replay::begin(&world.operator(), ReplayPlan { after, ..everything() }).await.unwrap();
    assert_eq!(rest.run(std::future::pending()).await.state, ReplayState::Completed);
    world.assert_replayed(60, 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_finds_another_one_running_ends() {
    let world = World::published(60, 1).await;
    let halted = Replay::begin(&world.operator(), slow()).await.unwrap();
    // Prepared; then its process was halted for longer than its lease lasts.
    sleep(Duration::from_secs(11)).await;
    let other = Replay::begin(&world.operator(), slow()).await.unwrap();
    let other = tokio::spawn(other.run(std::future::pending()));
    let ended = halted.run(std::future::pending()).await;
    let ReplayState::Failed(reason) = &ended.state else { panic!("{ended:?}") };
    assert_eq!(reason, "another replay has begun");
    assert!(ended.events <= 5, "{}", ended.events);
    // The other replay is not disturbed.
    assert!(is_elsewhere(&Replay::begin(&world.operator(), slow()).await));
    assert_eq!(other.await.unwrap().state, ReplayState::Completed);
}
