//! The replays of a process that serves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_app::events::EventRecord;
use order_app::operations::{Operations, OperationsPorts, ReplayPlan, ReplayState, StartError};
use order_app::ports::{EventReplayer, PublishError};
use tokio::time::sleep;

use crate::world::{World, assert_complete, everything};

#[tokio::test(start_paused = true)]
async fn a_replay_runs_beside_and_is_remembered() {
    let world = World::published(5, 2).await;
    let operations = world.operations();
    let replays = operations.replays();
    let job = replays.start(everything()).unwrap();
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
    let operations = world.operations();
    let replays = operations.replays();
    let slow = ReplayPlan { rate: 1, ..everything() };
    let first = replays.start(slow.clone()).unwrap();
    assert_eq!(replays.start(slow.clone()), Err(StartError::Running(first.id)));
    sleep(Duration::from_millis(3_500)).await;
    let ended = replays.cancel(&first.id.to_string()).await.unwrap();
    assert_eq!((ended.progress.state, ended.progress.position), (ReplayState::Cancelled, 4));
    let again = replays.cancel(&first.id.to_string()).await.unwrap();
    assert_eq!(again.progress.position, 4);
    let rest = ReplayPlan { after: 4, ..everything() };
    replays.start(rest).unwrap();
    sleep(Duration::from_secs(1)).await;
    world.assert_replayed(5, 2);
    assert_eq!(replays.cancel("nonsense").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_runs_and_nothing_starts_any_more() {
    let world = World::published(5, 2).await;
    let operations = world.operations();
    let replays = operations.replays();
    replays.start(ReplayPlan { rate: 1, ..everything() }).unwrap();
    replays.stop().await;
    assert_eq!(replays.list().first().unwrap().progress.state, ReplayState::Cancelled);
    assert_eq!(replays.start(everything()), Err(StartError::Stopping));
}

#[tokio::test(start_paused = true)]
async fn only_the_last_ones_are_remembered() {
    let world = World::published(1, 1).await;
    let operations = world.operations();
    for _ in 0..30 {
        operations.replays().start(everything()).unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(operations.replays().list().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn without_brokers_only_a_dry_run_starts() {
    let world = World::published(5, 2).await;
    let operations = Operations::new(OperationsPorts { replayer: None, ..world.ports() });
    assert_eq!(operations.replays().start(everything()), Err(StartError::NoBrokers));
    operations.replays().start(ReplayPlan { dry_run: true, ..everything() }).unwrap();
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
    let operations = Operations::new(broken);
    operations.replays().start(everything()).unwrap();
    sleep(Duration::from_secs(1)).await;
    let state = operations.replays().list().first().unwrap().progress.state.clone();
    assert!(matches!(state, ReplayState::Failed(_)), "{state:?}");
}
