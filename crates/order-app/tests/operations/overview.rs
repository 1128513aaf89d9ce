//! The overview: the backlog, and the instances that work on it.

use order_testkit::examples::noon;
use uuid::Uuid;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn the_overview_tells_what_waits_and_how_far_everything_is() {
    let world = World::published(3, 2).await;
    world.memory.add_versions(4, 1).await;
    world.memory.park(2, 2).await;
    let overview = world.operator().overview().await.unwrap();
    assert_eq!((overview.backlog.events, overview.backlog.parked), (1, 1));
    assert_eq!((overview.backlog.oldest, overview.last_position), (Some(noon()), 6));
    assert_eq!(overview.lag, overview.at - noon());
    assert_eq!(overview.sequencer, Some(Uuid::from_u128(1)));
    assert_eq!(overview.shards.len(), 16);
    assert!(overview.shards.iter().all(|shard| shard.position == 6 && shard.holder.is_some()));
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_where_nothing_happened() {
    let overview = World::new().operator().overview().await.unwrap();
    assert_eq!((overview.backlog.events, overview.lag.num_seconds()), (0, 0));
    assert_eq!((overview.sequencer, overview.last_position), (None, 0));
}
